"""Batches on the threads of a processor, one thread for each.

Most operations of a prediction are too small to be divided among threads: two threads that share every operation are
less than twice as fast, two threads with a batch each nearly are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

import torch
from torch import nn

Given = TypeVar("Given")
Found = TypeVar("Found")

KNOWN = ("qd_pix2pix", "torch")
"""Packages whose networks keep nothing of a sample from call to call."""


def on_threads(
    work: Callable[[Given], Found], batches: Iterable[Given], network: nn.Module, device: torch.device
) -> Iterator[Found]:
    """Yield ``work(batch)`` for each batch, in their order and without gradients.

    On a processor as many batches at once as torch has threads. One after the other on a GPU, whose operations are
    large enough, and for a network of a user's module, which may not bear several calls at once.
    """
    threads, batches = torch.get_num_threads(), iter(batches)
    first = list(islice(batches, 2))
    work = torch.inference_mode()(work)  # a mode of the thread that works
    if threads == 1 or device.type != "cpu" or len(first) < 2 or not _known(network):
        yield from map(work, chain(first, batches))
        return
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            group = [*first, *islice(batches, threads - len(first))]
            while group:
                yield from pool.map(work, group)
                group = list(islice(batches, threads))
    finally:
        torch.set_num_threads(threads)  # a thread's number is also that of threads to come


def _known(network: nn.Module) -> bool:
    return all(type(part).__module__.partition(".")[0] in KNOWN for part in network.modules())
