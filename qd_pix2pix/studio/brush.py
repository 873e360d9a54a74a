"""A stroke of the brush: a smooth valley or ridge along a line.

    V(r) = height exp[-(d(r) / size)^2],    d(r) the distance of r to the line through the points

A stroke has the same depth however slowly the pointer moved, and does not depend on the grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_number, check_positive

MOST_POINTS = 200
"""Points of one stroke."""
FARTHEST = 1e5
"""Largest coordinate (nm)."""


@dataclass(frozen=True)
class Stroke:
    """A line through ``points`` (x, y in nm from the lower left corner), with a Gaussian profile across.

    ``size`` is the distance (nm) at which the profile has fallen to 1/e, ``height`` its value on the line: in meV for
    a potential, negative for a valley; in any unit for a painted density.

    Raises:
        ValueError: a number is out of range, or there are too many points.
    """

    points: tuple[tuple[float, float], ...]
    size: float
    height: float

    def __post_init__(self) -> None:
        check_positive("stroke.size", self.size, FARTHEST)
        check_number("stroke.height", self.height, -1e4, 1e4)
        if not 1 <= len(self.points) <= MOST_POINTS:
            raise ValueError(
                f"stroke.points: expected 1 ... {MOST_POINTS} points, got {len(self.points)}; draw several strokes"
            )
        for point in self.points:
            if len(point) != 2:
                raise ValueError(f"stroke.points: expected pairs (x, y) in nm, got {point!r}")
            for value in point:
                check_number("stroke.points", value, -FARTHEST, FARTHEST)

    def __call__(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the stroke at the coordinates ``x`` and ``y`` (n, n) in nm, shape (n, n), in its unit."""
        ends = np.array(self.points, dtype=np.float64)
        pairs = zip(ends[:-1], ends[1:], strict=True) if len(ends) > 1 else [(ends[0], ends[0])]
        squared = np.full(x.shape, np.inf)
        for first, last in pairs:
            along = last - first
            length = float(along @ along)
            share = 0.0 if length == 0 else ((x - first[0]) * along[0] + (y - first[1]) * along[1]) / length
            share = np.clip(share, 0.0, 1.0)
            distance = (x - first[0] - share * along[0]) ** 2 + (y - first[1] - share * along[1]) ** 2
            np.minimum(squared, distance, out=squared)
        return self.height * np.exp(-squared / self.size**2)

    def longer(self, x: float, y: float) -> Stroke:
        """Return the stroke with one more point, or the same one where the point is near its last or too many."""
        last = self.points[-1]
        if len(self.points) == MOST_POINTS or (x - last[0]) ** 2 + (y - last[1]) ** 2 < (self.size / 4) ** 2:
            return self
        return Stroke((*self.points, (x, y)), self.size, self.height)
