"""Prediction of extensive numbers on arrays larger than memory, by an ``EDNN`` in slabs along the first axis.

    E = sum over slabs of sum over tiles of C_t

Slabs are read with the context that their tiles need, so that each contribution is that of the whole array. All sums
are in double precision. Where the field has two values, such as spins, and a tile has at most 16 points, C_t is one of
at most 2^16 numbers: each is calculated once, and the tiles of each kind are counted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from qd_pix2pix.inference.tile_sample import Sample
from qd_pix2pix.inference.tile_table import Span, TileTable, can_tabulate, is_constant
from qd_pix2pix.networks import EDNN
from qd_pix2pix.predictor import Predictor
from solvers.checks import check_flag, check_integer

MEMORY = 2**29
"""Default bound of the memory for slabs, in bytes."""
BATCH_BYTES = 2**23
"""Memory of a chunk of tiles beyond which larger chunks are slower, since they leave the cache."""
POINTS = 2**21
"""Number of points of a slab beyond which larger slabs are no faster."""
COUNTING = 40
"""Bytes per point of a slab whose tiles are counted: comparisons, codes and the 8-byte integers of ``bincount``."""


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
    chunk, rows = plan(sample, memory)
    with counter(sample, progress) as bar:
        found = read_slabs(sample, chunk, range(0, sample.tiles[0], rows), table, out=out, update=bar.update)
    return result(sample, [found], began)


@dataclass(frozen=True)
class Slabs:
    """Sums over consecutive slabs.

    Attributes:
        sums: sums (out_channels,) of the contributions of each slab that was evaluated.
        span: both values of the field, if tiles were counted.
        counts, numbers: number of tiles of each kind (kinds,), and their contributions (kinds, out_channels).
        constant: True if a slab of one value was evaluated, because the other value was not met before it.
    """

    sums: list[NDArray[np.float64]]
    span: Span | None
    counts: NDArray[np.int64]
    numbers: NDArray
    constant: bool


def counter(sample: Sample, progress: bool) -> Any:
    """Return a progress bar with the rate of points."""
    total = sample.tiles[0] * points_per_row(sample)
    options: dict[str, Any] = {"desc": "streaming", "unit": "site", "unit_scale": True, "leave": False}
    return tqdm(total=total, disable=not progress, **options)


def points_per_row(sample: Sample) -> int:
    """Return the number of points of one row of tiles."""
    return sample.ednn.focus * math.prod(sample.shape[1:])


def read_slabs(
    sample: Sample,
    chunk: int,
    starts: range,
    table: bool,
    span: Span | None = None,
    out: Any = None,
    update: Callable[[int], Any] = lambda points: None,
) -> Slabs:
    """Return the sums over slabs that begin at the rows of tiles ``starts``; ``span`` if its values are known before.

    ``update`` is called with numbers of points; for all else see ``stream``.
    """
    windows = TileTable(sample, chunk) if table and can_tabulate(sample) else None
    sums: list[NDArray[np.float64]] = []
    constant = False
    with evaluating(sample.network):
        if windows and span:
            windows.begin(span)
        for start in starts:
            stop = min(start + starts.step, sample.tiles[0])
            columns = sample.read(start, stop)
            found = windows.contributions(columns, out is not None) if windows else None
            if found is None:
                constant = constant or (windows is not None and windows.span is None and is_constant(columns))
                numbers = sample.contributions(columns, start, stop, chunk)
                sums.append(numbers.sum(0, dtype=np.float64))
                found = sample.physical(numbers) if out is not None else None
            if found is not None and out is not None:
                _store(out, found.reshape(stop - start, *sample.tiles[1:], -1), start, stop)
            update((stop - start) * points_per_row(sample))
    used = windows or TileTable(sample, chunk)
    return Slabs(sums, used.span, used.counts, used.numbers, constant)


def result(sample: Sample, parts: Sequence[Slabs], began: float) -> Streamed:
    """Return the result of all slabs; sums are rounded once, so that they do not depend on the order of the parts."""
    sums, tabulated = [one for part in parts for one in part.sums], 0
    counted = [part for part in parts if part.span]
    if counted:
        counts = np.sum([part.counts for part in counted], axis=0)
        sums += list(counted[0].numbers.astype(np.float64) * counts[:, None])
        tabulated = int(counts.sum())
    total = np.array([math.fsum(channel) for channel in np.stack(sums).T])
    with evaluating(sample.network):
        return Streamed(total, sample.tiles, sample.outputs(total), tabulated, time.monotonic() - began)


def plan(sample: Sample, memory: int) -> tuple[int, int]:
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
        with evaluating(ednn):
            ednn.contributions(weight.new_zeros(1, ednn.in_channels, *(ednn.side,) * ednn.dims))
    finally:
        for hook in hooks:
            hook.remove()
    return 2 * sum(numbers) * weight.element_size()


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluate without gradients, dropout and running statistics, and restore the network's mode."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


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
