"""A stored split and a mapping -> pairs of tensors; augmentation by symmetry and by jitter.

Whatever is random is a function of (seed, epoch, index) alone: the order of loading, the number of workers, and an
interruption do not change it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from qd_pix2pix.data.store import Split

Transform = Callable[[Tensor, np.random.Generator], Tensor]
"""(fields (c, n, n), random stream) -> fields (c, n, n), all channels alike."""


def square_symmetry(fields: Tensor, element: int) -> Tensor:
    """One of the eight symmetries of the square (0 ... 7; 0 is the identity) applied to (..., n, n)."""
    if element >= 4:
        fields = fields.transpose(-2, -1)
    return torch.rot90(fields, element % 4, dims=(-2, -1))


class RandomSymmetry:
    """Applies one of the square's eight symmetries, drawn uniformly."""

    def __call__(self, fields: Tensor, rng: np.random.Generator) -> Tensor:
        """(c, n, n) -> (c, n, n)."""
        return square_symmetry(fields, int(rng.integers(8)))


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


class FieldPairs(Dataset[dict[str, Tensor]]):
    """Pairs (source, target) in physical units, with the gap that tells how hard a dot is.

    Items are ``{"source": (1, n, n), "target": (1, n, n), "gap": (), "index": ()}``. Keys are plain indices or
    (epoch, index), as ``ResumableSampler`` gives them: transforms need the epoch. A split that is smaller than
    ``cache_bytes`` is held in memory, a larger one read from disk sample by sample.
    """

    def __init__(
        self,
        split: Split,
        source: str,
        target: str,
        transforms: tuple[Transform, ...] = (),
        seed: int = 0,
        cache_bytes: int = 2**30,
    ) -> None:
        self.split, self.source, self.target = split, source, target
        self.transforms, self.seed = transforms, seed
        self._names = (source, target, "gap")
        self._cache = split.load(self._names) if split.nbytes(self._names) <= cache_bytes else None

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, key: int | tuple[int, int]) -> dict[str, Tensor]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        row = self._row(index)
        fields = torch.as_tensor(np.stack([row[self.source], row[self.target]]), dtype=torch.float32)
        if self.transforms:
            rng = np.random.default_rng([self.seed, epoch, index])
            for transform in self.transforms:
                fields = transform(fields, rng)
        return {
            "source": fields[:1],
            "target": fields[1:],
            "gap": torch.as_tensor(float(row["gap"])),
            "index": torch.as_tensor(index),
        }

    def _row(self, index: int) -> dict[str, np.ndarray]:
        if self._cache is None:
            return self.split.read(index, self._names)
        return {name: values[index] for name, values in self._cache.items()}
