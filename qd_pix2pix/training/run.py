"""One training run, from configuration to report: datasets, model, Trainer, evaluation of the best checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from filelock import FileLock, Timeout
from hydra.utils import instantiate
from pytorch_lightning.callbacks import Callback, ProgressBar
from pytorch_lightning.loggers import Logger

from qd_pix2pix.data.datamodule import SamplesModule
from qd_pix2pix.data.generate import generate, make_launcher
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.evaluate import evaluate_split
from qd_pix2pix.evaluation.measures import larger_is_better
from qd_pix2pix.files import trusted
from qd_pix2pix.inference.predict import device_name
from qd_pix2pix.models import Diverged, Model
from qd_pix2pix.networks.foreign import modules_in
from qd_pix2pix.provenance import write_overrides
from qd_pix2pix.reports.dataset_page import ensure_dataset_page
from qd_pix2pix.reports.history import overall, read_tests
from qd_pix2pix.reports.run_page import show
from qd_pix2pix.schema import Column
from qd_pix2pix.systems import make_recipe, modules_of
from qd_pix2pix.training.callbacks import BestCheckpoint, LastCheckpoint, Progress, Snapshots, Throughput
from qd_pix2pix.training.checkpoint import WholeFileIO, build_model, flatten
from qd_pix2pix.training.counter import load_counter
from qd_pix2pix.training.distributed import is_first, processes_here, settle_rank
from qd_pix2pix.training.initial import load_initial, read_initial
from qd_pix2pix.training.initial_data import reach, spacing
from qd_pix2pix.training.length import NO_END, total_steps, training_sizes
from qd_pix2pix.training.loggers import WholeLog, log_test
from qd_pix2pix.training.resume import Place
from qd_pix2pix.training.second import load_second
from qd_pix2pix.training.settings import (
    Config,
    check_config,
    make_card,
    own_callbacks,
    recipes_of_run,
    trainer_options,
    without_ours,
)
from qd_pix2pix.training.threads import set_threads


def train(config: Config, run: Path, overrides: Sequence[str] = ()) -> Path:
    """Train by ``config`` (conf/train.yaml, plain containers) in the folder ``run``; return the best checkpoint.

    ``overrides`` of the command line and the number of threads are stored with the run, so that it can be resumed.

    Raises:
        ValueError: a setting is invalid, or the folder already holds another run; before any long calculation.
    """
    settle_rank(config["trainer"])
    check_config(config)
    with _claim(run, resuming=bool(config["ckpt_path"])) if is_first() else nullcontext():
        return _train(config, run, overrides)


def _train(config: Config, run: Path, overrides: Sequence[str]) -> Path:
    threads = set_threads(config["threads"], processes_here(config["trainer"]))
    if is_first():
        _prepare(run, [*(word for word in overrides if not word.startswith("threads=")), f"threads={threads}"])
    stores = _datasets(config)
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    model = _described(build_model(config["model"], make_card(config, stores)))
    if not config["ckpt_path"]:  # a checkpoint of the run has its own weights
        _start(model, config.get("init_from"))
    data: SamplesModule = instantiate(config["loader"], _partial_=True, _convert_="all")(
        stores=stores, predictor=model.predictor, seed=config["seed"]
    )
    loggers = make_loggers(config, run)
    best = _best_checkpoint(model, run)
    last = _last_checkpoint(config, run, stores)
    trainer = make_trainer(config, run, loggers, [best, last], _steps(config, stores))
    if is_first():
        announce(model, stores, trainer, run)
    for logger in loggers:
        logger.log_hyperparams(flatten(model.card.to_dict()))
    # the configuration of the user names them
    own = [*modules_in(model.card.network, model.card.generator), *modules_of(model.card.recipes)]
    with trusted(own):
        _fit(trainer, model, data, last, config["ckpt_path"])
    if not is_first():
        return run / "checkpoints" / "best.ckpt"
    for logger in loggers:
        logger.finalize("success")
    path = Path(best.best_model_path) if best.best_model_path else run / "checkpoints" / "last.ckpt"
    with trusted(own):
        folders = evaluate_split(path, stores, "test", run / "test", config["symmetrise"])
    for folder in folders:
        show(folder, run)
    log_test(loggers, overall(read_tests(run)))
    return path


def _start(model: Model, init_from: str | None) -> None:
    """Load the weights of other networks and the initial ones, if there are any."""
    load_second(model.predictor)
    load_counter(model.predictor)
    if init_from is None:
        return
    remarks = reach(model.predictor, model.card.statistics)
    remarks += spacing(read_initial(init_from).card, model.card)
    load_initial(model.predictor, init_from)
    if is_first():
        print("\n".join([f"weights of {init_from}", *(f"note: {remark}" for remark in remarks)]), flush=True)


def _datasets(config: Config) -> list[Store]:
    """Return the training datasets; missing ones are generated first, each with its page."""
    launcher = make_launcher(config["launcher"])
    stores = [Store(generate(recipe, config["data_root"], launcher)) for recipe in recipes_of_run(config)]
    for store in stores if is_first() else ():
        ensure_dataset_page(store.path)
    return stores


def _described(model: Model) -> Model:
    """Return the model, with the description of its networks in its card."""
    parameters = sum(p.numel() for p in model.network.parameters())
    model.card = replace(model.card, parameters=parameters, receptive_field=model.receptive_field)
    return model


def _best_checkpoint(model: Model, run: Path) -> BestCheckpoint:
    measure = model.judge
    return BestCheckpoint(
        run / "checkpoints", "best", monitor=f"val/{measure}", mode="max" if larger_is_better(measure) else "min",
        save_weights_only=True, enable_version_counter=False,
    )  # fmt: skip


def _last_checkpoint(config: Config, run: Path, stores: Sequence[Store]) -> LastCheckpoint:
    interval = min(config["checkpoint_every"], _steps(config, stores))
    return LastCheckpoint(
        run / "checkpoints", "last", every_n_train_steps=interval, seconds=config["checkpoint_seconds"],
        enable_version_counter=False,
    )  # fmt: skip


def _steps(config: Config, stores: Sequence[Store]) -> int:
    return total_steps(config, training_sizes([make_recipe(store.recipe) for store in stores]))


def _fit(trainer: pl.Trainer, model: Model, data: SamplesModule, last: LastCheckpoint, ckpt_path: str | None) -> None:
    """Train; Ctrl-C ends the training after the current step, which is saved."""
    try:
        with _interruptible(trainer, last):
            trainer.fit(model, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    except Diverged as error:
        raise Diverged(f"{error} in step {model.number}; {_last_good(last, str(trainer.precision))}") from None
    except OSError as error:  # a full disk
        if error.errno is None or not _last_path(last).exists():
            raise
        resume = f"{error.strerror}; resume with ckpt_path={_last_path(last)}"
        raise OSError(error.errno, resume, error.filename or str(last.dirpath)) from error
    except (SystemExit, KeyboardInterrupt):  # Lightning converts Ctrl-C into SystemExit
        path = _last_path(last)
        resume = f"resume with ckpt_path={path}" if path.exists() else "no step was finished"
        print(f"\nstopped at step {trainer.global_step}; {resume}", flush=True)
        raise SystemExit(130) from None


def _last_path(last: LastCheckpoint) -> Path:
    return Path(str(last.dirpath)) / "last.ckpt"


def _last_good(last: LastCheckpoint, precision: str) -> str:
    """Return what to do after a training has diverged."""
    path, exact = _last_path(last), precision in ("32-true", "64-true")
    state = f"{path} is its last good checkpoint" if path.exists() else "no checkpoint was written"
    return f"{state}. Start again with a lower model.optimizer.lr{'' if exact else ', or trainer.precision=32-true'}"


@contextmanager
def _interruptible(trainer: pl.Trainer, last: LastCheckpoint) -> Iterator[None]:
    """Let the first Ctrl-C wait for the end of the current step; a second one takes effect at once.

    Of several processes none can stop alone: there Lightning's handler is kept.
    """
    before = signal.getsignal(signal.SIGINT)
    in_thread = threading.current_thread() is not threading.main_thread()  # only the main thread may set handlers
    if trainer.world_size > 1 or before is not signal.default_int_handler or in_thread:
        yield
        return

    def ask(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        last.interrupt()

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _prepare(run: Path, overrides: Sequence[str]) -> None:
    """Store the overrides of the command line; remove temporary files of a run that was killed while writing."""
    write_overrides(run, overrides)
    for leftover in (run / "checkpoints").glob(".*.tmp"):
        leftover.unlink()


def _claim(run: Path, resuming: bool) -> FileLock:
    """Lock the run's folder until this process ends; two runs must not share one.

    Raises:
        ValueError: another process trains in the folder, or it holds a run and ``resuming`` is false.
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
            f"hydra.run.dir: {run} already holds a run; choose another folder, or resume it with "
            f"ckpt_path={run / 'checkpoints' / 'last.ckpt'}"
        )
    return lock


def make_loggers(config: Config, run: Path) -> list[Logger]:
    """Return the CSV logger and the requested logger, if any."""
    loggers: list[Logger] = [WholeLog(run, name="csv")]
    if config["logger"]:
        loggers.append(instantiate(config["logger"], _convert_="all")(save_dir=run))
    return loggers


def make_trainer(
    config: Config, run: Path, loggers: list[Logger], checkpoints: list[Callback], n_steps: int
) -> pl.Trainer:
    """Return Lightning's Trainer with the project's and the user's callbacks; it validates at least once."""
    best, last = checkpoints
    options = without_ours(trainer_options(config))
    if n_steps < NO_END:  # the last validation is at the end of the training, or a few steps before
        validations = -(-n_steps // options["val_check_interval"])
        options["val_check_interval"] = n_steps // validations
    snapshots = Snapshots(run / "snapshots", config["snapshots"])
    ours, own = [Place(), best, snapshots, Throughput()], own_callbacks(config)
    quiet = options.get("enable_progress_bar") is False or any(isinstance(c, ProgressBar) for c in own)
    return instantiate(options, _partial_=True, _convert_="all")(
        logger=loggers,
        callbacks=[*ours, *own, last, *([] if quiet else [Progress(refresh_rate=20)])],
        plugins=[WholeFileIO()],
        default_root_dir=run,
    )


def announce(model: Model, stores: Sequence[Store], trainer: pl.Trainer, run: Path) -> None:
    """Print a description of the run: mapping, model, device, datasets and folder."""
    card = model.card
    field = f", receptive field {card.receptive_field}" if card.receptive_field else ""
    print(
        f"{model.predictor.title}: {type(model).__name__}, {type(model.network).__name__}, "
        f"{card.parameters / 1e6:.2f} M parameters{field}, on {device_name(trainer.strategy.root_device)}, "
        f"{trainer.precision}"
    )
    remarks = [f"note: {remark}" for remark in unseen_classes(model.predictor.outputs, stores)]
    print("\n".join([*(f"dataset {store.path}" for store in stores), *remarks, f"run     {run}"]), flush=True)


def unseen_classes(outputs: Sequence[Column], stores: Sequence[Store]) -> list[str]:
    """Return a remark for each class column of ``outputs`` that has classes without a training sample."""
    remarks = []
    for column in (column for column in outputs if column.classes):
        trained = [store.split("train").load((column.name,))[column.name] for store in stores]
        if missing := sorted(set(range(column.classes)) - set(np.concatenate(trained).tolist())):
            remarks.append(
                f"no training sample has {column.name} {', '.join(map(str, missing))} of 0 ... "
                f"{column.classes - 1}; they cannot be learned"
            )
    return remarks
