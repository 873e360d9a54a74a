"""NetCDF files (.nc), through xarray: axes by the names of dimensions and coordinates, units from the attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from qd_pix2pix.fields.arrays import NUMBERS, with_coordinates
from qd_pix2pix.fields.axes import KINDS, axis_of, places, plane
from qd_pix2pix.fields.field import Contents, with_units
from qd_pix2pix.fields.units import split_unit, unit_in


def read_netcdf(path: Path) -> Contents:
    """Return the variables of a netCDF file with two dimensions or more, with the axes x and y last.

    These are the dimensions with such a name (``axes.KINDS``), or with coordinates of such a name; or coordinates are
    arrays as of ``meshgrid``. Without such names they are the last two. A third one named z makes a volume. Fill values
    become NaN.
    """
    import xarray

    with xarray.open_dataset(path, decode_times=False) as data:
        mesh = _mesh(data)
        fields = [v for name, v in data.data_vars.items() if name not in mesh.values()]
        wanted = [v for v in fields if v.ndim >= 2 and v.dtype.kind in NUMBERS]
        if not wanted:
            raise ValueError("has no variable with two dimensions")
        pairs: dict[tuple[str, ...], list[Any]] = {}
        refused: dict[str, str] = {}
        for variable in wanted:
            try:
                pairs.setdefault(_axes(data, tuple(map(str, variable.dims)), mesh), []).append(variable)
            except ValueError as error:
                refused[str(variable.name)] = str(error)
        parts = [_part(data, axes, found) if axes else _on_mesh(data, mesh, found) for axes, found in pairs.items()]
        parts = parts or [Contents({})]
        return replace(parts[0], beside=tuple(parts[1:]), refused=refused)


def _mesh(data: Any) -> dict[str, str]:
    """Return the names of arrays x and y with the same two dimensions, as of ``meshgrid``; none without both."""
    names = [str(name) for name, v in data.variables.items() if v.ndim == 2 and v.dtype.kind in "fiu"]
    at = places([split_unit(name)[0] for name in names])
    mesh = {axis: names[at[axis]] for axis in "xy" if axis in at}
    alike = len(mesh) == 2 and set(data[mesh["x"]].dims) == set(data[mesh["y"]].dims)
    return mesh if alike else {}


def _axes(data: Any, dims: Sequence[str], mesh: dict[str, str]) -> tuple[str, ...]:
    """Return the dimensions x and y; none if the coordinates of all points state these instead.

    Raises:
        ValueError: names and coordinates contradict each other, or state only one of x and y.
    """
    axes = [_axis(data, dim) for dim in dims]
    if mesh and set(data[mesh["x"]].dims) <= set(dims):
        own = [axis for dim, axis in zip(dims, axes, strict=True) if axis and _coordinate(data, dim, indices=False)]
        if not {"x", "y"} <= set(own):
            return ()
    x, y = plane(axes, dims) or (-2, -1)
    return dims[x], dims[y]


def _along(data: Any, dim: str) -> dict[str, str]:
    """Return the names of vectors along a dimension, and these names without units."""
    vectors = [str(name) for name, v in data.variables.items() if v.dims == (dim,) and v.dtype.kind in "fiu"]
    return {name: split_unit(name)[0] for name in vectors}


def _axis(data: Any, dim: str) -> str | None:
    """Return the axis that the name of a dimension, coordinates along it, or their attributes state.

    Raises:
        ValueError: these contradict each other.
    """
    stated = {name: axis_of(short) for name, short in ({dim: split_unit(dim)[0]} | _along(data, dim)).items()}
    attributes = data[dim].attrs if dim in data.variables else {}
    given = (axis_of(str(attributes.get(name, ""))) for name in ("axis", "standard_name", "long_name"))
    axes = {axis: name for name, axis in stated.items() if axis} or {axis: dim for axis in given if axis}
    if len(axes) > 1:
        raise ValueError(f"expected coordinates x along the dimension x; got {axes.popitem()[1]} along {dim}")
    return next(iter(axes), None)


def _coordinate(data: Any, dim: str, indices: bool = True) -> str | None:
    """Return the name of the coordinates along a dimension: x before x_pos, and this before indices, such as nx."""
    vectors = {name: short for name, short in _along(data, dim).items() if indices or not KINDS[-1].match(short)}
    at = places(list(vectors.values()))
    return next((list(vectors)[i] for i in at.values()), dim if dim in vectors else None)


def _part(data: Any, axes: tuple[str, ...], wanted: Sequence[Any]) -> Contents:
    """Return the variables with these dimensions x and y."""
    x, y = axes
    # without names the order of the file is kept: the last two dimensions are x and y
    arrays, units = _values(wanted, axes)
    z = next((dim for v in wanted for dim in v.dims if set(v.dims) == {x, y, dim} and _axis(data, dim) == "z"), "")
    names = {axis: name for axis, dim in (("x", x), ("y", y), ("z", z)) if dim and (name := _coordinate(data, dim))}
    points = {axis: data[name].to_numpy() for axis, name in names.items()}
    if "x" not in points or "y" not in points:
        return Contents(arrays, units=units, z=points.get("z"))
    return Contents(arrays, points["x"], points["y"], units, _lengths(data, names), z=points.get("z"))


def _on_mesh(data: Any, mesh: dict[str, str], wanted: Sequence[Any]) -> Contents:
    """Return the variables at points whose coordinates x and y are arrays."""
    dims = data[mesh["x"]].dims
    arrays, units = _values(wanted, dims)
    points = {axis: data[name].transpose(*dims).to_numpy() for axis, name in mesh.items()}
    return with_coordinates(arrays | points, units | _lengths(data, mesh))


def _values(wanted: Sequence[Any], last: Sequence[str]) -> tuple[dict[str, NDArray], dict[str, str]]:
    """Return the values of variables, with these dimensions last, and their units, by their names without units."""
    values = {str(v.name): v.transpose(..., *last).to_numpy() for v in wanted}
    return with_units(values, {str(v.name): unit for v in wanted if (unit := unit_in(v.attrs))})


def _lengths(data: Any, names: dict[str, str]) -> dict[str, str]:
    """Return the units of coordinates by their axes: attributes, otherwise those in their names."""
    units = {axis: unit_in(data[name].attrs) or split_unit(name)[1] or "" for axis, name in names.items()}
    return {axis: unit for axis, unit in units.items() if unit}
