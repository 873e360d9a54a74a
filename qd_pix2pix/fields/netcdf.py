"""NetCDF files (.nc), through xarray: dimensions by name, units from the attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from qd_pix2pix.fields.arrays import NUMBERS
from qd_pix2pix.fields.field import Contents, with_units


def read_netcdf(path: Path) -> Contents:
    """Return the variables of a netCDF file with two dimensions or more, with the axes x and y last.

    These are the dimensions named x and y; without such names, the last two. A third one named z makes a volume. Fill
    values become NaN.
    """
    import xarray

    with xarray.open_dataset(path, decode_times=False) as data:
        wanted = [v for v in data.data_vars.values() if v.ndim >= 2 and v.dtype.kind in NUMBERS]
        if not wanted:
            raise ValueError("has no variable with two dimensions")
        axes = dict.fromkeys(_axes(variable.dims) for variable in wanted)
        parts = [_part(data, pair, [v for v in wanted if _axes(v.dims) == pair]) for pair in axes]
        return replace(parts[0], beside=tuple(parts[1:]))


def _part(data: Any, axes: tuple[str, str], wanted: Sequence[Any]) -> Contents:
    """Return the variables with these dimensions x and y."""
    x, y = axes
    # without names the order of the file is kept: the last two dimensions are x and y
    values = {str(v.name): v.transpose(..., x, y).to_numpy() for v in wanted}
    arrays, units = with_units(values, {str(v.name): str(v.attrs["units"]) for v in wanted if "units" in v.attrs})
    stacked = "z" in data.coords and any(set(v.dims) == {"z", x, y} for v in wanted)
    heights = data.coords["z"].to_numpy() if stacked else None
    along = [data.coords[axis].to_numpy() if axis in data.coords else None for axis in axes]
    if any(a is None or np.asarray(a).dtype.kind not in "fiu" for a in along):
        return Contents(arrays, units=units, z=heights)
    named = {axis: data.coords[name] for axis, name in {"x": x, "y": y, "z": "z"}.items() if name in data.coords}
    lengths = {axis: str(along.attrs["units"]) for axis, along in named.items() if "units" in along.attrs}
    return Contents(arrays, along[0], along[1], units, lengths, z=heights)


def _axes(dims: Sequence[Any]) -> tuple[str, str]:
    names = {str(dim).lower(): str(dim) for dim in dims}
    return (names["x"], names["y"]) if {"x", "y"} <= set(names) else (str(dims[-2]), str(dims[-1]))
