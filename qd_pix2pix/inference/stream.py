"""Prediction of extensive numbers on arrays larger than memory, by an ``EDNN`` in slabs along the first axis.

    E = sum over slabs of sum over tiles of C_t

Slabs are read with the context that their tiles need, so that each contribution is that of the whole array. All sums
are in double precision. Where the field has two values, such as spins, and a tile has at most 16 points, C_t is one of
at most 2^16 numbers: each is calculated once, and the tiles of each kind are counted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from qd_pix2pix.inference.predict import check_device
from qd_pix2pix.inference.tile_table import TileTable, can_tabulate
from qd_pix2pix.networks import EDNN
from qd_pix2pix.predictor import Predictor
from solvers.checks import check_flag, check_integer, check_number

MEMORY = 2**29
"""Default bound of the memory for slabs, in bytes."""
BATCH_BYTES = 2**23
"""Memory of a chunk of tiles beyond which larger chunks are slower, since they leave the cache."""
POINTS = 2**21
"""Number of points of a slab beyond which larger slabs are no faster."""
COUNTING = 40
"""Bytes per point of a slab whose tiles are counted: comparisons, codes and the 8-byte integers of ``bincount``."""
NUMBERS = ("scalar", "counts", "class")


@dataclass(frozen=True)
class Streamed:
    """The result of ``stream``.

    Attributes:
        sums: sums of the contributions C of all tiles, in the network's numbers, (out_channels,) float64.
        tiles: number of tiles along each axis.
        outputs: predicted numbers and classes by name, in physical units; empty for a network without a predictor.
        tabulated: number of tiles whose contributions were found in the table.
        seconds: duration.
    """

    sums: NDArray[np.float64]
    tiles: tuple[int, ...]
    outputs: dict[str, float]
    tabulated: int
    seconds: float


def stream(
    network: EDNN | Predictor,
    arrays: Any,
    conditions: Mapping[str, float] | None = None,
    out: Any = None,
    memory: int = MEMORY,
    table: bool = True,
    device: str | None = None,
    progress: bool = True,
) -> Streamed:
    """Return the sums of the contributions of all tiles of one sample, which is read slab by slab.

    Args:
        network: an ``EDNN``, or a predictor of numbers and classes with such a network.
        arrays: the field (*points): an array, a memory map or a dataset of h5py. For several sources a dictionary by
            name; for a network without a predictor a list with one field per channel.
        conditions: values of the conditions that vary, by name.
        out: array in which slabs of the contributions are stored, (*tiles): those to the target of a predictor, in its
            unit; or those of a network, for several outputs (out_channels, *tiles).
        memory: bound of the memory for slabs, in bytes; weights and libraries are not counted.
        table: count the tiles of fields of two values, where a tile has at most 16 points.
        device: device of the evaluation; by default the GPU if there is one.
        progress: show a progress bar with the rate.

    Raises:
        ValueError: an argument has another type or shape, values are not finite, or ``memory`` is too small.
    """
    began = time.monotonic()
    check_flag("table", table)
    sample = Sample(network, arrays, conditions or {}, device)
    _check_out(out, sample)
    chunk, rows = _plan(sample, memory)
    windows = TileTable(sample, chunk) if table and can_tabulate(sample) else None
    parts: list[NDArray[np.float64]] = []
    points = sample.ednn.focus * math.prod(sample.shape[1:])
    total = sample.tiles[0] * points
    options: dict[str, Any] = {"desc": "streaming", "unit": "site", "unit_scale": True, "leave": False}
    with _evaluating(network), tqdm(total=total, disable=not progress, **options) as bar:
        for start in range(0, sample.tiles[0], rows):
            stop = min(start + rows, sample.tiles[0])
            columns = sample.read(start, stop)
            found = windows.contributions(columns, out is not None) if windows else None
            if found is None:
                numbers = sample.contributions(columns, start, stop, chunk)
                parts.append(numbers.sum(0, dtype=np.float64))
                found = sample.physical(numbers) if out is not None else None
            if found is not None and out is not None:
                _store(out, found.reshape(stop - start, *sample.tiles[1:], -1), start, stop)
            bar.update((stop - start) * points)
        parts += windows.sums() if windows else []
        sums = np.array([math.fsum(channel) for channel in np.stack(parts).T])
        outputs = sample.outputs(sums)
    tabulated = int(windows.counts.sum()) if windows else 0
    return Streamed(sums, sample.tiles, outputs, tabulated, time.monotonic() - began)


class Sample:
    """One sample on arrays of any size, and its network."""

    def __init__(
        self, network: EDNN | Predictor, arrays: Any, conditions: Mapping[str, float], device: str | None
    ) -> None:
        self.predictor = network if isinstance(network, Predictor) else None
        ednn = network.network if isinstance(network, Predictor) else network
        if not isinstance(ednn, EDNN):
            raise ValueError(
                f"network: expected an EDNN, whose tiles are evaluated in slabs; got {type(ednn).__name__}. Train "
                "with network=ednn"
            )
        self.ednn, self.network = ednn, network
        self.device = check_device(device)
        network.to(self.device)
        self.weight = next(ednn.parameters())
        self.arrays = _named(arrays, self._names(), isinstance(arrays, Mapping))
        shapes = {_check_array(name, array, ednn.dims) for name, array in self.arrays.items()}
        if len(shapes) > 1:
            raise ValueError(f"input: expected fields of the same shape, got {', '.join(map(str, sorted(shapes)))}")
        self.shape = shapes.pop()
        self.tiles = ednn.tiles(self.shape)
        self.conditions = self._conditions(conditions)

    def _names(self) -> tuple[str, ...]:
        """Return the names of the sources; without a predictor the numbers of the channels."""
        if self.predictor is None:
            return tuple(f"channel {i}" for i in range(self.ednn.in_channels))
        if other := [c.name for c in self.predictor.outputs if c.role not in NUMBERS]:
            raise ValueError(
                f"network: expected a predictor of numbers and classes only; {', '.join(other)} is a field"
            )
        if not self.predictor.mapping.sources:
            raise ValueError("network: expected a predictor with a field as source; it has conditions only")
        return self.predictor.mapping.sources

    def _conditions(self, given: Mapping[str, float]) -> dict[str, float]:
        known = self.predictor.conditions.varying if self.predictor else ()
        for name, value in given.items():
            if name not in known:
                varying = ", ".join(known) or "none"
                raise ValueError(f"conditions: expected {varying}, which varied in training; got {name!r}")
            check_number(f"conditions.{name}", value)
        if missing := [name for name in known if name not in given]:
            raise ValueError(f"conditions: expected a value of {', '.join(missing)}, which varied in training")
        return {name: float(value) for name, value in given.items()}

    def read(self, start: int, stop: int) -> dict[str, NDArray]:
        """Return the finite rows of all fields that the tiles in rows ``start`` ... ``stop`` - 1 need."""
        n, first = self.shape[0], start * self.ednn.focus - self.ednn.context
        last = stop * self.ednn.focus + self.ednn.context
        spans = [(max(first, 0), min(last, n))]
        if self.ednn.circular:
            spans = [(first + n, n)] * (first < 0) + spans + [(0, last - n)] * (last > n)
        found = {}
        for name, array in self.arrays.items():
            pieces = [np.array(array[i:j]) for i, j in spans]
            rows = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
            if not (np.isfinite(rows.min()) and np.isfinite(rows.max())):
                raise ValueError(
                    f"input: {name} has values that are NaN or infinite, in rows {spans[0][0]} ... {spans[-1][1] - 1}"
                )
            found[name] = rows
        return found

    def features(self, columns: Mapping[str, NDArray]) -> Tensor:
        """Return the network's input (B, channels, *points) from fields (B, *points)."""
        kind = np.float64 if self.weight.dtype == torch.float64 else np.float32
        given = {n: torch.from_numpy(np.ascontiguousarray(v, kind)).to(self.device) for n, v in columns.items()}
        if self.predictor is None:
            return torch.stack(list(given.values()), 1).to(self.weight.dtype)
        count = len(next(iter(given.values())))
        return self.predictor.features(given | self._constant(count))

    def _constant(self, count: int) -> dict[str, Tensor]:
        return {n: torch.full((count,), value, device=self.device) for n, value in self.conditions.items()}

    def contributions(self, columns: Mapping[str, NDArray], start: int, stop: int, chunk: int) -> NDArray:
        """Return the contributions (tiles, out_channels) of rows of tiles, from the fields that ``read`` returns."""
        x = self.features({name: values[None] for name, values in columns.items()})
        if not self.ednn.circular:
            front = max(0, self.ednn.context - start * self.ednn.focus)
            behind = max(0, stop * self.ednn.focus + self.ednn.context - self.shape[0])
            x = F.pad(x, (*(0, 0) * (x.ndim - 3), front, behind))
        x = self.ednn.padded(x, self.ednn.dims - 1)
        return self.ednn.contributions(x, chunk).float().flatten(2)[0].T.cpu().numpy()

    def physical(self, numbers: NDArray) -> NDArray:
        """Return contributions to the target (tiles, 1), in its unit; without a predictor those of the network."""
        if self.predictor is None:
            return numbers
        raw = torch.from_numpy(numbers)[:, : self.predictor.channels[0]]
        shape = (self.ednn.focus,) * self.ednn.dims  # each tile is a sample of its focus
        return self._interpreted(raw, shape, [self.predictor.target.name])[self.predictor.target.name].numpy()[:, None]

    def outputs(self, sums: NDArray[np.float64]) -> dict[str, float]:
        """Return all outputs from the sums of the contributions."""
        if self.predictor is None:
            return {}
        mean = torch.from_numpy(sums / math.prod(self.tiles))[None]
        return {n: v.item() for n, v in self._interpreted(mean, self.shape, self.predictor.mapping.outputs).items()}

    def _interpreted(self, raw: Tensor, shape: tuple[int, ...], names: Any) -> dict[str, Tensor]:
        """Return the quantities (B,) of samples of this shape, from the mean (B, channels) of their raw numbers."""
        assert self.predictor is not None
        raw = raw.reshape(*raw.shape, *(1,) * self.ednn.dims)
        columns = {n: torch.zeros(1).expand(len(raw), *shape) for n in self.arrays}
        parts = zip(names, raw.split(self.predictor.channels[: len(names)], 1), strict=True)
        columns |= {n: v.cpu() for n, v in self._constant(len(raw)).items()}
        found = {}
        for name, part in parts:
            column = self.predictor.schema[name]
            found[name] = self.predictor.head(column)(part, self.predictor.scale(column, columns, part))
        return found


def _plan(sample: Sample, memory: int) -> tuple[int, int]:
    """Return tiles evaluated at once, and rows of tiles per slab: half of the memory for each."""
    check_integer("memory", memory, 1)
    ednn, per_row = sample.ednn, math.prod(sample.tiles[1:])
    tile = _bytes_per_tile(ednn)
    points = math.prod(n + 2 * ednn.context for n in sample.shape[1:])
    row = ednn.focus * points * max(COUNTING, 24 + 12 * ednn.in_channels) + per_row * ednn.out_channels * 24
    halo = 2 * ednn.context * row // ednn.focus
    least = 2 * max(row + halo, tile * (per_row if ednn.slides else 1))
    if memory < least:
        raise ValueError(f"memory: expected at least {least} bytes for one row of tiles, got {memory}")
    rows = max(1, min((memory // 2 - halo) // row, POINTS // (ednn.focus * points), sample.tiles[0]))
    return max(1, min(memory // 2, BATCH_BYTES) // tile), rows


def _bytes_per_tile(ednn: EDNN) -> int:
    """Return an upper bound of the memory of one tile: inputs and outputs of all layers, twice for working copies."""
    numbers = [ednn.in_channels * ednn.side**ednn.dims]

    def count(module: nn.Module, given: tuple[Any, ...], found: Any) -> None:
        numbers.extend(x.numel() for x in (*given, found) if isinstance(x, Tensor))

    leaves = [module for module in ednn.trunk.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(count) for module in leaves]
    weight = next(ednn.parameters())
    try:
        with _evaluating(ednn):
            ednn.contributions(weight.new_zeros(1, ednn.in_channels, *(ednn.side,) * ednn.dims))
    finally:
        for hook in hooks:
            hook.remove()
    return 2 * sum(numbers) * weight.element_size()


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluate without gradients, dropout and running statistics, and restore the network's mode."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _named(arrays: Any, names: tuple[str, ...], mapping: bool) -> dict[str, Any]:
    """Return the arrays by name."""
    if mapping:
        if set(arrays) != set(names):
            raise ValueError(f"input: expected {', '.join(names)}; got {', '.join(map(str, arrays))}")
        return {name: arrays[name] for name in names}
    several = list(arrays) if isinstance(arrays, (list, tuple)) else [arrays]
    if len(several) != len(names):
        raise ValueError(f"input: expected one array for each of {', '.join(names)}; got {len(several)}")
    return dict(zip(names, several, strict=True))


def _check_array(name: str, array: Any, dims: int) -> tuple[int, ...]:
    """Return the shape of an array of real numbers of ``dims`` dimensions that slabs can be read from."""
    shape, kind = getattr(array, "shape", None), getattr(getattr(array, "dtype", None), "kind", "")
    if shape is None or kind not in tuple("fiub") or isinstance(array, np.ma.MaskedArray):
        got = f"{type(array).__name__} of {array.dtype}" if kind else type(array).__name__
        raise ValueError(
            f"input: expected {name} as an array, memory map or dataset of h5py, of real numbers, without a mask; "
            f"got {got}"
        )
    if len(shape) != dims or not all(shape):
        raise ValueError(f"input: expected {name} of {dims} dimensions, with at least one point each; got {shape}")
    return tuple(int(n) for n in shape)


def _check_out(out: Any, sample: Sample) -> None:
    channels = 1 if sample.predictor else sample.ednn.out_channels
    expected = sample.tiles if channels == 1 else (channels, *sample.tiles)
    if out is not None and tuple(getattr(out, "shape", ())) != expected:
        raise ValueError(f"out: expected an array of shape {expected}, got {getattr(out, 'shape', type(out).__name__)}")


def _store(out: Any, found: NDArray, start: int, stop: int) -> None:
    """Store contributions (rows, ..., channels)."""
    if found.shape[-1] == 1:
        out[start:stop] = found[..., 0]
    else:
        out[:, start:stop] = np.moveaxis(found, -1, 0)
