"""The rectangle around the dot, and the points at which every field is sampled.

Cell-centred points x_i = (i + 1/2) L / n, i = 0 ... n-1, in each direction, so that a side is n times the step;
fields are indexed ``[ix, iy]``. A square has one number n and one side L, a rectangle a pair of either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from solvers.backend import Array, as_field, namespace
from solvers.checks import check_integer, check_positive, use_python_numbers

MOST_POINTS = 100_000
"""Points per side beyond which one field would take more than 80 GB."""

MOST_ELONGATED = 1000
"""Largest ratio of the sides; the interaction is padded along the short one to the length of the long one."""

T = TypeVar("T", int, float)


def along_both(value: T | tuple[T, T]) -> tuple[T, T]:
    """Return the values along x and y of one number for both, or of a pair."""
    return value if isinstance(value, tuple) else (value, value)


def area_of(sides: tuple[float, float]) -> float:
    """Return the area of a rectangle; that of a square is the power of its side, to the last digit."""
    return sides[0] ** 2 if sides[0] == sides[1] else sides[0] * sides[1]


@dataclass(frozen=True)
class Grid:
    """n x n cell-centred points in a square of side ``extent`` (nm, or the length of the material's units).

    A pair of either is that along x and y: ``Grid((64, 32), (200.0, 100.0))`` is a rectangle. Pairs of equal numbers
    become one number.

    Raises:
        ValueError: n is not a whole number of at least 4, or a pair of these, ``extent`` is not positive, or the
            rectangle is very long.
    """

    n: int | tuple[int, int]
    extent: float | tuple[float, float]

    def __post_init__(self) -> None:
        for number in _of_pair("grid.n", self.n, "a whole number or one for x and y, such as (64, 32)"):
            check_integer("grid.n", number, 4, "The sine basis needs a few points per wavelength; 64 is the default")
            check_integer("grid.n", number, 4, "One field takes 8 n^2 bytes", high=MOST_POINTS)
        for side in _of_pair("grid.extent", self.extent, "a length or one for x and y, such as (200.0, 100.0)"):
            check_positive("grid.extent", side)
        for name, kind in (("n", int), ("extent", float)):
            pair = getattr(self, name)
            if isinstance(pair, (tuple, list)):
                numbers = tuple(map(kind, pair))
                object.__setattr__(self, name, numbers[0] if numbers[0] == numbers[1] else numbers)
        use_python_numbers(self, "n", "extent")
        short, long = sorted(self.sides)
        if long > MOST_ELONGATED * short:
            raise ValueError(
                f"grid.extent: expected sides that differ by a factor of at most {MOST_ELONGATED}, got {self.extent}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of points along x and y: the shape of a field."""
        return along_both(self.n)

    @property
    def sides(self) -> tuple[float, float]:
        """The sides along x and y (nm)."""
        return along_both(self.extent)

    @property
    def steps(self) -> tuple[float, float]:
        """The distances between neighbouring points along x and y (nm)."""
        (n_x, n_y), (side_x, side_y) = self.shape, self.sides
        return side_x / n_x, side_y / n_y

    @property
    def is_square(self) -> bool:
        """True for as many points and the same side along x and y."""
        return not isinstance(self.n, tuple) and not isinstance(self.extent, tuple)

    @property
    def dx(self) -> float:
        """The distance between neighbouring points (nm); where it differs along x and y, see ``steps``.

        Raises:
            ValueError: the steps along x and y differ.
        """
        x, y = self.steps
        if x != y:
            raise ValueError(f"grid.dx: expected the same step along x and y, got {x:g} and {y:g}. Use grid.steps")
        return x

    @property
    def size(self) -> float:
        """The side of the square of the same area (nm)."""
        return math.sqrt(self.sides[0]) * math.sqrt(self.sides[1]) if isinstance(self.extent, tuple) else self.extent

    @property
    def cell_area(self) -> float:
        """The area of the cell of one point (nm^2)."""
        return area_of(self.steps)

    @property
    def x(self) -> NDArray[np.floating]:
        """The points along x, shape (n_x,), in nm; in a square those along y too."""
        return (np.arange(self.shape[0]) + 0.5) * self.steps[0]

    @property
    def y(self) -> NDArray[np.floating]:
        """The points along y, shape (n_y,), in nm."""
        return (np.arange(self.shape[1]) + 0.5) * self.steps[1]

    def from_middle(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the points along x, (n_x,), and along y, (n_y,), from the middle of the rectangle (nm)."""
        return self.x - self.sides[0] / 2, self.y - self.sides[1] / 2

    def mesh(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the coordinates X and Y of all points (nm), each (n_x, n_y), indexed [ix, iy]."""
        x, y = np.meshgrid(self.x, self.y, indexing="ij")
        return x, y

    def integrate(self, field: Array) -> Array:
        """Return the integral of ``field`` (..., n_x, n_y), of any array library, over the rectangle, shape (...).

        The midpoint rule, which is exact for products of the sine functions.

        Raises:
            ValueError: ``field`` is not an array of the grid's shape, or has masked values.
        """
        field = as_field("field", field, self.shape)
        return namespace(field).sum(field, axis=(-2, -1)) * self.cell_area


def _of_pair(name: str, value: object, expected: str) -> tuple[object, ...]:
    """Return the members of a pair, or one number as it is.

    Raises:
        ValueError: ``value`` is a list of another length.
    """
    if not isinstance(value, (tuple, list)):
        return (value,)
    if len(value) != 2:
        raise ValueError(f"{name}: expected {expected}, got {value!r}")
    return tuple(value)
