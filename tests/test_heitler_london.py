"""The closed form of Heitler and London for the quartic dot, from its definition: two Gaussians, their integrals."""

import numpy as np
import pytest
from scipy.special import i0e

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


def test_the_potential_has_its_wells_and_its_barrier():
    d, grid = 1.0, Grid(81, 160.0)
    v = hl.quartic(grid, d, Material(0.067, 13.1))
    x = grid.x - 80.0
    middle = v[:, 40]
    assert abs(abs(x[middle.argmin()]) - d * hl.length()) < grid.dx
    assert v[40, 40] == pytest.approx(hl.CONFINEMENT * d**2 / 8, rel=1e-3) and v.max() <= hl.CAP
    assert v[40, 50] - v[40, 40] == pytest.approx(hl.CONFINEMENT / 2 * (x[50] / hl.length()) ** 2, rel=0.02)
