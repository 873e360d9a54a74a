"""AVS field files (.fld), as nextnano writes them: a header that names the files of the values and coordinates.

The format is documented at https://paulbourke.net/dataformats/field and, for nextnano, at
https://www.nextnano.com/documentation/tools/nextnanoplus/simulation_output.html. Values are text or binary, in the
header's file or beside it. Rectilinear and uniform fields in a plane or a volume are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.field import Contents
from qd_pix2pix.fields.vtk_grid import on_axes

TYPES = {"byte": "u1", "short": "i2", "integer": "i4", "int": "i4", "float": "f4", "double": "f8"}
TYPES |= {f"xdr_{name}": f">{TYPES[name]}" for name in ("short", "integer", "float", "double")}
SETTING = re.compile(r"(\w+)\s*=\s*(\S+)")
HEADER = 2**16
"""Bytes within which the header ends."""


@dataclass(frozen=True)
class Source:
    """The place of one array: a file, what comes before the values, and the distance between them."""

    file: str
    filetype: str
    skip: int
    offset: int
    stride: int


@dataclass(frozen=True)
class Header:
    """The header of a field file: sizes, binary type, names of the variables, and the places of all arrays."""

    sizes: tuple[int, ...]
    dtype: str
    kind: str
    labels: list[str]
    variables: list[Source]
    coordinates: list[Source]


def read_avs(path: Path) -> Contents:
    """Return the variables of a field file.

    Raises:
        ValueError: a part is missing or damaged, or the points are not those of a rectangular grid.
    """
    header = _header(path)
    count = int(np.prod(header.sizes))
    values = [_values(path, source, count, header.dtype) for source in header.variables]
    if header.kind == "rectilinear" and len(header.coordinates) == len(header.sizes):
        pairs = zip(header.coordinates, header.sizes, strict=True)
        axes = [_values(path, source, size, header.dtype).astype(np.float64) for source, size in pairs]
    elif header.kind == "uniform" and not header.coordinates:
        axes = [np.arange(size, dtype=np.float64) for size in header.sizes]
    else:
        raise ValueError(f"expected a rectilinear field with coordinates for each axis, got a field {header.kind}")
    made = on_axes([*axes, np.zeros(1)][: max(3, len(axes))], dict(zip(header.labels, values, strict=True)))
    return made if header.kind == "rectilinear" else Contents(made.arrays, units=made.units, z=made.z)


def companions(path: Path) -> list[Path]:
    """Return all files that belong to a field file, itself first."""
    header = _header(path)
    named = {source.file: None for source in [*header.variables, *header.coordinates]}
    return list(dict.fromkeys([path, *(_beside(path, name) for name in named)]))


def _beside(path: Path, name: str) -> Path:
    """Return a file in the folder of the field file; others are never opened."""
    found = path.parent / PureWindowsPath(name).name
    if not found.is_file():
        raise ValueError(f"names {found.name}, which is not beside it")
    return found


def _header(path: Path) -> Header:
    text = path.read_bytes()[:HEADER].decode("utf-8", "replace")
    if not text.startswith("# AVS"):
        raise ValueError("is no AVS field file: its first line does not begin with '# AVS'")
    settings: dict[str, str] = {}
    labels: list[str] = []
    places: dict[str, dict[int, Source]] = {"variable": {}, "coord": {}}
    for line in text.split("\f")[0].splitlines():
        plain = line.partition("#")[0].strip()
        kind, _, rest = plain.partition(" ")
        if kind in places and (index := re.match(r"\s*(\d+)\s", rest)):
            places[kind][int(index[1])] = _source(plain)
        elif plain.lower().startswith("label") and "=" in plain:
            labels.append(plain.partition("=")[2].strip())
        else:
            settings |= {key.lower(): value.lower() for key, value in SETTING.findall(plain)}
    dims = int(settings.get("ndim", 0))
    sizes = tuple(int(settings.get(f"dim{i + 1}", 0)) for i in range(dims))
    dtype, number = settings.get("data", ""), int(settings.get("veclen", 1))
    if not sizes or min(sizes) < 1 or dtype not in TYPES or len(places["variable"]) != number:
        raise ValueError(
            f"expected ndim, dim1, dim2, data and a line for each of {number} variables; got {dims} axes of sizes "
            f"{sizes}, data = {dtype or 'nothing'}, {len(places['variable'])} variables"
        )
    ordered = {kind: [found[i] for i in sorted(found)] for kind, found in places.items()}
    names = _names(labels, number)
    return Header(sizes, TYPES[dtype], settings.get("field", ""), names, ordered["variable"], ordered["coord"])


def _names(labels: list[str], number: int) -> list[str]:
    """Return the names of the variables: one label a line, or all of them in one line."""
    if len(labels) == number:
        return labels
    entries = [entry for label in labels for entry in label.split()]
    return entries if len(entries) == number else [f"variable {i + 1}" for i in range(number)]


def _source(line: str) -> Source:
    given = dict(SETTING.findall(line))
    numbers = {name: int(given.get(name, default)) for name, default in (("skip", 0), ("offset", 0), ("stride", 1))}
    if "file" not in given or min(numbers.values()) < 0 or numbers["stride"] < 1:
        raise ValueError(f"expected file=, skip=, offset= and stride= in {line!r}")
    return Source(given["file"], given.get("filetype", "ascii"), **numbers)


def _values(path: Path, source: Source, count: int, dtype: str) -> NDArray:
    """Return ``count`` values; text skips lines and binary files skip bytes."""
    content = _beside(path, source.file).read_bytes()
    if source.filetype == "ascii":
        lines = content.split(b"\n")[source.skip :]
        entries = b"\n".join(lines).replace(b"D", b"E").split()[source.offset :: source.stride][:count]
        found = np.array(entries, dtype="S32").astype(np.float64)
    elif source.filetype == "binary":
        kind = np.dtype(dtype if dtype.startswith(">") else f"<{dtype}")
        rest = content[source.skip :]
        found = np.frombuffer(rest[: len(rest) // kind.itemsize * kind.itemsize], kind)[source.offset :: source.stride]
        found = found[:count]
    else:
        raise ValueError(f"expected filetype=ascii or binary, got {source.filetype}; write it as AVS-ASCII or VTK")
    if len(found) < count:
        raise ValueError(f"is truncated: expected {count} values in {source.file}, got {len(found)}")
    return found
