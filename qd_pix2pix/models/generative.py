"""The base of all models that learn to draw samples; they are judged by the labels of what they draw.

At each validation one sample is drawn at the labels of every validation sample, and the system's own solver computes
the labels that it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qd_pix2pix.data.sampler import seed_of
from qd_pix2pix.evaluation.drawn import label_distance, label_error, solve_drawn
from qd_pix2pix.generators import Generator
from qd_pix2pix.models.base import Batch, Diverged, Model, check_one_shape
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.schema import Column

VALIDATION = 1
"""Number of the random stream of validations."""


class GenerativeModel(Model):
    """A generator in training.

    Args:
        predictor: the generator.
        card, gradient_clip: see ``Model``.

    Raises:
        ValueError: an argument is out of range, or no number of a sample is part of the mapping.
    """

    predictor: Generator

    def __init__(self, predictor: Predictor, card: Card, gradient_clip: float | None = None) -> None:
        super().__init__(predictor, card, gradient_clip)
        check_one_shape(card, "a generator")
        if not self.numbers:
            raise ValueError(
                "mapping.given: expected numbers of a sample at which it is drawn, such as [energy]; got none"
            )
        self._found: list[dict[str, NDArray]] = []
        self._wanted: list[dict[str, NDArray]] = []

    @property
    def numbers(self) -> tuple[Column, ...]:
        """The labels, or without any the numbers that the discriminator predicts: those that are validated."""
        names = self.predictor.mapping.labels or self.predictor.mapping.outputs[1:]
        return tuple(self.predictor.schema[name] for name in names)

    @property
    def judge(self) -> str:
        """The error of the labels, or without labels the distance of the distributions of the numbers."""
        return "label_error" if self.predictor.mapping.labels else "label_distance"

    @property
    def logged(self) -> tuple[str, ...]:
        """The names of all measures of the validation split."""
        errors = ["label_error"] if self.predictor.mapping.labels else []
        return tuple(["label_distance", *errors])

    def draw(self, batch: Batch, number: int) -> torch.Tensor:
        """Return one sample (B, *points) for each of a batch, at its labels, from a numbered random stream."""
        random = torch.Generator().manual_seed(seed_of(self.card.seed, VALIDATION, number))
        shape = batch[self.predictor.target.name].shape[1:]
        return self.predictor.sample(batch, shape, random)

    def snapshot(self, batch: Batch) -> torch.Tensor:
        """Return one sample (B, *points) at the labels of each of a batch, always from the same random numbers."""
        return self.draw(batch, 0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Draw one sample at the labels of each of a batch, and compute the labels that it has.

        Raises:
            Diverged: a drawn sample is not finite.
        """
        drawn = self.draw(batch, batch_idx).double().cpu().numpy()
        if not np.isfinite(drawn).all():
            raise Diverged("model: the training diverged, a drawn sample is not finite")
        names = tuple(column.name for column in self.numbers)
        columns = {name: values.double().cpu().numpy() for name, values in batch.items()}
        for recipe, rows in self._datasets(columns, len(drawn)):
            self._found.append(solve_drawn(recipe, {self.predictor.target.name: drawn[rows]}, names))
            self._wanted.append({name: columns[name][rows] for name in names})

    def _datasets(self, columns: Mapping[str, NDArray], size: int) -> Iterator[tuple[dict[str, Any], NDArray]]:
        """Yield the recipe of each training dataset with the rows (S,) of its samples, by their conditions."""
        left = np.ones(size, dtype=bool)
        for schema, recipe in zip(self.card.schemas, self.card.recipes, strict=True):
            rows = left.copy()
            for name, value in schema["constants"].items():
                rows &= np.isclose(columns[name], value)
            if rows.any():
                yield recipe, rows
            left &= ~rows

    def on_validation_epoch_end(self) -> None:
        """Log the error of the labels, and the distance of their distributions, in units of their range."""
        found, wanted = (
            {c.name: np.concatenate([part[c.name] for part in parts]) for c in self.numbers}
            for parts in (self._found, self._wanted)
        )
        self._found, self._wanted = [], []
        spans = {c.name: self.predictor.ranges[c.name].span for c in self.numbers}
        measures = {"label_distance": label_distance(found, wanted, spans)}
        if self.predictor.mapping.labels:
            measures["label_error"] = label_error(found, wanted, spans)
        for name, value in measures.items():
            self.log(f"val/{name}", value, prog_bar=name == self.judge, sync_dist=self.trainer.world_size > 1)
