"""Grids of COMSOL (.txt): the points of each axis in a line below ``% Grid``, and values below ``% Data``.

A line of values has one y, and x along it; in a volume the lines of one z follow those of the next lower one. A comment
between ``% Data`` and its values names them.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

GRID = re.compile(r"%\s*grid", re.IGNORECASE)
BEGIN = re.compile(r"^[ \t]*%[ \t]*grid[ \t\r]*\n(\s*[^%\s].*\n)+\s*%", re.IGNORECASE | re.MULTILINE)
"""Its title, the points, and the next comment; a grid below *% grid* alone is a plain one."""
AXES = "xyz"


def is_grid(text: str) -> bool:
    """Return True for a text with points between ``% Grid`` and another comment."""
    return BEGIN.search(text) is not None


def grid_columns(text: str, name: str) -> tuple[NDArray, list[str]]:
    """Return the columns x, y (and z) and values (points, k) of a grid, and their names; ``name`` for values without.

    Raises:
        ValueError: there are not two or three axes, or not as many values as points.
    """
    axes, blocks = _sections(text)
    if len(axes) not in (2, 3):
        raise ValueError(f"expected the points of x and y, or of x, y and z, below % Grid; got {len(axes)} lines")
    size = int(np.prod([len(axis) for axis in axes]))
    for title, values in blocks or [(name, [])]:
        if len(values) != size:
            sides = " x ".join(str(len(axis)) for axis in axes)
            raise ValueError(f"expected {sides} values below % Data, got {len(values)} of {title.strip() or name}")
    points = np.meshgrid(*reversed(axes), indexing="ij")  # x runs first
    columns = [*reversed(points), *(np.reshape(values, points[0].shape) for _, values in blocks)]
    names = [*AXES[: len(axes)], *(title.strip() or name for title, _ in blocks)]
    return np.stack([column.ravel() for column in columns], axis=1), names


def _sections(text: str) -> tuple[list[list[float]], list[tuple[str, list[float]]]]:
    """Return the points of the axes, and title and values of each block."""
    axes: list[list[float]] = []
    blocks: list[tuple[str, list[float]]] = []
    of_grid = False
    for line in (line.strip() for line in text.splitlines()):
        if not line.startswith("%"):
            numbers = _floats(line)
            if numbers and of_grid:
                axes.append(numbers)
            elif numbers and blocks:
                blocks[-1][1].extend(numbers)
            continue
        remark = line.lstrip("% ")
        if GRID.fullmatch(line):
            of_grid = True
        elif re.match(r"data\b", remark, re.IGNORECASE):
            of_grid = False
            blocks.append((re.sub(r"^\s*\((.*)\)$", r"\1", remark[4:]), []))
        elif blocks and remark:
            blocks = [*(blocks if blocks[-1][1] else blocks[:-1]), (remark, [])]
    return axes, blocks


def _floats(line: str) -> list[float]:
    try:
        return [float(entry) for entry in line.split()]
    except ValueError:
        raise ValueError(f"expected numbers in a grid of COMSOL, got {line[:60]!r}") from None
