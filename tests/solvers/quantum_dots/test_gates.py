"""Gates against quadrature of the Poisson kernel, limits that need no formula, and the layout of random gates."""

import numpy as np
import pytest
import scipy.stats
from scipy.integrate import dblquad

from solvers import Grid
from solvers.quantum_dots.potentials import Gates, RandomGates

GRID = Grid(4, 4.0)  # points at -1.5, -0.5, 0.5, 1.5 from the middle
DOTS = Grid(64, 30.0)


def by_quadrature(edges, d, x, y):
    """The potential at depth d of a surface at 1 V in a rectangle: the Poisson kernel of the half space over it."""
    left, right, bottom, top = edges

    def kernel(b, a):
        return d / (2 * np.pi * ((a - x) ** 2 + (b - y) ** 2 + d**2) ** 1.5)

    return dblquad(kernel, left, right, bottom, top, epsabs=1e-10)[0]


@pytest.mark.parametrize("depth", [0.4, 3.0])
def test_gates_are_the_integral_of_the_poisson_kernel(depth):
    edges = [[-0.7, 1.2, -1.9, 0.1], [0.3, 4.0, -0.2, 2.5]]
    v = Gates(np.array(edges), np.array([0.5, -2.0]), depth)(GRID)
    for i, j in ((0, 0), (1, 2), (2, 1), (3, 3)):
        x, y = GRID.x[i] - 2, GRID.x[j] - 2
        parts = [by_quadrature(e, depth, x, y) for e in edges]
        assert v[i, j] == pytest.approx(0.5 * parts[0] - 2.0 * parts[1], abs=1e-8)


def test_a_huge_gate_has_its_own_energy_below_it():
    v = Gates(np.array([[-1e5, 1e5, -1e5, 1e5]]), np.array([0.3]), 2.0, angle=0.4)(GRID)
    np.testing.assert_allclose(v, 0.3, rtol=1e-4)
    half = Gates(np.array([[-1e7, 0.0, -1e7, 1e7]]), np.array([1.0]), 2.0)(GRID)
    exact = 0.5 - np.arctan((GRID.x - 2) / 2.0) / np.pi  # of a half plane
    np.testing.assert_allclose(half, np.repeat(exact[:, None], 4, axis=1), atol=1e-6)


def test_a_gate_in_parts_is_the_whole_gate():
    whole = Gates(np.array([[-1.0, 2.0, -1.5, 1.0]]), np.array([1.0]), 0.7)(GRID)
    parts = np.array([[-1.0, 0.3, -1.5, 1.0], [0.3, 2.0, -1.5, 0.2], [0.3, 2.0, 0.2, 1.0]])
    np.testing.assert_allclose(Gates(parts, np.ones(3), 0.7)(GRID), whole, atol=1e-14)


def test_the_potential_solves_laplace_equation():
    """Between two depths: d^2/dz^2 + d^2/dx^2 + d^2/dy^2 = 0 by finite differences."""
    grid, h = Grid(60, 6.0), 0.1

    def at(depth):
        return Gates(np.array([[-1.0, 2.0, -0.5, 1.5]]), np.array([1.0]), depth)(grid)

    low, middle, high = at(1.0 - h), at(1.0), at(1.0 + h)
    plane = np.roll(middle, 1, 0) + np.roll(middle, -1, 0) + np.roll(middle, 1, 1) + np.roll(middle, -1, 1) - 4 * middle
    residual = (plane + low + high - 2 * middle)[1:-1, 1:-1] / h**2
    assert np.abs(residual).max() < 0.02 * np.abs((low + high - 2 * middle) / h**2).max()


def drawn(n, **settings):
    rng, family = np.random.default_rng(1), RandomGates(**settings)
    return [family.sample(rng, DOTS) for _ in range(n)]


def test_random_gates_are_four_to_six_and_the_inner_ones():
    kinds = drawn(300, plunger=0.0, double=0.0, split=0.3)
    values, counts = np.unique([len(dot.energy) for dot in kinds], return_counts=True)
    assert values.tolist() == [4, 5, 6]
    assert scipy.stats.chisquare(counts, 300 * np.array([0.49, 0.42, 0.09])).pvalue > 1e-3
    assert all((dot.energy > 0).all() for dot in kinds)
    assert {len(dot.energy) for dot in drawn(20, plunger=1.0, double=1.0, split=1.0)} == {8}
    assert all((dot.energy < 0).sum() == 1 for dot in drawn(20, plunger=1.0))


def test_openings_and_gaps_are_uniform_in_their_ranges():
    edges = np.array([dot.edges for dot in drawn(400, plunger=0.0, double=0.0, split=0.0)])
    sides = edges[:, 1, 0] - edges[:, 0, 1], edges[:, 3, 2] - edges[:, 2, 3]
    gaps = edges[:, 0, 2] - edges[:, 2, 3], edges[:, 3, 2] - edges[:, 1, 3]  # below the left gate, above the right one
    for values, (low, high) in zip((*sides, *gaps), [(9.0, 18.0)] * 2 + [(1.5, 4.5)] * 2, strict=True):
        assert scipy.stats.kstest(values, "uniform", (low, high - low)).pvalue > 1e-3
    opening = [dot.edges[3, 0] - dot.edges[2, 1] for dot in drawn(400, split=1.0)]  # in the lower gate
    assert scipy.stats.kstest(opening, "uniform", (1.5, 3.0)).pvalue > 1e-3


def test_a_dot_lies_between_its_gates():
    """Without contacts and inner gates the potential is lowest in the opening."""
    for dot in drawn(30, plunger=0.0, double=0.0, split=0.0, gap=(0.0, 0.0)):
        v = Gates(dot.edges, dot.energy, dot.gas_depth)(DOTS)
        x = DOTS.x - 15.0
        i, j = np.unravel_index(v.argmin(), v.shape)
        assert dot.edges[0, 1] < x[i] < dot.edges[1, 0]
        assert dot.edges[2, 3] < x[j] < dot.edges[3, 2]


def test_a_barrier_divides_the_dot():
    for seed in range(10):
        settings = {"plunger": 0.0, "split": 0.0, "barrier": (0.8, 0.8), "gas_depth": (1.5, 1.5), "gap": (0.0, 0.0)}
        single, double = (
            RandomGates(**settings, double=p, barrier_width=(3.0, 3.0)).sample(np.random.default_rng(seed), DOTS)
            for p in (0.0, 1.0)
        )
        assert len(double.energy) == len(single.energy) + 1
        line = Gates(double.edges, double.energy, double.gas_depth)(DOTS)[:, 31]
        middle = line[31:33].mean()
        assert middle > line[:31].min() and middle > line[33:].min()


def test_gates_need_ordered_edges():
    with pytest.raises(ValueError, match=r"^potential.edges: expected rows \(l, r, b, t\)"):
        Gates(np.array([[1.0, 0.0, 0.0, 1.0]]), np.ones(1), 1.0)
    with pytest.raises(ValueError, match="^potential.energy: expected"):
        Gates(np.array([[0.0, 1.0, 0.0, 1.0]]), np.ones(2), 1.0)
