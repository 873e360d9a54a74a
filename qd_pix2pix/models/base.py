"""The base of all training methods: predictor, gradient clipping, random streams and self-describing checkpoints."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Timer
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from qd_pix2pix.data.sampler import seed_of
from qd_pix2pix.evaluation.measures import JUDGE
from qd_pix2pix.models.metrics import SplitMetrics
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.schema import Column
from solvers.checks import check_positive

Batch = dict[str, Tensor]
"""The columns of a batch by name: fields (B, *points), all others (B,)."""
NetworkFactory = Callable[..., nn.Module]
OptimizerFactory = Callable[..., Optimizer]
CARD = "qd_pix2pix"
"""Key of a checkpoint under which the model's card is kept."""


def build_optimizer(factory: OptimizerFactory, parameters: Iterable[nn.Parameter], may_fuse: bool = True) -> Optimizer:
    """Return an optimiser from its factory, with ``fused=True`` where the optimiser and the device support it.

    Raises:
        ValueError: the optimiser does not take its arguments.
    """
    if not callable(factory):
        raise ValueError(f"model.optimizer: expected an optimiser with _partial_: true, got {factory!r}")
    parameters = list(parameters)
    target = getattr(factory, "func", factory)
    decided = "fused" in getattr(factory, "keywords", {})
    device = parameters[0].device.type
    fuses = may_fuse and not decided and "fused" in inspect.signature(target).parameters and device in ("cpu", "cuda")
    fuses = fuses and not any(p.is_complex() for p in parameters)
    try:
        return factory(parameters, fused=True) if fuses else factory(parameters)
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(f"model.optimizer: {error}") from None


def count_no_step(optimizer: LightningOptimizer) -> None:
    """Exclude this optimiser from ``trainer.global_step``, which then counts batches.

    Lightning counts every step of every optimiser, so that ``max_steps`` and checkpoint intervals would be reached at
    half their value. The loop resets these two hooks before each batch.
    """
    optimizer._on_before_step = lambda: None
    optimizer._on_after_step = lambda: None


def check_one_shape(card: Card, model: str) -> None:
    """Refuse samples of several sizes.

    Raises:
        ValueError: the training datasets have different numbers of points.
    """
    if len(card.shapes) > 1:
        raise ValueError(f"range: {model} learns samples of one size; use model=regressor, or one value of the range")


class Diverged(ValueError):
    """A loss, a weight or a drawn sample is not finite."""

    status: ClassVar[int] = 1
    """Exit status of the program: the input was valid."""


class Model(pl.LightningModule):
    """A predictor in training.

    Args:
        predictor: the predictor, which is trained and stored.
        card: description of the predictor, stored in its checkpoints.
        gradient_clip: largest norm of each optimiser's gradient; None for no bound.

    Raises:
        ValueError: an argument is out of range.
    """

    LOGARITHM: ClassVar[bool] = False
    """True if the predictor also receives the logarithm of densities."""

    def __init__(self, predictor: Predictor, card: Card, gradient_clip: float | None = None) -> None:
        super().__init__()
        if gradient_clip is not None:
            check_positive("model.gradient_clip", gradient_clip)
        self.predictor, self.card = predictor, card
        self.gradient_clip = gradient_clip
        self._seconds, self._began = 0.0, time.monotonic()

    fewest_steps = 1
    """Steps after which every part of the model has been trained."""

    number = 0
    """The number of the current step of the training, from 1."""

    receptive_field: int | None = None
    """Side of the patch on which one output of the discriminator depends, in points; None without a discriminator."""

    @classmethod
    def heads(cls, config: Mapping[str, Any]) -> dict[str, str]:
        """Return the head of each kind of column from the model's configuration; other kinds have their default."""
        return {}

    @classmethod
    def generator(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the class of ``generators`` and its options; empty for a model that predicts."""
        return {}

    @property
    def judge(self) -> str:
        """The measure of the validation split that selects the best checkpoint."""
        return JUDGE[self.predictor.target.kind]

    @property
    def logged(self) -> tuple[str, ...]:
        """The names of all measures of the validation split."""
        return ()

    def snapshot(self, batch: Batch) -> Tensor:
        """Return the target field (B, *points) of a few validation samples, as it is predicted or drawn now."""
        raise NotImplementedError

    @property
    def network(self) -> nn.Module:
        """The predictor's network."""
        return self.predictor.network

    @property
    def seconds(self) -> float:
        """The time of the training in seconds, including that before a resume."""
        return self._seconds + time.monotonic() - self._began

    def check(self) -> None:
        """Evaluate all parts on a sample of zeros; the error of an unsuitable setting is raised unchanged."""
        for shape in self.card.shapes:
            self.predictor.try_on(shape)

    def may_fuse(self) -> bool:
        """Return False where a fused optimiser would unscale its gradients itself, too late for clipping."""
        return not (self.gradient_clip and self.trainer.precision == "16-mixed")

    def log_losses(self, losses: dict[str, Tensor]) -> None:
        """Log the losses of a training step, averaged over all processes.

        Raises:
            Diverged: a loss is not finite.
        """
        if bad := [name for name, loss in losses.items() if not torch.isfinite(loss).all()]:
            raise Diverged(f"model: the training diverged, {bad[0]} is {float(losses[bad[0]]):g}")
        # one call for all losses: Lightning's calls are slow
        self.log_dict(losses, prog_bar=True, sync_dist=self.trainer.world_size > 1)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradients; in this hook they are complete and unscaled in every precision."""
        if self.gradient_clip is not None:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.gradient_clip)

    def take_step(self, optimizer: LightningOptimizer, loss: Tensor) -> None:
        """Make one step of one of several optimisers."""
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def progress(self, step: int) -> float:
        """Return the fraction of the training that is complete after ``step`` steps, 0 ... 1."""
        if step == 0:  # also called before the loaders exist, whose batches Lightning would have to count
            return 0.0
        done = step / self.trainer.estimated_stepping_batches
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, Timer):
                elapsed, remaining = callback.time_elapsed("train"), callback.time_remaining("train")
                done = max(done, elapsed / (elapsed + remaining) if remaining is not None else 0.0)
                if self.trainer.world_size > 1:  # each process has its own clock
                    done = self.trainer.strategy.broadcast(done)
        return min(done, 1.0)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the card, the step and the time of the training.

        Raises:
            Diverged: a weight is not finite; the previous checkpoint is kept.
        """
        if bad := [name for name, values in self.state_dict().items() if not torch.isfinite(values).all()]:
            raise Diverged(f"model: the training diverged, {bad[0]} is not finite")
        checkpoint[CARD] = self.card.to_dict() | {"step": self.trainer.global_step, "train_seconds": self.seconds}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the time of the training."""
        self._seconds = float(checkpoint[CARD]["train_seconds"])

    def on_train_start(self) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the stream of dropout from the step, so that a resume does not change it; each process has its own."""
        self.number = self.global_step + 1
        torch.manual_seed(seed_of(self.card.seed, self.global_rank, self.global_step))


class FieldModel(Model):
    """A model that predicts columns of samples from other columns and is evaluated in physical units."""

    def __init__(self, predictor: Predictor, card: Card, gradient_clip: float | None = None) -> None:
        super().__init__(predictor, card, gradient_clip)
        spans = {c.name: predictor.ranges[c.name].span if c.name in predictor.ranges else 1.0 for c in self.outputs}
        shapes = card.shapes
        self.val_measures = nn.ModuleDict(
            {c.name: SplitMetrics(c.kind, spans[c.name], shapes if c.is_field else [()]) for c in self.outputs}
        )

    @property
    def outputs(self) -> tuple[Column, ...]:
        """The predicted columns, the target first."""
        return self.predictor.outputs

    def snapshot(self, batch: Batch) -> Tensor:
        """Return the predicted target (B, *points)."""
        return self(batch)[self.predictor.target.name]

    def forward(self, columns: Batch) -> Batch:
        """Return the outputs of a batch; see ``Predictor.forward``."""
        return self.predictor(columns)

    @property
    def logged(self) -> tuple[str, ...]:
        """The names of all measures of the validation split."""
        found: list[str] = []
        for i, (name, metric) in enumerate(self.val_measures.items()):
            measures = cast(SplitMetrics, metric).compute_names()
            found += [measure if i == 0 else f"{name}/{measure}" for measure in measures]
        return tuple(found)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add one batch to the measures of the validation split."""
        self.add_validation(self.predictor.raw(batch), batch)

    def add_validation(self, raw: Batch, batch: Batch) -> None:
        """Add the raw numbers of one batch to the measures of the validation split."""
        found = self.predictor.interpret(raw, batch)
        for column in self.outputs:
            pred = found[column.name]
            density = self.predictor.scale(column, batch, pred[:, None]).density if column.integral else None
            cast(SplitMetrics, self.val_measures[column.name]).update(pred, batch[column.name], density)

    def on_validation_epoch_end(self) -> None:
        """Log the measures of the validation split: val/nmae of the target, val/energy/mae of other outputs."""
        for i, column in enumerate(self.outputs):
            metric = cast(SplitMetrics, self.val_measures[column.name])
            prefix = "val/" if i == 0 else f"val/{column.name}/"
            for measure, value in metric.compute().items():
                judged = i == 0 and measure == JUDGE[column.kind]
                self.log(prefix + measure, value.float(), prog_bar=judged)
            metric.reset()
