"""HDF5 files, among them .mat files of MATLAB 7.3, whose arrays have their axes reversed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.arrays import NUMBERS, with_coordinates
from qd_pix2pix.fields.field import Contents


def read_hdf5(path: Path) -> Contents:
    """Return all arrays of numbers of an HDF5 file, by their paths; names alone where these are unique."""
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
    last = [name.rpartition("/")[2] for name in arrays]
    short = {name: tail if last.count(tail) == 1 else name for name, tail in zip(arrays, last, strict=True)}
    return with_coordinates(
        {short[name]: values for name, values in arrays.items()}, {short[name]: unit for name, unit in units.items()}
    )
