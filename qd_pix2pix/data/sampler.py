"""The order of the samples and the position of a training: functions of seed, epoch and step only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

T = TypeVar("T")


def seed_of(*numbers: int) -> int:
    """Return a seed of 63 bits for torch from non-negative whole numbers, the same on every machine."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) & (2**63 - 1)


def place_of(trainer: pl.Trainer) -> tuple[int, int]:
    """Return the epoch of the next batch and its number of completed batches, which follow from the step."""
    epoch, batches = divmod(trainer.global_step, int(trainer.num_training_batches))
    return epoch, batches


class ResumableBatches(Sampler[list[tuple[int, int]]]):
    """Batches of keys (epoch, index) in an order that depends on (seed, epoch) only, from any position in an epoch.

    Samples of a batch have the same shape. Of ``world`` processes each takes every world-th sample of a shape, so that
    together they process the batches that one would process with world times the size. If their number is not
    divisible, the first ones are repeated.

    Args:
        groups: indices of the samples of each shape.
        size: samples per batch.
        seed: seed of the order.
        rank, world: number of this process, and of all processes.
    """

    def __init__(self, groups: Sequence[Sequence[int]], size: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.groups, self.size, self.seed, self.rank, self.world = groups, size, seed, rank, world
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        return n_batches([len(group) for group in self.groups], self.size * self.world)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        generator = torch.Generator().manual_seed(seed_of(self.seed, self.epoch))
        found: list[list[tuple[int, int]]] = []
        for group in self.groups:
            order = torch.randperm(len(group), generator=generator).tolist()
            share = -(-len(group) // self.world)
            keys = [
                (self.epoch, group[order[i % len(group)]]) for i in range(self.rank, share * self.world, self.world)
            ]
            found += chunks(keys, self.size)
        if len(self.groups) > 1:
            found = [found[i] for i in torch.randperm(len(found), generator=generator).tolist()]
        return iter(found[self.start :])


def n_batches(sizes: Sequence[int], size: int) -> int:
    """Return the number of batches of at most ``size`` samples, of groups of ``sizes`` that are not mixed."""
    return sum(-(-n // size) for n in sizes)


def chunks(items: Sequence[T], size: int) -> list[list[T]]:
    """Return ``items`` in lists of ``size``; the last one may be shorter."""
    return [list(items[i : i + size]) for i in range(0, len(items), size)]


class ResumableLoader(DataLoader[Any]):
    """A DataLoader over ``ResumableBatches`` that starts at the position of the training.

    Args:
        batches: batches of all epochs.
        place: function that returns (epoch, its completed batches). It is called when the first batch is loaded, not
            when the iterator is created: Lightning creates one before it reads a checkpoint.
    """

    def __init__(
        self,
        dataset: Any,
        batches: ResumableBatches,
        place: Callable[[], tuple[int, int]] = lambda: (0, 0),
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset, batch_sampler=batches, **kwargs)
        self.batches, self.place = batches, place

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.batches.epoch, self.batches.start = self.place()
        yield from super().__iter__()

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state: the position follows from the step, but Lightning warns of loaders without a state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Ignore the state, which is empty."""
