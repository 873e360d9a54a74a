"""Stored splits and a mapping -> pairs of tensors; augmentation by symmetry and by jitter.

Whatever is random is a function of (seed, epoch, index) alone: the order of loading, the number of workers, and an
interruption do not change it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from qd_pix2pix.data.store import Split
from qd_pix2pix.mapping import Mapping
from qd_pix2pix.mapping.symmetry import ORDER, square_symmetry

Transform = Callable[[Tensor, np.random.Generator], Tensor]
"""(fields (c, n, n), random stream) -> fields (c, n, n), all channels alike."""


class RandomSymmetry:
    """Applies one of the square's eight symmetries, drawn uniformly."""

    def __call__(self, fields: Tensor, rng: np.random.Generator) -> Tensor:
        """(c, n, n) -> (c, n, n)."""
        return square_symmetry(fields, int(rng.integers(ORDER)))


class Jitter:
    """Resizes to ``n_resize`` x ``n_resize`` (bilinear) and crops back at a random place (Isola et al. 2017).

    All fields are cropped alike. A density keeps its values, not its integral.
    """

    def __init__(self, n_resize: int) -> None:
        self.n_resize = n_resize

    def __call__(self, fields: Tensor, rng: np.random.Generator) -> Tensor:
        """(c, n, n) -> (c, n, n)."""
        n = fields.shape[-1]
        row, column = rng.integers(self.n_resize - n + 1, size=2)
        large = F.interpolate(fields[None], size=(self.n_resize, self.n_resize), mode="bilinear", align_corners=False)
        return large[0, :, row : row + n, column : column + n]


class Dots:
    """The same split of several datasets, one after the other, with the facts of each dot as one more column.

    Args:
        splits: of each dataset.
        facts: of each dataset, in the order of ``conditions.CONDITIONS``.
    """

    def __init__(self, splits: Sequence[Split], facts: Sequence[Sequence[float]]) -> None:
        self._splits = splits
        self._facts = [np.asarray(f, dtype=np.float32) for f in facts]
        self._ends = np.cumsum([len(split) for split in splits])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def read(self, index: int, names: Sequence[str]) -> dict[str, NDArray]:
        """The columns ``names`` of one dot, and its ``facts`` (4,)."""
        member = int(np.searchsorted(self._ends, index, side="right"))
        row = index - (int(self._ends[member - 1]) if member else 0)
        return self._splits[member].read(row, names) | {"facts": self._facts[member]}

    def load(self, names: Sequence[str]) -> dict[str, NDArray]:
        """The columns ``names`` of all dots, and their ``facts`` (S, 4)."""
        parts = [split.load(names) for split in self._splits]
        facts = [np.tile(f, (len(split), 1)) for f, split in zip(self._facts, self._splits, strict=True)]
        return {name: np.concatenate([part[name] for part in parts]) for name in names} | {
            "facts": np.concatenate(facts)
        }

    def nbytes(self, names: Sequence[str]) -> int:
        """Bytes that ``load`` would take."""
        return sum(split.nbytes(names) for split in self._splits)


class FieldPairs(Dataset[dict[str, Tensor]]):
    """Pairs of fields in physical units, with all else that is asked, and what tells how hard a dot is.

    Items are ``{"source": (1, n, n), "target": (1, n, n), "facts": (4,), "gap": (), "index": ()}`` and, under their
    names, the quantities of ``also``: (1, n, n) or (). Keys are plain indices or (epoch, index), as
    ``ResumableSampler`` gives them: transforms need the epoch. Data smaller than ``cache_bytes`` are held in memory,
    larger ones are read from disk dot by dot.
    """

    def __init__(
        self,
        dots: Dots,
        mapping: Mapping,
        transforms: tuple[Transform, ...] = (),
        seed: int = 0,
        cache_bytes: int = 2**30,
    ) -> None:
        self.dots, self.transforms, self.seed = dots, transforms, seed
        self.source, self.target = mapping.source.name, mapping.target.name
        self.fields = [f.name for f in (mapping.source, *mapping.outputs) if not f.is_scalar]
        self.scalars = sorted({f.name for f in mapping.outputs if f.is_scalar} | {"gap"})
        self._names = (*self.fields, *self.scalars)
        self._cache = dots.load(self._names) if dots.nbytes(self._names) <= cache_bytes else None

    def __len__(self) -> int:
        return len(self.dots)

    def __getitem__(self, key: int | tuple[int, int]) -> dict[str, Tensor]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        row = self._row(index)
        fields = torch.as_tensor(np.stack([row[name] for name in self.fields]), dtype=torch.float32)
        if self.transforms:
            rng = np.random.default_rng([self.seed, epoch, index])
            for transform in self.transforms:
                fields = transform(fields, rng)
        named = {name: fields[i : i + 1] for i, name in enumerate(self.fields)}
        scalars = {name: torch.as_tensor(float(row[name])) for name in self.scalars}
        pair = {"source": named.pop(self.source), "target": named.pop(self.target)}
        return pair | named | scalars | {"facts": torch.as_tensor(row["facts"]), "index": torch.as_tensor(index)}

    def _row(self, index: int) -> dict[str, NDArray]:
        if self._cache is None:
            return self.dots.read(index, self._names)
        return {name: values[index] for name, values in self._cache.items()}
