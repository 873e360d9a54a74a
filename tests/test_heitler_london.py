"""The closed form of Heitler and London for the quartic dot, from its definition: two Gaussians, their integrals."""

import numpy as np
import pytest
from scipy.special import i0e

from experiments.exchange import field
from experiments.exchange import heitler_london as hl
from solvers import Grid, Material


@pytest.mark.parametrize("d", [0.5, 0.8, 1.2])
def test_the_closed_form_is_that_of_its_two_states(d):
    """E = (h_LL + h_RR +- 2 S h_LR + C +- K) / (1 +- S^2), in units of hbar w and a_B; C and K of Gaussians."""
    n = 240
    x = (np.arange(n) + 0.5) / n * 14 - 7
    left, right = (np.exp(-((x - a) ** 2) / 2) / np.pi**0.25 for a in (-d, d))
    step = x[1] - x[0]
    along = (x**2 - d**2) ** 2 / (8 * d**2)

    def element(f, g, center):
        return float(np.sum(f * g * (along - ((x - center) ** 2 - 1) / 2)) * step)

    overlap = float(np.sum(left * right) * step)
    across = 0.5  # the oscillator along y
    own, crossed = element(left, left, -d) + across, element(left, right, d) + across * overlap
    scale = hl.repulsion()  # (pi / 2)^1/2 of the repulsion of two charges at the distance a_B
    direct, exchange = scale * i0e(d**2), scale * overlap**2
    energies = [
        (2 * own + sign * 2 * overlap * crossed + direct + sign * exchange) / (1 + sign * overlap**2)
        for sign in (1, -1)
    ]
    assert hl.coupling(d) == pytest.approx(hl.CONFINEMENT * (energies[1] - energies[0]), rel=1e-6)


@pytest.mark.parametrize("B", [0.0, 0.8, 3.0])
def test_in_a_field_it_is_that_of_the_displaced_states_of_fock_and_darwin(B):
    """The states are exp(-b [(x -+ d)^2 + y^2] / 2 +- i d y w_L / w); C and K are sums over wave vectors."""
    d, larmor = 0.7, 1.602176634e-19 * B / (2 * 0.067 * 9.1093837e-31) / (hl.CONFINEMENT / 6.582119569e-16)
    b = np.hypot(1, larmor)
    points = (np.arange(300) + 0.5) / 300 * 16 - 8
    x, y = np.meshgrid(points, points, indexing="ij")
    cell = (points[1] - points[0]) ** 2
    left, right = (
        np.sqrt(b / np.pi) * np.exp(-b * ((x - s * d) ** 2 + y**2) / 2 + 1j * s * d * larmor * y) for s in (-1, 1)
    )
    quartic = (x**2 - d**2) ** 2 / (8 * d**2)

    def element(f, g, center):
        """<f|h|g>, where g is the state of the well at ``center``, of energy b."""
        return np.sum(f.conj() * g * (b + quartic - (x - center) ** 2 / 2)) * cell

    overlap = np.sum(left.conj() * right) * cell
    k, angle = (np.arange(4000) + 0.5) / 4000 * 14 * b**0.5, (np.arange(400) + 0.5) / 400 * 2 * np.pi
    k, angle = k[:, None], angle
    q = 2 * d * larmor
    direct = np.exp(-(k**2) / (2 * b) + 2j * k * np.cos(angle) * d)
    exchange = np.exp(-2 * b * d**2 - (k**2 + 2 * k * q * np.sin(angle) + q**2) / (2 * b))
    scale = hl.repulsion() * (2 / np.pi) ** 0.5 * 14 * b**0.5 / 4000
    C, K = (float((scale * f.mean(1)).sum().real) for f in (direct, exchange))
    own, crossed, s = element(left, left, -d).real, element(left, right, d), abs(overlap) ** 2
    pair = 2 * (overlap.conj() * crossed).real
    energies = [(2 * own + sign * pair + C + sign * K) / (1 + sign * s) for sign in (1, -1)]
    assert hl.coupling(d, B) == pytest.approx(hl.CONFINEMENT * (energies[1] - energies[0]), rel=1e-4)


def test_full_CI_changes_its_sign_in_a_larger_field_than_the_closed_form():
    found = field.results(np.array([0.0, 1.3, 2.0]), points=32, n_orbitals=8)
    assert found["heitler_london_zero"] == pytest.approx(1.33, abs=0.01)
    assert found["zero"][0] - found["zero"][1] > 1.4
    first, _, last = (row["J"] for row in found["rows"])
    assert first[0] - first[1] > 7.66e-4 and last[0] + last[1] < 0


def test_the_potential_has_its_wells_and_its_barrier():
    d, grid = 1.0, Grid(81, 160.0)
    v = hl.quartic(grid, d, Material(0.067, 13.1))
    x = grid.x - 80.0
    middle = v[:, 40]
    assert abs(abs(x[middle.argmin()]) - d * hl.length()) < grid.dx
    assert v[40, 40] == pytest.approx(hl.CONFINEMENT * d**2 / 8, rel=1e-3) and v.max() <= hl.CAP
    assert v[40, 50] - v[40, 40] == pytest.approx(hl.CONFINEMENT / 2 * (x[50] / hl.length()) ** 2, rel=0.02)
