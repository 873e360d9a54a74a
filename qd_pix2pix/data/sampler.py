"""The order of the samples and the position of a training: functions of seed, epoch and step only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler


def seed_of(*numbers: int) -> int:
    """Return a seed of 63 bits for torch from non-negative whole numbers, the same on every machine."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) & (2**63 - 1)


def place_of(trainer: pl.Trainer) -> tuple[int, int]:
    """Return the epoch of the next batch and its number of completed batches, which follow from the step."""
    epoch, batches = divmod(trainer.global_step, int(trainer.num_training_batches))
    return epoch, batches


class ResumableSampler(Sampler[tuple[int, int]]):
    """A sampler of keys (epoch, index) in an order that depends on (seed, epoch) only, from any position in an epoch.

    Of ``world`` processes each takes every world-th key, so that together they process the batches that one would
    process with world times the size. If the number of samples is not divisible, the first ones are repeated.
    """

    def __init__(self, size: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.size, self.seed, self.rank, self.world = size, seed, rank, world
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        return -(-self.size // self.world)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        generator = torch.Generator().manual_seed(seed_of(self.seed, self.epoch))
        order = torch.randperm(self.size, generator=generator).tolist()
        order = [order[i % self.size] for i in range(self.rank, len(self) * self.world, self.world)]
        return iter([(self.epoch, index) for index in order[self.start :]])


class ResumableLoader(DataLoader[Any]):
    """A DataLoader over a ``ResumableSampler`` that starts at the position of the training.

    Args:
        place: function that returns (epoch, its completed batches). It is called when the first batch is loaded, not
            when the iterator is created: Lightning creates one before it reads a checkpoint.
    """

    sampler: ResumableSampler

    def __init__(self, *args: Any, place: Callable[[], tuple[int, int]] = lambda: (0, 0), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.place = place

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.sampler.epoch, batches = self.place()
        self.sampler.start = batches * (self.batch_size or 1)
        yield from super().__iter__()

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state: the position follows from the step, but Lightning warns of loaders without a state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Ignore the state, which is empty."""
