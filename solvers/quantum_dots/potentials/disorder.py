"""Gaussian random fields with a band limit: smooth disorder, whose valleys are dots of any shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import LARGEST, SMALLEST, check_array, check_integer, check_kind, check_number, check_range
from solvers.grid import Grid
from solvers.quantum_dots.potentials.axes import log_uniform

MOST_MODES = 1000
"""Modes per side beyond which the coefficients of one potential take more than 8 MB."""
STEEPEST = 20.0
"""Largest magnitude of the exponent of a spectrum, so that its powers are representable."""


@dataclass(frozen=True)
class Disorder:
    """V = sum_pq c_pq cos(p pi x / L_x) cos(q pi y / L_y), p, q = 0, 1 ..., the same function on any grid.

    ``coefficients`` c (k_x, k_y) in eV; x and y from the corner of the rectangle of sides L_x and L_y.

    Raises:
        ValueError: the coefficients are not a matrix of finite numbers.
    """

    coefficients: NDArray[np.float64]

    def __post_init__(self) -> None:
        check_array("potential.coefficients", self.coefficients, ("k_x", "k_y"))

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        c = np.asarray(self.coefficients, dtype=np.float64)
        x, y = (
            np.cos(np.outer(math.pi * points / side, np.arange(k)))  # (n, k)
            for points, side, k in zip((grid.x, grid.y), grid.sides, c.shape, strict=True)
        )
        return x @ c @ y.T


@dataclass(frozen=True)
class RandomDisorder:
    """A distribution of random fields with a whole number k of ``modes`` (low, high) and log-uniform ``std`` (eV).

    The coefficients are normal, with variances proportional to (p^2 + q^2)^-``exponent`` for 0 < p^2 + q^2 <= k^2 and 0
    beyond. In a rectangle, p and q are in units of L_x / L and L_y / L, with L the side of the square of its area, so
    that the disorder is as coarse in both directions. The coefficients are scaled so that the mean square of V over
    the rectangle, averaged over the fields, is std^2.

    Raises:
        ValueError: a setting is out of its range.
    """

    modes: tuple[int, int] = (3, 8)
    std: tuple[float, float] = (0.025, 0.4)
    exponent: float = 0.5

    def __post_init__(self) -> None:
        check_range("potential.modes", self.modes)
        for modes in self.modes:
            check_integer("potential.modes", modes, 1, high=MOST_MODES)
        check_range("potential.std", self.std, SMALLEST, LARGEST / 100)  # coefficients exceed the standard deviation
        check_number("potential.exponent", self.exponent, -STEEPEST, STEEPEST)

    def sample(self, rng: np.random.Generator, grid: Grid) -> Disorder:
        """Draw one field; of ``grid`` it depends on the ratio of the sides only."""
        check_kind("rng", rng, np.random.Generator)
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        k = int(rng.integers(self.modes[0], self.modes[1] + 1))
        units = [side / grid.size for side in grid.sides]
        numbers = [np.arange(int(k * unit) + 1) for unit in units]
        squares = np.add.outer(*((p / unit) ** 2 for p, unit in zip(numbers, units, strict=True)))
        band = (squares > 0) & (squares <= k**2)
        variance = np.where(band, np.where(band, squares, 1.0) ** -self.exponent, 0.0)
        half = [np.where(p > 0, 0.5, 1.0) for p in numbers]  # the mean square of a cosine
        total = half[0] @ variance @ half[1]
        amplitude = float(log_uniform(rng, self.std)) * np.sqrt(variance / total)
        return Disorder(amplitude * rng.normal(size=variance.shape))
