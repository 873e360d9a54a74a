"""Estimates of the duration of runs, from finished runs of the same kind or from a few timed steps."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from qd_pix2pix.files import digest
from qd_pix2pix.models import Model
from qd_pix2pix.reports.study import FINISHED
from qd_pix2pix.sweeps.ledger import Record
from qd_pix2pix.systems import make_recipe, recipe_class
from qd_pix2pix.training.checkpoint import flatten
from qd_pix2pix.training.length import NO_END, total_steps, training_sizes
from qd_pix2pix.training.settings import recipes_of_run, trainer_options, untrained

KIND = (
    *("model._target_", "model.discriminator", "model.optimizer._target_", "network.", "mapping."),
    *("loader.batch_size", "data.", "trainer.precision", "trainer.devices"),
)
"""Parts of the configuration that determine the time of a step."""
NO_PART = tuple(f"data.{name}" for name in ("seed", "train", "val", "test", "shard_size"))
"""Parts of the above that do not affect it."""
WARM, TIMED = 2, 4
"""Number of warm-up steps, and of timed steps."""
ENOUGH = 5.0
"""Seconds after which the timing of a kind ends with the current step."""
BUDGET = 20.0
"""Seconds of timing after which no further kind is timed, so that ``dry`` is fast."""


def training_steps(config: dict[str, Any]) -> int | None:
    """Return the number of steps of a run; None if it ends by time."""
    steps = total_steps(config, training_sizes([make_recipe(recipe) for recipe in recipes_of_run(config)]))
    return None if steps == NO_END else steps


class Estimates:
    """The seconds of training by kind of run; a kind is timed on its first occurrence.

    Args:
        ledger: records of earlier runs on this machine, by key.
    """

    def __init__(self, ledger: dict[str, Record]) -> None:
        self.per_step: dict[str, float] = {}
        self.spent = 0.0
        for record in ledger.values():
            if record.state == FINISHED and record.steps and record.train_seconds:
                self.per_step[_kind(record.config)] = record.train_seconds / record.steps

    def __call__(self, config: dict[str, Any]) -> float | None:
        """Return the seconds of training of a run with this configuration; None if the time budget is spent."""
        limit = _seconds(config["trainer"]["max_time"])
        steps = training_steps(config)
        if steps is None:
            return limit
        kind = _kind(flatten(config))
        if kind not in self.per_step:
            if self.spent > BUDGET:
                return None if limit == float("inf") else limit
            began = time.perf_counter()
            self.per_step[kind] = seconds_per_step(config)
            self.spent += time.perf_counter() - began
        return min(steps * self.per_step[kind], limit)


def _kind(flat: dict[str, Any]) -> str:
    """Return the name of all runs whose steps take the same time: options of ranges count if they change the points."""
    system = recipe_class({"_target_": flat["data._target_"]})
    neutral = set(system.RANGES) - set(system.SIZES)
    sizes = tuple(f"range.{option}" for option in system.SIZES)

    def counts(name: str) -> bool:
        return name.startswith((*KIND, *sizes)) and name not in NO_PART and not neutral & set(name.split("."))

    return digest({name: value for name, value in flat.items() if counts(name)})


def _seconds(limit: str | None) -> float:
    if limit is None:
        return float("inf")
    days, hours, minutes, seconds = map(int, limit.split(":"))
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


class _Noise(Dataset[dict[str, torch.Tensor]]):
    """A dataset of random samples, of the largest of a model's shapes."""

    def __init__(self, model: Model, length: int) -> None:
        schema, mapping = model.predictor.schema, model.predictor.mapping
        shape = max(model.card.shapes, key=math.prod)
        names = (*mapping.sources, *mapping.outputs, *(column.name for column in schema.given))
        self.item = {name: torch.rand(shape if schema[name].is_field else ()) for name in names}
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.item


class Clock(pl.Callback):
    """The callback that records the end times of training steps, and ends the training after ``enough`` seconds."""

    def __init__(self, enough: float) -> None:
        self.enough = enough
        self.times: list[float] = []

    def on_train_start(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """Record the start."""
        self.times.append(time.perf_counter())

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Record the time, and end the training after ``enough`` seconds."""
        self.times.append(time.perf_counter())
        if self.times[-1] - self.times[0] > self.enough:
            trainer.should_stop = True

    def per_step(self) -> float:
        """Return the seconds per step, without warm-up steps if there are further ones."""
        first = min(WARM, len(self.times) - 2)
        return (self.times[-1] - self.times[first]) / (len(self.times) - 1 - first)


@contextmanager
def _silent() -> Iterator[None]:
    """Suppress Lightning's messages, which do not concern a training of the user."""
    logger = logging.getLogger("pytorch_lightning")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def seconds_per_step(config: dict[str, Any]) -> float:
    """Return the seconds per training step of a run on this machine, measured over a few steps."""
    model, clock = untrained(config), Clock(ENOUGH)
    options = trainer_options(config)
    make = partial(
        pl.Trainer,
        max_steps=WARM + TIMED,
        limit_val_batches=0,
        precision=options["precision"],
        accelerator=options["accelerator"],
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[clock],
    )
    batch = config["loader"]["batch_size"]
    with _silent():
        make().fit(model, DataLoader(_Noise(model, (WARM + TIMED) * batch), batch))
    return clock.per_step()
