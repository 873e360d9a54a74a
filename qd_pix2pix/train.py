"""One training run, from configuration to report: dataset, model, Trainer, evaluation of the best checkpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytorch_lightning as pl
import torch
from filelock import FileLock, Timeout
from hydra.utils import instantiate
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger

from qd_pix2pix.callbacks import BestCheckpoint, Progress, Snapshots
from qd_pix2pix.checkpoint import WholeFileIO, build_model, check_resumable, flatten
from qd_pix2pix.command_line import WORDS
from qd_pix2pix.data.datamodule import DotsDataModule
from qd_pix2pix.data.generate import generate, make_launcher, make_recipe
from qd_pix2pix.data.store import FIELD_COLUMNS, Store, write_text_whole
from qd_pix2pix.evaluate import best_device, device_name, evaluate_split
from qd_pix2pix.fields import units_of
from qd_pix2pix.figures import Axes
from qd_pix2pix.models import FieldModel
from qd_pix2pix.provenance import provenance

Config = dict[str, Any]
NOT_WITH_TWO_OPTIMISERS = (
    ("gradient_clip_val", 0, "model.gradient_clip"),
    ("accumulate_grad_batches", 1, "loader.batch_size"),
)


def train(config: Config, run: Path, words: Sequence[str] = ()) -> Path:
    """Train as ``config`` says (conf/train.yaml, plain containers) in the folder ``run``; returns the best checkpoint.

    ``words`` of the command line are kept with the run, for the day it is resumed.

    Raises:
        ValueError: a setting is bad, or the folder already holds another run; before any long work.
    """
    check_config(config)
    lock = _claim(run, resuming=bool(config["ckpt_path"]))
    try:
        return _train(config, run, words)
    finally:
        lock.release()


def _train(config: Config, run: Path, words: Sequence[str]) -> Path:
    kept = [word for word in words if not word.startswith("ckpt_path=")]
    write_text_whole(run / WORDS, json.dumps(kept, indent=1) + "\n")
    for leftover in (run / "checkpoints").glob(".*.tmp"):  # of a run that was killed while it wrote
        leftover.unlink()
    store = Store(generate(config["data"], config["data_root"], make_launcher(config["launcher"])))
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    model = build_model(make_card(config, store.recipe, store.statistics, store.name))
    data: DotsDataModule = instantiate(config["loader"], _partial_=True, _convert_="all")(
        store=store, mapping=model.mapping, seed=config["seed"]
    )
    loggers = make_loggers(config, run)
    best = BestCheckpoint(
        run / "checkpoints", "best", monitor="val/r2", mode="max", save_weights_only=True, enable_version_counter=False
    )
    trainer = make_trainer(config, run, model, loggers, [best], _total_steps(config, len(store.split("train"))))
    announce(model, store, trainer, run)
    for logger in loggers:
        logger.log_hyperparams(flatten(model.card | {"receptive_field": model.receptive_field}))
    try:
        trainer.fit(model, datamodule=data, ckpt_path=config["ckpt_path"], weights_only=True)
    except SystemExit:  # what Lightning makes of Ctrl-C
        last = run / "checkpoints" / "last.ckpt"
        print(
            f"\nstopped at step {trainer.global_step}; "
            + (f"go on with ckpt_path={last}" if last.exists() else "too early")
        )
        raise SystemExit(130) from None
    _finalize(loggers)
    path = Path(best.best_model_path) if best.best_model_path else run / "checkpoints" / "last.ckpt"
    evaluate_split(path, store, "test", run / "test")
    return path


def check_config(config: Config) -> None:
    """Build everything once with placeholders, and pass one empty field through: bad settings end here.

    Raises:
        ValueError: or whatever the setting's owner raises.
    """
    recipe = make_recipe(config["data"])
    statistics = {name: {"min": 0.0, "max": 1.0} for name in FIELD_COLUMNS}
    model = build_model(make_card(config, config["data"], statistics, ""))
    field = torch.zeros(1, 1, recipe.grid.n, recipe.grid.n)
    try:
        with torch.no_grad():
            model.check(field)
    except RuntimeError as error:
        raise ValueError(f"network, model: they do not take fields of shape {tuple(field.shape)}: {error}") from None
    unread = SimpleNamespace(recipe=config["data"])  # a loader looks into its store only when it loads
    instantiate(config["loader"], _partial_=True, _convert_="all")(store=unread, mapping=model.mapping)
    total_steps = _total_steps(config, recipe.train)
    if config["ckpt_path"]:
        step = check_resumable(config["ckpt_path"], config)
        if step >= total_steps:
            print(f"the run is already at step {step}; raise trainer.max_epochs or trainer.max_steps to go on")
    low_bounds = {
        "seed": (config["seed"], 0),
        "checkpoint_every": (config["checkpoint_every"], 1),
        "trainer.val_check_interval": (config["trainer"]["val_check_interval"], 1),
    }
    for word, (value, low) in low_bounds.items():
        if not low <= value < 2**32:
            raise ValueError(f"{word}: expected a whole number of at least {low}, got {value!r}")
    for word, neutral, instead in NOT_WITH_TWO_OPTIMISERS:
        if config["trainer"].get(word) not in (None, neutral):
            raise ValueError(f"trainer.{word}: Lightning cannot do this with two optimisers; use {instead}")
    instantiate(config["trainer"], _convert_="all", logger=False, enable_checkpointing=False, barebones=False)


def make_card(config: Config, recipe: Config, statistics: Config, dataset: str) -> Config:
    """What a checkpoint says of itself."""
    return {
        "model": config["model"],
        "mapping": config["mapping"],
        "recipe": recipe,
        "statistics": statistics,
        "dataset": dataset,
        "loader": config["loader"],
        "trainer": config["trainer"],
        "seed": config["seed"],
        "provenance": provenance(device_name(best_device())),
    }


def _total_steps(config: Config, n_train: int) -> int:
    """Steps that the Trainer will make.

    Raises:
        ValueError: there is no end, or nothing to do.
    """
    trainer, batch = config["trainer"], config["loader"]["batch_size"]
    for name in ("max_epochs", "max_steps", "val_check_interval"):
        value = trainer[name]
        if not (type(value) is int or (name == "max_epochs" and value is None)):
            raise ValueError(f"trainer.{name}: expected a whole number, got {value!r}")
    epochs, steps = trainer["max_epochs"], trainer["max_steps"]
    per_epoch = -(-n_train // batch)
    bounds = [per_epoch * epochs] * (epochs is not None and epochs >= 0) + [steps] * (steps >= 0)
    if not bounds or min(bounds) < 1:
        raise ValueError(f"trainer.max_epochs, trainer.max_steps: expected at least one step, got {epochs} and {steps}")
    return min(bounds)


def _claim(run: Path, resuming: bool) -> FileLock:
    """Make the run's folder ours until this process ends; two runs must not share one.

    Raises:
        ValueError: another process trains there, or it holds a run that is not to be resumed.
    """
    (run / "checkpoints").mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"hydra.run.dir: another process is training in {run}; choose another folder") from None
    if not resuming and any((run / "checkpoints").glob("*.ckpt")):
        lock.release()
        raise ValueError(
            f"hydra.run.dir: {run} already holds a run; choose another folder, or go on with "
            f"ckpt_path={run / 'checkpoints' / 'last.ckpt'}"
        )
    return lock


def make_loggers(config: Config, run: Path) -> list[Logger]:
    """The CSV log, always; and the one that was asked for."""
    loggers: list[Logger] = [CSVLogger(run, name="csv")]
    if config["logger"]:
        loggers.append(instantiate(config["logger"], _convert_="all")(save_dir=run))
    return loggers


def make_trainer(
    config: Config, run: Path, model: FieldModel, loggers: list[Logger], callbacks: list[Callback], total_steps: int
) -> pl.Trainer:
    """Lightning's Trainer with our callbacks; it validates at least once, at the end if not before."""
    last = ModelCheckpoint(
        run / "checkpoints",
        "last",
        every_n_train_steps=min(config["checkpoint_every"], total_steps),
        enable_version_counter=False,
    )
    recipe, mapping = model.card["recipe"], model.mapping
    axes = Axes(recipe["grid"]["extent"], units_of(recipe), mapping.source, mapping.target)
    snapshots = Snapshots(run / "snapshots", axes)
    options = config["trainer"] | {"val_check_interval": min(config["trainer"]["val_check_interval"], total_steps)}
    return instantiate(options, _partial_=True, _convert_="all")(
        logger=loggers,
        callbacks=[*callbacks, snapshots, last, Progress(refresh_rate=20)],
        plugins=[WholeFileIO()],
        default_root_dir=run,
    )


def announce(model: FieldModel, store: Store, trainer: pl.Trainer, run: Path) -> None:
    """Say what is about to happen."""
    parameters = sum(p.numel() for p in model.network.parameters())
    print(f"{model.mapping.source.name} -> {model.mapping.target.name}: {type(model).__name__}", end=", ")
    print(f"{parameters / 1e6:.1f} M parameters", end="")
    print(f", receptive field {model.receptive_field}" if model.receptive_field else "", end="")
    print(f", on {device_name(trainer.strategy.root_device)}\ndataset {store.path}\nrun     {run}", flush=True)


def _finalize(loggers: list[Logger]) -> None:
    for logger in loggers:
        logger.finalize("success")
