"""Gaussian wells in a flat plane at V = 0, which vanish far from their centres: single dots, and arrays of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import SMALLEST, check_array, check_integer, check_kind, check_range
from solvers.grid import Grid
from solvers.quantum_dots.potentials.axes import log_uniform
from solvers.quantum_dots.potentials.double_gaussian import NARROWEST

MOST_WELLS = 1000
"""Wells of one potential beyond which a draw would take seconds on large grids."""


@dataclass(frozen=True)
class GaussianWells:
    """V = -sum_j A_j exp[-((x - c_xj) / k_xj)^2 - ((y - c_yj) / k_yj)^2] for one well or more, j = 1 ... k.

    ``depth`` (k,) in eV; ``center`` (k, 2) in nm from the middle of the grid; ``width`` (k, 2) in nm.

    Raises:
        ValueError: a parameter is out of range.
    """

    depth: NDArray[np.float64]
    center: NDArray[np.float64]
    width: NDArray[np.float64]

    def __post_init__(self) -> None:
        given = (self.depth, self.center, self.width)
        rows = sorted(len(a) if isinstance(a, np.ndarray) and a.ndim else 1 for a in given)
        wells = max(rows[1], 1)  # the number that two of them share: the third is refused by its name
        check_array("potential.depth", self.depth, (wells,))
        check_array("potential.center", self.center, (wells, 2))
        check_array("potential.width", self.width, (wells, 2), low=NARROWEST)

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        along = [
            np.exp(-(((x[:, None] - self.center[:, i]) / self.width[:, i]) ** 2))  # (n, k) each
            for i, x in enumerate(grid.from_middle())
        ]
        return -(along[0] * self.depth) @ along[1].T


@dataclass(frozen=True)
class RandomGaussianWell:
    """A distribution of single wells: uniform depth (eV), centre and two widths (nm).

    The centre is given from the middle of the grid.
    """

    depth: tuple[float, float] = (0.25, 0.4)
    center: tuple[float, float] = (-6.0, 6.0)
    width: tuple[float, float] = (3.5, 5.0)

    def __post_init__(self) -> None:
        check_range("potential.depth", self.depth)
        check_range("potential.center", self.center)
        check_range("potential.width", self.width, low=NARROWEST)

    def sample(self, rng: np.random.Generator, grid: Grid) -> GaussianWells:
        """Draw one well."""
        check_kind("rng", rng, np.random.Generator)
        return GaussianWells(
            depth=rng.uniform(*self.depth, size=1),
            center=rng.uniform(*self.center, size=(1, 2)),
            width=rng.uniform(*self.width, size=(1, 2)),
        )


@dataclass(frozen=True)
class RandomGaussianWells:
    """A distribution of dots of a few wells, a whole number ``n_wells`` (low, high), with log-uniform ``depth`` (eV).

    Both coordinates of a ``center`` and both widths are uniform, in nm, with centres from the middle of the grid.

    Raises:
        ValueError: a setting is out of its range.
    """

    n_wells: tuple[int, int] = (1, 4)
    depth: tuple[float, float] = (0.06, 0.75)
    center: tuple[float, float] = (-7.5, 7.5)
    width: tuple[float, float] = (2.5, 7.5)

    def __post_init__(self) -> None:
        check_range("potential.n_wells", self.n_wells)
        for wells in self.n_wells:
            check_integer("potential.n_wells", wells, 1, high=MOST_WELLS)
        check_range("potential.depth", self.depth, low=SMALLEST)
        check_range("potential.center", self.center)
        check_range("potential.width", self.width, low=NARROWEST)

    def sample(self, rng: np.random.Generator, grid: Grid) -> GaussianWells:
        """Draw one dot."""
        check_kind("rng", rng, np.random.Generator)
        wells = int(rng.integers(self.n_wells[0], self.n_wells[1] + 1))
        return GaussianWells(
            depth=log_uniform(rng, self.depth, wells),
            center=rng.uniform(*self.center, size=(wells, 2)),
            width=rng.uniform(*self.width, size=(wells, 2)),
        )
