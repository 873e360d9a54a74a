"""Fields read from files, with their coordinates and units as far as the file states them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.units import LENGTHS, canonical_length, split_unit

SAME = 1e-6
"""Distance of coordinates that count as one, in units of the length of the axis."""


@dataclass(frozen=True)
class Contents:
    """All arrays of a file that may be fields.

    Attributes:
        arrays: arrays (..., nx, ny) by name, indexed [ix, iy]; of a volume (nz, nx, ny).
        x, y: coordinates of the points (nx,) and (ny,); None if the file has none.
        units: units of arrays, by name.
        length_units: units of the coordinates "x", "y" and "z" that the file states.
        cells: True if the file states that the points are centres of cells.
        z: heights of the layers of a volume (nz,); None for planes.
        note: what was done to the arrays, as a phrase; empty for those of the file.
        beside: further arrays of the file, at other points.
        refused: why further arrays of the file cannot be read, by their names.
    """

    arrays: Mapping[str, NDArray]
    x: NDArray | None = None
    y: NDArray | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    length_units: Mapping[str, str] = field(default_factory=dict)
    cells: bool = False
    z: NDArray | None = None
    note: str = ""
    beside: tuple[Contents, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, Contents]:
        """The part of the file that has each array, by the name of the array."""
        found: dict[str, Contents] = {}
        for part in (self, *self.beside):
            found |= {name: part for name in part.arrays if name not in found}
        return found


@dataclass(frozen=True)
class Field:
    """One field of a file.

    Attributes:
        name: name in the file.
        values: values (..., nx, ny), indexed [ix, iy].
        x, y: ascending coordinates of the points (nx,) and (ny,); None if the file has none.
        unit, length_unit: units of values and coordinates; None if neither the file nor an option states them.
        cells: True if the file states that the points are centres of cells.
        note: what was done to the values, as a phrase; empty for those of the file.
    """

    name: str
    values: NDArray
    x: NDArray | None = None
    y: NDArray | None = None
    unit: str | None = None
    length_unit: str | None = None
    cells: bool = False
    note: str = ""


def select(
    contents: Contents, column: str | None, preferred: Sequence[str], others: Sequence[str] = ()
) -> tuple[Contents, str]:
    """Return the part of a file that has an array, and the name of the array.

    Args:
        contents: all arrays of a file.
        column: name of the array; None for the only array, or the one with a preferred name.
        preferred: names in order of preference.
        others: names of other quantities, which are never taken for the preferred one.

    Raises:
        ValueError: there is no such array, or a choice is necessary.
    """
    parts = contents.names
    _check_readable(contents, [column] if column else preferred)
    found = ", ".join(f"{name} {part.arrays[name].shape}" for name, part in parts.items()) or "none"
    by_lower = {name.lower(): name for name in reversed(list(parts))}
    wanted = [column, split_unit(column)[0]] if column else list(preferred)
    name = next((n for n in wanted if n in parts), None)
    name = name or next((by_lower[n.lower()] for n in wanted if n.lower() in by_lower), None)
    if name is None and not column and len(parts) == 1:
        (only,) = parts
        name = only if only not in others else None
    if name is None and column:
        raise ValueError(f"column: expected one of the arrays; they are {found}; got {column!r}")
    if name is None:
        raise ValueError(f"expected an array named {preferred[0] if preferred else 'V'}; got {found}. Give column=NAME")
    return parts[name], name


def _check_readable(contents: Contents, wanted: Sequence[str]) -> None:
    """Raise ValueError with the reason why an array with one of these names, or the only array, cannot be read."""
    reasons = {split_unit(name)[0].lower(): reason for name, reason in contents.refused.items()}
    readable = {split_unit(name)[0].lower() for name in contents.names}
    chosen = next((name for n in wanted if (name := split_unit(n)[0].lower()) in reasons.keys() | readable), None)
    if chosen in reasons.keys() - readable or (chosen is None and reasons and len(readable) < 2):
        raise ValueError(reasons.get(chosen or "", next(iter(reasons.values()))))


def field_of(contents: Contents, name: str) -> Field:
    """Return an array of a plane as a field; its coordinates are in the unit of x.

    Raises:
        ValueError: coordinates do not belong to the points, are not finite, or occur twice.
    """
    values, unit = contents.arrays[name], contents.units.get(name)
    made = Field(
        name, values, contents.x, contents.y, unit, contents.length_units.get("x"), contents.cells, contents.note
    )
    return made if made.x is None or made.y is None else _ascending(made)


def _ascending(made: Field) -> Field:
    """Return a field with ascending coordinates.

    Raises:
        ValueError: coordinates do not belong to the points, are not finite, or occur twice.
    """
    axes, values = [], made.values
    for axis, name in ((-2, "x"), (-1, "y")):
        along = np.asarray(getattr(made, name), dtype=np.float64)
        if values.ndim < 2 or along.shape != values.shape[axis : axis + 1 or None]:
            shape = values.shape
            raise ValueError(
                f"expected as many coordinates as points; {name} has shape {along.shape}, {made.name} {shape}"
            )
        if not np.isfinite(along).all():
            raise ValueError(f"expected finite coordinates; {name} has {np.count_nonzero(~np.isfinite(along))} others")
        order = np.argsort(along, kind="stable")
        along = along[order]
        if len(along) > 1 and np.diff(along).min() <= SAME * np.ptp(along):
            raise ValueError(f"expected each coordinate once; {name} has {along[np.argmin(np.diff(along))]:g} twice")
        axes.append(along)
        values = np.take(values, order, axis=axis)
    return replace(made, values=values, x=axes[0], y=axes[1])


def with_units(
    arrays: Mapping[str, NDArray],
    units: Mapping[str, str] | None = None,
    split: Callable[[str], tuple[str, str | None]] = split_unit,
) -> tuple[dict[str, NDArray], dict[str, str]]:
    """Return arrays without the units in their names, and all units by name; those of ``units`` replace others.

    A name that two arrays would have is left as it is.
    """
    plain = {name: split(name) for name in arrays}
    shared = Counter(short for short, _ in plain.values())
    short = {name: cut if shared[cut] == 1 else name for name, (cut, _) in plain.items()}
    found = {short[name]: unit for name, (_, unit) in plain.items() if unit}
    found |= {short.get(name, name): unit for name, unit in (units or {}).items()}
    return {short[name]: values for name, values in arrays.items()}, found


def in_one_unit(contents: Contents) -> Contents:
    """Return contents whose coordinates have the unit of x, or that of another axis if the file states none of x.

    Raises:
        ValueError: a unit is not known, and those of other axes differ from it.
    """
    units = {axis: canonical_length(unit) for axis, unit in contents.length_units.items()}
    if not units:
        return contents
    common = next(units[axis] for axis in ("x", "y", "z") if axis in units)
    if strange := [f"{axis} in {unit!r}" for axis, unit in units.items() if unit != common and unit not in LENGTHS]:
        raise ValueError(f"expected coordinates in {', '.join(LENGTHS)}; got {', '.join(strange)}")
    if common not in LENGTHS and set(units.values()) != {common}:
        raise ValueError(f"expected coordinates in {', '.join(LENGTHS)}; got {common!r}")
    scaled = {
        axis: getattr(contents, axis) * (LENGTHS[units[axis]] / LENGTHS[common])
        for axis in units
        if units[axis] != common and getattr(contents, axis) is not None
    }
    return replace(contents, **scaled, length_units=dict.fromkeys(("x", "y", "z"), common))


def gridded(
    x: NDArray, y: NDArray, arrays: Mapping[str, NDArray]
) -> tuple[NDArray, NDArray, dict[str, NDArray[np.float64]]]:
    """Return coordinates (nx,) and (ny,) and arrays (nx, ny, ...) of points in any order.

    Args:
        x, y: coordinates of all points (P,).
        arrays: values at the points (P, ...), by name.

    Raises:
        ValueError: the points are not all points of a rectangular grid, each once.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("expected finite coordinates x and y")
    (along_x, at_x), (along_y, at_y) = levels(x), levels(y)
    nx, ny = len(along_x), len(along_y)
    if nx < 2 or ny < 2:
        raise ValueError(f"expected points in a plane; x has {nx} values and y has {ny}")
    place = at_x * ny + at_y
    counts = np.bincount(place, minlength=nx * ny) if nx * ny <= 4 * len(x) + 16 else np.zeros(1, dtype=int)
    if len(counts) != nx * ny or (counts != 1).any():
        what = f"{len(x)} points with {nx} values of x and {ny} of y"
        where = ""
        if len(counts) == nx * ny:
            bad = int(np.argmax(counts != 1))
            state = "missing" if counts[bad] == 0 else "there more than once"
            where = f"; ({along_x[bad // ny]:g}, {along_y[bad % ny]:g}) is {state}"
        raise ValueError(f"expected each point of a rectangular grid once; got {what}{where}")
    order = np.argsort(place)
    return along_x, along_y, {name: v[order].reshape(nx, ny, *v.shape[1:]) for name, v in arrays.items()}


def levels(values: NDArray) -> tuple[NDArray, NDArray]:
    """Return distinct coordinates in ascending order, and the number of the coordinate of each point."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    new = np.diff(ordered) > SAME * max(float(np.ptp(values)), np.finfo(float).tiny)
    number = np.concatenate([[0], np.cumsum(new)])
    at = np.empty(len(values), dtype=np.int64)
    at[order] = number
    return ordered[np.concatenate([[True], new])], at
