"""Rotated axes of a dot, and numbers that are drawn uniformly in their logarithm."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from solvers.grid import Grid

NEAREST = 1e-20
"""Smallest magnitude of a length that divides another one: the square of the ratio is representable."""
FARTHEST = 1e20
"""Largest coordinate of families with powers above two, which must be representable."""


def rotated(grid: Grid, center: tuple[float, float], angle: float) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the coordinates (u, w) of the points from ``center`` along axes turned by ``angle``, (n_x, n_y), in nm.

    u = (x - c_x) cos a + (y - c_y) sin a, w = (y - c_y) cos a - (x - c_x) sin a, with ``center`` = (c_x, c_y) in nm
    from the middle of the grid and ``angle`` a in radians, counter-clockwise.
    """
    x, y = (a - c for a, c in zip(grid.from_middle(), center, strict=True))
    cos, sin = math.cos(angle), math.sin(angle)
    return np.add.outer(x * cos, y * sin), np.add.outer(x * -sin, y * cos)


def log_uniform(rng: np.random.Generator, bounds: tuple[float, float], size: int | None = None) -> NDArray[np.float64]:
    """Return numbers whose logarithm is uniform within positive ``bounds``; shape (size,), or () without ``size``."""
    low, high = bounds
    return np.clip(np.exp(rng.uniform(math.log(low), math.log(high), size)), low, high)
