"""Harmonic traps (Mills, Spanner, Tamblyn 2017, eq. B1): V = [k_x (x - c_x)^2 + k_y (y - c_y)^2] / 2."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_array, check_kind, check_positive, check_range
from solvers.grid import Grid


@dataclass(frozen=True)
class Harmonic:
    """A parabola with spring constants ``k`` = (k_x, k_y) in eV/nm^2, at most ``v_max`` (eV) high.

    ``center`` is given in nm from the middle of the grid.

    Raises:
        ValueError: a parameter is out of range.
    """

    k: tuple[float, float]
    center: tuple[float, float] = (0.0, 0.0)
    v_max: float = math.inf

    def __post_init__(self) -> None:
        check_array("potential.k", self.k, (2,), low=0.0)
        check_array("potential.center", self.center, (2,))
        if not (isinstance(self.v_max, float) and self.v_max == math.inf):
            check_positive("potential.v_max", self.v_max)

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        x, y = grid.from_middle()
        along_x = self.k[0] / 2 * (x - self.center[0]) ** 2
        along_y = self.k[1] / 2 * (y - self.center[1]) ** 2
        return np.minimum(np.add.outer(along_x, along_y), self.v_max)


@dataclass(frozen=True)
class RandomHarmonic:
    """A distribution of traps: uniform ``k`` (eV/nm^2) and ``center`` (nm from the middle), cut at ``v_max`` (eV)."""

    k: tuple[float, float] = (1e-4, 3e-3)
    center: tuple[float, float] = (-6.0, 6.0)
    v_max: float = 0.5

    def __post_init__(self) -> None:
        check_range("potential.k", self.k, low=0.0)
        check_range("potential.center", self.center)
        check_positive("potential.v_max", self.v_max)

    def sample(self, rng: np.random.Generator, grid: Grid) -> Harmonic:
        """Draw one trap."""
        check_kind("rng", rng, np.random.Generator)
        k = rng.uniform(*self.k, size=2)
        center = rng.uniform(*self.center, size=2)
        return Harmonic((k[0], k[1]), (center[0], center[1]), self.v_max)
