"""HDF5 files, among them .mat files of MATLAB 7.3, whose arrays have their axes reversed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.arrays import NUMBERS, with_coordinates
from qd_pix2pix.fields.axes import axis_of, plane
from qd_pix2pix.fields.field import Contents, with_units
from qd_pix2pix.fields.units import split_unit, unit_in


def read_hdf5(path: Path) -> Contents:
    """Return all arrays of numbers of an HDF5 file, by their paths; names alone where these are unique.

    Dimension scales and labels named x and y (``axes.KINDS``) state which axis is which; without them x is before y.
    Coordinates are these scales, otherwise those in the group of an array, otherwise in a group above it, otherwise the
    only ones in the file.
    """
    import h5py

    arrays: dict[str, NDArray] = {}
    units: dict[str, str] = {}
    scales: dict[str, dict[str, str]] = {}
    refused: dict[str, str] = {}

    def visit(name: str, node: Any) -> None:
        if not isinstance(node, h5py.Dataset) or node.dtype.kind not in NUMBERS or node.ndim == 0:
            return
        if node.is_virtual or node.external:  # they name other files, of whatever kind
            raise ValueError(f"holds {name} in another file; copy it into one")
        values = _unpacked(node)
        try:
            arrays[name], scales[name] = (values.T, {}) if "MATLAB_class" in node.attrs else _turned(node, values)
        except ValueError as error:
            refused.update(dict.fromkeys([name, name.rpartition("/")[2]], str(error)))
        if unit := unit_in(node.attrs):
            units[name] = unit

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(visit)
    plain, known = with_units(arrays, units, _split_path)
    short = dict(zip(arrays, plain, strict=True))
    own = {
        short[name]: {axis: short[path] for axis, path in axes.items() if path in short}
        for name, axes in scales.items()
    }
    return replace(_beside_coordinates(plain, known, own), refused=refused)


def _unpacked(node: Any) -> NDArray:
    """Return the values of an array; netCDF may store them as whole numbers with a scale, and has values for none."""
    stored = node[()]
    names = ("scale_factor", "add_offset", "_FillValue")
    scale, offset, fill = (np.ravel(node.attrs.get(name, ())) for name in names)
    values = stored * (scale[0] if scale.size else 1) + (offset[0] if offset.size else 0)
    return np.where(stored == fill[0], np.nan, values) if fill.size else values


def _turned(node: Any, values: NDArray) -> tuple[NDArray, dict[str, str]]:
    """Return the values of an array with the axes x and y last, where these are named, and the paths of its scales.

    Raises:
        ValueError: only one of x and y is named, or a scale has another name than the label.
    """
    if node.ndim < 2 or _has_mesh(node):  # vectors are scales themselves, and arrays x and y determine the axes
        return values, {}
    axes, names, paths = [], [], {}
    for dim, length in zip(node.dims, node.shape, strict=True):
        scale = next((scale for scale in dim.values() if scale.shape == (length,)), None)
        path = ((scale.name if scale is not None else None) or "").lstrip("/")
        tail = path.rpartition("/")[2]
        label, own = (axis_of(split_unit(name)[0]) for name in (dim.label, tail))
        if label and own and label != own:
            raise ValueError(f"expected scales of the names of their dimensions; {tail} lies along {dim.label}")
        axes.append(label or own)
        names.append(dim.label or tail)
        if axes[-1] and _has_values(scale):
            paths[axes[-1]] = path
    at = plane(axes, names)
    if at is None:
        return values, {}
    return values.transpose(*(i for i in range(values.ndim) if i not in at), *at), paths


def _has_mesh(node: Any) -> bool:
    """Return True if an array beside this one, or it itself, is named x or y and has several axes."""
    beside = [other for name, other in node.parent.items() if split_unit(name)[0].lower() in ("x", "y")]
    return any(getattr(other, "ndim", 0) > 1 and min(other.shape) > 1 for other in beside)


def _has_values(scale: Any) -> bool:
    """Return True for coordinates; scales of netCDF that only name a dimension hold zeros."""
    return (
        scale is not None
        and scale.dtype.kind in "fiu"
        and b"but not a netCDF variable" not in scale.attrs.get("NAME", b"")
    )


def _split_path(path: str) -> tuple[str, str | None]:
    """Return a path without the unit in its last name, and this unit."""
    group, slash, name = path.rpartition("/")
    short, unit = split_unit(name)
    return f"{group}{slash}{short}", unit


def _beside_coordinates(
    arrays: Mapping[str, NDArray], units: Mapping[str, str], scales: Mapping[str, Mapping[str, str]]
) -> Contents:
    """Return arrays by their paths, with the coordinates of each: its scales, or those of ``_coordinate``."""
    last = Counter(name.rpartition("/")[2] for name in arrays)
    short = {name: tail if last[tail := name.rpartition("/")[2]] == 1 else name for name in arrays}
    groups: dict[tuple[str | None, ...], list[str]] = {}
    for name in arrays:
        paths = tuple(scales[name].get(axis) or _coordinate(axis, name, arrays) for axis in "xyz")
        groups.setdefault(paths, []).append(name)
    made = []
    for paths, names in groups.items():
        known = {axis: path for axis, path in zip("xyz", paths, strict=True) if path} if all(paths[:2]) else {}
        own = {short[name]: name for name in names if name not in known.values()} | known
        stated = {name: units[path] for name, path in own.items() if path in units}
        made.append(with_coordinates({name: arrays[path] for name, path in own.items()}, stated))
    made = [part for part in made if part.arrays] or made or [Contents({})]
    return replace(made[0], beside=tuple(made[1:]))


def _coordinate(axis: str, name: str, arrays: Mapping[str, NDArray]) -> str | None:
    """Return the path of the coordinates of an array: in its group, in one above, or the only ones in the file."""
    known = {
        path.rpartition("/")[0]: path
        for path, values in arrays.items()
        if path.rpartition("/")[2].lower() == axis and (axis != "z" or values.squeeze().ndim < 2)
    }
    group = name.rpartition("/")[0]
    while group and group not in known:
        group = group.rpartition("/")[0]
    return known.get(group, next(iter(known.values())) if len(known) == 1 else None)
