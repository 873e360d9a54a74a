"""Callbacks of the training: progress bar, throughput, checkpoints, and snapshots of predictions for a few samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pytorch_lightning.callbacks import ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from qd_pix2pix.files import write_whole
from qd_pix2pix.models import GenerativeModel, Model
from qd_pix2pix.reports.drawn_panels import snapshot_figure
from qd_pix2pix.reports.figures import Frame, comparison, evolution, to_pixels
from qd_pix2pix.reports.history import read_snapshots, spread


class Progress(TQDMProgressBar):
    """The progress bar of Lightning, with short names of the losses and of the last validation's selection measure."""

    NAMES = {
        "train/loss": "loss",
        "train/g_adversarial": "G",
        "train/g_reconstruction": "L_rec",
        "train/generator": "G",
        "train/critic": "C",
        "val/r2": "R2",
        "val/accuracy": "accuracy",
        "val/label_error": "label error",
        "val/label_distance": "label distance",
    }

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Return the metrics at the end of the line, by their short names."""
        metrics = super().get_metrics(trainer, pl_module)
        return {self.NAMES[name]: value for name, value in metrics.items() if name in self.NAMES}


class BestCheckpoint(ModelCheckpoint):
    """The checkpoint of Lightning that keeps the best score when the run's folder is moved."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, with its paths moved to the present folder."""

        def here(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        moved = {key: here(state_dict[key]) for key in ("best_model_path", "last_model_path", "kth_best_model_path")}
        best_k = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict(state_dict | moved | {"best_k_models": best_k, "dirpath": self.dirpath})


class Throughput(pl.Callback):
    """The callback that logs ``train/dots_per_second`` of all devices together, over the steps since the last log."""

    def __init__(self) -> None:
        self._since: tuple[float, int] | None = None

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        """Log the throughput at the steps at which Lightning logs."""
        now, step = time.perf_counter(), trainer.global_step
        if self._since is not None and step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            before, begun = self._since
            dots = (step - begun) * trainer.datamodule.batch_size * trainer.world_size  # type: ignore[attr-defined]
            pl_module.log("train/dots_per_second", dots / max(now - before, 1e-9))
            self._since = None
        self._since = self._since or (now, step)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Exclude the time of the validation."""
        self._since = None


class LastCheckpoint(ModelCheckpoint):
    """The checkpoint of Lightning from which a run resumes completely, wherever it was killed.

    It is written every ``every_n_train_steps`` steps, and earlier where ``seconds`` have passed since the last one.
    Lightning writes a checkpoint before the step's line of the log and before the step's validation, and a resumed run
    repeats neither. Therefore a checkpoint here contains the line, and is written after the validation.

    Args:
        seconds: largest age of the last checkpoint, in seconds; a longer step or validation is not interrupted.
        options: options of ``ModelCheckpoint``.
    """

    trainer: pl.Trainer
    clock = staticmethod(time.monotonic)
    written = 0.0
    """Time of the last checkpoint on ``clock``, in seconds."""
    interrupted = False
    step = -1
    line: dict[str, float] = {}
    waiting = False

    def __init__(self, *args: Any, seconds: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.seconds = seconds

    @property
    def state_key(self) -> str:
        """The key of the state, independent of the interval, which may change when the run is resumed."""
        return type(self).__name__

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Keep the trainer, whose log is part of the checkpoint."""
        super().setup(trainer, pl_module, stage)
        self.trainer = trainer

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        """Save if a checkpoint is due, unless a validation follows."""
        fetcher = trainer.fit_loop._data_fetcher
        assert fetcher is not None
        self.waiting = trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)
        if not self.waiting:
            super().on_train_batch_end(trainer, pl_module, *args)
            self._end_step(trainer, logged=False)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save if a checkpoint was due before the validation."""
        if self.waiting:
            self.waiting = False
            super().on_train_batch_end(trainer, pl_module, None, None, 0)
            self._end_step(trainer, logged=True)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock of the first checkpoint."""
        super().on_train_start(trainer, pl_module)
        self.written = self.clock()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the last step, even if a time limit or another callback has ended the training."""
        super().on_train_end(trainer, pl_module)
        self._keep(trainer)

    def interrupt(self) -> None:
        """Request the end of the training after the current step."""
        self.interrupted = True

    def _end_step(self, trainer: pl.Trainer, logged: bool) -> None:
        """Save this step if the last checkpoint is too old; save it and exit as after Ctrl-C, if that was requested.

        Before a validation Lightning has ``logged`` the step; otherwise it would write the line later.
        """
        if self._is_old(trainer):
            self._keep(trainer)
        if self.interrupted:
            self._keep(trainer)
            if not logged:
                self._write_line(trainer, **self._line_of(trainer))
            raise KeyboardInterrupt

    def _is_old(self, trainer: pl.Trainer) -> bool:
        """Return True where the last checkpoint is older than ``seconds``, by the clock of the first process.

        All processes write a checkpoint together. The first one's clock is read at the steps of the log only, because
        the others wait for its answer.
        """
        if trainer.world_size > 1 and trainer.global_step % trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return False
        old = self.clock() - self.written >= self.seconds
        return trainer.strategy.broadcast(old) if trainer.world_size > 1 else old

    def _save_checkpoint(self, trainer: pl.Trainer, filepath: str) -> None:
        super()._save_checkpoint(trainer, filepath)
        self.written = self.clock()

    def _keep(self, trainer: pl.Trainer) -> None:
        """Save this step, unless it is already saved."""
        if self._last_global_step_saved != trainer.global_step:
            self._save_topk_checkpoint(trainer, self._monitor_candidates(trainer))

    def state_dict(self) -> dict[str, Any]:
        """Return Lightning's state and the line of the log, if there is one."""
        return super().state_dict() | self._line_of(self.trainer)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that ``state_dict`` returned."""
        self.line, self.step = state_dict["line"], state_dict["step"]
        super().load_state_dict(state_dict)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the line of the log, possibly again; also where no step is left, so that no training starts."""
        self._write_line(trainer, self.line, self.step)

    @staticmethod
    def _line_of(trainer: pl.Trainer) -> dict[str, Any]:
        """Return the ``line`` of the log of this step, empty where none is due, and the ``step``."""
        due = trainer.global_step % trainer.log_every_n_steps == 0  # type: ignore[attr-defined]
        logged = trainer.logged_metrics if due else {}
        line = {name: float(value) for name, value in logged.items() if name.startswith("train/")}
        return {"line": line | ({"epoch": trainer.current_epoch} if line else {}), "step": trainer.global_step - 1}

    @staticmethod
    def _write_line(trainer: pl.Trainer, line: dict[str, float], step: int) -> None:
        """Write a line into all logs, unless it is empty."""
        for logger in trainer.loggers if line else ():
            logger.log_metrics(line, step=step)
            logger.save()


class Snapshots(pl.Callback):
    """Predictions of the first validation samples after each validation, in files and as panels of a logger.

    At the end of the training a figure of the first sample's evolution is logged. Targets other than fields are not
    drawn.

    Files: ``folder/step-00000400.npy``, float32 (samples, *points) in the target's unit, and ``reference.npy``; the
    report shows the evolution.
    """

    def __init__(self, folder: Path, n_samples: int = 4) -> None:
        self.folder, self.n_samples = folder, n_samples
        self.batch: dict[str, torch.Tensor] | None = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Predict the samples, store the predictions and log a figure."""
        if trainer.sanity_checking or not trainer.is_global_zero or not isinstance(pl_module, Model):
            return
        target = pl_module.predictor.target
        if not target.is_field:
            return
        self.batch = self.batch or self._first_samples(trainer)
        with torch.no_grad():
            found = pl_module.snapshot({name: values.to(pl_module.device) for name, values in self.batch.items()})
        predicted, reference = (v.float().cpu().numpy() for v in (found, self.batch[target.name]))
        self.folder.mkdir(parents=True, exist_ok=True)
        _save(self.folder / "reference.npy", reference)
        _save(self.folder / f"step-{trainer.global_step:08d}.npy", predicted)
        schema, names = pl_module.predictor.schema, pl_module.predictor.mapping.sources
        if isinstance(pl_module, GenerativeModel):
            self._show(trainer, "val/dots", lambda: snapshot_figure(schema, target, predicted, reference))
            return
        given = [(schema[name], self.batch[name].numpy()) for name in names]
        frames = [Frame(schema)] * len(predicted)
        self._show(trainer, "val/dots", lambda: comparison(frames, given, target, reference, predicted))

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the evolution of the first sample."""
        snapshots = read_snapshots(self.folder.parent)
        if self.batch is None or len(snapshots) < 2 or not isinstance(pl_module, Model):
            return
        steps, target = spread(sorted(snapshots)), pl_module.predictor.target
        maps, reference = [snapshots[step][0] for step in steps], self.batch[target.name][0].numpy()
        frame = Frame(pl_module.predictor.schema)
        last = "stored" if isinstance(pl_module, GenerativeModel) else "reference"
        self._show(trainer, "val/evolution", lambda: evolution(frame, target, steps, maps, reference, last))

    def _first_samples(self, trainer: pl.Trainer) -> dict[str, torch.Tensor]:
        batches = trainer.datamodule.batches("val")  # type: ignore[attr-defined]
        of_first_shape = trainer.datamodule.groups(batches)[0]  # type: ignore[attr-defined]
        rows = [batches[i] for i in of_first_shape[: self.n_samples]]
        return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    def _show(self, trainer: pl.Trainer, name: str, draw: Callable[[], Figure]) -> None:
        loggers = [logger for logger in trainer.loggers if isinstance(logger, (WandbLogger, TensorBoardLogger))]
        if not loggers:
            return
        image = to_pixels(draw())
        for logger in loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image(name, [image], step=trainer.global_step)
            else:
                logger.experiment.add_image(name, image, trainer.global_step, dataformats="HWC")


def _save(path: Path, array: NDArray) -> None:
    with write_whole(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)
