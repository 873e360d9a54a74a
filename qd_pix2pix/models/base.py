"""The base of all training methods: predictor, gradient clipping, random streams and self-describing checkpoints."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, cast

import pytorch_lightning as pl
import torch
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

    receptive_field: int | None = None
    """Side of the patch on which one output of the discriminator depends, in points; None without a discriminator."""

    @classmethod
    def heads(cls, config: Mapping[str, Any]) -> dict[str, str]:
        """Return the head of each kind of column from the model's configuration; other kinds have their default."""
        return {}

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
        self.predictor.try_on(self.predictor.schema.domain.shape)

    def may_fuse(self) -> bool:
        """Return False where a fused optimiser would unscale its gradients itself, too late for clipping."""
        return not (self.gradient_clip and self.trainer.precision == "16-mixed")

    def log_losses(self, losses: dict[str, Tensor]) -> None:
        """Log the losses of a training step, averaged over all processes."""
        # one call for all losses: Lightning's calls are slow
        self.log_dict(losses, prog_bar=True, sync_dist=self.trainer.world_size > 1)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradients; in this hook they are complete and unscaled in every precision."""
        if self.gradient_clip is not None:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.gradient_clip)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the card, the step and the time of the training."""
        checkpoint[CARD] = self.card.to_dict() | {"step": self.trainer.global_step, "train_seconds": self.seconds}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the time of the training."""
        self._seconds = float(checkpoint[CARD]["train_seconds"])

    def on_train_start(self) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the stream of dropout from the step, so that a resume does not change it; each process has its own."""
        torch.manual_seed(seed_of(self.card.seed, self.global_rank, self.global_step))


class FieldModel(Model):
    """A model that predicts columns of samples from other columns and is evaluated in physical units."""

    def __init__(self, predictor: Predictor, card: Card, gradient_clip: float | None = None) -> None:
        super().__init__(predictor, card, gradient_clip)
        spans = {c.name: predictor.ranges[c.name].span if c.name in predictor.ranges else 1.0 for c in self.outputs}
        self.val_measures = nn.ModuleDict({c.name: SplitMetrics(c.kind, spans[c.name]) for c in self.outputs})

    @property
    def outputs(self) -> tuple[Column, ...]:
        """The predicted columns, the target first."""
        return self.predictor.outputs

    def forward(self, columns: Batch) -> Batch:
        """Return the outputs of a batch; see ``Predictor.forward``."""
        return self.predictor(columns)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add one batch to the measures of the validation split."""
        found = self.predictor(batch)
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
