"""Arrays of NumPy (.npy, .npz), and coordinates among named arrays. Objects are never unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.field import Contents, gridded, with_units

NUMBERS = "fiubc"
"""Kinds of NumPy types that are numbers; complex ones are refused later, by name."""


def read_npy(path: Path) -> Contents:
    """Return the array of a .npy file, under the name of the file."""
    return Contents({path.stem: _loaded(path)[""]})


def read_npz(path: Path) -> Contents:
    """Return the arrays of a .npz file; one-dimensional ones named x and y are coordinates."""
    return with_coordinates(*with_units(_loaded(path)))


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

    Coordinates are vectors, or arrays of the shape of the field as ``meshgrid`` makes them, in either order. With
    vectors x, y and z, fields with three axes are volumes, with z as the last axis or as the first, whichever fits.

    Raises:
        ValueError: coordinates do not fit the fields, or z fits both axes of a volume.
    """
    units = units or {}
    kept = {name: values for name, values in arrays.items() if values.dtype.kind in NUMBERS}
    by_lower = {name.lower(): name for name in kept}
    names = [by_lower.get("x"), by_lower.get("y")]
    z = kept.get(by_lower.get("z", ""), np.zeros((2, 2))).squeeze()
    fields = {name: values for name, values in kept.items() if name not in names and values.squeeze().ndim >= 2}
    if None in names:
        return Contents(fields or kept, units=units)
    x, y = (kept[str(name)].squeeze() for name in names)
    lengths = {axis: units[by_lower[axis]] for axis in "xyz" if by_lower.get(axis) in units}
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
