"""Prediction of extensive numbers on arrays in files, by several processes or machines.

    from qd_pix2pix.data.launchers import DaskLauncher, LocalLauncher

    stream_parts(network, "spins.npy", LocalLauncher(workers=8)).outputs
    stream_parts(network, "lattices.h5:spins", DaskLauncher("tcp://host:8786")).outputs

Each worker reads some slabs of ``stream``. Sums of slabs and numbers of tiles are added without rounding, so that the
result is bit for bit that of one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
import torch

from qd_pix2pix.inference.stream import MEMORY, Slabs, Streamed, counter, plan, points_per_row, read_slabs, result
from qd_pix2pix.inference.tile_sample import Sample
from qd_pix2pix.inference.tile_table import Span
from qd_pix2pix.networks import EDNN
from qd_pix2pix.predictor import Predictor
from solvers.checks import check_flag, check_integer

PARTS = 64
"""Default largest number of jobs."""
HDF5 = (".h5", ".hdf5")


class Launcher(Protocol):
    """What is used of the launchers in ``qd_pix2pix.data.launchers``."""

    def check(self) -> None:
        """Raise ValueError for invalid settings."""

    def open(self) -> AbstractContextManager[Callable[..., Iterator[tuple[str, Any]]]]:
        """Start or connect workers."""


def stream_parts(
    network: EDNN | Predictor,
    files: str | Path | Sequence[str | Path] | Mapping[str, str | Path],
    launcher: Launcher,
    conditions: Mapping[str, float] | None = None,
    memory: int = MEMORY,
    table: bool = True,
    parts: int = PARTS,
    progress: bool = True,
) -> Streamed:
    """Return what ``stream`` returns for an array in a file that all workers can read, on their processors.

    The bits are those of ``stream(..., device="cpu")`` with one thread, on machines of one kind.

    Args:
        network: an ``EDNN``, or a predictor of numbers and classes with such a network.
        files: path of a .npy file, or of an HDF5 file and the name of a dataset, as in "lattices.h5:spins". For several
            sources a dictionary by name; for a network without a predictor a list with one per channel.
        launcher: launcher of the workers; each of them uses one thread.
        conditions: values of the conditions that vary, by name.
        memory: bound of the memory for slabs of each worker, in bytes.
        table: count the tiles of fields of two values, where a tile has at most 16 points.
        parts: largest number of jobs.
        progress: show a progress bar with the rate.

    Raises:
        FileNotFoundError: there is no such file or dataset.
        ValueError: as in ``stream``; or a file is of another kind.
    """
    began = time.monotonic()
    check_integer("parts", parts, 1)
    check_flag("table", table)
    launcher.check()
    given = conditions or {}
    with opened(files) as arrays:
        sample = Sample(network, arrays, given, "cpu")
        chunk, rows = plan(sample, memory)
        starts = range(0, sample.tiles[0], rows)
        size = -(-len(starts) // parts)
        jobs = {
            str(i): (network, files, given, chunk, starts[i * size : (i + 1) * size], table)
            for i in range(-(-len(starts) // size))
        }
        with launcher.open() as run, counter(sample, progress) as bar:
            found: dict[str, Slabs] = {}
            for name, slabs in run(_part, jobs):
                found[name] = slabs
                bar.update(len(jobs[name][4]) * rows * points_per_row(sample))
            span = next((found[name].span for name in jobs if found[name].span), None)
            behind = False  # one process counts slabs of one value only behind the first slab of two values
            again = {}
            for name in jobs:
                if behind and (found[name].constant or found[name].span not in (None, span)):
                    again[name] = (*jobs[name], span)
                behind = behind or found[name].span is not None
            found |= dict(run(_part, again)) if again else {}
        return result(sample, [found[name] for name in jobs], began)


def _part(
    network: EDNN | Predictor,
    files: Any,
    conditions: Mapping[str, float],
    chunk: int,
    starts: range,
    table: bool,
    span: Span | None = None,
) -> Slabs:
    """Return the sums over some slabs; this is what a worker does."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with opened(files) as arrays:
            return read_slabs(Sample(network, arrays, conditions, "cpu"), chunk, starts, table, span)
    finally:
        torch.set_num_threads(threads)


@contextmanager
def opened(files: Any) -> Iterator[Any]:
    """Open all files, without reading the arrays, in the containers in which the paths are given.

    Raises:
        FileNotFoundError: there is no such file or dataset.
        ValueError: a file is of another kind.
    """
    if isinstance(files, Mapping):
        names, paths = list(files), list(files.values())
    else:
        names, paths = None, list(files) if isinstance(files, (list, tuple)) else [files]
    handles: list[h5py.File] = []
    try:
        arrays = [_open(path, handles) for path in paths]
        yield dict(zip(names, arrays, strict=True)) if names is not None else arrays
    finally:
        for handle in handles:
            handle.close()


def _open(path: Any, handles: list[h5py.File]) -> Any:
    place, _, dataset = str(path).rpartition(":") if str(path).rpartition(":")[0].endswith(HDF5) else (path, "", "")
    file = Path(place)
    if not dataset and file.suffix != ".npy":
        raise ValueError(f'files: expected a .npy file, or one of HDF5 as in "lattices.h5:spins"; got {str(path)!r}')
    if not file.is_file():
        raise FileNotFoundError(f"files: {file} is not there")
    if not dataset:
        try:
            return np.load(file, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise ValueError(f"files: {file} is damaged, or holds Python objects ({error})") from None
    handles.append(h5py.File(file, "r"))
    if not isinstance(handles[-1].get(dataset), h5py.Dataset):
        raise FileNotFoundError(f"files: {file} has no dataset {dataset}; it has {', '.join(handles[-1])}")
    return handles[-1][dataset]
