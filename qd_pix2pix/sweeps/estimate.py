"""How long runs will take: by the time of finished runs of the same kind, or of a few steps made now."""

from __future__ import annotations

import logging
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
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.reports.study import FINISHED
from qd_pix2pix.sweeps.ledger import Record
from qd_pix2pix.training.checkpoint import flatten
from qd_pix2pix.training.settings import NO_END, total_steps, trainer_options, untrained

KIND = (
    *("model._target_", "model.discriminator", "model.optimizer._target_", "network.", "mapping."),
    *("loader.batch_size", "data.", "trainer.precision", "trainer.devices"),
)
"""Parts of the configuration that fix the time of a step."""
NO_PART = tuple(f"data.{name}" for name in ("seed", "train", "val", "test", "shard_size"))
"""Parts of the above that do not."""
WARM, TIMED = 2, 4
"""Steps that are made, and steps that are timed."""
ENOUGH = 5.0
"""Seconds after which the timing of a kind ends with the step that is being made."""
BUDGET = 20.0
"""Seconds of timing after which no further kind is timed: ``dry`` is answered at once."""


def training_steps(config: dict[str, Any]) -> int | None:
    """Return the steps of a run; None where time ends it."""
    members = [values for values in config["range"].values() if values]
    kinds = 1
    for values in members:
        kinds *= len(values)
    steps = total_steps(config, kinds * config["data"]["train"])
    return None if steps == NO_END else steps


class Estimates:
    """Seconds of training, by kind of run; a kind is timed when it is first met.

    Args:
        ledger: of runs on this machine, as far as there are any.
    """

    def __init__(self, ledger: dict[str, Record]) -> None:
        self.per_step: dict[str, float] = {}
        self.spent = 0.0
        for record in ledger.values():
            if record.state == FINISHED and record.steps and record.train_seconds:
                self.per_step[_kind(record.config)] = record.train_seconds / record.steps

    def __call__(self, config: dict[str, Any]) -> float | None:
        """Return the seconds of training of a run with this configuration; None where no time was left to find out."""
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
    """Return the name of all runs whose steps take the same time."""
    return digest({name: value for name, value in flat.items() if name.startswith(KIND) and name not in NO_PART})


def _seconds(limit: str | None) -> float:
    if limit is None:
        return float("inf")
    days, hours, minutes, seconds = map(int, limit.split(":"))
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


class _Noise(Dataset[dict[str, torch.Tensor]]):
    """Random samples of the right shape."""

    def __init__(self, predictor: Predictor, length: int) -> None:
        schema, mapping = predictor.schema, predictor.mapping
        names = (*mapping.sources, *mapping.outputs, *(column.name for column in schema.given))
        self.item = {name: torch.rand(schema.domain.shape if schema[name].is_field else ()) for name in names}
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.item


class Clock(pl.Callback):
    """The times at which training steps end; it ends the training when it has seen enough."""

    def __init__(self, enough: float) -> None:
        self.enough = enough
        self.times: list[float] = []

    def on_train_start(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """Start."""
        self.times.append(time.perf_counter())

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Take the time."""
        self.times.append(time.perf_counter())
        if self.times[-1] - self.times[0] > self.enough:
            trainer.should_stop = True

    def per_step(self) -> float:
        """Return the seconds of a step, without the first ones where there are enough."""
        first = min(WARM, len(self.times) - 2)
        return (self.times[-1] - self.times[first]) / (len(self.times) - 1 - first)


@contextmanager
def _silent() -> Iterator[None]:
    """Without the messages of Lightning: the training is none of the user's."""
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
    """Return the time of a training step of a run, on this machine as it is now; a few steps are made."""
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
        make().fit(model, DataLoader(_Noise(model.predictor, (WARM + TIMED) * batch), batch))
    return clock.per_step()
