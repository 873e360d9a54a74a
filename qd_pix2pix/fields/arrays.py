"""Arrays of NumPy (.npy, .npz), and coordinates among named arrays. Objects are never unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.axes import KINDS, axis_of, places, usual
from qd_pix2pix.fields.field import Contents, gridded, with_units
from qd_pix2pix.fields.layers import volume

NUMBERS = "fiubc"
"""Kinds of NumPy types that are numbers; complex ones are refused later, by name."""


def read_npy(path: Path) -> Contents:
    """Return the array of a .npy file, under the name of the file."""
    return Contents({path.stem: _loaded(path)[""]})


def read_npz(path: Path) -> Contents:
    """Return the arrays of a .npz file; one-dimensional ones named x and y are coordinates.

    Texts ``unit`` and ``length_unit`` are the units of the only field, and of coordinates.
    """
    loaded = _loaded(path)
    arrays, units = with_units(loaded)
    texts = {name.lower(): str(values.item()) for name, values in loaded.items() if _is_text(values)}
    fields = [n for n, v in arrays.items() if v.dtype.kind in NUMBERS and v.size > 1 and axis_of(n) is None]
    unit, length = texts.get("unit", texts.get("units")), texts.get("length_unit")
    stated = dict.fromkeys(fields, unit) if len(fields) == 1 else {}
    stated |= {name: length for name in arrays if axis_of(name)}
    return with_coordinates(arrays, {name: text for name, text in stated.items() if text} | units)


def _is_text(values: NDArray) -> bool:
    return values.dtype.kind == "U" and values.size == 1


def _loaded(path: Path) -> dict[str, NDArray]:
    """Return the arrays of a file of NumPy; that of a .npy file has no name."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        why = f" ({error})" if "pickle" not in str(error) else ""
        raise ValueError(f"is damaged, or holds Python objects instead of numbers{why}") from None


def with_coordinates(arrays: Mapping[str, NDArray], units: Mapping[str, str] | None = None) -> Contents:
    """Return contents in which arrays named x and y are coordinates, and all others with two axes or more are fields.

    Coordinates are vectors, or arrays of the shape of the field as ``meshgrid`` makes them, in either order, or lists
    of all points beside lists of values. With vectors x, y and z, fields with three axes are volumes, with z as the
    last axis or as the first, whichever fits. Other names, ``axes.KINDS`` without indices, count if their shapes fit.

    Raises:
        ValueError: coordinates do not fit the fields, or z fits both axes of a volume.
    """
    units = units or {}
    kept = {name: values for name, values in arrays.items() if values.dtype.kind in NUMBERS}
    # beside vectors x and y, arrays X and Y of all points state which axis of a field is which
    by_lower = {name.lower(): name for name in sorted(kept, key=lambda name: kept[name].squeeze().ndim)}
    by_lower |= _other_names(kept) if not {"x", "y"} & by_lower.keys() else {}
    names = [by_lower.get("x"), by_lower.get("y")]
    z = kept.get(by_lower.get("z", ""), np.zeros((2, 2))).squeeze()
    fields = {name: values for name, values in kept.items() if name not in names and values.squeeze().ndim >= 2}
    if None in names:
        return Contents(fields or kept, units=units)
    x, y = (kept[str(name)].squeeze() for name in names)
    lengths = {axis: units[by_lower[axis]] for axis in "xyz" if by_lower.get(axis) in units}
    others = {name: v.squeeze() for name, v in kept.items() if name not in (*names, by_lower.get("z"))}
    points = {name: v.ravel() for name, v in others.items() if v.shape == x.shape == y.shape}
    if points and (not fields or x.ndim == 3) and z.shape == x.shape:
        along_x, along_y, heights, made = volume(np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1), points)
        return Contents(made, along_x, along_y, units, lengths, z=heights)
    if points and not fields:
        along_x, along_y, made = gridded(x.ravel(), y.ravel(), points)
        return Contents(made, along_x, along_y, units, lengths)
    if x.ndim == y.ndim == 1:
        made = _volumes(fields, (len(x), len(y)), z.size) if z.ndim <= 1 else fields
        stacked = z.ndim <= 1 and any(values.shape == (z.size, len(x), len(y)) for values in made.values())
        return Contents(made, x, y, units, lengths, z=z.ravel() if stacked else None)
    alike = {name: values for name, values in fields.items() if values.shape[-x.ndim :] == x.shape == y.shape}
    if not alike:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in kept.items())
        raise ValueError(f"expected x and y as vectors, or of the shape of the field; got {shapes}")
    points = {name: np.moveaxis(v.reshape(*v.shape[: -x.ndim], -1), -1, 0) for name, v in alike.items()}
    along_x, along_y, made = gridded(x.ravel(), y.ravel(), points)
    return Contents(
        {name: np.moveaxis(v, (0, 1), (-2, -1)) for name, v in made.items()}, along_x, along_y, units, lengths
    )


def _other_names(arrays: Mapping[str, NDArray]) -> dict[str, str]:
    """Return arrays with other names of x and y, such as xx and yy, that have the shape of coordinates of a field."""
    axes = {name: axis_of(name) for name in arrays if any(kind.match(usual(name)) for kind in KINDS[1:-1])}
    shapes = [values.squeeze().shape for name, values in arrays.items() if name not in axes]
    fitting = [name for name, axis in axes.items() if _fits(arrays[name].squeeze().shape, axis, shapes)]
    found = {axis: fitting[i] for axis, i in places(fitting).items()}
    return found if {"x", "y"} <= found.keys() else {}


def _fits(shape: tuple[int, ...], axis: str | None, fields: Sequence[tuple[int, ...]]) -> bool:
    """Return True for the shape of a vector along an axis of a field, or for that of the points of a field."""
    if len(shape) == 1 and axis in ("x", "y"):
        return any(len(field) > 1 and field["xy".index(axis) - 2] == shape[0] for field in fields)
    return len(shape) > 1 and any(field[-len(shape) :] == shape for field in fields)


def _volumes(fields: Mapping[str, NDArray], plane: tuple[int, int], layers: int) -> dict[str, NDArray]:
    """Return fields, those of a volume with z as the first axis."""
    last = (*plane, layers)
    for name, values in fields.items():
        if values.shape == last == (layers, *plane):
            raise ValueError(
                f"expected {name} with z as the first or as the last axis; its shape {last} fits both. Leave out a "
                f"layer of {name} and z, or write a netCDF file, where dimensions have names"
            )
    return {name: np.moveaxis(values, -1, 0) if values.shape == last else values for name, values in fields.items()}
