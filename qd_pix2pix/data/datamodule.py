"""The dataset of a recipe as Lightning wants it: generated if missing, split, loaded, resumable in mid-epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler, Subset

from qd_pix2pix.data.dataset import Dots, FieldPairs, Jitter, RandomSymmetry, Transform
from qd_pix2pix.data.store import Store
from qd_pix2pix.mapping import Mapping
from qd_pix2pix.mapping.conditions import facts_of
from qd_pix2pix.training.resume import place_of, seed_of


class ResumableSampler(Sampler[tuple[int, int]]):
    """Keys (epoch, index) in an order that depends on (seed, epoch) only; can start anywhere in an epoch.

    Of ``world`` processes each takes every world-th key, so that together they make the batches that one would make of
    world times the size. Where the dots do not go round, the first ones come again.
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
        place: () -> (epoch, batches of it that are done). Asked when the first batch is wanted, not when the iterator
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
        """Nothing: the step tells the place. Lightning warns of loaders without a state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take nothing."""


class DotsDataModule(pl.LightningDataModule):
    """Pairs of fields of one dataset, or of several on the same number of points, for one mapping.

    Args:
        stores: the datasets.
        mapping: which field is given and which is asked.
        batch_size: dots per training step.
        eval_batch_size: dots per step of validation and test.
        symmetry: augment with the square's eight symmetries.
        jitter: N_resize of the paper; the number of points n switches it off.
        num_workers: loading processes; 0 loads in the main process.
        cache_gib: splits up to this size are held in memory.
        seed: of the order and the augmentation.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        mapping: Mapping,
        batch_size: int = 1,
        eval_batch_size: int = 25,
        symmetry: bool = False,
        jitter: int | None = None,
        num_workers: int = 0,
        cache_gib: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.stores, self.mapping = stores, mapping
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.num_workers, self.cache_bytes, self.seed = num_workers, int(cache_gib * 2**30), seed
        n = stores[0].recipe["grid"]["n"]
        jitter = n if jitter is None else jitter
        for name, value, low in (
            ("batch_size", batch_size, 1),
            ("eval_batch_size", eval_batch_size, 1),
            ("num_workers", num_workers, 0),
            ("jitter", jitter, n),  # N_resize = n is off
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ValueError(f"loader.{name}: expected a whole number of at least {low}, got {value!r}")
        if not cache_gib >= 0:
            raise ValueError(f"loader.cache_gib: expected a size in GiB of at least 0, got {cache_gib!r}")
        candidates = ((symmetry, RandomSymmetry()), (jitter > n, Jitter(jitter)))
        self.transforms: tuple[Transform, ...] = tuple(transform for wanted, transform in candidates if wanted)

    def pairs(self, split: str, augment: bool = False) -> FieldPairs:
        """The pairs of a split."""
        dots = Dots([store.split(split) for store in self.stores], [facts_of(store.recipe) for store in self.stores])
        return FieldPairs(
            dots,
            self.mapping,
            self.transforms if augment else (),
            self.seed,
            self.cache_bytes,
        )

    def train_dataloader(self) -> ResumableLoader:
        """Shuffled and augmented."""
        pairs = self.pairs("train", augment=True)
        sampler = ResumableSampler(len(pairs), self.seed, *self._rank_and_world)
        return ResumableLoader(pairs, place=self._place, batch_size=self.batch_size, sampler=sampler, **self._options)

    def val_dataloader(self) -> DataLoader:
        """In order, each process its share."""
        pairs, (rank, world) = self.pairs("val"), self._rank_and_world
        share = Subset(pairs, range(rank, len(pairs), world)) if world > 1 else pairs
        return DataLoader(share, batch_size=self.eval_batch_size, **self._options)

    def test_dataloader(self) -> DataLoader:
        """In order."""
        return DataLoader(self.pairs("test"), batch_size=self.eval_batch_size, **self._options)

    def _place(self) -> tuple[int, int]:
        """Epoch, and batches of it that are done: both follow from the step."""
        return place_of(self.trainer) if self.trainer else (0, 0)

    @property
    def _rank_and_world(self) -> tuple[int, int]:
        """Number of this process, and how many there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    @property
    def _options(self) -> dict[str, Any]:
        # a generator of its own: a loader must not draw from the stream that dropout draws from
        return {
            "num_workers": self.num_workers,
            "persistent_workers": self.num_workers > 0,
            "generator": torch.Generator().manual_seed(self.seed),
        }
