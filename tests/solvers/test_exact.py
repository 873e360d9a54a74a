"""The independent solutions of two electrons agree with published values and with each other."""

import numpy as np
import pytest
from analytic import taut_density
from exact import SINGLET, TRIPLET, four_dimensional, parabola

from solvers import Grid


@pytest.mark.parametrize(
    ("omega", "energy"),
    [(1.0, 3.0), (1 / 6, 2 / 3), (0.5, 1.65977), (0.28, 1.02164), (0.1, 0.44079)],  # Taut 1993; Lohne et al. 2011
)
def test_parabola(omega, energy):
    assert parabola(omega).energy == pytest.approx(energy, abs=5e-6)


def test_density_of_taut():
    grid = Grid(60, 14.0)
    x = grid.x - 7.0
    np.testing.assert_allclose(parabola(1.0).density(x, x), taut_density(grid), atol=2e-4)  # the cusp on points


@pytest.mark.parametrize("omega", [(1.0, 1.4), (0.3, 0.2)])
def test_elliptic_parabola_has_no_preferred_axis(omega):
    for spin in (SINGLET, TRIPLET):
        one, other = parabola(*omega, spin), parabola(*omega[::-1], spin)
        assert one.energy == pytest.approx(other.energy, rel=1e-9)
        x = np.linspace(-6, 6, 30) / np.sqrt(min(omega))
        np.testing.assert_allclose(one.density(x, x), other.density(x, x).T, atol=1e-9)


def test_a_slightly_elliptic_parabola_is_a_round_one():
    assert parabola(1.0, 1.0 + 1e-6).energy == pytest.approx(3.0, abs=1e-5)


@pytest.mark.parametrize("spin", [SINGLET, TRIPLET])
def test_four_dimensions_without_interaction(spin):
    """Two oscillators: 2 w, and one quantum more for a triplet."""
    length, omega = 9.0, 1.0

    def well(x, y):
        return omega**2 / 2 * ((x - length / 2) ** 2 + 1.2**2 * (y - length / 2) ** 2)

    found = four_dimensional(well, lambda r: 0 * r, length, n=16, spin=spin)
    assert found.energy == pytest.approx(2.2 + spin * 1.0, abs=1e-4)
    assert found.density.sum() * (length / 17) ** 2 == pytest.approx(2.0)
