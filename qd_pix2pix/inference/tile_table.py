"""The contributions of all tiles of a field of two values, such as spins: each kind of tile is evaluated once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from qd_pix2pix.inference.tile_sample import Sample

WINDOW = 16
"""Largest number of points of a tile of which all configurations of two values are tabulated."""


Span = tuple[Any, Any]
"""The low and the high value of a field of two values."""


@dataclass
class TileTable:
    """The contributions of all tiles of a field of two values, and how often each tile occurs.

    The bits of an index are the points of a tile, the last axis first; a bit is set where the field has its high value.
    """

    sample: Sample
    chunk: int
    span: Span | None = None
    numbers: NDArray = field(default_factory=lambda: np.empty((0, 0)))
    shown: NDArray = field(default_factory=lambda: np.empty((0, 0)))
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    def contributions(self, columns: Mapping[str, NDArray], wanted: bool) -> NDArray | None:
        """Count the tiles of a slab; return contributions if asked for, and None if the field has other values."""
        (values,) = columns.values()
        span = (values.min(), values.max())
        if self.span is None and is_constant(columns):
            return None
        known = self.span or span
        high = values == known[1]
        if not (high | (values == known[0])).all():
            return None
        if self.span is None:
            self.begin(span)
        code = self._codes(high)
        self.counts += np.bincount(code.ravel(), minlength=len(self.counts))
        return self.shown[code.ravel()] if wanted else np.empty((0,))

    def _codes(self, high: NDArray[np.bool_]) -> NDArray[np.uint16]:
        """Return the index of each tile, (*tiles of the slab)."""
        ednn, code, bits = self.sample.ednn, high.astype(np.uint16), 1
        margins = [(0, 0)] + [(ednn.context, ednn.context)] * (ednn.dims - 1)
        code = np.pad(code, margins, mode="wrap")
        for axis in reversed(range(ednn.dims)):
            length = (code.shape[axis] - ednn.side) // ednn.focus * ednn.focus + 1
            whole = (slice(None),) * axis
            parts = (code[(*whole, slice(k, k + length, ednn.focus))] for k in range(ednn.side))
            found = next(parts).copy()
            for k, part in enumerate(parts, 1):
                found |= part << np.uint16(k * bits)
            code, bits = found, bits * ednn.side
        return code

    def begin(self, span: Span) -> None:
        """Tabulate the contributions of all tiles of these two values."""
        self.span = span
        (name,), ednn = self.sample.arrays, self.sample.ednn
        points = ednn.side**ednn.dims
        bits = (np.arange(2**points)[:, None] >> np.arange(points)) & 1
        fields = np.asarray(np.where(bits, span[1], span[0])).reshape(-1, *(ednn.side,) * ednn.dims)
        parts = np.array_split(fields, max(1, len(fields) // self.chunk))
        found = [ednn.contributions(self.sample.features({name: part}), self.chunk) for part in parts]
        self.numbers = np.concatenate([part.float().flatten(1).cpu().numpy() for part in found])
        self.shown = self.sample.physical(self.numbers)
        self.counts = np.zeros(len(fields), np.int64)


def is_constant(columns: Mapping[str, NDArray]) -> bool:
    """Return True if each field of a slab has one value."""
    return all(values.min() == values.max() for values in columns.values())


def can_tabulate(sample: Sample) -> bool:
    """Return True if tiles have few points of one source, all of them in the field, and outnumber their kinds."""
    ednn = sample.ednn
    points, inside = ednn.side**ednn.dims, ednn.circular or not ednn.context
    return len(sample.arrays) == 1 and inside and points <= WINDOW and math.prod(sample.tiles) > 2**points
