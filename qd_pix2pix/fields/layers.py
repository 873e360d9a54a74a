"""Volumes in files, of which one layer, a plane at a height z, is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.field import Contents, gridded, levels
from solvers.checks import check_number

SAME = 1e-9
"""Distance from a layer, over the height of the volume, up to which z is that of the layer."""


def layer(contents: Contents, z: float | None) -> Contents:
    """Return the plane at the height ``z``, interpolated linearly between two layers; a plane is returned as it is.

    Raises:
        ValueError: the file has layers and there is no z, z is beyond them, or the file has none.
    """
    if z is not None:
        check_number("z", z)
    if contents.z is None:
        if z is not None:
            raise ValueError("z: the file holds a plane, not a volume; leave it out")
        return contents
    heights = np.asarray(contents.z, dtype=np.float64)
    if len(heights) == 1 and z in (None, heights[0]):
        planes = {name: v[0] if v.ndim == 3 and len(v) == 1 else v for name, v in contents.arrays.items()}
        return replace(contents, arrays=planes, z=None)
    order = np.argsort(heights, kind="stable")
    heights = heights[order]
    extent = f"{len(heights)} layer{'s' * (len(heights) > 1)} at z = {heights[0]:g} ... {heights[-1]:g}"
    if not np.isfinite(heights).all() or (np.diff(heights) <= 0).any():
        raise ValueError("expected finite heights z of the layers, each once")
    if z is None:
        raise ValueError(f"holds a volume of {extent}; give the height of one, z=... in evaluate.py and solve.py")
    slack = SAME * float(np.ptp(heights))
    if len(heights) < 2 or not heights[0] - slack <= z <= heights[-1] + slack:
        raise ValueError(f"z: expected a height within {extent}, got {z:g}")
    above = int(np.clip(np.searchsorted(heights, z), 1, len(heights) - 1))
    share = float(np.clip((z - heights[above - 1]) / (heights[above] - heights[above - 1]), 0.0, 1.0))
    near = {0.0: above - 1, 1.0: above}.get(round(share, 9))
    found: dict[str, NDArray] = {}
    for name, values in contents.arrays.items():
        if values.ndim != 3 or len(values) != len(heights):
            found[name] = values  # a plane beside the volume
            continue
        below, over = (values[order[i]] for i in (above - 1, above))
        found[name] = values[order[near]] if near is not None else (1 - share) * below + share * over
    between = "" if near is not None else f", linear between {heights[above - 1]:g} and {heights[above]:g}"
    return replace(contents, arrays=found, z=None, note=f"layer at z = {z:g}{between}")


def volume(points: NDArray, arrays: Mapping[str, NDArray]) -> tuple[NDArray, NDArray, NDArray, dict[str, NDArray]]:
    """Return coordinates (nx,), (ny,), (nz,) and arrays (nz, nx, ny) of points (P, 3) in any order.

    Raises:
        ValueError: the points are not all points of a rectangular grid, each once.
    """
    x, y, z = points.T
    if not np.isfinite(z).all():
        raise ValueError("expected finite coordinates z")
    heights, at = levels(z)
    parts = [gridded(x[at == i], y[at == i], {n: v[at == i] for n, v in arrays.items()}) for i in range(len(heights))]
    along_x, along_y, _ = parts[0]
    for other_x, other_y, _ in parts:
        if other_x.shape != along_x.shape or other_y.shape != along_y.shape:
            raise ValueError("expected the same points x and y in all layers z")
    return along_x, along_y, heights, {name: np.stack([part[2][name] for part in parts]) for name in arrays}
