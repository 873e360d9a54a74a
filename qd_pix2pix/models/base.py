"""What all models of fields share: prediction in physical units, measures, checkpoints that stand for themselves."""

from __future__ import annotations

import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MeanAbsoluteError, Metric

from qd_pix2pix.evaluation.measures import FieldMetrics
from qd_pix2pix.mapping import Mapping
from qd_pix2pix.mapping.conditions import CONDITIONS, Conditions
from qd_pix2pix.schema import Field
from qd_pix2pix.training.resume import seed_of

Batch = dict[str, Tensor]
NetworkFactory = Callable[..., nn.Module]
OptimizerFactory = Callable[..., Optimizer]
CARD = "qd_pix2pix"
"""Key of a checkpoint under which the model's ``card`` is kept."""


def exact_of(batch: Batch, field: Field, target: Field) -> Tensor:
    """The exact values of an asked quantity in a batch: (B, 1, n, n) or (B,)."""
    return batch["target" if field.name == target.name else field.name]


def build_optimizer(factory: OptimizerFactory, parameters: Iterable[nn.Parameter], may_fuse: bool = True) -> Optimizer:
    """An optimiser from its factory (a partial), with ``fused=True`` where it knows the word and the device can.

    Raises:
        ValueError: the optimiser does not take its arguments.
    """
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


class FieldModel(pl.LightningModule, ABC):
    """A map from one field to another, learned in the scaled range and judged in physical units.

    Args:
        mapping: fields and scales, fitted.
        recipes: configurations of the datasets (plain containers): the grid and the facts of the dots are taken from
            them, and what differs between them becomes further channels of the network.
        network: in_channels, out_channels -> network from (B, in, n, n) to (B, out, n, n).
        gradient_clip: largest norm of each optimiser's gradient; None for no bound.

    Attributes:
        card: plain containers that say what this model is; stored in its checkpoints.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        mapping: Mapping,
        recipes: Sequence[dict[str, Any]],
        network: NetworkFactory,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__()
        if gradient_clip is not None and not (isinstance(gradient_clip, (int, float)) and gradient_clip > 0):
            raise ValueError(f"model.gradient_clip: expected a positive norm or null, got {gradient_clip!r}")
        self.mapping = mapping
        self.conditions = Conditions(recipes)
        given = self.features(torch.zeros(1, 1, 1, 1)).shape[1]
        self.network = network(in_channels=given + len(self.conditions), out_channels=len(mapping.outputs))
        self.gradient_clip = gradient_clip
        self.n_trained = recipes[0]["grid"]["n"]
        self.card: dict[str, Any] = {}
        self._seconds, self._began = 0.0, time.monotonic()
        self.val_measures, self.test_measures = (self._measures_of_outputs() for _ in range(2))

    receptive_field: int | None = None
    """Side of the patch that a discriminator judges, in points; None where there is none."""

    def check(self, field: Tensor) -> None:
        """Try all parts with one field (1, 1, n, n): raises what they raise when a setting does not suit them."""
        self(field)

    def usual_facts(self, source: Tensor) -> Tensor:
        """Facts (B, 4) of dots that nothing is said of: those of training; on more points a larger square."""
        facts = self.conditions.usual.to(source.device, torch.float32).repeat(len(source), 1)
        facts[:, CONDITIONS.index("extent")] *= source.shape[-1] / self.n_trained
        return facts

    def features(self, source: Tensor) -> Tensor:
        """What the network is given of a source field (B, 1, n, n) in its unit: (B, c, n, n) in [-1, 1]."""
        return self.mapping.encode_source(source)

    def raw(self, source: Tensor, facts: Tensor) -> Tensor:
        """What the network says to a source field (B, 1, n, n) in its unit: (B, outputs, n, n)."""
        scaled = self.features(source).to(next(self.network.parameters()).dtype)
        if len(self.conditions):
            scaled = torch.cat([scaled, self.conditions.channels(facts, scaled)], dim=1)
        return self.network(scaled)

    @abstractmethod
    def interpret(self, raw: Tensor, facts: Tensor) -> dict[str, Tensor]:
        """Raw outputs (B, outputs, n, n) -> quantities by name in their units: (B, 1, n, n), or (B,) of scalars."""

    def outputs(self, source: Tensor, facts: Tensor | None = None) -> dict[str, Tensor]:
        """Source field (B, 1, n, n) in its unit -> everything that is asked, by name, in its unit.

        Args:
            source: (B, 1, n, n).
            facts: (B, 4), see ``conditions.CONDITIONS``; by default those of training.

        Returns:
            Fields (B, 1, n, n) and scalars (B,).
        """
        facts = self.usual_facts(source) if facts is None else facts
        return self.interpret(self.raw(source, facts).float(), facts)

    def forward(self, source: Tensor, facts: Tensor | None = None) -> Tensor:
        """Source field (B, 1, n, n) in its unit -> predicted target field (B, 1, n, n) in its unit."""
        return self.outputs(source, facts)[self.mapping.target.name]

    def log_losses(self, losses: dict[str, Tensor]) -> None:
        """Log what a training step has found, the mean over all processes."""
        # one call, not one for each: Lightning takes its time
        self.log_dict(losses, prog_bar=True, sync_dist=self.trainer.world_size > 1)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one batch into the measures of the validation split."""
        self._measure(self.val_measures, batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one batch into the measures of the test split."""
        self._measure(self.test_measures, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the measures of the validation split."""
        self._log_measures("val", self.val_measures)

    def on_test_epoch_end(self) -> None:
        """Log the measures of the test split."""
        self._log_measures("test", self.test_measures)

    def _measures_of_outputs(self) -> nn.ModuleDict:
        return nn.ModuleDict(
            {
                field.name: MeanAbsoluteError()
                if field.is_scalar
                else FieldMetrics(self.mapping.span(field), field.is_density)
                for field in self.mapping.outputs
            }
        )

    def _measure(self, measures: nn.ModuleDict, batch: Batch) -> None:
        found = self.outputs(batch["source"], batch["facts"])
        for field in self.mapping.outputs:
            exact = exact_of(batch, field, self.mapping.target)
            metric = cast(Metric, measures[field.name])
            if field.is_scalar:
                metric.update(found[field.name], exact)
            else:
                n_electrons, extent = batch["facts"][:, 0], batch["facts"][:, 3]
                cell_area = (extent / exact.shape[-1]) ** 2
                metric.update(found[field.name].squeeze(1), exact.squeeze(1), cell_area, n_electrons)

    def _log_measures(self, split: str, measures: nn.ModuleDict) -> None:
        for name, module in measures.items():
            metric = cast(Metric, module)
            prefix = f"{split}/" if name == self.mapping.target.name else f"{split}/{name}/"
            found = metric.compute()
            for measure, value in ({"mae": found} if isinstance(metric, MeanAbsoluteError) else found).items():
                self.log(prefix + measure, value.float(), prog_bar=prefix + measure == "val/r2")
            metric.reset()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip here: the one place where, in every precision, gradients are complete and unscaled."""
        if self.gradient_clip is not None:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.gradient_clip)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the card and the time spent."""
        checkpoint[CARD] = self.card
        checkpoint["train_seconds"] = self._seconds + time.monotonic() - self._began

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the time spent."""
        self._seconds = checkpoint["train_seconds"]

    def on_train_start(self) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed what dropout draws from: a resume does not change what is dropped, and each process drops others."""
        torch.manual_seed(seed_of(self.card.get("seed", 0), self.global_rank, self.global_step))
