"""Order of the samples, and the place where a training stands: functions of seed, epoch and step alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler


def seed_of(*numbers: int) -> int:
    """Return a seed of 63 bits for torch, from whole numbers of at least 0; the same on every machine."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) & (2**63 - 1)


def place_of(trainer: pl.Trainer) -> tuple[int, int]:
    """Return the epoch of the next batch, and how many batches of it are done: both follow from the step."""
    epoch, batches = divmod(trainer.global_step, int(trainer.num_training_batches))
    return epoch, batches


class ResumableSampler(Sampler[tuple[int, int]]):
    """Keys (epoch, index) in an order that depends on (seed, epoch) only; can start anywhere in an epoch.

    Of ``world`` processes each takes every world-th key, so that together they make the batches that one would make of
    world times the size. Where the samples do not go round, the first ones come again.
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
    """A DataLoader over a ``ResumableSampler`` that begins where the training stands.

    Args:
        place: () -> (epoch, batches of it that are done). Called when the first batch is wanted, not when the iterator
            is made: Lightning makes one before it has read a checkpoint.
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
        """Nothing: the place follows from the step. Lightning warns of loaders without a state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take nothing."""
