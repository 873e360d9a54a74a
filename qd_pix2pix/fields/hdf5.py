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
from qd_pix2pix.fields.field import Contents, with_units
from qd_pix2pix.fields.units import split_unit


def read_hdf5(path: Path) -> Contents:
    """Return all arrays of numbers of an HDF5 file, by their paths; names alone where these are unique.

    Coordinates are those in the group of an array, otherwise in a group above it, otherwise the only ones in the file.
    """
    import h5py

    arrays: dict[str, NDArray] = {}
    units: dict[str, str] = {}

    def visit(name: str, node: Any) -> None:
        if not isinstance(node, h5py.Dataset) or node.dtype.kind not in NUMBERS or node.ndim == 0:
            return
        if node.is_virtual or node.external:  # they name other files, of whatever kind
            raise ValueError(f"holds {name} in another file; copy it into one")
        values = node[()]
        arrays[name] = values.T if "MATLAB_class" in node.attrs else values
        unit = node.attrs.get("units", node.attrs.get("unit"))
        if isinstance(unit, (str, bytes, np.bytes_)):
            units[name] = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(visit)
    return _beside_coordinates(*with_units(arrays, units, _split_path))


def _split_path(path: str) -> tuple[str, str | None]:
    """Return a path without the unit in its last name, and this unit."""
    group, slash, name = path.rpartition("/")
    short, unit = split_unit(name)
    return f"{group}{slash}{short}", unit


def _beside_coordinates(arrays: Mapping[str, NDArray], units: Mapping[str, str]) -> Contents:
    """Return arrays by their paths, with the coordinates of each."""
    last = Counter(name.rpartition("/")[2] for name in arrays)
    short = {name: tail if last[tail := name.rpartition("/")[2]] == 1 else name for name in arrays}
    groups: dict[tuple[str | None, ...], list[str]] = {}
    for name in arrays:
        groups.setdefault(tuple(_coordinate(axis, name, arrays) for axis in "xyz"), []).append(name)
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
