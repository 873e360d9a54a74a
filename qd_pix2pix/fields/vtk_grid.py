"""What the formats of VTK have in common: points of a plane or a volume, in an order in which x changes fastest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.field import Contents, gridded, with_units
from qd_pix2pix.fields.layers import volume

VALID, GHOSTS = "vtkValidPointMask", "vtkGhostType"
"""Arrays that ParaView adds: 0 at points that a resampled grid has outside of the data, and marks for its display."""


def on_axes(axes: Sequence[NDArray], arrays: Mapping[str, NDArray], cells: bool = False) -> Contents:
    """Return the contents of a plane or a volume of a rectilinear grid.

    Args:
        axes: coordinates of the points along x, y and z; in a plane one of the axes has a single point.
        arrays: values at all points, or with ``cells`` in all cells, with x fastest.
        cells: values belong to the cells between the points; the points are then their centres.

    Raises:
        ValueError: the grid is a line, or values do not fit it.
    """
    used = [axis for axis in axes if len(axis) > 1]
    if len(used) < 2:
        raise ValueError(f"expected points in a plane, got {' x '.join(str(len(axis)) for axis in axes)} points")
    x, y, *z = ((axis[1:] + axis[:-1]) / 2 if cells else axis for axis in used)
    shape = (*(len(axis) for axis in z), len(y), len(x))
    for name, values in arrays.items():
        if values.shape != (math.prod(shape),):
            raise ValueError(f"expected {math.prod(shape)} values of {name}, got shape {values.shape}")
    shaped = {name: values.reshape(shape).swapaxes(-1, -2) for name, values in _inside(arrays).items()}
    plain, units = with_units(shaped)
    return Contents(plain, x, y, units, cells=cells, z=z[0] if z else None)


def on_points(points: NDArray, arrays: Mapping[str, NDArray]) -> Contents:
    """Return the contents of points (P, 3) in any order, on a rectangular grid in a plane or in a volume."""
    spans = np.ptp(points, axis=0) if len(points) else np.zeros(3)
    across = np.flatnonzero(spans > 1e-9 * spans.max(initial=0.0))
    if len(across) < 2:
        raise ValueError(f"expected points in a plane; they extend along {len(across)} axes")
    for name, values in arrays.items():
        if values.shape != (len(points),):
            raise ValueError(f"expected {len(points)} values of {name}, got shape {values.shape}")
    arrays = _inside(arrays)
    if len(across) == 3:
        x, y, z, made = volume(points, arrays)
        plain, units = with_units(made)
        return Contents(plain, x, y, units, z=z)
    x, y, made = gridded(points[:, across[0]], points[:, across[1]], arrays)
    plain, units = with_units(made)
    return Contents(plain, x, y, units)


def _inside(arrays: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """Return arrays of the data, NaN at points that are marked as outside of it."""
    fields = {name: values for name, values in arrays.items() if name not in (VALID, GHOSTS)}
    if VALID not in arrays:
        return fields
    return {name: np.where(arrays[VALID] != 0, values, np.nan) for name, values in fields.items()}
