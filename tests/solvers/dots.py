"""Dots that several tests use, how two solutions are compared, and eigensolvers that do their work badly."""

from dataclasses import replace
from inspect import signature

import numpy as np
from analytic import GAAS

from solvers import Grid, solve
from solvers.eigensolver import davidson
from solvers.quantum_dots.determinants import orbital_pairs
from solvers.quantum_dots.solution import columns

GRID = Grid(32, 30.0)
GUARDS = {"residual", "orthogonality", "charge_error", "imbalance"}
"""What is left of rounding and of iterations: another number in each run of another kind."""
ESTIMATES = {"density_error", "energy_error", "gap_error"}
"""From states that are found roughly: good to a few digits."""


def smooth_potential(seed=0, grid=GRID, depth=0.15):
    """A dot without any symmetry: a few plane waves (eV)."""
    rng = np.random.default_rng(seed)
    x, y = grid.mesh()
    kx, ky = rng.uniform(-0.35, 0.35, size=(2, 6)) * 30 / grid.extent
    phase = rng.uniform(0, 2 * np.pi, size=6)
    return depth * np.cos(np.multiply.outer(x, kx) + np.multiply.outer(y, ky) + phase).mean(axis=-1)


def square_potential(grid=GRID):
    """A dot with all symmetries of the square, and no others (eV)."""
    x = 2 * np.abs(grid.x - grid.extent / 2) / grid.extent
    return 0.1 * np.add.outer(x**2, x**2) - 0.08 * np.multiply.outer(x**2, x**2)


def trap(omega, n=48, half_widths=7.0):
    """The isotropic oscillator in atomic units, and a square far larger than it."""
    grid = Grid(n, 2 * half_widths / np.sqrt(omega))
    x, y = grid.mesh()
    return omega**2 / 2 * ((x - grid.extent / 2) ** 2 + (y - grid.extent / 2) ** 2), grid


def ring_of_eight_dots(grid):
    """Eight small dots on a ring: eight orbitals next to each other, and many states within the interaction."""
    x = np.abs(grid.x - grid.extent / 2) * 30 / grid.extent
    dots = [np.add.outer((x - a) ** 2, (x - b) ** 2) <= 2.5**2 for a, b in ((10, 3), (3, 10))]
    return np.where(dots[0] | dots[1], 0.0, 0.5)


def four_index(integrals, n_orbitals):
    """(pq|rs) with all its eight equal entries, from pairs p <= q."""
    p, q = orbital_pairs(n_orbitals)
    pair = np.empty((n_orbitals, n_orbitals), dtype=int)
    pair[p, q] = pair[q, p] = np.arange(len(p))
    return integrals[pair][:, :, pair]


def assert_same(a, b, rtol=1e-11, n_electrons=1, estimates=1e-3, but=()):
    """Two solutions agree in every field ``but`` some; densities in units of one electron in the square of ``GRID``.

    ``estimates``: relative tolerance of the estimates of errors.
    """
    for column in columns():
        name = column.name
        if name in GUARDS or name in but:
            continue
        if name in ESTIMATES:
            tolerance = {"rtol": estimates, "atol": 1e-6 * estimates}
        else:
            density = column.metadata["power"] == (0, -2)
            tolerance = {"rtol": rtol, "atol": rtol * (n_electrons / GRID.extent**2 if density else 1.0)}
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), err_msg=name, **tolerance)


def at(solution, index):
    """One system of a solution."""
    return replace(solution, **{c.name: getattr(solution, c.name)[index] for c in columns()})


def least_memory(grid, n_electrons, **options):
    """GiB below which ``solve`` refuses, to 1e-4 of it; a batch of nothing is no work."""
    low, high = 1e-5, 1.0
    while high / low > 1.0001:
        middle = np.sqrt(low * high)
        try:
            solve(np.zeros((0, grid.n, grid.n)), grid, n_electrons, GAAS, memory=float(middle), **options)
            high = middle
        except ValueError:
            low = middle
    return float(high)


def hasty_davidson(max_iterations):
    """The eigensolver, given up after so many iterations, whatever its caller wants."""

    def hasty(*arguments, **options):
        call = signature(davidson).bind(*arguments, **options)
        call.arguments["max_iterations"] = max_iterations
        return davidson(*call.args, **call.kwargs)

    return hasty


def lying_davidson(spoil, only=None):
    """The eigensolver, whose vectors (B, k, d) ``spoil`` turns into others; its values and residuals are kept.

    ``only`` the system of this number is spoiled, or all.
    """

    def lying(*arguments, **options):
        found = davidson(*arguments, **options)
        vectors = found.vectors.copy()
        chosen = slice(None) if only is None else slice(only, only + 1)
        vectors[chosen] = spoil(vectors[chosen])
        return found._replace(vectors=vectors)

    return lying
