"""The potential of one dot: from a file of any format, or drawn from a family, with the grid that it lies on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields import Field, Placing, place, read_field
from qd_pix2pix.fields.read import about
from qd_pix2pix.fields.square import lengths, other_side
from qd_pix2pix.fields.units import factor
from solvers import Grid, Material
from solvers.checks import check_integer, check_positive

DEFAULT_POINTS, DEFAULT_SIDE = 64, 30.0
"""Points of a side, and side in units of length, of a potential that is drawn from a family."""

FIRST = 0.1
"""Largest distance of the first point from half a spacing, in spacings, for centres of cells."""
Size = int | Sequence[int] | None
Side = float | Sequence[float] | None


@dataclass(frozen=True)
class GivenPotential:
    """A potential with its grid.

    Attributes:
        V: values (n_x, n_y) in the unit of energy of the material, indexed [ix, iy].
        grid: points and sides.
        origin: file or family that it comes from.
        notes: remarks on units and resampling.
    """

    V: NDArray[np.float64]
    grid: Grid
    origin: str
    notes: tuple[str, ...] = ()


def read_potential(
    path: str,
    material: Material,
    n: Size = None,
    extent: Side = None,
    number: int | None = None,
    column: str | None = None,
    unit: str | None = None,
    length_unit: str | None = None,
    placing: Placing = Placing(),  # noqa: B008, frozen
    z: float | None = None,
) -> GivenPotential:
    """Return a potential of a file; see ``fields.FORMATS``.

    Args:
        path: the file.
        material: its units are those of the result, and of the file where it states none.
        n: points of a side after resampling, or those along x and y; None: those of the file.
        extent: side, or sides along x and y, in the unit of length of the material; None: from the coordinates in the
            file.
        number: number of the dot in a file with several, from 0.
        column, unit, length_unit: see ``fields.read_field``.
        placing: how the points of the file become those of the grid.
        z: height of the layer of a volume, in the unit of its coordinates.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, has no potential, or does not fit the options; the message names the option.
    """
    length, energy = material.units.split(", ")
    found = read_field(path, column, unit, length_unit, ("V", "potential"), (), "V", z=z, flags=False)
    values, notes = found.values, [f"this is the {found.note}"] if found.note else []
    if found.unit and found.unit != energy:
        values = values * factor("unit", found.unit, energy, "" if unit else path)
        notes.append(f"the values of the file are in {found.unit}")
    values = _one(values, number, path)
    if not np.isfinite(values).all():
        bad = np.count_nonzero(~np.isfinite(values))
        raise ValueError(about("V", Path(path), f"expected finite values, got {bad} that are not; use a high step"))
    for side in extent if isinstance(extent, (list, tuple)) else [extent]:
        if side is not None:
            check_positive("extent", side)
    has_coordinates = found.x is not None and found.y is not None
    if not has_coordinates and extent is None:
        raise ValueError(
            f"extent: expected the side of the square in {length}, such as extent=120; {path} has no coordinates"
        )
    if not has_coordinates and found.length_unit:
        raise ValueError(f"length_unit: {path} has no coordinates x and y; leave it out")
    if not has_coordinates and extent is not None and not isinstance(extent, (list, tuple)):
        rows, columns = values.shape
        if rows != columns:
            raise ValueError(
                f"extent: expected the sides along x and y of {rows} x {columns} points, such as "
                f"extent=[{extent:g},{extent * columns / rows:g}] for equal distances, got {extent:g}"
            )
    if not has_coordinates and n is None and placing == Placing():
        return GivenPotential(values, grid_of(values.shape, extent), path, _sentences(notes))
    found = _with_coordinates(replace(found, values=values), extent, placing, length)
    return _placed(found, path, n, extent, placing, notes, length)


def _with_coordinates(found: Field, extent: Side, placing: Placing, length: str) -> Field:
    """Return a field with coordinates in the unit ``length``: those of the file, or points on the whole rectangle."""
    if found.x is not None and found.y is not None:
        scale = factor("length_unit", found.length_unit, length) if found.length_unit else 1.0
        return replace(found, x=found.x * scale, y=found.y * scale)
    sides = _pair(extent)
    x, y = (_along(points, sides[axis], placing) for axis, points in enumerate(found.values.shape))
    return replace(found, x=x, y=y)


def _one(values: NDArray, number: int | None, path: str) -> NDArray[np.float64]:
    """Return one dot (nx, ny) of the values (..., nx, ny) of a file."""
    if values.ndim not in (2, 3) or values.size == 0:
        raise ValueError(about("V", Path(path), f"expected values (nx, ny) or (dots, nx, ny), got {values.shape}"))
    dots = values.reshape(-1, *values.shape[-2:])
    if number is None and len(dots) > 1:
        raise ValueError(f"dot: {path} has {len(dots)} dots; give the number of one, dot=0 ... dot={len(dots) - 1}")
    chosen = 0 if number is None else number
    check_integer("dot", chosen, 0, f"{path} has {len(dots)}", high=len(dots) - 1)
    return dots[chosen].astype(np.float64)


def _sentences(notes: list[str]) -> tuple[str, ...]:
    return tuple(f"{note[:1].upper()}{note[1:]}." for note in notes)


def _along(points: int, side: float, placing: Placing) -> NDArray[np.float64]:
    """Return the coordinates of points that a file does not state."""
    if placing.points == "nodes":
        return np.linspace(0.0, side, points, dtype=np.float64)
    return (np.arange(points, dtype=np.float64) + 0.5) * (side / points)


def _placed(
    found: Field, path: str, n: Size, extent: Side, placing: Placing, notes: list[str], length: str
) -> GivenPotential:
    """Return a field with coordinates (``fields.Field``) on the points of a grid."""
    sides = _pair(extent) if extent is not None else _spans(found, placing)
    shape = found.values.shape if n is None else _pair(n)
    for points in shape:
        check_integer("n", points, 4)
    if n is not None and placing.resample is False and tuple(shape) != found.values.shape:
        own = " x ".join(map(str, found.values.shape))
        raise ValueError(f"n: expected none with resample=false, or the {own} points of {path}, got {n}")
    resampled = placing if n is None or placing.resample is False else replace(placing, resample=True)
    try:
        made = place(found, [sides], None, shape, resampled)
    except ValueError as error:
        raise ValueError(about("V", Path(path), str(error))) from None
    if extent is not None and not np.allclose(made.sides, sides):
        raise ValueError(
            f"extent: expected the side of {path}, {lengths(made.sides)} {length}, or no extent; got {extent}"
        )
    notes += [made.note] if made.note else []
    notes += ["the points of the file are nodes from wall to wall"] if made.nodes else []
    notes += other_side(found, placing, length) if made.nodes and extent is None else []
    return GivenPotential(made.values, Grid(shape, made.sides), path, _sentences(notes))


def _pair(value: Any) -> tuple[Any, Any]:
    """Return the values along x and y of one number for both, or of two."""
    x, y = value if isinstance(value, (list, tuple)) else (value, value)
    return x, y


def _spans(found: Field, placing: Placing) -> tuple[float, float]:
    """Return the sides of the points of a file; those that differ by less than a tenth of a spacing are a square."""
    x, y = found.x, found.y
    assert x is not None and y is not None
    spans, spacing = (_span(x, found, placing), _span(y, found, placing)), max(x[1] - x[0], y[1] - y[0])
    return (spans[0], spans[0]) if abs(spans[0] - spans[1]) <= FIRST * spacing else spans


def _span(along: NDArray[np.float64], found: Field, placing: Placing) -> float:
    """Return the side of points: cells if the first one is half a spacing from 0, or nodes."""
    first = along[1] - along[0]
    centres = found.cells or abs(along[0] - first / 2) <= FIRST * first
    if placing.points is not None:
        centres = placing.points == "centres"
    return float(along[-1] - along[0] + ((first + along[-1] - along[-2]) / 2 if centres else 0.0))


def draw_potential(family: Any, seed: int, n: Size = None, extent: Side = None) -> GivenPotential:
    """Return a potential that a family draws with a seed, on ``n`` points of a square of side ``extent``.

    Raises:
        ValueError: the family draws no single potentials, or an argument is out of range.
    """
    if not callable(getattr(family, "sample", None)):
        raise ValueError("potential: expected a family of potentials; a file is given as V=FILE extent=SIDE")
    check_integer("seed", seed, 0)
    grid = grid_of(n if n is not None else DEFAULT_POINTS, extent if extent is not None else DEFAULT_SIDE)
    V = family.sample(np.random.default_rng(seed), grid)(grid)
    return GivenPotential(np.asarray(V, dtype=np.float64), grid, f"{type(family).__name__}, seed {seed}")


def grid_of(shape: Size, extent: Side) -> Grid:
    """Return a grid of a number of points, or of numbers (n_x, n_y), and of a side or of sides.

    Raises:
        ValueError: the solver has no such grid.
    """
    sides: Any = tuple(map(float, extent)) if isinstance(extent, (list, tuple)) else extent
    points: Any = tuple(shape) if isinstance(shape, (list, tuple)) else shape
    return Grid(points, float(sides) if isinstance(sides, int) else sides)
