"""How many sites a potential has: wells far apart count one by one, bumps in a wide dot do not."""

import numpy as np
import pytest
from analytic import GAAS

from solvers import Grid, count_sites
from solvers.quantum_dots.site_count import watershed

GRID = Grid(32, 120.0)
X, Y = (c - 60.0 for c in GRID.mesh())


def wells(*places, depth=0.04, width=11.0):
    return -sum(depth * np.exp(-((X - a) ** 2 + (Y - b) ** 2) / (2 * width**2)) for a, b in places)


@pytest.mark.parametrize(
    ("V", "number"),
    [
        (0 * X, 1),
        (1e-4 * (X**2 + Y**2), 1),
        (1e-5 * (np.hypot(X, Y) - 30) ** 2, 1),
        (1e-5 * (X**2 + 4 * Y**2) + 2e-4 * np.exp(-(X**2) / 50), 1),
        (wells((-20, 0), (20, 0)), 2),
        (wells((0, -20), (0, 20)) + 1e-4 * Y, 2),
        (wells((-35, 0), (0, 0), (35, 0)), 3),
        (wells((-20, -20), (20, -20), (-20, 20), (20, 20)), 4),
        (wells((-20, 0)) + 3 * wells((20, 0)), 1),
    ],
    ids=["box", "parabola", "ring", "low bump", "two", "two, detuned", "row", "square", "strongly detuned"],
)
def test_sites_are_counted(V, number):
    assert count_sites(V, GRID, GAAS) == number
    assert count_sites(V.T, GRID, GAAS) == number


def test_basins_by_hand():
    V = np.array([[0.0, 3.0, 1.0, 4.0, 0.5], [1.0, 3.5, 2.0, 5.0, 1.0]])
    basins, found = watershed(V)
    assert basins[0].tolist() == [0, 0, 2, 1, 1] and basins[1].tolist()[::2] == [0, 2, 1]
    assert found[0] == (0.0, np.inf, 0)
    assert found[1][:2] == (0.5, 3.5) and found[2] == (1.0, 2.0, 0)
