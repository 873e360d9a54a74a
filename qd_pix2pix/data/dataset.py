"""Samples of stored splits as tensors, in physical units, by the names of their columns.

All randomness is a function of (seed, epoch, index) only: it does not depend on the order of loading, the number of
workers or interruptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from qd_pix2pix.data.store import Split
from qd_pix2pix.data.transforms import Row, Transform
from qd_pix2pix.schema import Schema


class Samples:
    """The concatenation of one split of several datasets, with the constants of each dataset as columns.

    Args:
        splits: split of each dataset.
        constants: constants of each dataset, by name.
    """

    def __init__(self, splits: Sequence[Split], constants: Sequence[Mapping[str, float]]) -> None:
        self._splits, self._constants = splits, constants
        self._ends = np.cumsum([len(split) for split in splits])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def _stored(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self._constants[0]]

    def place(self, index: int) -> tuple[int, int]:
        """Return the dataset of a sample, and its row there."""
        member = int(np.searchsorted(self._ends, index, side="right"))
        return member, index - (int(self._ends[member - 1]) if member else 0)

    def groups(self, shapes: Sequence[tuple[int, ...]]) -> list[list[int]]:
        """Return the indices of all samples of each shape, from the shape of each dataset."""
        found: dict[tuple[int, ...], list[int]] = {}
        for shape, split, end in zip(shapes, self._splits, self._ends.tolist(), strict=True):
            found.setdefault(tuple(shape), []).extend(range(end - len(split), end))
        return list(found.values())

    def read(self, index: int, names: Sequence[str]) -> dict[str, NDArray]:
        """Return the columns ``names`` of one sample: fields (*points), all others ()."""
        member, row = self.place(index)
        constants: dict[str, NDArray] = {
            name: np.asarray(v) for name, v in self._constants[member].items() if name in names
        }
        return self._splits[member].read(row, self._stored(names)) | constants

    def load(self, names: Sequence[str]) -> list[dict[str, NDArray]]:
        """Return the columns ``names`` of all samples of each dataset: fields (S, *points), all others (S,)."""
        parts = []
        for split, constants in zip(self._splits, self._constants, strict=True):
            constant = {name: np.full(len(split), v) for name, v in constants.items() if name in names}
            parts.append(split.load(self._stored(names)) | constant)
        return parts

    def nbytes(self, names: Sequence[str]) -> int:
        """Return the number of bytes that ``load`` would take, without constants."""
        return sum(split.nbytes(self._stored(names)) for split in self._splits)


class Batches(Dataset[Row]):
    """The samples as dictionaries of tensors: fields float32 (*points), classes int64 (), other numbers float32 ().

    Keys are indices or (epoch, index), as from ``ResumableBatches``: transforms depend on the epoch. Data smaller than
    ``cache_bytes`` are kept in memory, larger ones are read from disk sample by sample.

    Args:
        samples: samples of all datasets.
        schema: schema of these samples.
        names: columns of an item.
        transforms: transforms of samples, applied in this order.
        seed: seed of the transforms.
        cache_bytes: largest size in bytes of data that are kept in memory.
    """

    def __init__(
        self,
        samples: Samples,
        schema: Schema,
        names: Sequence[str],
        transforms: tuple[Transform, ...] = (),
        seed: int = 0,
        cache_bytes: int = 2**30,
    ) -> None:
        self.samples, self.schema, self.names = samples, schema, tuple(names)
        self.transforms, self.seed = transforms, seed
        self._cache = samples.load(self.names) if samples.nbytes(self.names) <= cache_bytes else None

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: int | tuple[int, int]) -> Row:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        row = {name: self._tensor(name, values) for name, values in self._row(index).items()}
        if self.transforms:
            rng = np.random.default_rng([self.seed, epoch, index])
            for transform in self.transforms:
                row = transform(row, rng)
        return row

    def _tensor(self, name: str, values: NDArray) -> Tensor:
        is_class = self.schema[name].role == "class"
        return torch.as_tensor(values, dtype=torch.int64 if is_class else torch.float32).contiguous()

    def _row(self, index: int) -> dict[str, NDArray]:
        if self._cache is None:
            return self.samples.read(index, self.names)
        member, row = self.samples.place(index)
        return {name: self._cache[member][name][row] for name in self.names}
