"""Measure how fast networks train and predict, compared with a bare PyTorch loop and with the solver.

    python -m experiments.throughput.benchmark training   # steps per second; Lightning and a bare loop over the same
                                                          # networks; plain and fused Adam
    python -m experiments.throughput.benchmark inference  # dots per second of networks and solver, and the break-even

Alternatives take turns in one process, so that a change of the machine's speed affects all of them. Ratios are taken
block by block and reported as medians with extremes. Results are written to results.json beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import DataLoader
from tqdm import tqdm

from qd_pix2pix.files import write_text
from qd_pix2pix.inference.predict import best_device, predict
from qd_pix2pix.models import Model, Pix2Pix, Regressor
from qd_pix2pix.models.base import build_optimizer
from qd_pix2pix.models.losses import REGRESSION
from qd_pix2pix.provenance import provenance
from qd_pix2pix.sweeps.plan import resolve
from qd_pix2pix.systems import make_recipe
from qd_pix2pix.training.callbacks import Progress
from qd_pix2pix.training.settings import trainer_options, untrained

HERE = Path(__file__).parent
MODELS = {
    "pix2pix": ("model=pix2pix",),
    "equivariant U-Net": ("model=regressor", "network=equivariant_unet"),
    "residual U-Net": ("model=regressor", "network=residual_unet"),
    "ResNet": ("model=regressor", "network=resnet"),
    "FNO": ("model=regressor", "network=fno"),
    "pix2pix's U-Net": ("model=regressor", "network=unet"),
}
BATCHES = (1, 16, 64)
BLOCKS = 5
KINDS = {
    f"{symbol}, N = {n}, {preset}": (
        f"material={material}",
        f"data.n_electrons={n}",
        f"preset={preset}",
    )
    for material, symbol in (("gaas", "GaAs"), ("si", "Si"))
    for n in (2, 4)
    for preset in ("paper", "converged")
}
HALF_HOUR, DATA = 1800.0, 4800 + 100 + 100
"""Training that experiments/field_regressors gives a network, in seconds, and the dots it is given."""
Batch = dict[str, torch.Tensor]


def steps_of_block(batch: int) -> int:
    """Few where a step is long."""
    return max(1, 10 // batch)


def random_batches(config: dict[str, Any], batch: int, steps: int) -> list[Batch]:
    """Fields of the right shape; what is in them does not change the time."""
    schema = make_recipe(config["data"]).schema
    generator = torch.Generator().manual_seed(0)
    constants = {name: torch.full((batch,), value) for name, value in schema.constants.items()}
    fields = torch.rand(steps, 2, batch, *schema.domain.shape, generator=generator)
    return [{"V": source, "n_int": target, **constants} for source, target in fields]


def bare_loop(model: Model, precision: str, fused: bool, batches: list[Batch]) -> Callable[[], None]:
    """The steps written out, without Lightning."""
    device = best_device()
    model = model.to(device).train()
    batches = [{name: values.to(device) for name, values in batch.items()} for batch in batches]
    half = torch.autocast(device.type, torch.bfloat16) if precision == "bf16-mixed" else nullcontext()
    loop = _bare_pix2pix if isinstance(model, Pix2Pix) else _bare_regressor
    return loop(model, half, fused, batches)  # type: ignore[arg-type]


def _bare_pix2pix(
    model: Pix2Pix, half: AbstractContextManager[Any], fused: bool, batches: list[Batch]
) -> Callable[[], None]:
    generator, discriminator = (
        build_optimizer(model.optimizer, network.parameters(), may_fuse=fused)
        for network in (model.network, model.discriminator)
    )
    name = model.predictor.target.name

    def run() -> None:
        for batch in batches:
            with half:
                source = model.predictor.features(batch)
                target = model.predictor.ranges[name].encode(batch[name])[:, None]
                fake = torch.tanh(model.network(source))
                on_real, on_fake = model.discriminator_loss(source, target, fake)
            _apply(discriminator, on_real + on_fake)
            with half:
                adversarial, reconstruction = model.generator_loss(source, target, fake)
            _apply(generator, adversarial + model.lambda_rec * reconstruction)

    return run


def _bare_regressor(
    model: Regressor, half: AbstractContextManager[Any], fused: bool, batches: list[Batch]
) -> Callable[[], None]:
    optimizer = build_optimizer(model.optimizer, model.network.parameters(), may_fuse=fused)
    target = model.predictor.target
    weights = model.losses[target.name]

    def run() -> None:
        for batch in batches:
            with half:
                found = model(batch)[target.name]
            density = model.predictor.scale(target, batch, found[:, None]).density
            parts = (w * REGRESSION[t](found, batch[target.name], density) for t, w in weights.items())  # type: ignore
            loss = sum(parts, torch.zeros((), device=found.device))
            _apply(optimizer, loss, model.gradient_clip)

    return run


def _apply(optimizer: torch.optim.Optimizer, loss: torch.Tensor, clip: float | None = None) -> None:
    optimizer.zero_grad()
    loss.backward()
    if clip:
        torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], clip)
    optimizer.step()


def _finished() -> float:
    """The time, when the device has done all it was asked."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class BlockClock(pl.Callback):
    """Runs the rival loops between blocks of Lightning's steps, and times all of them."""

    def __init__(self, rivals: dict[str, Callable[[], None]], steps: int) -> None:
        self.rivals, self.steps = rivals, steps
        self.seconds: dict[str, list[float]] = {name: [] for name in (*rivals, "Lightning")}
        self._began = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, model: pl.LightningModule, batch: object, index: int) -> None:
        """Between two blocks: the others' turn."""
        if index % self.steps == 0:
            if index:
                self.seconds["Lightning"].append(_finished() - self._began)
            for name, rival in self.rivals.items():
                began = _finished()
                rival()
                self.seconds[name].append(_finished() - began)
            self._began = _finished()

    def on_train_end(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """The last block."""
        self.seconds["Lightning"].append(_finished() - self._began)


def ratio(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """Of two columns of times, block by block."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}


def time_training(words: Sequence[str], batch: int, blocks: int) -> dict[str, Any]:
    """Seconds a step of one model at one batch size, and what Lightning and a plain optimiser cost."""
    config = resolve([*words, f"loader.batch_size={batch}"])
    options, steps = trainer_options(config), steps_of_block(batch)
    batches = random_batches(config, batch, steps)
    torch.manual_seed(0)
    rivals = {"bare": bare_loop(untrained(config), options["precision"], True, batches)}
    if config["model"]["_target_"].endswith("Pix2Pix") and batch == 1:
        rivals["bare, plain Adam"] = bare_loop(untrained(config), options["precision"], False, batches)
    clock = BlockClock(rivals, steps)
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_epochs=1, accelerator=options["accelerator"], devices=1, precision=options["precision"],
            logger=CSVLogger(folder), log_every_n_steps=10, enable_checkpointing=False, enable_model_summary=False,
            callbacks=[Progress(refresh_rate=20), clock], limit_val_batches=0,
        )  # fmt: skip
        # one block more, for warming up; it is left out below
        trainer.fit(untrained(config), DataLoader(batches * (blocks + 1), batch_size=None))
    per_step = {name: [s / steps for s in seconds[1:]] for name, seconds in clock.seconds.items()}
    found: dict[str, Any] = {
        "seconds_per_step": {name: statistics.median(times) for name, times in per_step.items()},
        "lightning_to_bare": ratio(per_step["Lightning"], per_step["bare"]),
        "precision": options["precision"],
    }
    if "bare, plain Adam" in per_step:
        found["plain_to_fused"] = ratio(per_step["bare, plain Adam"], per_step["bare"])
    return found


def training(models: Sequence[str], batches: Sequence[int], blocks: int) -> dict[str, Any]:
    """All models at all batch sizes."""
    found: dict[str, Any] = {}
    for name in tqdm(models, unit="model"):
        found[name] = {str(batch): time_training(MODELS[name], batch, blocks) for batch in batches}
    return found


def inference(models: Sequence[str], kinds: Sequence[str], blocks: int) -> dict[str, Any]:
    """Dots a second of networks and of the solver, in turn; dots after which learning has paid."""
    fields = {}
    recipes: dict[str, Any] = {kind: make_recipe(resolve(KINDS[kind])["data"]) for kind in kinds}
    for kind, recipe in recipes.items():
        fields[kind] = np.array([recipe.draw("test", i) for i in range(8)])
    networks = {name: untrained(resolve(MODELS[name])).predictor.eval() for name in models}
    many = np.repeat(next(iter(fields.values())), 13, axis=0)[:100].astype(np.float32)
    given = {"V": many, **recipes[kinds[0]].schema.constants}
    rates: dict[str, list[float]] = {name: [] for name in (*networks, *kinds)}
    for block in tqdm(range(blocks + 1), unit="block"):
        for name, predictor in networks.items():
            began = _finished()
            predict(predictor, given)
            rates[name].append(len(many) / (_finished() - began))
        for kind, recipe in recipes.items():
            began = _finished()
            recipe.solve({"V": fields[kind]})
            rates[kind].append(len(fields[kind]) / (_finished() - began))
        if not block:  # warming up
            rates = {name: [] for name in rates}
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "networks": {name: medians[name] for name in models},
        "solver": {
            kind: {
                "dots_per_second": medians[kind],
                "speedup": {name: ratio(rates[name], rates[kind]) for name in models},
                "break_even": {name: break_even(1 / medians[kind], 1 / medians[name]) for name in models},
            }
            for kind in kinds
        },
    }


def break_even(solving: float, answering: float, trained: float = HALF_HOUR, data: int = DATA) -> float:
    """Dots from which on learning is the shorter way: data solving + trained + D answering = D solving.

    Seconds a dot of solver and network, seconds of training; infinite where the network is no faster.
    """
    return (data * solving + trained) / (solving - answering) if solving > answering else float("inf")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("training", "inference"))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    given = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    known = json.loads(given.output.read_text()) if given.output.exists() else {}
    if given.what == "training":
        found = training(given.models, given.batches, given.blocks)
    else:
        found = inference(given.models, given.kinds, given.blocks)
    machine = {
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "provenance": provenance(str(best_device())),
    }
    write_text(given.output, json.dumps(known | {given.what: found | {"machine": machine}}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
