"""Dots that several tests use, and how two solutions are compared."""

from dataclasses import fields

import numpy as np

from solvers import Grid, Solution
from solvers.eigensolver import davidson

GRID = Grid(32, 30.0)


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


def ring_of_eight_dots(grid):
    """Eight small dots on a ring: eight orbitals next to each other, and many states within the interaction."""
    x = np.abs(grid.x - grid.extent / 2) * 30 / grid.extent
    dots = [np.add.outer((x - a) ** 2, (x - b) ** 2) <= 2.5**2 for a, b in ((10, 3), (3, 10))]
    return np.where(dots[0] | dots[1], 0.0, 0.5)


def assert_same(a, b, rtol=1e-11, n_electrons=1):
    """Two solutions agree in every field; densities in units of one electron in the square of ``GRID``."""
    for field in fields(Solution):
        if field.name == "residual":
            continue
        scale = n_electrons / GRID.extent**2 if "density" in field.name else 1.0
        np.testing.assert_allclose(
            getattr(a, field.name), getattr(b, field.name), rtol=rtol, atol=rtol * scale, err_msg=field.name
        )


def at(solution, index):
    return Solution(**{f.name: getattr(solution, f.name)[index] for f in fields(Solution)})


def hasty_davidson(max_iterations):
    """The eigensolver, given up after so many iterations, whatever its caller wants."""
    return lambda *arguments, **options: davidson(*arguments, **(options | {"max_iterations": max_iterations}))
