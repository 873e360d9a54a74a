"""From the points of a file to the points of a network: sides of the square or rectangle, uniform spacing, resampling.

Points of a network are the centres of cells, x_i = (i + 1/2) L / n. Files have these, or nodes x_i = i L / (n - 1) from
wall to wall. Values are resampled along x and then along y by the monotone cubic interpolation of Fritsch and Carlson
(SIAM J. Numer. Anal. 17, 238 (1980)), which adds no extrema at steps; beyond the outermost points it is continued, and
limited to the range of the field. On fewer points a cell has the mean of the interpolant,

    V_i = (1/h) int_cell V dx,

so that walls and barriers between the new points keep their area. Where V is smooth the mean differs from V(x_i) by
h^2 V''/24, with V'' from the means of three cells; there V_i = V(x_i).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import minimum_filter1d

from qd_pix2pix.fields.field import Field
from solvers.checks import check_choice, check_flag

UNIFORM = 0.02
"""Largest distance of a coordinate from the uniform grid, in units of the spacing."""
MOST = 4096
"""Largest number of points along an axis after resampling."""
RESOLVED = 2.0
"""Largest difference of the mean of a cell from its middle, in units of h^2 V''/24, for a smooth field."""
MOST_LOST = 0.01
"""Change of a potential by resampling, as a part of its range, above which predictions may be wrong."""
POINTS = ("centres", "nodes")
Pair = tuple[float, float]
"""Lengths along x and y."""


@dataclass(frozen=True)
class Placing:
    """How the points of a file become those of a network.

    Attributes:
        points: points of the file, centres of cells or nodes from wall to wall; None: from the coordinates.
        resample: interpolate grids of any spacing (True), none (False), or uniform grids only (None).
    """

    points: str | None = None
    resample: bool | None = None

    def __post_init__(self) -> None:
        if self.points is not None:
            check_choice("points", self.points, POINTS)
        if self.resample is not None:
            check_flag("resample", self.resample)


@dataclass(frozen=True)
class Placed:
    """A field on a square or rectangle.

    Attributes:
        values: values (..., n_x, n_y) at the centres of cells.
        sides: sides along x and y, in the unit of the coordinates.
        nodes: True if the points of the file were taken for nodes.
        lost: mean change of the values (...) by a round trip, relative to their range; zero if they were not resampled.
        note: the way in which the values were resampled, with the error of a round trip; empty if they were not.
    """

    values: NDArray[np.float64]
    sides: Pair
    nodes: bool
    lost: NDArray[np.float64]
    note: str = ""


def place(
    field: Field, sides: Sequence[Pair], spacing: Pair | None, shape: tuple[int, int], placing: Placing
) -> Placed:
    """Return a field with coordinates on the square or rectangle of a network.

    Args:
        field: values (..., nx, ny) with coordinates in the unit of ``sides``.
        sides: sides along x and y of the squares or rectangles of the training.
        spacing: distances between the points of the network, if they are the same for all sides.
        shape: points along x and y otherwise.
        placing: options.

    Raises:
        ValueError: the points are not those of a square, where all of the training are, or must be resampled against
            the options.
    """
    assert field.x is not None and field.y is not None
    axes = (field.x, field.y)
    if min(map(len, axes)) < 4:
        raise ValueError(f"expected at least 4 points along each axis, got {_by(axes)}")
    nodes = _are_nodes(axes[0], [x for x, _ in sides], placing.points or ("centres" if field.cells else None))
    found = [_side(along, nodes) for along in axes]
    steps = [length / len(along) for length, along in zip(found, axes, strict=True)]
    are_squares = all(x == y for x, y in sides)
    if are_squares:
        steps = [max(steps)] * 2
        if abs(found[0] - found[1]) > 0.1 * steps[0]:
            raise ValueError(
                f"expected points of a square, got sides of {found[0]:.4g} and {found[1]:.4g}; cut out a square, or "
                "extend the shorter side by walls"
            )
        found[1] = found[0]
    made = [_known(found[i], [pair[i] for pair in sides], 0.1 * steps[i]) for i in (0, 1)]
    target = [
        _points(side, [pair[i] for pair in sides], shape[i] if spacing is None else None, spacing and spacing[i])
        for i, side in enumerate(made)
    ]
    placed, points = (made[0], made[1]), (target[0], target[1])
    even = all(map(_is_uniform, axes))
    if even and not nodes and tuple(map(len, axes)) == points:
        return Placed(field.values, placed, nodes, np.zeros(field.values.shape[:-2]))
    _check_allowed(axes, even, nodes, points, placing.resample)
    from_wall = [_from_wall(along, nodes) for along in axes]
    values = on_cells(field.values, from_wall, placed, points)
    lost, note = _round_trip(field.values, from_wall, values, placed)
    return Placed(values, placed, nodes, lost, note)


def _points(side: float, sides: Sequence[float], n: int | None, spacing: float | None) -> int:
    """Return the number of points along a ``side``: ``n``, or as many as fit at this ``spacing``.

    Raises:
        ValueError: no or too many points fit.
    """
    target = n if n is not None else round(side / spacing) if spacing else 0
    if not 4 <= target <= MOST:
        raise ValueError(f"has a side of {side:.4g}, in training {_range(sides)}. Is length_unit another one?")
    if spacing and abs(side / spacing - target) > 0.1:
        fit = " or ".join(f"{k * spacing:.4g}" for k in sorted({int(side / spacing), int(side / spacing) + 1}))
        raise ValueError(f"has a side of {side:.4g}; points {spacing:.4g} apart need {fit}. Cut or extend the square")
    return target


def lengths(sides: Sequence[float]) -> str:
    """Return the side of a square, or both sides of a rectangle, for a message."""
    return f"{sides[0]:g}" if sides[0] == sides[1] else f"{sides[0]:g} \u00d7 {sides[1]:g}"


def _by(axes: Sequence[NDArray]) -> str:
    return " \u00d7 ".join(str(len(along)) for along in axes)


def _range(sides: Sequence[float]) -> str:
    return " ... ".join(f"{side:g}" for side in sorted({min(sides), max(sides)}))


def _side(along: NDArray, nodes: bool) -> float:
    """Return the length of an axis; cells at the walls extend as far outwards as inwards."""
    span = float(along[-1] - along[0])
    return span if nodes else span + float(along[1] - along[0] + along[-1] - along[-2]) / 2


def _from_wall(along: NDArray, nodes: bool) -> NDArray:
    """Return the distances of points from the first wall."""
    return along - along[0] + (0.0 if nodes else (along[1] - along[0]) / 2)


def _are_nodes(along: NDArray, sides: Sequence[float], points: str | None) -> bool:
    """Return True for points from wall to wall.

    The option decides; without it the side, if only one of both agrees with the training; otherwise points are centres
    if the first one is half a spacing from 0.
    """
    if points:
        return points == "nodes"
    near = [min(abs(_side(along, nodes) - side) for side in sides) for nodes in (False, True)]
    step = float(along[1] - along[0])
    if min(near) < 0.25 * step and abs(near[0] - near[1]) > 0.25 * step:
        return near[1] < near[0]
    return bool(abs(along[0] - step / 2) > 0.1 * step)


def other_side(field: Field, placing: Placing, length: str) -> list[str]:
    """Return a note on coordinates that fit nodes and centres of cells: they begin neither at 0 nor at half a step."""
    assert field.x is not None
    first, step = float(field.x[0]), float(field.x[1] - field.x[0])
    if placing.points or field.cells or min(abs(first), abs(first - step / 2)) <= 0.1 * step:
        return []
    side = f"{_side(field.x, False):.6g} {length}".rstrip()
    return [f"with points=centres the side along x would be {side}"]


def _is_uniform(along: NDArray) -> bool:
    ideal = np.linspace(along[0], along[-1], len(along))
    return bool(np.abs(along - ideal).max() <= UNIFORM * (ideal[1] - ideal[0]))


def _known(side: float, sides: Sequence[float], slack: float) -> float:
    """Return the nearest side of the training, if it differs by rounding only."""
    nearest = min(sides, key=lambda known: abs(known - side))
    return float(nearest) if abs(nearest - side) <= slack else float(f"{side:.6g}")


def _check_allowed(
    axes: Sequence[NDArray], even: bool, nodes: bool, target: tuple[int, int], allowed: bool | None
) -> None:
    cells = [len(along) - nodes for along in axes]
    in_proportion = cells[0] * target[1] == cells[1] * target[0]
    if allowed or (allowed is None and even and in_proportion):
        return
    what = f"{_by(axes)} {'nodes' if nodes else 'cells'}" + ("" if even else " of unequal spacing")
    raise ValueError(
        f"has {what} instead of {target[0]} \u00d7 {target[1]} equal cells; resample=true interpolates them"
    )


def _round_trip(
    values: NDArray, axes: Sequence[NDArray], made: NDArray, sides: Pair
) -> tuple[NDArray[np.float64], str]:
    """Return the mean change (...) of values by a round trip, relative to their range, and a note on its errors."""
    shape = made.shape[-2:]
    back = interpolate(made, [_centres(side, n) for side, n in zip(sides, shape, strict=True)], axes)
    span = np.ptp(values, axis=(-2, -1))
    difference = np.abs(back - values)
    scale = np.where(span > 0, span, 1.0)
    error = float((np.sqrt((difference**2).mean((-2, -1))) / scale).max())
    most = float((difference.max((-2, -1)) / scale).max())
    sizes = f"from {_by(axes)} to {shape[0]} \u00d7 {shape[1]} points"
    note = f"resampled {sizes}, error of a round trip {100 * error:.2g} % of the range, at most {100 * most:.2g} %"
    return np.asarray(difference.mean((-2, -1)) / scale), note


def on_cells(
    values: NDArray, axes: Sequence[NDArray], sides: Sequence[float], shape: Sequence[int]
) -> NDArray[np.float64]:
    """Return values (..., nx, ny), given at distances ``axes`` from the first walls, in cells (..., *shape)."""
    made = values
    for axis, along, side, n in zip((-2, -1), axes, sides, shape, strict=True):
        made = _along_cells(PchipInterpolator(along, made, axis=axis, extrapolate=True), axis, side, n)
    return _within(made, values)


def interpolate(values: NDArray, axes: Sequence[NDArray], others: Sequence[NDArray]) -> NDArray[np.float64]:
    """Return values (..., nx, ny), given at the points of ``axes``, at the points of ``others``; see the module."""
    made = PchipInterpolator(axes[0], values, axis=-2, extrapolate=True)(others[0])
    made = PchipInterpolator(axes[1], made, axis=-1, extrapolate=True)(others[1])
    return _within(made, values)


def _along_cells(curve: PchipInterpolator, axis: int, side: float, n: int) -> NDArray[np.float64]:
    """Return the values of a curve in ``n`` cells: at their centres, or the means of cells that are not smooth."""
    middle = curve(_centres(side, n))
    if np.diff(curve.x).min() >= (1 - UNIFORM) * side / n:
        return middle
    means = np.diff(curve.antiderivative()(np.linspace(0.0, side, n + 1)), axis=axis) * (n / side)
    bend = np.diff(means, 2, axis=axis)
    ends = np.take(bend, [0], axis=axis), np.take(bend, [-1], axis=axis)
    bend = np.concatenate([ends[0], bend, ends[1]], axis=axis)
    smooth = np.abs(middle - means) <= RESOLVED * np.abs(bend) / 24
    # also in both neighbours: the cell beside a barrier may hold a part of it
    smooth = minimum_filter1d(smooth.astype(np.uint8), 3, axis=axis) > 0
    return np.where(smooth, middle, means)


def _centres(side: float, n: int) -> NDArray[np.float64]:
    return np.asarray((np.arange(n) + 0.5) * (side / n), dtype=np.float64)


def _within(made: NDArray, values: NDArray) -> NDArray[np.float64]:
    """Return fields limited to the range of ``values``, each to that of its own."""
    low, high = (f(values, axis=(-2, -1), keepdims=True) for f in (np.min, np.max))
    return np.clip(made, low, high)
