"""The square that holds the dot, and the points at which every field is known.

Cell-centred points x_i = (i + 1/2) L / n, i = 0 ... n-1, in both directions, so that ``extent == n * dx``;
fields are indexed ``[ix, iy]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.backend import namespace
from solvers.checks import check_integer, check_positive


@dataclass(frozen=True)
class Grid:
    """n x n cell-centred points in a square of side ``extent`` (nm, or the length of the material's units)."""

    n: int
    extent: float

    def __post_init__(self) -> None:
        check_integer("grid.n", self.n, 4, "The sine basis needs a few points per wavelength; 64 is the default")
        check_positive("grid.extent", self.extent)

    @property
    def dx(self) -> float:
        """Distance of two neighbouring points (nm)."""
        return self.extent / self.n

    @property
    def cell_area(self) -> float:
        """Area that one point stands for (nm^2)."""
        return self.dx**2

    @property
    def x(self) -> NDArray[np.floating]:
        """The points along one side, shape (n,), in nm."""
        return (np.arange(self.n) + 0.5) * self.dx

    def mesh(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Coordinates X and Y of all points (nm), each (n, n), indexed [ix, iy]: what a formula for V needs."""
        x, y = np.meshgrid(self.x, self.x, indexing="ij")
        return x, y

    def integrate(self, field: Any) -> Any:
        """Integral of ``field`` (..., n, n), of any array library, over the square.

        The midpoint rule: exact for products of the sine functions.
        """
        return namespace(field).sum(field, axis=(-2, -1)) * self.cell_area
