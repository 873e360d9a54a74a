"""Augmentation of samples by symmetries of the domain and by jitter, for all columns together, and noise of sources."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from qd_pix2pix.mapping.symmetry import Symmetry

Row = dict[str, Tensor]
"""The columns of one sample by name: fields (*points), all others ()."""
Transform = Callable[[Row, np.random.Generator], Row]
"""A function from a sample and a random stream to a sample."""


class RandomSymmetry:
    """The transform by a uniformly drawn symmetry of the samples: group, flip and translations."""

    def __init__(self, symmetry: Symmetry) -> None:
        self.symmetry = symmetry

    def __call__(self, row: Row, rng: np.random.Generator) -> Row:
        """Return the transformed sample."""
        row = self.symmetry.act(row, int(rng.integers(len(self.symmetry.elements(row)))))
        if self.symmetry.domain.translations:
            row = self.symmetry.shift(row, tuple(int(rng.integers(n)) for n in self.symmetry.points(row)))
        return row


class Jitter:
    """The transform that resizes 2D fields to ``n_resize`` points a side (bilinear) and crops at a random position.

    In a rectangle these are the points of the longer side; the other one is resized in proportion. All fields are
    cropped alike (Isola et al. 2017). The values of a density are preserved, not its integral.
    """

    def __init__(self, symmetry: Symmetry, n_resize: int) -> None:
        self.schema, shape = symmetry.schema, symmetry.schema.domain.shape
        x, y = (round(n_resize * n / max(shape)) for n in shape)
        self.size = x, y

    def __call__(self, row: Row, rng: np.random.Generator) -> Row:
        """Return the sample with its fields resized and cropped."""
        n_x, n_y = self.schema.domain.shape
        room = [large - n + 1 for large, n in zip(self.size, (n_x, n_y), strict=True)]
        x, y = (int(start) for start in rng.integers(room))

        def crop(values: Tensor) -> Tensor:
            large = F.interpolate(values[None, None], size=self.size, mode="bilinear", align_corners=False)[0, 0]
            return large[x : x + n_x, y : y + n_y]

        return {name: crop(values) if self.schema[name].is_field else values for name, values in row.items()}


class RandomShift:
    """The transform that subtracts a number from the given fields, uniform between two columns of the sample.

    Between them the answer is the same, such as the density of N fermions at all chemical potentials from
    E(N) - E(N - 1) to E(N + 1) - E(N). Of each stored sample a training then has another one in each epoch.

    Args:
        sources: names of the given fields.
        low, high: names of the columns.
    """

    def __init__(self, sources: Sequence[str], low: str, high: str) -> None:
        self.sources, self.low, self.high = tuple(sources), low, high

    def __call__(self, row: Row, rng: np.random.Generator) -> Row:
        """Return the shifted sample, without the two columns."""
        low, high = float(row[self.low]), float(row[self.high])
        shift = low + (high - low) * rng.random()
        kept = {name: values for name, values in row.items() if name not in (self.low, self.high)}
        return kept | {name: row[name] - shift for name in self.sources}


class MeasurementNoise:
    """The transform that adds normal noise to the given fields, as a measurement of them would.

    The standard deviation is a fraction of the largest magnitude of the field, which is drawn log-uniformly for each
    sample. Values below the physical bound of a column, such as negative densities, become that bound.

    Args:
        symmetry: symmetries, with the schema of the samples.
        sources: names of the given fields.
        fractions: lowest and highest fraction, both positive.
    """

    def __init__(self, symmetry: Symmetry, sources: Sequence[str], fractions: tuple[float, float]) -> None:
        columns = [symmetry.schema[name] for name in sources]
        self.bounds = {c.name: -math.inf if c.low is None else c.low for c in columns}
        self.low, self.high = (math.log(fraction) for fraction in fractions)

    def __call__(self, row: Row, rng: np.random.Generator) -> Row:
        """Return the sample with noise."""
        fraction = math.exp(rng.uniform(self.low, self.high))
        noisy = {}
        for name, low in self.bounds.items():
            values = row[name]
            normal = torch.as_tensor(rng.standard_normal(values.shape), dtype=values.dtype)
            noisy[name] = (values + fraction * values.abs().max() * normal).clamp(min=low)
        return row | noisy
