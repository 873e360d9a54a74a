"""Text (.csv, .txt, .dat): columns x, y and values in any order of rows, or a plain grid of numbers.

Columns are separated by commas, semicolons, tabs or spaces. Names of columns are in the first line or in a comment
before the numbers, with units as in ``x[nm] y[nm] V[meV]``, ``x / nm, V / meV`` or ``x_nm``, or with a line of units
below, as Origin writes it; ``axes.KINDS`` lists the names of x and y. Three columns without names are x, y and V. A
column z makes a volume. In a plain grid, line i holds the values at x_i, as ``numpy.savetxt(path, V)`` writes V.

A chain has one column of values, with x beside it or without; in a plain grid each line is a chain.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.axes import axis_of, places
from qd_pix2pix.fields.borders import check_borders
from qd_pix2pix.fields.comsol_grid import grid_columns, is_grid
from qd_pix2pix.fields.field import Contents, gridded
from qd_pix2pix.fields.layers import volume
from qd_pix2pix.fields.units import is_unit, split_unit

COMMENT = ("#", "%", "!", "//")
LENGTH_UNIT = re.compile(r"^length unit\s*:\s*(\S+)$", re.IGNORECASE)
"""The unit of x, y and z in a comment of COMSOL."""
EXCEL = re.compile(r"\A\s*sep=.[^\S\n]*$", re.MULTILINE)
"""A first line for Excel, which states the separator."""
QUOTED = re.compile(r'"\s*([-+]?\d*),(\d[^",]*)"')
"""A number with a decimal comma in quotes."""


def read_table(path: Path) -> Contents:
    """Return the columns of a table at the points of a grid, or a plain grid of numbers.

    Raises:
        ValueError: the file is not text, its lines differ in length, its points do not form a grid, its columns
            have other names than x and y, or a plain grid begins with coordinates.
    """
    text = _text(path.read_bytes())
    lines, header, length = _lines(text)
    if is_grid(text):
        numbers, given = grid_columns(text, path.stem)
        note = ""
    else:
        lines, note = _below_numbers(lines, header)
        numbers, header = _numbers(lines, header)
        given = _names(header, numbers.shape[1] if numbers.ndim == 2 else 0)
    if numbers.ndim != 2 or numbers.size == 0:
        raise ValueError("has no rows of numbers")
    width = numbers.shape[1]
    names = _fitting(given, width)
    plain = [split_unit(name) for name in names]
    at = places([name for name, _ in plain])
    if at.keys() >= set("xyz") and width > 3:
        return _in_length(_volume(numbers, [at[axis] for axis in "xyz"], plain), length)
    if at.keys() >= set("xy"):
        found = _by_points(numbers, at["x"], at["y"], [name for name, _ in plain], [unit for _, unit in plain])
        return _in_length(found, length)
    if not names and width == 3 and len(numbers) != 3:
        return _in_length(_by_points(numbers, 0, 1, [], []), length)
    if width == 1:
        raise ValueError("has one column instead of x, y and V; values of AVS are read through their .fld file")
    if not names:
        check_borders(numbers)
        return Contents({path.stem: numbers}, units=_unit_of_grid(path.stem, given), note=note)
    raise ValueError(f"expected columns named x and y; got {', '.join(names)}. Name them in the first line, as x,y,V")


def _fitting(names: list[str], width: int) -> list[str]:
    """Return the names of columns; none if a text is no list of names.

    Raises:
        ValueError: it names axes, and not as many columns as there are.
    """
    if not names or len(names) == width:
        return names
    are_axes = [axis_of(split_unit(name)[0]) is not None for name in names]
    one_off = (are_axes[0] or names[0] == "") and abs(width - len(names)) == 1
    if one_off or (any(are_axes) and width == 3) or [True, True] in (are_axes[:2], are_axes[-2:]):
        raise ValueError(f"has {len(names)} names for {width} columns: {', '.join(names)}")
    return []


def read_chains(path: Path) -> Contents:
    """Return the columns of a table of sites in the order of x, (sites,) each, or the lines of a plain grid.

    Raises:
        ValueError: as ``read_table``; or an x occurs twice.
    """
    lines, header, _ = _lines(_text(path.read_bytes()))
    lines, note = _below_numbers(lines, header)
    numbers, header = _numbers(lines, header)
    if numbers.size == 0:
        raise ValueError("has no rows of numbers")
    width = numbers.shape[1]
    given = _names(header, width)
    names = given if len(given) == width else []
    if not names and width > 2:
        return Contents({path.stem: numbers}, units=_unit_of_grid(path.stem, given), note=note)
    plain = [split_unit(name) for name in names] or [("x", None), (path.stem, None)][2 - width :]
    at_x = next((i for i, (name, _) in enumerate(plain) if axis_of(name) == "x" and width > 1), None)
    if at_x is not None:
        numbers = numbers[np.argsort(numbers[:, at_x], kind="stable")]
        if (np.diff(numbers[:, at_x]) == 0).any():
            raise ValueError("expected each x once")
    arrays = {name: numbers[:, i] for i, (name, _) in enumerate(plain) if i != at_x}
    return Contents(arrays, units={name: unit for name, unit in plain if unit})


def _by_points(numbers: NDArray, at_x: int, at_y: int, names: list[str], units: list[str | None]) -> Contents:
    names = names or [str(i + 1) for i in range(numbers.shape[1])]
    kept = {name: numbers[:, i] for i, name in enumerate(names) if i not in (at_x, at_y)}
    if not kept or len(kept) != len(names) - 2:
        raise ValueError(f"expected columns with different names besides x and y; got {', '.join(names)}")
    x, y, arrays = gridded(numbers[:, at_x], numbers[:, at_y], kept)
    known = {name: unit for name, unit in zip(names, units, strict=False) if unit}
    lengths = {"x": units[at_x], "y": units[at_y]} if units else {}
    return Contents(arrays, x, y, known, {axis: unit for axis, unit in lengths.items() if unit})


def _volume(numbers: NDArray, at: list[int], plain: list[tuple[str, str | None]]) -> Contents:
    kept = {name: numbers[:, i] for i, (name, _) in enumerate(plain) if i not in at}
    if not kept or len(kept) != len(plain) - 3:
        given = ", ".join(name for name, _ in plain)
        raise ValueError(f"expected columns with different names besides x, y and z; got {given}")
    x, y, z, arrays = volume(numbers[:, at], kept)
    known = {name: unit for name, unit in plain if unit}
    lengths = {axis: plain[i][1] for axis, i in zip("xyz", at, strict=True)}
    return Contents(arrays, x, y, known, {axis: unit for axis, unit in lengths.items() if unit}, z=z)


def _in_length(contents: Contents, unit: str | None) -> Contents:
    """Return contents with the unit of length of a comment, where the names of columns state none."""
    return replace(contents, length_units={"x": unit}) if unit and not contents.length_units else contents


def _lines(text: str) -> tuple[list[str], str, str | None]:
    """Return the lines with numbers, the names of columns, and the unit of length, of the comments before the numbers.

    Names are in the last comment with x and y, or in the last one. Tabs before the entries of a line are kept.
    """
    lines: list[str] = []
    comments = [""]
    length = None
    for line in EXCEL.sub("", text).splitlines():
        plain = line.strip()
        if plain.startswith(COMMENT):
            remark = plain.lstrip("#%!/ ")
            if (found := LENGTH_UNIT.match(remark)) and not lines:
                length = found[1]
            comments += [remark] if remark and not lines else []
        elif plain:
            lines.append(line.strip(" "))
    if not lines:
        raise ValueError("holds no numbers")
    names = next((text for text in reversed(comments) if _names_plane(_entries(text))), comments[-1])
    return lines, _with_line_of_units(names, comments), length


def _text(content: bytes) -> str:
    """Return text in UTF-8, or in UTF-16 with its mark, as of "Unicode text" of Excel.

    Raises:
        ValueError: it is neither.
    """
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError("is not text in UTF-8: save it as such; binary values of AVS are read through their .fld file")
    return text


def _names_plane(names: list[str]) -> bool:
    """Return True if x and y are among the names."""
    return {axis_of(split_unit(name)[0]) for name in names} >= {"x", "y"}


def _entries(line: str) -> list[str]:
    """Return the entries of a line; a unit in brackets, or behind a slash or *in*, belongs to the entry before it."""
    joined = re.sub(r"\s+([\[(])", r"\1", re.sub(r"\s*/\s*|(?<=\S)\s+in\s+", "/", line))
    separator = _separator(joined)
    found = (
        joined.split() if separator is None else next(csv.reader([joined], delimiter=separator, skipinitialspace=True))
    )
    return [entry.strip().strip("\"'") for entry in found]


def _separator(line: str) -> str | None:
    """Return what separates the columns of a line; None for spaces."""
    return next((mark for mark in (";", "\t", ",") if mark in line), None)


def _names(header: str, width: int) -> list[str]:
    """Return the names in a line; those of a sweep in COMSOL, as *V (V) @ Vg=0.1, B=2*, are two spaces apart."""
    apart = re.split(r"\s{2,}", header)
    if " @ " in header and len(apart) == width:
        return apart
    return _with_loose_units(_entries(header), width) if header else []


def _with_loose_units(names: list[str], width: int) -> list[str]:
    """Return names with the units that stand alone behind them, as in *x nm y nm V meV*, if these fit the width."""
    made: list[str] = []
    for name in names:
        if made and is_unit(name) and split_unit(made[-1])[1] is None:
            made[-1] += f"/{name}"
        else:
            made.append(name)
    return made if len(names) != width == len(made) else names


def _with_line_of_units(header: str, others: Sequence[str]) -> str:
    """Return a line of names with their units, if one of the ``others`` lists these, as *nm, meV* below *x, V*."""
    names = _entries(header)
    for line in others:
        units = _entries(re.sub(r"[\[\]()]", "", line))
        units += [""] * (len(names) - len(units))
        pairs = list(zip(units, names, strict=False))
        if line == header or len(units) != len(names) or not any(is_unit(unit, name) for unit, name in pairs):
            continue
        axes = [pair for pair in pairs if axis_of(split_unit(pair[1])[0])]
        if all(is_unit(unit, name) for unit, name in axes or pairs if unit):
            return "\t".join(f"{n} [{u}]" if u and split_unit(n)[1] is None else n for u, n in pairs)
    return header


def _unit_of_grid(name: str, given: list[str]) -> dict[str, str]:
    """Return the unit of a plain grid by its name, if the comment above it has a single one, as *V in meV* or *meV*."""
    units = {unit for _, unit in map(split_unit, given) if unit and is_unit(unit, name)}
    if given and len(given) <= 2 and not any(map(_is_number, given)):  # a sentence may mention other quantities
        units |= {given[-1]} if is_unit(given[-1]) else set()
    return dict.fromkeys([name], *units) if len(units) == 1 else {}


def _below_numbers(lines: list[str], header: str) -> tuple[list[str], str]:
    """Return lines without a first one 0, 1, ... of numbers of columns, as pandas writes it, and a note on it."""
    first = _entries(lines[0].strip())
    if (
        len(first) in (1, 2, 3, len(_names(header, len(first))))
        or len(lines) < 2
        or first != [str(i) for i in range(len(first))]
    ):
        return lines, ""
    return lines[1:], f"table below its first line, the numbers of columns 0 ... {len(first) - 1}"


def _numbers(lines: list[str], header: str) -> tuple[NDArray, str]:
    """Return the numbers (lines, columns), and the names of the columns: those above the numbers, or in ``header``."""
    if {line.rstrip()[-1] for line in lines} in ({","}, {";"}):
        lines = [line.rstrip()[:-1] for line in lines]
    head, lines = _parted(lines)
    if head:
        header = next((line for line in reversed(head) if _names_plane(_entries(line))), head[0])
        header = _with_line_of_units(header, head)
    mark = _separator(lines[0])
    if mark in (";", "\t") and any("," in line for line in lines):
        lines = [line.replace(",", ".") for line in lines]  # decimal commas
    lines = [re.sub("[dD]([+-])", r"e\1", QUOTED.sub(r"\1.\2", line)) for line in lines]  # and numbers of Fortran
    try:
        return np.loadtxt(lines, delimiter=mark, comments=None, ndmin=2, quotechar='"'), header
    except ValueError as error:
        raise ValueError(f"expected lines of as many numbers each ({str(error).split(';')[0]})") from None


def _parted(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the lines above the numbers, and those with numbers.

    The first line is one of names unless all its entries are numbers; those below it are of text without any number.

    Raises:
        ValueError: there are no numbers below the names, or the first column has none.
    """
    plain = [line.strip() for line in lines]
    first = _entries(plain[0])
    if all(map(_is_number, first)):
        return [], plain
    if all(entry == "" or _is_number(entry) for entry in first[1:]) and len(first) > 3:
        raise ValueError("its first column has no numbers; write the grid without names of rows and columns")
    end = next((i for i, line in enumerate(plain) if i and any(map(_is_number, _entries(line)))), len(plain))
    if end == len(plain) > 1:
        raise ValueError("has no rows of numbers")
    if end == len(plain):
        raise ValueError("expected lines of numbers below the names of columns")
    head = [line.rstrip() for line in lines[:end]]
    if lines[end].startswith("\t"):  # a first column without numbers holds the titles of the lines above them
        head = [line.partition("\t")[2] for line in head]
    return head, plain[end:]


def _is_number(entry: str) -> bool:
    try:
        float(re.sub("[dD]([+-])", r"e\1", entry).replace(",", "."))
    except ValueError:
        return False
    return True
