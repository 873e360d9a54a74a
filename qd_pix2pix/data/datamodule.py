"""The Lightning data module: splits and loaders that resume within an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Subset

from qd_pix2pix.data.dataset import Batches, Samples
from qd_pix2pix.data.sampler import ResumableLoader, ResumableSampler, place_of
from qd_pix2pix.data.store import Store
from qd_pix2pix.data.transforms import Jitter, RandomSymmetry, Transform
from qd_pix2pix.mapping.symmetry import Symmetry
from qd_pix2pix.predictor import Predictor
from solvers.checks import check_integer, check_number


class SamplesModule(pl.LightningDataModule):
    """The samples of one dataset, or of several on the same points, with the inputs and outputs of a predictor.

    Args:
        stores: the datasets.
        predictor: the trained predictor, whose mapping and conditions select the columns.
        batch_size: samples per training step.
        eval_batch_size: samples per validation step.
        symmetry: augment with the symmetries of the samples.
        jitter: N_resize of Pantis-Simut et al. 2023; the number of points, or None, disables it.
        num_workers: number of loading processes; with 0 the main process loads.
        cache_gib: largest size in GiB of a split that is kept in memory.
        seed: seed of the order and the augmentation.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        predictor: Predictor,
        batch_size: int = 1,
        eval_batch_size: int = 25,
        symmetry: bool = False,
        jitter: int | None = None,
        num_workers: int = 0,
        cache_gib: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.stores, self.schema = stores, predictor.schema
        conditions = (column.name for column in predictor.schema.given)
        mapping = predictor.mapping
        self.names = tuple(dict.fromkeys([*mapping.sources, *mapping.labels, *mapping.outputs, *conditions]))
        for name, value, low in (
            ("batch_size", batch_size, 1),
            ("eval_batch_size", eval_batch_size, 1),
            ("num_workers", num_workers, 0),
        ):
            check_integer(f"loader.{name}", value, low)
        check_number("loader.cache_gib", cache_gib, 0)
        if not isinstance(symmetry, bool):
            raise ValueError(f"loader.symmetry: expected true or false, got {symmetry!r}")
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.num_workers, self.cache_bytes, self.seed = num_workers, int(cache_gib * 2**30), seed
        self.transforms = self._transforms(symmetry, jitter)

    def _transforms(self, symmetry: bool, jitter: int | None) -> tuple[Transform, ...]:
        of_samples, shape = Symmetry(self.schema), self.schema.domain.shape
        chosen: list[Transform] = [RandomSymmetry(of_samples)] if symmetry else []
        if jitter is not None:
            check_integer("loader.jitter", jitter, shape[0], f"N_resize = {shape[0]} points, or null, is off")
            if len(shape) != 2 or shape[0] != shape[1]:
                raise ValueError(f"loader.jitter: expected null, as it crops squares; the fields have {shape} points")
            chosen += [Jitter(of_samples, jitter)] if jitter > shape[0] else []
        return tuple(chosen)

    def batches(self, split: str, augment: bool = False) -> Batches:
        """Return the samples of a split."""
        samples = Samples([s.split(split) for s in self.stores], [s.schema.constants for s in self.stores])
        transforms = self.transforms if augment else ()
        return Batches(samples, self.schema, self.names, transforms, self.seed, self.cache_bytes)

    def train_dataloader(self) -> ResumableLoader:
        """Return the loader of the training split, shuffled and augmented."""
        batches = self.batches("train", augment=True)
        sampler = ResumableSampler(len(batches), self.seed, *self._rank_and_world)
        return ResumableLoader(batches, place=self._place, batch_size=self.batch_size, sampler=sampler, **self._options)

    def val_dataloader(self) -> DataLoader:
        """Return the loader of this process's share of the validation split, in order."""
        batches, (rank, world) = self.batches("val"), self._rank_and_world
        share = Subset(batches, range(rank, len(batches), world)) if world > 1 else batches
        return DataLoader(share, batch_size=self.eval_batch_size, **self._options)

    def _place(self) -> tuple[int, int]:
        """Return the epoch of the next batch and its number of completed batches, which follow from the step."""
        return place_of(self.trainer) if self.trainer else (0, 0)

    @property
    def _rank_and_world(self) -> tuple[int, int]:
        """The rank of this process and the number of processes."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    @property
    def _options(self) -> dict[str, Any]:
        # a separate generator: a loader must not draw from the stream of dropout
        return {
            "num_workers": self.num_workers,
            "persistent_workers": self.num_workers > 0,
            "generator": torch.Generator().manual_seed(self.seed),
        }
