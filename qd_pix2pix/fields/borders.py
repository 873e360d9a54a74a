"""Coordinates in the first line or the first column of a plain grid of numbers, which are no values of it.

They rise in even steps, and their range is another one than that of the values: more than ``WIDE`` times as large, as
of nm beside eV, or less than ``NARROW`` times, as of m. A potential that is a ramp, a parabola or a step has similar
neighbours of its first line.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EVEN = 0.02
"""Largest distance of a coordinate from even steps, in steps."""
WIDE, WIDE_BESIDE_RAMP = 2.0, 10.0
"""Smallest range of coordinates over that of the values; where the line after them rises in even steps too."""
NARROW = 1e-4
"""Largest magnitude of coordinates over the range of the values."""
FEWEST = 4
"""Fewest lines and columns of a grid that is checked."""


def check_borders(grid: NDArray) -> None:
    """Raise ValueError if the first line of a ``grid`` (n_x, n_y), or its first column, holds coordinates."""
    if min(grid.shape) < FEWEST:
        return
    top, left = grid[0, 1:], grid[1:, 0]
    if _in_both(grid):
        raise ValueError(_message(f"coordinates in its first line, {_ends(top)}, and column, {_ends(left)}"))
    if _are_coordinates(grid[0], grid[1:]):
        raise ValueError(_message(f"coordinates in its first line, {_ends(grid[0])}"))
    if _are_coordinates(grid[:, 0], grid[:, 1:].T):
        raise ValueError(_message(f"coordinates in its first column, {_ends(grid[:, 0])}"))


def _in_both(grid: NDArray) -> bool:
    """Return True for coordinates in line and column: beside a corner without a value, or of another range."""
    top, left, inner = grid[0, 1:], grid[1:, 0], grid[1:, 1:]
    if not (_is_even(top) and _is_even(left)):
        return False
    corner = grid[0, 0]
    lines = (grid[0], grid[:, 0], inner[0], inner[:, 0])
    empty = bool(np.isnan(corner)) or (corner == 0 and not any(map(_is_even, lines)))
    return empty or _are_coordinates(top, inner) or _are_coordinates(left, inner.T)


def _are_coordinates(line: NDArray, values: NDArray) -> bool:
    """Return True if a line (n,) before ``values`` (m, n) rises in even steps and has another range."""
    finite = values[np.isfinite(values)]
    if not _is_even(line) or finite.size == 0:
        return False
    span, ramp = float(np.ptp(finite)), _is_even(values[0])
    wide = np.ptp(line) > (WIDE_BESIDE_RAMP if ramp else WIDE) * span
    return bool(wide or (np.abs(line).max() < NARROW * span and not ramp))


def _is_even(line: NDArray) -> bool:
    """Return True if a line rises in even steps."""
    step = (line[-1] - line[0]) / (len(line) - 1)
    return bool(step > 0 and (np.abs(line - np.linspace(line[0], line[-1], len(line))) <= EVEN * step).all())


def _ends(line: NDArray) -> str:
    return f"{line[0]:.4g} ... {line[-1]:.4g}"


def _message(what: str) -> str:
    return f"has {what}; write columns x, y and V, or a grid of values alone (if these are values, as .npy)"
