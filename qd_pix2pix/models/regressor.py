"""Direct regression: one network, heads that are the physics, any loss.

    min_theta  sum_q w_q sum_t c_qt loss_t(head_q(network(a)), b_q)

over the asked quantities q (w = 1 for the target, ``also_weight`` for all others) and the terms t of their losses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any, cast

import torch
from pytorch_lightning.callbacks import Timer
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from qd_pix2pix.mapping import Mapping
from qd_pix2pix.mapping.heads import HEADS, Head, ScalarHead
from qd_pix2pix.models.base import Batch, FieldModel, NetworkFactory, OptimizerFactory, build_optimizer, exact_of
from qd_pix2pix.models.losses import REGRESSION
from qd_pix2pix.schema import Field
from solvers.checks import check_choice

DECADES = 8
"""Orders of magnitude of a density that its logarithm tells apart: those of float32, in which it is stored."""
LIKELIHOOD = "likelihood"
"""The loss that belongs to the head: cross entropy of a charge or a bounded head, half the square error of others."""

Kind = Dict[str, Any]
DENSITY: Kind = {"head": "charge", "loss": {"l1": 1.0}}
POTENTIAL: Kind = {"head": "bounded", "loss": {LIKELIHOOD: 1.0}}
SCALAR: Kind = {"loss": {"l1": 1.0}}


class Regressor(FieldModel):
    """Predicts all asked quantities at once, in physical units.

    Args:
        mapping, recipes, network, gradient_clip: see ``FieldModel``.
        optimizer: parameters -> optimiser. Fused where the optimiser and the device can.
        density, potential: ``head``, charge (n >= 0, int n = N), bounded (within the values of training) or free; and
            ``loss``, the weight of each term: l1, l2, huber, gradient (of the error in units of the mean density, or of
            the range of training), likelihood (see ``heads.py``). Terms of weight 0 are not computed.
        scalar: ``loss`` of numbers.
        also_weight: of the quantities of ``mapping.also``.
        warmup: share of the training in which the learning rate rises to its full value; it then falls to zero along a
            cosine. Shares are of steps or of ``trainer.max_time``, whichever ends first.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        mapping: Mapping,
        recipes: Sequence[dict[str, Any]],
        network: NetworkFactory,
        optimizer: OptimizerFactory,
        density: Kind = DENSITY,
        potential: Kind = POTENTIAL,
        scalar: Kind = SCALAR,
        also_weight: float = 0.1,
        warmup: float = 0.03,
        gradient_clip: float | None = 1.0,
    ) -> None:
        super().__init__(mapping, recipes, network, gradient_clip)
        kinds = {"density": density, "potential": potential, "scalar": scalar}
        for name, kind in kinds.items():
            _check_kind(f"model.{name}", kind)
        _check_number("model.also_weight", also_weight, 0, math.inf)
        _check_number("model.warmup", warmup, 0, 1)
        self.optimizer = optimizer
        self.also_weight, self.warmup = float(also_weight), float(warmup)
        chosen = [kinds[_kind_of(field)] for field in mapping.outputs]
        self.heads: list[Head] = [
            ScalarHead() if field.is_scalar else HEADS[kind["head"]]()
            for field, kind in zip(mapping.outputs, chosen, strict=True)
        ]
        self.losses = [{term: float(c) for term, c in kind["loss"].items() if c} for kind in chosen]

    def features(self, source: Tensor) -> Tensor:
        """The scaled field and, of a density, its logarithm, whose slope tells the potential far out in the tails."""
        scaled = super().features(source)
        if not self.mapping.source.is_density:
            return scaled
        high = self.mapping.range(self.mapping.source).high
        digits = torch.log10((source / high).clamp(min=10.0**-DECADES)) / DECADES  # -1 ... 0
        return torch.cat([scaled, 2 * digits + 1], dim=1)

    def check(self, field: Tensor) -> None:
        """Pass one field through the network, and build an optimiser."""
        super().check(field)
        build_optimizer(self.optimizer, self.network.parameters())

    def interpret(self, raw: Tensor, facts: Tensor) -> dict[str, Tensor]:
        """Each raw output through its head."""
        density = _mean_density(facts)
        found = {}
        for i, (field, head) in enumerate(zip(self.mapping.outputs, self.heads, strict=True)):
            values = head(raw[:, i], self.mapping.range(field), density)
            found[field.name] = values if field.is_scalar else values[:, None]
        return found

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimiser, with the schedule of its learning rate."""
        # under fp16 a fused step unscales its gradients itself, too late for clipping
        may_fuse = not (self.gradient_clip and self.trainer.precision == "16-mixed")
        optimizer = build_optimizer(self.optimizer, self.network.parameters(), may_fuse)
        schedule = LambdaLR(optimizer, lambda step: self.rate(self.progress(step)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_start(self) -> None:
        """Set the rate of the next step: the checkpoint's is wrong where the run was made longer."""
        super().on_train_start()
        schedule = cast(LambdaLR, self.lr_schedulers())
        rate = self.rate(self.progress(schedule.last_epoch))
        for group, full in zip(schedule.optimizer.param_groups, schedule.base_lrs, strict=True):
            group["lr"] = full * rate

    def progress(self, step: int) -> float:
        """Share of the training that is done after ``step`` steps, 0 ... 1."""
        if step == 0:  # also asked before there are loaders, of which Lightning would have to count the batches
            return 0.0
        done = step / self.trainer.estimated_stepping_batches
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, Timer):
                elapsed, remaining = callback.time_elapsed("train"), callback.time_remaining("train")
                done = max(done, elapsed / (elapsed + remaining) if remaining is not None else 0.0)
                if self.trainer.world_size > 1:  # each process has a clock of its own
                    done = self.trainer.strategy.broadcast(done)
        return min(done, 1.0)

    def rate(self, progress: float) -> float:
        """Share of the full learning rate."""
        if progress < self.warmup:
            return max(progress / self.warmup, 1e-3)
        return 0.5 * (1 + math.cos(math.pi * (progress - self.warmup) / max(1 - self.warmup, 1e-9)))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch."""
        raw = self.raw(batch["source"], batch["facts"]).float()
        density = _mean_density(batch["facts"])
        logged: dict[str, Tensor] = {}
        total = raw.new_zeros(())
        for i, field in enumerate(self.mapping.outputs):
            exact = exact_of(batch, field, self.mapping.target)
            exact = exact if field.is_scalar else exact.squeeze(1)
            weight = 1.0 if field is self.mapping.target else self.also_weight
            prefix = "train/" if field is self.mapping.target else f"train/{field.name}/"
            for term, loss in self._terms(i, raw[:, i], exact, density).items():
                total = total + weight * self.losses[i][term] * loss
                logged[prefix + term] = loss.detach()
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        self.log_losses({"train/loss": total.detach(), "train/rate": torch.tensor(rate), **logged})
        return total

    def _terms(self, output: int, raw: Tensor, exact: Tensor, density: Tensor) -> dict[str, Tensor]:
        """The terms of the loss of one output, not weighted."""
        field, head = self.mapping.outputs[output], self.heads[output]
        span = self.mapping.range(field)
        scale = density if field.is_density else torch.full_like(density, span.high - span.low)
        found = head(raw, span, density)
        return {
            term: head.negative_log_likelihood(raw, exact, span, density)
            if term == LIKELIHOOD
            else REGRESSION[term](found, exact, scale)
            for term in self.losses[output]
        }


def _kind_of(field: Field) -> str:
    if field.is_scalar:
        return "scalar"
    return "density" if field.is_density else "potential"


def _check_kind(name: str, kind: Kind) -> None:
    if "head" in kind:
        check_choice(f"{name}.head", kind["head"], [k for k in HEADS if k != "charge" or "density" in name])
    for term, weight in kind["loss"].items():
        check_choice(f"{name}.loss", term, {LIKELIHOOD: None, **REGRESSION})
        _check_number(f"{name}.loss.{term}", weight, 0, math.inf)
    if not any(kind["loss"].values()):
        raise ValueError(f"{name}.loss: expected a positive weight of at least one term, got {dict(kind['loss'])}")


def _mean_density(facts: Tensor) -> Tensor:
    """N / L^2 of each dot, (B,)."""
    return facts[:, 0] / facts[:, 3].square()


def _check_number(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name}: expected a number in [{low:g}, {high:g}], got {value!r}")
