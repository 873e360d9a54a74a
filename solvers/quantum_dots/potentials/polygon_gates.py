"""Dots defined by gates of any outline above a two-dimensional electron gas.

Source: Davies, Larkin, Sukhorukov, J. Appl. Phys. 77, 4504 (1995). At the depth d below a pinned surface, a gate at the
voltage V_g raises the electrostatic potential by V_g Omega / (2 pi), where Omega is the solid angle of the gate seen
from the point r. Each edge from a to b, both relative to the point of the surface above r, forms a triangle with this
point, whose solid angle (van Oosterom, Strackee, IEEE Trans. Biomed. Eng. 30, 125 (1983)) is 2 arctan of

    a x b / [(A + d) (B + d) + a . b],    A = sqrt(a^2 + d^2),    B = sqrt(b^2 + d^2).

The sum over the edges, with their signs, is exact for every simple polygon, convex or not, and at every point; the
denominator is positive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_array, check_kind, check_number
from solvers.grid import Grid
from solvers.quantum_dots.potentials.axes import FARTHEST, NEAREST

Floats = NDArray[np.float64]

FLAT = 1e-12
"""Smallest area of a polygon, as a part of the square of its size."""
BESIDE = 1e-7
"""Distance from an edge at which the winding of a polygon is tested, as a part of its size."""
MOST_PAIRS = 1 << 22
"""Pairs of edges that are compared at once."""


@dataclass(frozen=True)
class PolygonGates:
    """V = ``offset`` - sum_j V_j Omega_j / (2 pi): the energy of an electron below gates of polygonal outline.

    ``polygons`` are arrays (corners, 2) in nm; ``voltage`` V_j (k,) in V, positive for gates that attract electrons;
    ``gas_depth`` d in nm; ``center`` are the coordinates of the middle of the grid in the frame of the corners, so that
    these may be those of a chip; ``offset`` in eV.

    Raises:
        ValueError: a parameter is out of range, or a polygon has fewer than three corners, no area, or edges that
            cross.
    """

    polygons: Sequence[Floats]
    voltage: Floats
    gas_depth: float
    center: tuple[float, float] = (0.0, 0.0)
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.polygons, (list, tuple)) or not self.polygons:
            raise ValueError(f"potential.polygons: expected a list of polygons (corners, 2), got {self.polygons!r}")
        checked = tuple(check_polygon(f"potential.polygons[{j}]", p) for j, p in enumerate(self.polygons))
        object.__setattr__(self, "polygons", checked)
        check_array("potential.voltage", self.voltage, (len(checked),))
        check_number("potential.gas_depth", self.gas_depth, NEAREST, FARTHEST)
        check_array("potential.center", self.center, (2,), low=-FARTHEST, high=FARTHEST)
        check_number("potential.offset", self.offset)

    def __call__(self, grid: Grid) -> Floats:
        """Return the potential energy on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        x, y = chip_mesh(grid, self.center)
        V = np.full(x.shape, float(self.offset))
        for polygon, voltage in zip(self.polygons, np.asarray(self.voltage, dtype=np.float64), strict=True):
            V -= voltage * covered(polygon, x, y, float(self.gas_depth))
        return V


def chip_mesh(grid: Grid, center: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return the coordinates (n_x, n_y) of the points where the middle of the grid lies at ``center``, in nm."""
    x, y = (np.asarray(a, dtype=np.float64) for a in grid.mesh())
    return x - (x[0, 0] + x[-1, -1]) / 2 + center[0], y - (y[0, 0] + y[-1, -1]) / 2 + center[1]


def covered(polygon: Floats, x: Floats, y: Floats, d: float) -> Floats:
    """Return Omega / (2 pi) of a polygon (corners, 2), seen from the depth d below the points x and y of one shape."""
    closed = np.concatenate([polygon, polygon[:1]])
    total = np.zeros(np.shape(x))
    u, v = closed[0, 0] - x, closed[0, 1] - y
    far = np.sqrt(u**2 + v**2 + d**2) + d
    for corner in closed[1:]:
        next_u, next_v = corner[0] - x, corner[1] - y
        next_far = np.sqrt(next_u**2 + next_v**2 + d**2) + d
        total += np.arctan2(u * next_v - v * next_u, far * next_far + u * next_u + v * next_v)
        u, v, far = next_u, next_v, next_far
    return math.copysign(1 / math.pi, signed_area(polygon)) * total


def signed_area(polygon: Floats) -> float:
    """Return the area of a polygon (corners, 2) in nm^2, negative if its corners run clockwise."""
    x, y = (polygon - polygon[0]).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def check_polygon(name: str, corners: object) -> Floats:
    """Return the corners (corners, 2) of a simple polygon, without repetitions, or raise ValueError.

    Edges may touch, as those of a ring that is cut open, but not cross.
    """
    polygon = check_array(name, corners, ("corners", 2), -FARTHEST, FARTHEST).astype(np.float64)
    polygon = polygon[(polygon != np.roll(polygon, 1, axis=0)).any(axis=1)]
    if len(polygon) < 3:
        raise ValueError(f"{name}: expected three corners [x, y] or more, got {len(polygon)}: {polygon.tolist()}")
    crossing = _crossing(polygon)
    if crossing is not None:
        ends = [[polygon[i].tolist(), polygon[(i + 1) % len(polygon)].tolist()] for i in crossing]
        raise ValueError(
            f"{name}: expected a polygon whose edges do not cross, got edges {crossing[0]} {ends[0]} and {crossing[1]} "
            f"{ends[1]}. State the corners in their order along the outline"
        )
    size = float(np.ptp(polygon, axis=0).max())
    if abs(signed_area(polygon)) <= FLAT * size * size:
        raise ValueError(f"{name}: expected a polygon with an area, got corners on one line")
    if not _encloses_once(polygon, size):
        raise ValueError(
            f"{name}: expected an outline that encloses one area, got one that touches itself and turns the other way "
            "there. Use one polygon for each part"
        )
    return polygon


def _encloses_once(polygon: Floats, size: float) -> bool:
    """Return whether the inner side of every edge is covered once: a loop that turns the other way counts negative."""
    following = np.roll(polygon, -1, axis=0)
    along = (following - polygon) / np.hypot(*(following - polygon).T)[:, None]
    inwards = math.copysign(BESIDE * size, signed_area(polygon)) * np.stack([-along[:, 1], along[:, 0]], axis=1)
    x, y = ((polygon + following) / 2 + inwards).T
    return bool((np.abs(covered(polygon, x, y, BESIDE * size / 100) - 1) < 0.5).all())


def _crossing(polygon: Floats) -> tuple[int, int] | None:
    """Return the numbers of two edges that cross, or None; O(corners^2), in blocks of bounded memory."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    rows = max(1, MOST_PAIRS // len(a))
    for first in range(0, len(a), rows):
        p, q = a[first : first + rows, None], b[first : first + rows, None]
        crosses = (_sides(p, q, a) * _sides(p, q, b) < 0) & (_sides(a, b, p) * _sides(a, b, q) < 0)
        if crosses.any():
            i, j = np.argwhere(crosses)[0]
            return int(first + i), int(j)
    return None


def _sides(p: Floats, q: Floats, r: Floats) -> Floats:
    """Return +1, 0 or -1: whether r lies to the left of the line from p to q, on it, or to its right.

    Rounding counts as on the line: corners that lie on another edge, as those of a cut ring, do not cross it.
    """
    (ux, uy), (vx, vy) = np.moveaxis(q - p, -1, 0), np.moveaxis(r - p, -1, 0)
    left, right = ux * vy, uy * vx
    difference = left - right
    return np.where(np.abs(difference) <= 1e-12 * (np.abs(left) + np.abs(right)), 0.0, np.sign(difference))
