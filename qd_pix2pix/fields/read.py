"""The readers of all formats, by the suffix of a file's name."""

from __future__ import annotations

import hashlib
import lzma
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from xml.etree.ElementTree import ParseError

import numpy as np

from qd_pix2pix.fields import arrays, avs, hdf5, matlab, netcdf, tables, tiff, vtk_legacy, vtk_xml
from qd_pix2pix.fields.field import Contents, Field, field_of, in_one_unit, select
from qd_pix2pix.fields.layers import layer
from qd_pix2pix.fields.units import canonical, canonical_length
from qd_pix2pix.files import sha256
from solvers.checks import check_plain

FORMATS: dict[str, Callable[[Path], Contents]] = {
    ".npy": arrays.read_npy,
    ".npz": arrays.read_npz,
    ".mat": matlab.read_mat,
    **dict.fromkeys((".csv", ".txt", ".dat"), tables.read_table),
    **dict.fromkeys((".h5", ".hdf5", ".he5"), hdf5.read_hdf5),
    **dict.fromkeys((".nc", ".nc4", ".cdf"), netcdf.read_netcdf),
    **dict.fromkeys((".vtr", ".vti", ".vtu", ".vts"), vtk_xml.read_vtk_xml),
    ".vtk": vtk_legacy.read_vtk_legacy,
    ".fld": avs.read_avs,
    **dict.fromkeys((".tif", ".tiff"), tiff.read_tiff),
}
"""Reader of each suffix."""
LIBRARIES = {"xarray": "files", "h5netcdf": "files", "tifffile": "files"}
"""Libraries that are not part of a plain installation, and the extra that installs each."""
DAMAGE = (
    *(ValueError, OSError, EOFError, KeyError, IndexError, TypeError, ArithmeticError, RuntimeError, SyntaxError),
    *(MemoryError, struct.error, zlib.error, lzma.LZMAError, ParseError, TokenError),
)
"""Errors of libraries that meet a damaged file."""


def read_contents(path: Path, argument: str = "input", dims: int = 2) -> Contents:
    """Return all arrays of a file.

    Args:
        path: the file; its suffix selects the reader.
        argument: option that named the file, for errors.
        dims: dimensions of the fields, which decide how a table of numbers is read.

    Raises:
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: a library is missing; the message names the extra that installs it.
        ValueError: the format is not known, or the file is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{argument}: {_missing(path)}")
    reader = FORMATS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{argument}: expected a file {', '.join(FORMATS)}; got {path}; convert it first")
    if reader is tables.read_table and dims == 1:
        reader = tables.read_chains
    try:
        return reader(path)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in LIBRARIES:
            raise
        raise ModuleNotFoundError(
            f"{argument}: {path} needs {library}; pip install 'qd_pix2pix[{LIBRARIES[library]}]'", name=error.name
        ) from None
    except DAMAGE as error:
        raise ValueError(about(argument, path, _reason(error))) from None


def about(argument: str, path: Path, text: str) -> str:
    """Return an error about a file; texts such as "is truncated" continue the name of the file, others follow it."""
    return f"{argument}: {path}{':' if text.startswith(('expected ', 'an array ')) else ''} {text}"


def _missing(path: Path) -> str:
    return f"{path} is a folder; expected one file" if path.is_dir() else f"{path} is not there; expected one file"


def _reason(error: BaseException) -> str:
    """Return what is wrong with a file; errors of libraries are put in brackets."""
    text = " ".join(str(error).split())
    ours = text.startswith(("is ", "has ", "holds ", "expected ", "names ", "its ", "an array"))
    return text if isinstance(error, ValueError) and ours else f"is damaged or not readable ({text[:200]})"


def read_field(
    path: Path | str,
    column: str | None = None,
    unit: str | None = None,
    length_unit: str | None = None,
    preferred: Sequence[str] = ("V",),
    others: Sequence[str] = (),
    argument: str = "input",
    dims: int = 2,
    z: float | None = None,
    flags: bool = True,
) -> Field:
    """Return one field of a file, with the coordinates and the units that the file states.

    Args:
        path: the file; its suffix selects the reader.
        column: name of the array or column; None if there is only one, or one with a preferred name.
        unit, length_unit: units of values and coordinates instead of those in the file.
        preferred: names in order of preference.
        others: names of other quantities, which are not taken for the preferred one.
        argument: option that named the file, for errors.
        dims: dimensions of the field.
        z: height of the layer of a volume, in the unit of its coordinates; see ``layers.layer``.
        flags: take True and False for 1 and 0, as of occupied sites; False: refuse them, as for a potential.

    Raises:
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: a library is missing; the message names the extra that installs it.
        ValueError: the file is damaged, the field is not in it, or its values are not real numbers.
    """
    path = Path(path)
    contents = read_contents(path, argument, dims)
    try:
        part, name = select(contents, column, preferred, others)
        part = replace(part, length_units={"x": length_unit}) if length_unit else in_one_unit(part)
        found = field_of(layer(part, z), name)
    except ValueError as error:
        if str(error).startswith(("column: ", "z: ")):
            raise ValueError(f"{error} in {path}") from None
        raise ValueError(about(argument, path, str(error))) from None
    values = found.values
    check_plain(f"{argument}: {found.name} of {path}", values)
    if values.dtype.kind not in ("fiub" if flags else "fiu"):
        raise ValueError(f"{argument}: expected real numbers in {path}, got {values.dtype} in its array {found.name}")
    made, length = unit or found.unit, found.length_unit
    return replace(
        found,
        values=np.asarray(values, dtype=np.float64),
        unit=canonical(made) if made else None,
        length_unit=canonical_length(length) if length else None,
    )


def checksum(path: Path | str) -> str:
    """Return the hexadecimal SHA-256 of a file; of a .fld file, with the files that it names.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file that a .fld file names is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"potential.path: {_missing(path)}")
    if path.suffix.lower() != ".fld":
        return sha256(path)
    try:
        parts = [sha256(part) for part in avs.companions(path)]
    except ValueError as error:
        raise ValueError(f"potential.path: {path} {error}") from None
    return parts[0] if len(parts) == 1 else hashlib.sha256("".join(parts).encode()).hexdigest()
