"""GAN whose discriminator also predicts labels (K. Mills and I. Tamblyn 2017; thesis of K. Mills, 2021, section 4.1).

    L_G = -E[log S(D(G(z)))]
    L_D = -beta (E[log S(D(x))] + E[log(1 - S(D(G(z))))]) + gamma E[sum_j alpha_j (y_j - y_j(x))^2]    (eq. 1 to 4)

with y scaled to [-1, 1] and alpha = 1. After the fraction ``focus`` of the training gamma falls to ``gamma_focus``: the
discriminator then predicts the labels, and learns to distinguish real from generated samples. Its output is the
confidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from qd_pix2pix.generators import ConfidentGenerator
from qd_pix2pix.mapping.heads import TANH
from qd_pix2pix.models.base import Batch, OptimizerFactory, build_optimizer, count_no_step
from qd_pix2pix.models.generative import GenerativeModel
from qd_pix2pix.models.losses import bce
from qd_pix2pix.predictor import Card
from solvers.checks import check_number, check_positive


class GAN(GenerativeModel):
    """The GAN of 2017; without labels given to the generator it draws from the distribution of training.

    Args:
        predictor: the generator, which contains the discriminator that ``discriminator`` describes.
        card, gradient_clip: see ``Model``.
        discriminator: description of the discriminator, already part of the predictor.
        optimizer: factory, from parameters to the discriminator's optimiser.
        generator_rate: learning rate of the generator in units of that of the discriminator.
        noise, scale: channels and standard deviation of the random numbers, already part of the predictor.
        beta, gamma: weights of the adversarial loss and of that of the labels.
        focus: fraction of the training after which gamma is ``gamma_focus``.
        gamma_focus: weight of the loss of the labels at the end of the training.

    Raises:
        ValueError: an argument is out of range.
    """

    predictor: ConfidentGenerator

    def __init__(
        self,
        predictor: ConfidentGenerator,
        card: Card,
        discriminator: Any,
        optimizer: OptimizerFactory,
        generator_rate: float = 5.0,
        noise: int = 128,
        scale: float = 0.7,
        beta: float = 0.5,
        gamma: float = 0.5,
        focus: float = 0.5,
        gamma_focus: float = 0.02,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(predictor, card, gradient_clip)
        check_positive("model.generator_rate", generator_rate)
        check_number("model.focus", focus, 0, 1)
        for name, value in (("beta", beta), ("gamma", gamma), ("gamma_focus", gamma_focus)):
            check_number(f"model.{name}", value, 0)
        self.automatic_optimization = False
        self.optimizer, self.generator_rate = optimizer, float(generator_rate)
        self.beta, self.gamma, self.focus, self.gamma_focus = beta, gamma, focus, gamma_focus

    @classmethod
    def heads(cls, config: Mapping[str, Any]) -> dict[str, str]:
        """Return the tanh head of all fields."""
        return TANH

    @classmethod
    def generator(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the generator, its random numbers and its discriminator."""
        return {"class": "ConfidentGenerator"} | {n: config.get(n) for n in ("noise", "scale", "discriminator")}

    def check(self) -> None:
        """Draw a sample, and build both optimisers."""
        super().check()
        self._optimizers()

    def _optimizers(self, may_fuse: bool = True) -> list[Optimizer]:
        networks = (self.network, self.predictor.discriminator)
        made = [build_optimizer(self.optimizer, network.parameters(), may_fuse) for network in networks]
        for group in made[0].param_groups:
            group["lr"] *= self.generator_rate
        return made

    def configure_optimizers(self) -> list[Optimizer]:
        """Return one optimiser for the generator and one for the discriminator."""
        return self._optimizers(self.may_fuse())

    def label_weight(self) -> float:
        """Return gamma at this step."""
        return self.gamma_focus if self.progress(self.global_step) >= self.focus else self.gamma

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Make one step of the discriminator and one of the generator."""
        for_generator, for_discriminator = self.optimizers()  # type: ignore[attr-defined]
        count_no_step(for_discriminator)
        real = self.predictor.encode(batch)
        shape = real.shape[2:]
        noise = self.predictor.noise(len(real), shape, torch.default_generator)
        fake = self.predictor.draw(batch, shape, noise)
        on_real, labels = self.predictor.judge(real)
        on_fake, _ = self.predictor.judge(fake.detach())
        error = (labels - self._scaled(batch)).square().sum(1).mean()
        d_real, d_fake = bce(on_real, True), bce(on_fake, False)
        self.take_step(for_discriminator, self.beta * (d_real + d_fake) + self.label_weight() * error)
        self.predictor.discriminator.requires_grad_(False)
        adversarial = bce(self.predictor.judge(fake)[0], True)
        self.take_step(for_generator, adversarial)
        self.predictor.discriminator.requires_grad_(True)
        losses = {"d_real": d_real, "d_fake": d_fake, "labels": error, "g_adversarial": adversarial}
        self.log_losses({f"train/{name}": loss.detach() for name, loss in losses.items()})

    def _scaled(self, batch: Batch) -> Tensor:
        """Return the numbers that the discriminator predicts, scaled to [-1, 1], (B, k)."""
        return torch.stack([self.predictor.ranges[n].encode(batch[n]) for n in self.predictor.read_off], 1)
