"""Flow matching, discrete for fields of few values and continuous for all others; see ``generators.flow``.

discrete:    L = E_t E_x E_mask [ mean over unknown sites of -log p(x_i | known sites, t, labels) ]
continuous:  L = E_t E_x E_z |v((1 - t) z + t x, t, labels) - (x - z)|^2,    t uniform in (0, 1)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from qd_pix2pix.generators import DiscreteFlow
from qd_pix2pix.generators.flow import UNKNOWN, ContinuousFlow
from qd_pix2pix.models.base import Batch, OptimizerFactory
from qd_pix2pix.models.generative import GenerativeModel
from qd_pix2pix.models.scheduled import Scheduled
from qd_pix2pix.predictor import Card
from solvers.checks import check_number


class FlowMatching(Scheduled, GenerativeModel):
    """The flow in training: one network, one loss.

    Args:
        predictor: the flow.
        card, gradient_clip: see ``Model``.
        optimizer: factory, from parameters to an optimiser; fused where supported.
        steps: steps from noise to a sample, already part of the predictor.
        warmup: see ``Scheduled``.

    Raises:
        ValueError: an argument is out of range.
    """

    predictor: DiscreteFlow | ContinuousFlow  # type: ignore[assignment]

    def __init__(
        self,
        predictor: DiscreteFlow | ContinuousFlow,
        card: Card,
        optimizer: OptimizerFactory,
        steps: int = 64,
        warmup: float = 0.03,
        gradient_clip: float | None = 1.0,
    ) -> None:
        super().__init__(predictor, card, gradient_clip)
        check_number("model.warmup", warmup, 0, 1)
        self.optimizer, self.warmup = optimizer, float(warmup)

    @classmethod
    def heads(cls, config: Mapping[str, Any]) -> dict[str, str]:
        """Return the free head of all fields."""
        return {"density": "free", "field": "free"}

    @classmethod
    def generator(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the flow and its number of steps; the target decides between discrete and continuous."""
        return {"class": "Flow", "steps": config.get("steps")}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        target = batch[self.predictor.target.name]
        time = (torch.rand(1, device=self.device) + torch.arange(len(target), device=self.device) / len(target)) % 1
        discrete = isinstance(self.predictor, DiscreteFlow)
        loss = (self._discrete if discrete else self._continuous)(batch, target, time)  # type: ignore[arg-type]
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        self.log_losses({"train/loss": loss.detach(), "train/rate": torch.tensor(rate)})
        return loss

    def _discrete(self, batch: Batch, target: Tensor, time: Tensor) -> Tensor:
        """Return the cross entropy of unknown sites; ``time`` (B,) are evenly spread, which lowers the variance."""
        flow: DiscreteFlow = self.predictor  # type: ignore[assignment]
        classes = flow.classes(target)
        unknown = torch.rand_like(target) >= time.reshape(-1, *(1,) * (target.ndim - 1))
        logits = flow.logits(classes.masked_fill(unknown, UNKNOWN), time, batch)
        each = F.cross_entropy(logits, classes, reduction="none") * unknown
        return (each.flatten(1).sum(1) / unknown.flatten(1).sum(1).clamp(min=1)).mean()

    def _continuous(self, batch: Batch, target: Tensor, time: Tensor) -> Tensor:
        """Return the mean square error of the velocity."""
        flow: ContinuousFlow = self.predictor  # type: ignore[assignment]
        x = flow.encode(batch)
        z = torch.randn_like(x)
        t = time.reshape(-1, *(1,) * (x.ndim - 1))
        return F.mse_loss(flow.velocity((1 - t) * z + t * x, time, batch), x - z)
