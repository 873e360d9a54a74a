"""The places of steps between points: random rectangles and circles against integrals on far finer grids."""

import numpy as np
import pytest
from scipy.optimize import brentq

from experiments.solver_accuracy import walls
from solvers import Grid, excitations
from solvers.quantum_dots.between_points import excess
from solvers.quantum_dots.step_edges import Cell, cell_of, step_deviation

N, FINER = 24, 12
GRID, FINE = Grid(N, 24.0), Grid(N * FINER, 24.0)


def difference(grid):
    """A smooth difference of two densities, whose integral is zero."""
    x, y = (c - 12.0 for c in grid.mesh())
    lobes = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / 18) for a, b in ((-3.0, 1.0), (4.0, -1.0))]
    return lobes[0] / grid.integrate(lobes[0]) - lobes[1] / grid.integrate(lobes[1])


def rectangle(rng):
    ends = np.array([-6.5, 7.5, -4.5, 3.5]) + rng.uniform(-0.5, 0.5, 4)

    def potential(grid):
        x, y = (c - 12.0 for c in grid.mesh())
        return np.where((x > ends[0]) & (x < ends[1]) & (y > ends[2]) & (y < ends[3]), -1.0, 0.0)

    return potential


def circle(rng):
    x0, y0, radius = rng.uniform(-4, 4), rng.uniform(-1, 1), rng.uniform(4, 6)

    def potential(grid):
        x, y = (c - 12.0 for c in grid.mesh())
        return np.where((x - x0) ** 2 + (y - y0) ** 2 < radius**2, -1.0, 0.0)

    return potential


def errors(draw, dots):
    """Errors of int d V on few points, and their estimates, of random potentials."""
    rng, found = np.random.default_rng(0), []
    for _ in range(dots):
        v = draw(rng)
        error = GRID.integrate(difference(GRID) * v(GRID)) - FINE.integrate(difference(FINE) * v(FINE))
        found.append((error, step_deviation(v(GRID), difference(GRID), Cell(GRID.cell_area))))
    return np.array(found).T


def test_straight_sides_have_the_deviation_of_four_uniform_places():
    error, estimate = errors(rectangle, 400)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(np.sqrt(np.mean(estimate**2)), rel=0.1)
    assert (np.abs(error) <= 2 * estimate).mean() > 0.95


def test_circles_are_within_two_deviations():
    error, estimate = errors(circle, 400)
    assert (np.abs(error) <= 2 * estimate).mean() > 0.95
    assert np.median(np.abs(error) / estimate) > 0.1, "no deviation that covers everything"


def test_smooth_potentials_have_no_steps():
    x, y = (c - 12.0 for c in GRID.mesh())
    for v in (x**2 + 2 * y**2, -np.exp(-(x**2 + y**2) / 20), np.abs(x) * 3 + y):
        step = step_deviation(v, difference(GRID), Cell(GRID.cell_area))
        assert step < 2e-3 * step_deviation(np.sign(x) * np.ptp(v), difference(GRID), Cell(GRID.cell_area))


def test_means_over_cells_have_no_steps():
    """A side that crosses a cell lies in two neighbouring differences, of which neither exceeds both others much."""
    v = np.zeros((8, 5))
    v[3], v[4:] = 0.4, 1.0
    assert excess(np.abs(np.diff(v, axis=0))[None]).max() == pytest.approx(0.2)
    v[3] = 0.5
    assert excess(np.abs(np.diff(v, axis=0))[None]).max() == 0.0


def test_units_and_axes():
    v, d = rectangle(np.random.default_rng(1))(GRID), difference(GRID)
    one = step_deviation(v, d, Cell(1.0))
    assert step_deviation(3 * v, d, Cell(0.5)) == pytest.approx(1.5 * one)
    assert step_deviation(v.T, d.T, Cell(1.0)) == pytest.approx(one)
    assert step_deviation(-v[::-1], d[::-1], Cell(1.0)) == pytest.approx(one)


def odd_level(width, depth):
    """The second level (eV) of a well on a line."""
    largest = (2 * depth / walls.UNIT) ** 0.5
    k = brentq(
        lambda k: k * np.cos(k * width / 2) + (largest**2 - k**2) ** 0.5 * np.sin(k * width / 2),
        np.pi / width,
        2 * np.pi / width * (1 - 1e-12),
    )
    return walls.UNIT * k**2 / 2


@pytest.mark.parametrize("depth", [0.3, 1.0, 10.0, 100.0])
def test_gaps_between_steep_walls_have_bars_that_cover_and_tell(depth):
    """Rectangles between the points, against exact levels; bars do not grow with D where waves end at the wall."""
    rng, grid, ratios, bars = np.random.default_rng(3), Grid(48, 100.0), [], []
    for _ in range(6):
        a, b, (x0, y0) = rng.uniform(17, 22), rng.uniform(25, 30), rng.uniform(47, 53, 2)
        x, y = grid.mesh()
        v = depth * ((np.abs(x - x0) > a) + 1.0 * (np.abs(y - y0) > b))
        exact = odd_level(2 * b, depth) - walls.well_level(2 * b, depth)
        found = excitations(v, grid, 1, walls.MATERIAL)
        ratios.append(abs(found.energies[0] - exact) / found.energy_errors[0])
        bars.append(found.energy_errors[0] / exact)
    assert max(ratios) < 2 and np.median(ratios) < 1.2
    assert np.median(bars) < 0.25, "no error that covers everything"


def test_low_steps_count_with_their_height_in_any_units():
    v, d = rectangle(np.random.default_rng(1))(GRID), difference(GRID)
    (step, _), low = GRID.steps, Cell(GRID.cell_area)
    cell = cell_of(GRID.steps, (1.0, 1.0), 0.5)
    assert cell.energies == pytest.approx((0.5 / step**2,) * 2) and cell.area == pytest.approx(GRID.cell_area)
    assert step_deviation(2.2 * v, d, cell) == pytest.approx(step_deviation(2.2 * v, d, low))
    high = step_deviation(1e4 * v, d, cell)
    assert step_deviation(16e4 * v, d, cell) == pytest.approx(2 * high) and high < 0.01 * step_deviation(
        1e4 * v, d, low
    )
    assert step_deviation(5e4 * v, d, cell_of(GRID.steps, (1.0, 1.0), 2.5)) == pytest.approx(5 * high)
