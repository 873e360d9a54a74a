"""Files of MATLAB (.mat), versions 5 to 7.2 here and 7.3 through HDF5.

The format of version 5 is documented in "MAT-File Format" (MathWorks, R2024b), chapter 1. Only arrays of numbers are
read. ``scipy.io.loadmat`` is not used: damaged files can end the process in it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.arrays import with_coordinates
from qd_pix2pix.fields.field import Contents, with_units
from qd_pix2pix.fields.hdf5 import read_hdf5

NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Types of stored numbers."""
MATRIX, COMPRESSED = 14, 15
CLASSES = dict(zip(range(6, 16), ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"), strict=True))
"""Types of arrays; they may be stored in smaller ones."""
STRUCTURES = (1, 2)
"""Types of cells and structures."""
STRUCTURE = "has no array of numbers but in structures or cells; save it as an array, V = dot.V; save('dot.mat', 'V')"
COMPLEX = 0x08
LARGEST = 2**31
"""Largest number of bytes of one array."""


def read_mat(path: Path) -> Contents:
    """Return the arrays of numbers of a .mat file.

    Raises:
        ValueError: the file is damaged, or of version 4.
    """
    content = path.read_bytes()
    if b"MATLAB 7.3" in content[:128] or content.startswith(b"\x89HDF"):
        return read_hdf5(path)
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise ValueError("is damaged or of version 4; save it in MATLAB with the option -v7")
    found = dict(_matrices(content[128:], order))
    arrays = {name: values for name, values in found.items() if values is not None}
    if found and not arrays:
        return Contents({}, refused=dict.fromkeys(found, STRUCTURE))
    return with_coordinates(*with_units(arrays))


def _matrices(content: bytes, order: str) -> Iterator[tuple[str, NDArray | None]]:
    """Yield the names and the values of arrays of numbers; None for a structure or cells."""
    for kind, data in _elements(content, order):
        if kind == COMPRESSED:
            inflater = zlib.decompressobj()
            yield from _matrices(inflater.decompress(data, LARGEST), order)
            if inflater.unconsumed_tail:
                raise ValueError(f"an array has more than {LARGEST} bytes")
        elif kind == MATRIX and (found := _matrix(data, order)):
            yield found


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the types and the bytes of data elements; those of four bytes or fewer stand in their tag."""
    at = 0
    while at < len(content):
        if at + 8 > len(content):
            raise ValueError("is truncated: an element has no tag")
        kind, size = (int(v) for v in np.frombuffer(content[at : at + 8], f"{order}u4"))
        if kind >> 16:
            start, kind, size = at + 4, kind & 0xFFFF, min(kind >> 16, 4)
            following = at + 8
        else:
            start = at + 8
            following = start + (size if kind == COMPRESSED else size + -size % 8)
        if start + size > len(content):
            raise ValueError(f"is truncated: expected {size} bytes of an element, got {len(content) - start}")
        yield kind, content[start : start + size]
        at = following


def _matrix(data: bytes, order: str) -> tuple[str, NDArray | None] | None:
    """Return the name and the values of an array, None for a structure or cells; nothing for text and all else."""
    parts = _elements(data, order)
    flags = int(np.frombuffer(next(parts, (0, b""))[1][:4], f"{order}u4").sum())
    if flags & 0xFF not in (*CLASSES, *STRUCTURES):
        return None
    rest = list(parts)
    if len(rest) < 3 or rest[0][0] != 5:
        raise ValueError("is damaged: an array has no shape, name or values")
    name = rest[1][1].decode("ascii", "replace")
    if flags & 0xFF in STRUCTURES:
        return name, None
    shape = tuple(int(n) for n in np.frombuffer(rest[0][1], f"{order}i4"))
    if min(shape, default=0) < 0:
        raise ValueError(f"is damaged: an array has the shape {shape}")
    values = [_numbers(kind, part, order) for kind, part in rest[2 : 4 if (flags >> 8) & COMPLEX else 3]]
    made = values[0] if len(values) == 1 else values[0] + 1j * values[1]
    dtype = CLASSES[flags & 0xFF] if len(values) == 1 else made.dtype
    return name, made.astype(dtype).reshape(shape, order="F")


def _numbers(kind: int, data: bytes, order: str) -> NDArray:
    if kind not in NUMBERS:
        raise ValueError(f"is damaged: an array has values of the unknown type {kind}")
    return np.frombuffer(data, order + NUMBERS[kind])
