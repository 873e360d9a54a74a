"""Legacy files of VTK (.vtk): text or big-endian binary, with the points of a plane.

The format is documented at https://docs.vtk.org/en/latest/design_documents/VTKFileFormats.html.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.field import Contents
from qd_pix2pix.fields.vtk_grid import on_axes, on_points

TYPES = {
    **{"float": "f4", "double": "f8", "char": "i1", "unsigned_char": "u1", "short": "i2", "unsigned_short": "u2"},
    **{"int": "i4", "unsigned_int": "u4", "long": "i8", "unsigned_long": "u8", "vtktypeint64": "i8", "vtkidtype": "i8"},
}


class Scanner:
    """A position in the bytes of a legacy file.

    Args:
        content: all bytes of the file.
    """

    def __init__(self, content: bytes) -> None:
        lines = content.split(b"\n", 3)
        if len(lines) < 4 or not lines[0].startswith(b"# vtk DataFile"):
            raise ValueError("is no file of VTK: its first line is not '# vtk DataFile Version ...'")
        self.content, self.at = content, sum(len(line) + 1 for line in lines[:3])
        self.binary = lines[2].strip().upper() == b"BINARY"

    def entry(self) -> str:
        """Return the next entry; an empty text at the end."""
        while self.at < len(self.content) and self.content[self.at : self.at + 1].isspace():
            self.at += 1
        end = self.at
        while end < len(self.content) and not self.content[end : end + 1].isspace():
            end += 1
        found, self.at = self.content[self.at : end].decode("ascii", "replace"), end
        return found

    def whole(self) -> int:
        """Return the next entry as a whole number."""
        return int(self.entry())

    def line(self) -> list[str]:
        """Return the entries up to the end of the line."""
        end = self.content.find(b"\n", self.at)
        end = end if end >= 0 else len(self.content)
        found, self.at = self.content[self.at : end].decode("ascii", "replace").split(), end
        return found

    def values(self, count: int, kind: str) -> NDArray:
        """Return ``count`` numbers."""
        if kind.lower() not in TYPES:
            raise ValueError(f"expected numbers, got the type {kind}")
        if not 0 <= count <= len(self.content):
            raise ValueError(f"is truncated: {count} values do not fit into it")
        if not self.binary:
            entries = self.content[self.at :].split(None, count)
            self.at = len(self.content) - len(entries[count]) if len(entries) > count else len(self.content)
            if len(entries) < count:
                raise ValueError(f"is truncated: expected {count} values, got {len(entries)}")
            return np.array(entries[:count]).astype(np.float64).astype(TYPES[kind.lower()])
        dtype = np.dtype(">" + TYPES[kind.lower()])
        start = self.content.find(b"\n", self.at) + 1
        self.at = start + count * dtype.itemsize
        if start == 0 or self.at > len(self.content):
            raise ValueError(f"is truncated: {count} values do not fit into it")
        return np.frombuffer(self.content[start : self.at], dtype)


def read_vtk_legacy(path: Path) -> Contents:
    """Return the scalars of a plane or a volume, at its points or, without any there, in its cells.

    Raises:
        ValueError: the file is damaged, or its points are no rectangular grid.
    """
    scan = Scanner(path.read_bytes())
    if scan.entry().upper() != "DATASET":
        raise ValueError("expected DATASET in its fourth line")
    kind = scan.entry().upper()
    numbers, points, cells = _parts(scan)
    if not points and not cells:
        raise ValueError("has no scalar values at points or in cells")
    if kind in ("STRUCTURED_POINTS", "RECTILINEAR_GRID"):
        return on_axes(_axes(kind, numbers), points or cells, cells=not points)
    if "POINTS" not in numbers or not points:
        raise ValueError(f"expected values at the points of a {kind}")
    return on_points(numbers["POINTS"].reshape(-1, 3).astype(np.float64), points)


def _parts(scan: Scanner) -> tuple[dict[str, NDArray], dict[str, NDArray], dict[str, NDArray]]:
    """Return the numbers of the geometry, and the scalars at points and in cells, by name."""
    numbers: dict[str, NDArray] = {}
    found: dict[str, dict[str, NDArray]] = {"POINT_DATA": {}, "CELL_DATA": {}}
    section, size = "", 0
    while part := scan.entry().upper():
        if part in found:
            section, size = part, scan.whole()
        elif part in ATTRIBUTES and section:
            found[section] |= ATTRIBUTES[part](scan, size)
        elif part in GEOMETRY:
            numbers[part] = GEOMETRY[part](scan)
        elif part == "FIELD":
            _field(scan)
        elif part == "METADATA":
            _skip_metadata(scan)
        else:
            raise ValueError(f"has a part {part[:40]!r} that is not read; save scalars at the points of a grid")
    return numbers, found["POINT_DATA"], found["CELL_DATA"]


def _axes(kind: str, numbers: dict[str, NDArray]) -> list[NDArray]:
    wanted = ["DIMENSIONS", *(["ORIGIN"] if kind == "STRUCTURED_POINTS" else [f"{a}_COORDINATES" for a in "XYZ"])]
    if missing := [name for name in wanted if name not in numbers]:
        raise ValueError(f"has no {missing[0]}")
    if kind == "RECTILINEAR_GRID":
        return [numbers[f"{axis}_COORDINATES"].astype(np.float64) for axis in "XYZ"]
    spacing = numbers.get("SPACING", numbers.get("ASPECT_RATIO", np.ones(3)))
    sizes = numbers["DIMENSIONS"].astype(int)
    return [o + s * np.arange(n) for o, s, n in zip(numbers["ORIGIN"], spacing, sizes, strict=True)]


def _three(scan: Scanner) -> NDArray:
    return np.array([float(scan.entry()) for _ in range(3)])


def _counted(components: int) -> Callable[[Scanner], NDArray]:
    def read(scan: Scanner) -> NDArray:
        count = scan.whole()
        return scan.values(count * components, scan.entry())

    return read


def _cells(scan: Scanner) -> NDArray:
    """Pass over the cells of an unstructured grid: up to version 4.2 one list of integers, from 5.1 on two arrays."""
    first, second = scan.whole(), scan.whole()
    before = scan.at
    if scan.entry().upper() != "OFFSETS":
        scan.at = before
        return scan.values(second, "int")
    scan.values(first, scan.entry())
    if scan.entry().upper() != "CONNECTIVITY":
        raise ValueError("expected CONNECTIVITY of its cells")
    return scan.values(second, scan.entry())


def _scalars(scan: Scanner, size: int) -> dict[str, NDArray]:
    name, kind, *components = scan.line()
    width = int(components[0]) if components else 1
    before = scan.at
    if scan.entry().upper() == "LOOKUP_TABLE":
        scan.entry()
    else:
        scan.at = before
    values = scan.values(size * width, kind)
    return {name: values} if width == 1 else {}


def _field(scan: Scanner, size: int = 0) -> dict[str, NDArray]:
    scan.entry()
    found = {}
    for _ in range(scan.whole()):
        name = scan.entry()
        if name.upper() == "METADATA":
            _skip_metadata(scan)
            name = scan.entry()
        components, tuples, kind = scan.whole(), scan.whole(), scan.entry()
        values = scan.values(components * tuples, kind)
        if components == 1:
            found[name.replace("%20", " ")] = values
    return found


def _passed(components: int) -> Callable[[Scanner, int], dict[str, NDArray]]:
    """Return a function that passes over values with several components."""

    def read(scan: Scanner, size: int) -> dict[str, NDArray]:
        _, kind = scan.line()[:2]
        scan.values(components * size, kind)
        return {}

    return read


def _coordinates_of_texture(scan: Scanner, size: int) -> dict[str, NDArray]:
    _, components, kind = scan.line()[:3]
    scan.values(int(components) * size, kind)
    return {}


def _colours(scan: Scanner, size: int) -> dict[str, NDArray]:
    _, components = scan.line()[:2]
    scan.values(int(components) * size, "unsigned_char" if scan.binary else "float")
    return {}


def _colour_table(scan: Scanner, size: int) -> dict[str, NDArray]:
    _, colours = scan.line()[:2]
    scan.values(4 * int(colours), "unsigned_char" if scan.binary else "float")
    return {}


def _skip_metadata(scan: Scanner) -> None:
    """Pass over remarks up to the next empty line."""
    scan.line()
    while scan.at < len(scan.content):
        scan.at += 1
        if not scan.line():
            return


GEOMETRY: dict[str, Callable[[Scanner], NDArray]] = {
    **{name: _three for name in ("DIMENSIONS", "ORIGIN", "SPACING", "ASPECT_RATIO")},
    **{f"{axis}_COORDINATES": _counted(1) for axis in "XYZ"},
    "POINTS": _counted(3),
    **dict.fromkeys(("CELLS", "VERTICES", "LINES", "POLYGONS", "TRIANGLE_STRIPS"), _cells),
    "CELL_TYPES": lambda scan: scan.values(scan.whole(), "int"),
}
ATTRIBUTES: dict[str, Callable[[Scanner, int], dict[str, NDArray]]] = {
    **{"SCALARS": _scalars, "FIELD": _field, "VECTORS": _passed(3), "NORMALS": _passed(3), "TENSORS": _passed(9)},
    **{"COLOR_SCALARS": _colours, "LOOKUP_TABLE": _colour_table, "TEXTURE_COORDINATES": _coordinates_of_texture},
}
