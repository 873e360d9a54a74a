"""The Lightning data module: splits and loaders that resume within an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from qd_pix2pix.data.dataset import Batches, Samples
from qd_pix2pix.data.sampler import ResumableBatches, ResumableLoader, chunks, place_of
from qd_pix2pix.data.store import Store
from qd_pix2pix.data.transforms import Jitter, MeasurementNoise, RandomShift, RandomSymmetry, Transform
from qd_pix2pix.mapping import Mapping
from qd_pix2pix.mapping.symmetry import Symmetry
from qd_pix2pix.predictor import Predictor
from solvers.checks import check_integer, check_number, check_range

SMALLEST_NOISE = 1e-9
"""Smallest noise that is added, relative to the largest value of a field: below the precision of float32."""


class SamplesModule(pl.LightningDataModule):
    """The samples of one dataset, or of several, with the inputs and outputs of a predictor.

    Datasets may have different numbers of points; all samples of a batch have the same.

    Args:
        stores: the datasets.
        predictor: the trained predictor, whose mapping and conditions select the columns.
        batch_size: samples per training step.
        eval_batch_size: samples per validation step.
        symmetry: augment with the symmetries of the samples.
        jitter: N_resize of Pantis-Simut et al. 2023, of the longer side; the number of points, or None, disables it.
        noise: lowest and highest standard deviation of the noise added to the given fields in training and validation,
            relative to the largest value of a field; see ``MeasurementNoise``. None disables it.
        shift: two columns; numbers between them are subtracted from the given fields in training, where no output
            changes; see ``RandomShift``. None disables it.
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
        noise: Sequence[float] | None = None,
        shift: Sequence[str] | None = None,
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
        self.noise = self._noise(mapping.sources, noise)
        self.shift = self._shift(mapping, shift)
        self.transforms: tuple[Transform, ...] = (*self.shift, *self._transforms(symmetry, jitter), *self.noise)

    def _transforms(self, symmetry: bool, jitter: int | None) -> tuple[Transform, ...]:
        of_samples, shape = Symmetry(self.schema, self.names), self.schema.domain.shape
        if jitter is not None and len(self.shapes) > 1:
            raise ValueError("loader.jitter: expected null, as it crops squares of one size; the datasets have several")
        chosen: list[Transform] = [RandomSymmetry(of_samples)] if symmetry else []
        if jitter is not None:
            check_integer("loader.jitter", jitter, max(shape), f"N_resize = {max(shape)} points, or null, is off")
            if len(shape) != 2:
                raise ValueError(
                    f"loader.jitter: expected null, as it crops squares and rectangles; the fields have {shape} points"
                )
            chosen += [Jitter(of_samples, jitter)] if jitter > max(shape) else []
        return tuple(chosen)

    def _noise(self, sources: tuple[str, ...], fractions: Sequence[float] | None) -> tuple[Transform, ...]:
        if fractions is None:
            return ()
        check_range("loader.noise", fractions, low=SMALLEST_NOISE)
        if not sources or any(self.schema[name].values for name in sources):
            raise ValueError(f"loader.noise: expected null, as no continuous field is given; got {fractions!r}")
        return (MeasurementNoise(Symmetry(self.schema), sources, (float(fractions[0]), float(fractions[1]))),)

    def _shift(self, mapping: Mapping, columns: Sequence[str] | None) -> tuple[RandomShift, ...]:
        if columns is None:
            return ()
        if not isinstance(columns, (list, tuple)) or len(columns) != 2 or not all(isinstance(n, str) for n in columns):
            raise ValueError(f"loader.shift: expected null, or two columns such as [mu_low, mu_high]; got {columns!r}")
        known = [column.name for column in self.schema.of_role("scalar")]
        if missing := [name for name in columns if name not in known]:
            raise ValueError(f"loader.shift: expected columns out of {', '.join(known)}; got {missing[0]!r}")
        if changed := [name for name in mapping.outputs if not self.schema[name].is_field]:
            raise ValueError(f"loader.shift: expected maps as outputs, which do not change; {changed[0]} does")
        return (RandomShift(mapping.sources, *columns),)

    def batches(self, split: str, augment: bool = False) -> Batches:
        """Return the samples of a split, with noise in training and validation."""
        samples = Samples([s.split(split) for s in self.stores], [s.schema.constants for s in self.stores])
        noise: tuple[Transform, ...] = self.noise if split == "val" else ()
        transforms = self.transforms if augment else noise
        bounds = [name for shift in self.shift if augment for name in (shift.low, shift.high)]
        return Batches(samples, self.schema, (*self.names, *bounds), transforms, self.seed, self.cache_bytes)

    def train_dataloader(self) -> ResumableLoader:
        """Return the loader of the training split, shuffled and augmented."""
        batches = self.batches("train", augment=True)
        order = ResumableBatches(self.groups(batches), self.batch_size, self.seed, *self._rank_and_world)
        return ResumableLoader(batches, order, self._place, **self._options)

    def val_dataloader(self) -> DataLoader:
        """Return the loader of this process's share of the validation split, in order."""
        batches, (rank, world) = self.batches("val"), self._rank_and_world
        shares = [group[rank::world] for group in self.groups(batches)]
        order = [batch for share in shares for batch in chunks(share, self.eval_batch_size)]
        return DataLoader(batches, batch_sampler=order, **self._options)

    def groups(self, batches: Batches) -> list[list[int]]:
        """Return the indices of the samples of each shape."""
        return batches.samples.groups([store.schema.domain.shape for store in self.stores])

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The different shapes of fields."""
        return list(dict.fromkeys(tuple(store.schema.domain.shape) for store in self.stores))

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
