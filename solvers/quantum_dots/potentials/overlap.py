"""Whether two polygons cover a part of the plane together.

Edges of one polygon are cut where they meet those of the other. A polygon overlaps another one if and only if a point
just inside one of these pieces lies inside the other. Polygons with a common edge do not overlap.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from solvers.quantum_dots.potentials.polygon_gates import covered, signed_area

Floats = NDArray[np.float64]

INSIDE = 1e-6
"""Distance from an edge at which a point is tested, as a part of the size: corners that touch may be rounded."""


def overlap(p: Floats, q: Floats) -> bool:
    """Return whether the polygons (corners, 2) cover more in common than an edge."""
    low, high = np.maximum(p.min(axis=0), q.min(axis=0)), np.minimum(p.max(axis=0), q.max(axis=0))
    distance = INSIDE * float(min(np.ptp(p, axis=0).max(), np.ptp(q, axis=0).max()))
    if (high - low <= distance).any():
        return False
    return _reaches(p, q, distance) or _reaches(q, p, distance)


def _reaches(p: Floats, q: Floats, distance: float) -> bool:
    """Return whether a point of ``p``, at this distance inside one of its edges, lies in ``q``."""
    x, y = _inner_points(p, q, distance).T
    own, other = (covered(polygon, x, y, distance / 100) > 0.5 for polygon in (p, q))
    return bool((own & other).any())


def _inner_points(p: Floats, q: Floats, distance: float) -> Floats:
    """Return the middles (k, 2) of the pieces of the edges of ``p`` between those of ``q``, moved inwards."""
    along = np.roll(p, -1, axis=0) - p
    inwards = math.copysign(1.0, signed_area(p)) * np.stack([-along[:, 1], along[:, 0]], axis=1)
    inwards *= distance / np.hypot(*along.T)[:, None]
    parts = [np.concatenate([[0.0], cuts, [1.0]]) for cuts in _cuts(p, along, q)]
    middles = [start + np.outer((t[1:] + t[:-1]) / 2, edge) for start, edge, t in zip(p, along, parts, strict=True)]
    return np.concatenate([some + shift for some, shift in zip(middles, inwards, strict=True)])


def _cuts(p: Floats, along: Floats, q: Floats) -> list[Floats]:
    """Return, for each edge of ``p``, the parts of its length at which the lines of the edges of ``q`` meet it."""
    other = np.roll(q, -1, axis=0) - q
    between = q - p[:, None]  # (edges of p, edges of q, 2)
    area = along[:, None, 0] * other[:, 1] - along[:, None, 1] * other[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (between[..., 0] * other[:, 1] - between[..., 1] * other[:, 0]) / area
    return [np.sort(row[(row > 0) & (row < 1)]) for row in t]  # NaN and infinity of parallel edges are left out
