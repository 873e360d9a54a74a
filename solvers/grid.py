"""The square around the dot, and the points at which every field is sampled.

Cell-centred points x_i = (i + 1/2) L / n, i = 0 ... n-1, in both directions, so that ``extent == n * dx``;
fields are indexed ``[ix, iy]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.backend import Array, as_field, namespace
from solvers.checks import check_integer, check_positive, use_python_numbers

MOST_POINTS = 100_000
"""Points per side beyond which one field would take more than 80 GB."""


@dataclass(frozen=True)
class Grid:
    """n x n cell-centred points in a square of side ``extent`` (nm, or the length of the material's units)."""

    n: int
    extent: float

    def __post_init__(self) -> None:
        check_integer("grid.n", self.n, 4, "The sine basis needs a few points per wavelength; 64 is the default")
        check_integer("grid.n", self.n, 4, "One field takes 8 n^2 bytes", high=MOST_POINTS)
        check_positive("grid.extent", self.extent)
        use_python_numbers(self, "n", "extent")

    @property
    def dx(self) -> float:
        """The distance between neighbouring points (nm)."""
        return self.extent / self.n

    @property
    def cell_area(self) -> float:
        """The area of the cell of one point (nm^2)."""
        return self.dx**2

    @property
    def x(self) -> NDArray[np.floating]:
        """The points along one side, shape (n,), in nm."""
        return (np.arange(self.n) + 0.5) * self.dx

    def mesh(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the coordinates X and Y of all points (nm), each (n, n), indexed [ix, iy]."""
        x, y = np.meshgrid(self.x, self.x, indexing="ij")
        return x, y

    def integrate(self, field: Array) -> Array:
        """Return the integral of ``field`` (..., n, n), of any array library, over the square, shape (...).

        The midpoint rule, which is exact for products of the sine functions.

        Raises:
            ValueError: ``field`` is not an array of the grid's shape, or has masked values.
        """
        field = as_field("field", field, self.n)
        return namespace(field).sum(field, axis=(-2, -1)) * self.cell_area
