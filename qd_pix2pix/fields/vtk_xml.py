"""XML files of VTK: .vtr and .vti, and .vtu and .vts with points on a rectangular grid.

The format is documented at https://docs.vtk.org/en/latest/design_documents/VTKFileFormats.html. Values are text, base64
or appended, uncompressed or compressed by zlib or LZMA. nextnano writes .vtr files as text.
"""

from __future__ import annotations

import base64
import lzma
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.field import Contents
from qd_pix2pix.fields.vtk_grid import on_axes, on_points

TYPES = {
    **{f"Float{bits}": f"f{bits // 8}" for bits in (32, 64)},
    **{f"{sign}Int{bits}": f"{sign.lower() or 'i'}{bits // 8}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}
LARGEST = 2**31
"""Largest number of bytes of one array."""


@dataclass(frozen=True)
class Decoder:
    """The way in which binary values are written.

    Attributes:
        order: byte order of NumPy, < or >.
        header: type of the numbers before the values.
        compressor: name of VTK's class; empty without compression.
        appended: the appended section after its underscore.
        encoded: True if the appended section is base64.
    """

    order: str
    header: np.dtype
    compressor: str
    appended: bytes
    encoded: bool

    def values(self, element: ElementTree.Element) -> NDArray:
        """Return the values of a DataArray, (n,) or (n, components)."""
        kind = str(element.get("type"))
        if kind not in TYPES:
            raise ValueError(f"expected numbers in {element.get('Name')}; got {kind}")
        dtype = np.dtype(self.order + TYPES[kind])
        if element.get("format", "ascii") == "ascii":
            found = np.array((element.text or "").split(), dtype=dtype)
        elif element.get("format") == "binary":
            found = np.frombuffer(self._bytes("".join((element.text or "").split()).encode(), True), dtype)
        else:
            start = int(element.get("offset", 0))
            found = np.frombuffer(self._bytes(self.appended[start:], self.encoded), dtype)
        components = int(element.get("NumberOfComponents") or 1)
        return found.reshape(-1, components) if components > 1 else found

    def _bytes(self, content: bytes, encoded: bool) -> bytes:
        if not self.compressor:
            size, rest = self._numbers(content, 1, encoded, whole=True)
            return _exactly(rest, int(size[0]))
        blocks = int(self._numbers(content, 3, encoded)[0][0])
        if blocks > LARGEST:
            raise ValueError("is damaged: its header counts too many blocks")
        head, rest = self._numbers(content, 3 + blocks, encoded)
        full, last, sizes = int(head[1]), int(head[2]), head[3:].astype(np.int64)
        if blocks == 0:
            return b""
        if full * blocks > LARGEST:
            raise ValueError(f"an array has more than {LARGEST} bytes")
        rest = _exactly(rest, int(sizes.sum()))
        ends = np.cumsum(sizes)
        parts = []
        for k, (first, end) in enumerate(zip(ends - sizes, ends, strict=True)):
            length = last if k == blocks - 1 and last else full
            parts.append(_exactly(self._inflate(rest[first:end], length), length))
        return b"".join(parts)

    def _numbers(self, content: bytes, count: int, encoded: bool, whole: bool = False) -> tuple[NDArray, bytes]:
        """Return the numbers before the values, and the bytes after them.

        In base64 the numbers of compressed values are encoded by themselves, those of others with the values.
        """
        size = count * self.header.itemsize
        if not encoded:
            return np.frombuffer(_exactly(content, size), self.header), content[size:]
        length = 4 * -(-size // 3)
        head = base64.b64decode(content[:length])
        if whole:
            total = int(np.frombuffer(_exactly(head, size), self.header)[0]) + size
            return np.frombuffer(_exactly(head, size), self.header), base64.b64decode(content[: 4 * -(-total // 3)])[
                size:
            ]
        return np.frombuffer(_exactly(head, size), self.header), _decoded(content[length:])

    def _inflate(self, block: bytes, size: int) -> bytes:
        if self.compressor == "vtkZLibDataCompressor":
            return zlib.decompressobj().decompress(block, size)
        if self.compressor == "vtkLZMADataCompressor":
            return lzma.LZMADecompressor().decompress(block, size)
        raise ValueError(f"is compressed by {self.compressor}; write it with zlib, LZMA or without compression")


def _decoded(text: bytes) -> bytes:
    """Return the bytes of base64 up to its end, which the next array or the end of the section follows."""
    valid = re.match(rb"[A-Za-z0-9+/]*={0,2}", text)
    found = valid[0] if valid else b""
    return base64.b64decode(found[: len(found) // 4 * 4])


def _exactly(content: bytes, size: int) -> bytes:
    if len(content) < size:
        raise ValueError(f"is truncated: expected {size} bytes of an array, got {len(content)}")
    return content[:size]


def read_vtk_xml(path: Path) -> Contents:
    """Return the scalars of a plane or a volume, at its points or, without any there, in its cells.

    Raises:
        ValueError: the file is damaged, has several pieces, or its points are no rectangular grid.
    """
    root, decoder = _parsed(path.read_bytes())
    kind = str(root.get("type"))
    grid = root.find(kind)
    pieces = grid.findall("Piece") if grid is not None else []
    if grid is None or len(pieces) != 1:
        raise ValueError(f"expected one piece of a grid, got {len(pieces)} of the type {kind}")
    (piece,) = pieces
    points, cells = (_scalars(piece, section, decoder) for section in ("PointData", "CellData"))
    if not points and not cells:
        raise ValueError("has no scalar values at points or in cells")
    if kind in ("RectilinearGrid", "ImageData"):
        axes = _coordinates(piece, decoder) if kind == "RectilinearGrid" else _regular(grid, piece)
        return on_axes(axes, points or cells, cells=not points)
    place = piece.find("Points/DataArray")
    if place is None or not points:
        raise ValueError(f"expected values at points of a {kind}; got {', '.join(cells) or 'none'} in cells")
    return on_points(decoder.values(place).reshape(-1, 3).astype(np.float64), points)


def _parsed(content: bytes) -> tuple[ElementTree.Element, Decoder]:
    start = content.find(b"<AppendedData")
    appended, encoded = b"", False
    if start >= 0:
        tag_end, end = content.find(b">", start), content.rfind(b"</AppendedData>")
        mark = content.find(b"_", tag_end)
        if min(tag_end, end, mark) < 0:
            raise ValueError("is truncated: its appended section has no end")
        encoded = b"base64" in content[start:tag_end]
        appended = content[mark + 1 : end]
        content = content[:start] + b"</VTKFile>"
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise ValueError(f"is truncated or no XML file of VTK ({error})") from None
    order = ">" if root.get("byte_order") == "BigEndian" else "<"
    header = np.dtype(order + ("u8" if root.get("header_type") == "UInt64" else "u4"))
    return root, Decoder(order, header, root.get("compressor") or "", appended, encoded)


def _scalars(piece: ElementTree.Element, section: str, decoder: Decoder) -> dict[str, NDArray]:
    """Return the arrays of a section with one component and a name."""
    found = piece.findall(f"{section}/DataArray")
    scalars = [a for a in found if int(a.get("NumberOfComponents") or 1) == 1 and a.get("type") in TYPES]
    return {a.get("Name") or "": decoder.values(a) for a in scalars}


def _coordinates(piece: ElementTree.Element, decoder: Decoder) -> list[NDArray]:
    axes = [decoder.values(a).astype(np.float64) for a in piece.findall("Coordinates/DataArray")]
    if len(axes) != 3:
        raise ValueError(f"expected coordinates along three axes, got {len(axes)}")
    return axes


def _regular(grid: ElementTree.Element, piece: ElementTree.Element) -> list[NDArray]:
    """Return the coordinates of an image, from its origin and spacing."""
    given: Mapping[str, str] = grid.attrib
    ends = np.array((piece.get("Extent") or given.get("WholeExtent", "")).split(), dtype=np.int64)
    origin = np.array(given.get("Origin", "0 0 0").split(), dtype=np.float64)
    spacing = np.array(given.get("Spacing", "1 1 1").split(), dtype=np.float64)
    direction = np.array(given.get("Direction", "1 0 0 0 1 0 0 0 1").split(), dtype=np.float64)
    if ends.shape != (6,) or origin.shape != (3,) or spacing.shape != (3,) or (ends[1::2] < ends[::2]).any():
        raise ValueError("expected an extent of six whole numbers, and three for the origin and the spacing")
    if (ends[1::2] - ends[::2]).max() > LARGEST // 8:
        raise ValueError("its extent is too large")
    if not np.allclose(direction, np.eye(3).ravel()):
        raise ValueError("is rotated; save it along the axes x and y")
    return [origin[i] + spacing[i] * np.arange(ends[2 * i], ends[2 * i + 1] + 1) for i in range(3)]
