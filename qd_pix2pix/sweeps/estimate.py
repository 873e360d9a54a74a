"""How long runs will take: from what finished runs of the same kind took, or from a few steps made now."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from qd_pix2pix.files import digest
from qd_pix2pix.mapping.conditions import facts_of
from qd_pix2pix.sweeps.ledger import FINISHED, Record
from qd_pix2pix.training.checkpoint import flatten
from qd_pix2pix.training.run import NO_END, total_steps, trainer_options, untrained

KIND = (
    *("model._target_", "model.discriminator", "model.optimizer._target_", "network.", "mapping."),
    *("loader.batch_size", "data.grid.n", "trainer.precision", "trainer.devices"),
)
"""Parts of the configuration that fix the time of a step."""
WARM, TIMED = 2, 4
"""Steps that are made, and steps that are timed."""


def training_steps(config: dict[str, Any]) -> int | None:
    """Steps of a run; None where time ends it."""
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
        for record in ledger.values():
            if record["state"] == FINISHED and record["steps"]:
                self.per_step[_kind(record["config"])] = record["train_seconds"] / record["steps"]

    def __call__(self, config: dict[str, Any]) -> float:
        """Seconds of training of a run with this configuration."""
        limit = _seconds(config["trainer"]["max_time"])
        steps = training_steps(config)
        if steps is None:
            return limit
        kind = _kind(flatten(config))
        if kind not in self.per_step:
            self.per_step[kind] = seconds_per_step(config)
        return min(steps * self.per_step[kind], limit)


def _kind(flat: dict[str, Any]) -> str:
    """Of runs whose steps take the same time."""
    return digest({name: value for name, value in flat.items() if name.startswith(KIND)})


def _seconds(limit: str | None) -> float:
    if limit is None:
        return float("inf")
    days, hours, minutes, seconds = map(int, limit.split(":"))
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


class _Noise(Dataset[dict[str, torch.Tensor]]):
    """Dots of nothing, of the right shape."""

    def __init__(self, config: dict[str, Any], model: Any) -> None:
        n = config["data"]["grid"]["n"]
        self.item = {name: torch.rand(1, n, n) for name in ("source", "target")}
        self.item["facts"] = torch.tensor(facts_of(config["data"]), dtype=torch.float32)
        for field in model.mapping.outputs[1:]:
            self.item[field.name] = torch.rand(()) if field.is_scalar else torch.rand(1, n, n)
        self.length = (WARM + TIMED) * config["loader"]["batch_size"]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.item


class _Clock(pl.Callback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_end(self, *args: Any) -> None:
        self.times.append(time.perf_counter())


def seconds_per_step(config: dict[str, Any]) -> float:
    """Time a few training steps of a run, on this machine as it is now."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    model, clock = untrained(config), _Clock()
    options = trainer_options(config)
    trainer = pl.Trainer(
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
    trainer.fit(model, DataLoader(_Noise(config, model), config["loader"]["batch_size"]))
    return (clock.times[-1] - clock.times[WARM - 1]) / TIMED
