"""Direct regression of fields, numbers and classes: one network, heads that impose the physics, any loss.

    min_theta  sum_q w_q sum_t c_qt loss_t(head_q(network(a)), b_q)

over the predicted quantities q (w = 1 for the target, ``also_weight`` for all others) and the terms t of their losses.
With ``mapping.quantile`` the network also estimates this quantile of the logarithm of its error, by the pinball
loss. After each validation it is calibrated to cover this part of the validation split (``mapping.calibration``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping as Dict
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import CatMetric

from qd_pix2pix.inference.error_bars import calibrate_error, calibrate_numbers, evidence_of, evidence_of_numbers
from qd_pix2pix.models.base import Batch, FieldModel, OptimizerFactory
from qd_pix2pix.models.losses import REGRESSION, pinball
from qd_pix2pix.models.scheduled import Scheduled
from qd_pix2pix.predictor import SMALLEST_ERROR, Card, Predictor
from qd_pix2pix.schema import Column
from solvers.checks import check_choice, check_number

LIKELIHOOD = "likelihood"
"""Name of the loss that belongs to the head; see ``mapping.heads``."""

Kind = Dict[str, Any]
DENSITY: Kind = {"head": "charge", "loss": {"l1": 1.0}}
FIELD: Kind = {"head": "bounded", "loss": {LIKELIHOOD: 1.0}}
SCALAR: Kind = {"head": None, "loss": {"l1": 1.0}}
CLASSES: Kind = {"head": "categorical", "loss": {LIKELIHOOD: 1.0}}
KINDS = {"density": "density", "field": "field", "scalar": "scalar", "counts": "scalar", "class": "classes"}
"""Argument of ``Regressor`` for each kind of column."""


class Regressor(Scheduled, FieldModel):
    """The regression model, which predicts all outputs at once in physical units.

    Args:
        predictor, card, gradient_clip: see ``Model``.
        optimizer: factory, from parameters to an optimiser; fused where supported.
        density, field, scalar, classes: for each kind of output its ``head`` (``mapping.heads``; None of a scalar: sum
            for extensive numbers, mean for all others), and ``loss``, the weight of each term: l1, l2, huber, gradient
            (of the error in units of the mean density or of the range of training) and likelihood (that of the head;
            the only one for classes). Terms of weight 0 are not computed.
        also_weight: weight of the outputs of ``mapping.also``.
        warmup: see ``Scheduled``.

    Raises:
        ValueError: an argument is out of range.
    """

    LOGARITHM = True

    def __init__(
        self,
        predictor: Predictor,
        card: Card,
        optimizer: OptimizerFactory,
        density: Kind = DENSITY,
        field: Kind = FIELD,
        scalar: Kind = SCALAR,
        classes: Kind = CLASSES,
        also_weight: float = 0.1,
        warmup: float = 0.03,
        gradient_clip: float | None = 1.0,
    ) -> None:
        super().__init__(predictor, card, gradient_clip)
        kinds = {"density": density, "field": field, "scalar": scalar, "classes": classes}
        for name, kind in kinds.items():
            _check_losses(f"model.{name}", kind)
        check_number("model.also_weight", also_weight, 0)
        check_number("model.warmup", warmup, 0, 1)
        self.optimizer = optimizer
        self.quantile = predictor.mapping.quantile
        self.evidence = [CatMetric() for _ in range(4 if predictor.number_errors else 2)]
        self._evidence = nn.ModuleList(self.evidence)
        self.also_weight, self.warmup = float(also_weight), float(warmup)
        self.losses = {
            column.name: {term: float(c) for term, c in kinds[KINDS[column.kind]]["loss"].items() if c}
            for column in self.outputs
        }

    @classmethod
    def heads(cls, config: Dict[str, Any]) -> dict[str, str]:
        """Return the heads of the configuration, by kind of column."""
        for argument in KINDS.values():
            if not isinstance(config.get(argument, {}), Dict):
                raise ValueError(f"model.{argument}: expected a head and a loss, got {config[argument]!r}")
        chosen = {kind: config.get(argument, {}).get("head") for kind, argument in KINDS.items()}
        return {kind: head for kind, head in chosen.items() if head is not None}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        raw = self.predictor.raw(batch)
        logged: dict[str, Tensor] = {}
        total = torch.zeros((), device=self.device)
        for i, column in enumerate(self.outputs):
            weight, prefix = (self.also_weight, f"train/{column.name}/") if i else (1.0, "train/")
            for term, loss in self._terms(column, raw[column.name], batch).items():
                total = total + weight * self.losses[column.name][term] * loss
                logged[prefix + term] = loss.detach()
        if self.quantile:
            found = self.predictor.distance(raw, batch, batch[self.predictor.target.name])
            estimate = self.predictor.uncalibrated_error(raw)
            miss = pinball(estimate.log(), found.detach().clamp(min=SMALLEST_ERROR).log(), self.quantile)
            total = total + self.also_weight * miss
            logged["train/error/pinball"] = miss.detach()
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        self.log_losses({"train/loss": total.detach(), "train/rate": torch.tensor(rate), **logged})
        return total

    def add_validation(self, raw: Batch, batch: Batch) -> None:
        """Add the raw numbers of one batch to the measures, and to the calibration of the error."""
        super().add_validation(raw, batch)
        if self.quantile:
            numbers = evidence_of_numbers(self.predictor, raw, batch) if self.predictor.number_errors else ()
            for kept, values in zip(self.evidence, (*evidence_of(self.predictor, raw, batch), *numbers), strict=True):
                kept.update(values.flatten(1) if values.ndim > 1 else values)

    def on_validation_epoch_end(self) -> None:
        """Log the measures of the validation split, and calibrate the estimated errors on it."""
        super().on_validation_epoch_end()
        if self.quantile:
            ratios, *others = (kept.compute().double().cpu().numpy() for kept in self.evidence)
            samples = ratios.size
            calibrate_error(self.predictor, ratios.reshape(-1), others[0].reshape(samples, -1))
            if judge := self.predictor.number_errors:
                shape = (samples, len(judge.names))
                calibrate_numbers(self.predictor, others[1].reshape(shape), others[2].reshape(*shape, -1))
            for kept in self.evidence:
                kept.reset()

    def _terms(self, column: Column, raw: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Return the unweighted terms of the loss of one output, by name."""
        head, scale, reference = (
            self.predictor.head(column),
            self.predictor.scale(column, batch, raw),
            batch[column.name],
        )
        if column.kind == "class":
            return {LIKELIHOOD: head.negative_log_likelihood(raw, reference, scale)}
        unit = raw.new_full((len(raw),), scale.span.span) if scale.density is None else scale.density
        found = head(raw, scale)
        return {
            term: head.negative_log_likelihood(raw, reference, scale)
            if term == LIKELIHOOD
            else REGRESSION[term](found, reference, unit)
            for term in self.losses[column.name]
        }


def _check_losses(name: str, kind: Kind) -> None:
    known = [LIKELIHOOD] if name == "model.classes" else [LIKELIHOOD, *REGRESSION]
    if not isinstance(kind, dict) or not isinstance(kind.get("loss"), dict):
        raise ValueError(f"{name}.loss: expected the weight of each term, such as {{l1: 1.0}}; got {kind!r}")
    for term, weight in kind["loss"].items():
        check_choice(f"{name}.loss", term, known)
        check_number(f"{name}.loss.{term}", weight, 0, math.inf)
    if not any(kind["loss"].values()):
        raise ValueError(f"{name}.loss: expected a positive weight of at least one term, got {dict(kind['loss'])}")
