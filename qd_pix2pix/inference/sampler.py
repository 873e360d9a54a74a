"""A trained generator with NumPy arrays in physical units as output.

from qd_pix2pix import from_pretrained
spins = from_pretrained("ising-rugan").sample(energy=-1.2, magnetisation=0.1, size=128, n=16)  # (16, 128, 128)
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from qd_pix2pix.generators import ConfidentGenerator, Generator
from qd_pix2pix.inference.inputs import array_of, check_fields, conditions_of
from qd_pix2pix.inference.predict import check_device
from qd_pix2pix.inference.sample import (
    MOST_POINTS,
    check_memory,
    check_near_training,
    draw,
    read_off,
    smaller_sizes,
    unseen_labels,
)
from qd_pix2pix.predictor import Card
from qd_pix2pix.schema import Column
from solvers.checks import check_integer, check_number, check_plain


class Sampler:
    """A trained generator, with NumPy arrays in physical units as output.

    Args:
        predictor, card: the generator and its description.
        device: device of the network; by default the GPU if there is one.

    Attributes:
        generator: the ``nn.Module``; see ``generators``.
        card: data, configuration and measures of the training.
        target: name of the drawn column.
        labels: names of the numbers at which samples are requested.
        shape: points of the training samples.
        measures: measures of the test split of each training dataset; empty for a checkpoint.
    """

    def __init__(self, predictor: Generator, card: Card, device: str | None = None) -> None:
        self.generator, self.card = predictor, card
        self.target, self.labels = predictor.target.name, predictor.mapping.labels
        self.shape = predictor.schema.domain.shape
        self.measures: list[dict[str, Any]] = card.tests
        self.device = check_device(device)

    def sample(
        self, n: int = 1, size: int | Sequence[int] | None = None, seed: int = 0, **labels: ArrayLike | str
    ) -> NDArray:
        """Return samples (n, *points) that have the requested labels.

        Args:
            n: number of samples.
            size: points per side, a number or one for each axis; by default those of training. Larger samples are
                drawn as well; smaller ones have other labels, which a warning states.
            seed: seed of all random numbers.
            labels: numbers or arrays (n,) by name, extensive ones per point: energy=-1.2 is -1.2 J per site. Conditions
                are given alike, for a generator that was trained on a range.

        Raises:
            ValueError: a label is missing, unknown or impossible, or no sample of this size can be drawn. Labels that
                no training sample has, and sizes below those of training, cause a warning.
        """
        check_integer("n", n, 1)
        check_integer("seed", seed, 0, high=2**63 - 1)
        shape = self._shape(size)
        self.generator.check_shape(shape)
        check_memory(self.generator, n, shape)
        columns = self._columns(labels, n, shape)
        asked = {name: columns[name] for name in self.labels}
        check_near_training(self.card, asked, math.prod(shape))
        for remark in smaller_sizes(self.card, shape) + unseen_labels(self.card, asked, math.prod(shape)):
            warnings.warn(f"{remark}; samples may have other labels", stacklevel=2)
        return draw(self.generator, columns, n, shape, seed, self.device)

    def confidence(self, fields: ArrayLike) -> dict[str, NDArray]:
        """Return numbers (S,) that the discriminator predicts of fields (S, *points), and its ``confidence``, 0 ... 1.

        Numbers are those of whole samples, also extensive ones.

        Raises:
            ValueError: the generator was trained without such a discriminator, or the fields are not valid.
        """
        if not isinstance(self.generator, ConfidentGenerator):
            raise ValueError("confidence: expected a generator of model=gan; this one has no discriminator")
        checked = check_fields({self.target: array_of(self.target, fields)}, self.generator.schema)
        if checked[self.target].shape[1:] != self.shape:
            points, got = (" x ".join(map(str, shape)) for shape in (self.shape, np.shape(fields)[1:]))
            raise ValueError(f"confidence: expected fields of {points} points, those of training; got {got}")
        return read_off(self.generator, checked[self.target], self.device)

    def _shape(self, size: int | Sequence[int] | None) -> tuple[int, ...]:
        given: tuple[Any, ...] = self.shape if size is None else (size,) * len(self.shape)
        if isinstance(size, (tuple, list)) or np.ndim(size) == 1:  # type: ignore[arg-type]
            given = tuple(size)  # type: ignore[arg-type]
        if len(given) != len(self.shape):
            raise ValueError(f"size: expected a whole number, or one for each of {len(self.shape)} axes; got {size!r}")
        for n in given:
            check_integer("size", n, 1)
        if math.prod(map(int, given)) > MOST_POINTS:
            raise ValueError(
                f"size: expected at most {MOST_POINTS} points in a sample, got {' x '.join(map(str, given))}; draw "
                "several smaller ones, n=..."
            )
        if self.generator.schema.domain.boundary == "walls" and given != self.shape:
            raise ValueError(
                f"size: these samples end at walls and have {' x '.join(map(str, self.shape))} points; got {size!r}"
            )
        return tuple(map(int, given))

    def _columns(self, labels: Mapping[str, Any], n: int, shape: tuple[int, ...]) -> dict[str, NDArray]:
        """Return labels of whole samples and conditions, (n,) each."""
        schema = self.generator.schema
        known = {name: value for name, value in labels.items() if name not in self.labels}
        if missing := [name for name in self.labels if name not in labels]:
            raise ValueError(
                f"{missing[0]}: expected a number, or one for each sample; it is a label of this generator"
            )
        found: dict[str, NDArray] = {}
        for name in self.labels:
            check_plain(name, labels[name])
            values, column = numbers_of(labels[name]), schema[name]
            if values.shape not in ((), (n,)) or not np.isfinite(values).all():
                raise ValueError(f"{name}: expected a finite number, or n = {n} of them; got {labels[name]!r}")
            _check_bounds(column, values, math.prod(self.shape))
            found[name] = np.broadcast_to(values * (math.prod(shape) if column.extensive else 1), (n,))
        conditions = conditions_of(self.generator, shape, known)
        return found | {name: np.full(n, value) for name, value in conditions.items()}

    def __repr__(self) -> str:
        schema = self.generator.schema
        return f"Sampler({self.generator.title}; {schema.system}, {schema.summary}, {self.shape} points)"


def numbers_of(values: Any) -> NDArray:
    """Return values as an array of numbers; NaN if they are none, as True and text.

    Tensors may have a gradient, be on another device, or have a type that NumPy lacks, such as bfloat16.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.double() if values.is_floating_point() else values
    try:
        found = np.asarray(values)
    except (TypeError, ValueError):
        return np.asarray(np.nan)
    return found.astype(np.float64) if found.dtype.kind in "iuf" else np.asarray(np.nan)


def bounds_of(column: Column, points: int) -> tuple[float, float]:
    """Return the physical bounds of a label, per point where it is extensive, of samples of ``points``."""
    share = points if column.extensive else 1
    return (
        column.low / share if column.low is not None else -np.inf,
        column.high / share if column.high is not None else np.inf,
    )


def _check_bounds(column: Column, values: NDArray, points: int) -> None:
    """Raise ValueError if a label, per point where it is extensive, is outside the bounds of samples of ``points``."""
    low, high = bounds_of(column, points)
    for value in (values.min(), values.max()):
        check_number(column.name, float(value), low, high, "No sample has such a label.")
