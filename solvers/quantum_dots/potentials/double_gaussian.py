"""Two inverted Gaussians (Mills, Spanner, Tamblyn 2017, eq. B4): a smooth double dot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_array, check_kind, check_range
from solvers.grid import Grid

NARROWEST = 1e-3
"""Smallest width: a narrower well passes between the points of any grid."""


@dataclass(frozen=True)
class DoubleGaussian:
    """V = -sum_j A_j exp[-((x - c_xj) / k_xj)^2 - ((y - c_yj) / k_yj)^2], j = 1, 2.

    ``depth`` (2,) in eV; ``center`` (2, 2) in nm from the middle of the grid; ``width`` (2, 2) in nm. With
    ``from_zero`` the lowest point of the grid is at V = 0.

    Raises:
        ValueError: a parameter is out of range.
    """

    depth: NDArray[np.float64]
    center: NDArray[np.float64]
    width: NDArray[np.float64]
    from_zero: bool = False

    def __post_init__(self) -> None:
        check_array("potential.depth", self.depth, (2,))
        check_array("potential.center", self.center, (2, 2))
        check_array("potential.width", self.width, (2, 2), low=NARROWEST)
        check_kind("potential.from_zero", self.from_zero, bool, "true or false")

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        x, y = grid.from_middle()
        wells = zip(self.depth, self.center, self.width, strict=True)
        V: NDArray[np.float64] = -sum(
            a * np.outer(np.exp(-(((x - c[0]) / k[0]) ** 2)), np.exp(-(((y - c[1]) / k[1]) ** 2))) for a, c, k in wells
        )
        return V - V.min() if self.from_zero else V


@dataclass(frozen=True)
class RandomDoubleGaussian:
    """A distribution of double dots: uniform depths (eV), centres and widths (nm) of both wells.

    Centres are given from the middle of the grid. With ``from_zero`` each V has its minimum at 0, as in the published
    examples of the paper's data.
    """

    depth: tuple[float, float] = (0.2, 0.5)
    center: tuple[float, float] = (-7.0, 7.0)
    width: tuple[float, float] = (2.5, 7.0)
    from_zero: bool = False

    def __post_init__(self) -> None:
        check_range("potential.depth", self.depth)
        check_range("potential.center", self.center)
        check_range("potential.width", self.width, low=NARROWEST)
        check_kind("potential.from_zero", self.from_zero, bool, "true or false")

    def sample(self, rng: np.random.Generator, grid: Grid) -> DoubleGaussian:
        """Draw one double dot."""
        check_kind("rng", rng, np.random.Generator)
        return DoubleGaussian(
            depth=rng.uniform(*self.depth, size=2),
            center=rng.uniform(*self.center, size=(2, 2)),
            width=rng.uniform(*self.width, size=(2, 2)),
            from_zero=self.from_zero,
        )
