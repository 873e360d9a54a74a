"""One training run, from configuration to report: dataset, model, Trainer, evaluation of the best checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytorch_lightning as pl
import torch
from filelock import FileLock, Timeout
from hydra.utils import instantiate
from pytorch_lightning.callbacks import Callback, Timer
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from qd_pix2pix.data.datamodule import DotsDataModule
from qd_pix2pix.data.generate import generate, make_launcher, make_recipe
from qd_pix2pix.data.store import Store, training_statistics
from qd_pix2pix.evaluation.evaluate import best_device, device_name, evaluate_split
from qd_pix2pix.mapping.conditions import recipes_of
from qd_pix2pix.models import FieldModel
from qd_pix2pix.provenance import provenance, write_overrides
from qd_pix2pix.reports.figures import Axes
from qd_pix2pix.reports.history import overall, read_tests
from qd_pix2pix.schema import FIELDS, get_field, units_of
from qd_pix2pix.training.callbacks import BestCheckpoint, LastCheckpoint, Progress, Snapshots, Throughput
from qd_pix2pix.training.checkpoint import WholeFileIO, build_model, check_resumable, flatten
from qd_pix2pix.training.distributed import is_first, settle_rank, world_size
from qd_pix2pix.training.loggers import WholeLog, log_test
from qd_pix2pix.training.resume import Place

Config = dict[str, Any]
NOT_OURS = (
    ("gradient_clip_val", 0, "model.gradient_clip"),
    ("accumulate_grad_batches", 1, "loader.batch_size"),
)
"""Arguments of the Trainer that Lightning cannot honour with two optimisers, their neutral value, and ours instead."""
NO_END = 10**9
"""Steps of a run that only ``trainer.max_time`` ends."""


def train(config: Config, run: Path, words: Sequence[str] = ()) -> Path:
    """Train as ``config`` says (conf/train.yaml, plain containers) in the folder ``run``; returns the best checkpoint.

    ``words`` of the command line are kept with the run, for the day it is resumed.

    Raises:
        ValueError: a setting is bad, or the folder already holds another run; before any long work.
    """
    settle_rank(config["trainer"])
    check_config(config)
    with _claim(run, resuming=bool(config["ckpt_path"])) if is_first() else nullcontext():
        return _train(config, run, words)


def _train(config: Config, run: Path, words: Sequence[str]) -> Path:
    if is_first():
        _prepare(run, words)
    launcher = make_launcher(config["launcher"])
    stores = [Store(generate(recipe, config["data_root"], launcher)) for recipe in _recipes(config)]
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    model = build_model(make_card(config, stores))
    model.card["parameters"] = sum(p.numel() for p in model.network.parameters())
    model.card["receptive_field"] = model.receptive_field
    data: DotsDataModule = instantiate(config["loader"], _partial_=True, _convert_="all")(
        stores=stores, mapping=model.mapping, seed=config["seed"]
    )
    loggers = make_loggers(config, run)
    best = BestCheckpoint(
        run / "checkpoints", "best", monitor="val/r2", mode="max", save_weights_only=True, enable_version_counter=False
    )
    n_train = sum(len(store.split("train")) for store in stores)
    trainer = make_trainer(config, run, model, loggers, [best], total_steps(config, n_train))
    if is_first():
        announce(model, stores, trainer, run)
    for logger in loggers:
        logger.log_hyperparams(flatten(model.card))
    try:
        trainer.fit(model, datamodule=data, ckpt_path=config["ckpt_path"], weights_only=True)
    except SystemExit:  # what Lightning makes of Ctrl-C
        last = run / "checkpoints" / "last.ckpt"
        print(
            f"\nstopped at step {trainer.global_step}; "
            + (f"go on with ckpt_path={last}" if last.exists() else "too early")
        )
        raise SystemExit(130) from None
    if not is_first():
        return run / "checkpoints" / "best.ckpt"
    _finalize(loggers)
    path = Path(best.best_model_path) if best.best_model_path else run / "checkpoints" / "last.ckpt"
    evaluate_split(path, stores, "test", run / "test", config["symmetrise"])
    log_test(loggers, overall(read_tests(run)))
    return path


def _prepare(run: Path, words: Sequence[str]) -> None:
    """Keep the words of the command line; clean up after a run that was killed while it wrote."""
    write_overrides(run, words)
    for leftover in (run / "checkpoints").glob(".*.tmp"):
        leftover.unlink()


def _recipes(config: Config) -> list[Config]:
    """Recipes of the datasets that are trained on."""
    return recipes_of(config["data"], config["range"])


def check_config(config: Config) -> None:
    """Build everything once with placeholders, and pass one empty field through: bad settings end here.

    Raises:
        ValueError: or whatever the setting's owner raises.
    """
    if config["sweep"]["words"]:
        raise ValueError("sweep: a study of many runs; begin with python train.py -m")
    recipes = _recipes(config)
    made = [make_recipe(recipe) for recipe in recipes]
    model = untrained(config)
    field = torch.zeros(1, 1, made[0].grid.n, made[0].grid.n)
    try:
        with torch.no_grad():
            model.check(field)
    except RuntimeError as error:
        raise ValueError(f"network, model: they do not take fields of shape {tuple(field.shape)}: {error}") from None
    unread = [SimpleNamespace(recipe=recipe) for recipe in recipes]  # a loader looks into a store only when it loads
    instantiate(config["loader"], _partial_=True, _convert_="all")(stores=unread, mapping=model.mapping)
    n_steps = total_steps(config, sum(recipe.train for recipe in made))
    if config["ckpt_path"]:
        step = check_resumable(config["ckpt_path"], model.card)
        if step >= n_steps:
            print(f"the run is already at step {step}; raise trainer.max_epochs or trainer.max_steps to go on")
    low_bounds = {
        "seed": (config["seed"], 0),
        "checkpoint_every": (config["checkpoint_every"], 1),
        "snapshots": (config["snapshots"], 1),
        "trainer.val_check_interval": (config["trainer"]["val_check_interval"], 1),
    }
    for word, (value, low) in low_bounds.items():
        if not low <= value < 2**32:
            raise ValueError(f"{word}: expected a whole number of at least {low}, got {value!r}")
    for word, neutral, instead in NOT_OURS:
        if config["trainer"].get(word) not in (None, neutral):
            raise ValueError(f"trainer.{word}: does not work with two optimisers; use {instead}, as all models do")
    options = trainer_options(config)
    try:
        Timer(options["max_time"])
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise ValueError(f"trainer.max_time: expected days:hours:minutes:seconds, as 00:00:30:00; {error}") from None
    instantiate(options, _convert_="all", logger=False, enable_checkpointing=False, barebones=False)


def untrained(config: Config) -> FieldModel:
    """The model, with placeholders for what only its data know."""
    statistics = {name: {"min": 0.0, "max": 1.0} for name in FIELDS}
    return build_model(_card(config, _recipes(config), statistics, []))


def make_card(config: Config, stores: Sequence[Store]) -> Config:
    """What a checkpoint says of itself."""
    scalars = [name for name in config["mapping"]["also"] if get_field(name).is_scalar]
    recipes = [store.recipe for store in stores]
    return _card(config, recipes, training_statistics(stores, scalars), [store.name for store in stores])


def _card(config: Config, recipes: list[Config], statistics: Config, datasets: list[str]) -> Config:
    return {
        "model": config["model"],
        "mapping": config["mapping"],
        "recipes": recipes,
        "statistics": statistics,
        "datasets": datasets,
        "loader": config["loader"],
        "trainer": trainer_options(config),
        "seed": config["seed"],
        "provenance": provenance(device_name(best_device())),
    }


def trainer_options(config: Config) -> Config:
    """The Trainer's arguments, with the precision that suits the machine where it is left open."""
    options = dict(config["trainer"])
    if options["precision"] == "auto":
        options["precision"] = "bf16-mixed" if _multiplies_bf16() else "32-true"
    return options


def _multiplies_bf16() -> bool:
    """True where products of bfloat16 are faster than those of float32: the GPU or the CPU has units for them."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    units = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")  # Intel's matrices, AMD's and Intel's vectors
    return any(getattr(torch.cpu, unit, bool)() for unit in units)


def total_steps(config: Config, n_train: int) -> int:
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
    per_epoch = -(-n_train // (batch * world_size(trainer)))
    if trainer["max_time"] is not None and steps < 0 and epochs in (None, -1):
        return NO_END
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
    loggers: list[Logger] = [WholeLog(run, name="csv")]
    if config["logger"]:
        loggers.append(instantiate(config["logger"], _convert_="all")(save_dir=run))
    return loggers


def make_trainer(
    config: Config, run: Path, model: FieldModel, loggers: list[Logger], callbacks: list[Callback], n_steps: int
) -> pl.Trainer:
    """Lightning's Trainer with our callbacks; it validates at least once, at the end if not before."""
    last = LastCheckpoint(
        run / "checkpoints",
        "last",
        every_n_train_steps=min(config["checkpoint_every"], n_steps),
        enable_version_counter=False,
    )
    recipe, mapping = model.card["recipes"][0], model.mapping
    axes = Axes(recipe["grid"]["extent"], units_of(recipe), mapping.source, mapping.target)
    snapshots = Snapshots(run / "snapshots", axes, config["snapshots"])
    options = trainer_options(config)
    if n_steps < NO_END:  # the last validation comes where the training ends, or a few steps before
        validations = -(-n_steps // options["val_check_interval"])
        options["val_check_interval"] = n_steps // validations
    return instantiate(options, _partial_=True, _convert_="all")(
        logger=loggers,
        callbacks=[Place(), *callbacks, snapshots, Throughput(), last, Progress(refresh_rate=20)],
        plugins=[WholeFileIO()],
        default_root_dir=run,
    )


def announce(model: FieldModel, stores: Sequence[Store], trainer: pl.Trainer, run: Path) -> None:
    """Say what is about to happen."""
    asked = ", ".join(field.name for field in model.mapping.outputs)
    print(f"{model.mapping.source.name} -> {asked}: {type(model).__name__}, {type(model.network).__name__}", end=", ")
    print(f"{model.card['parameters'] / 1e6:.2f} M parameters", end="")
    print(f", receptive field {model.receptive_field}" if model.receptive_field else "", end="")
    print(f", on {device_name(trainer.strategy.root_device)}, {trainer.precision}")
    print("\n".join([*(f"dataset {store.path}" for store in stores), f"run     {run}"]), flush=True)


def _finalize(loggers: list[Logger]) -> None:
    for logger in loggers:
        logger.finalize("success")
