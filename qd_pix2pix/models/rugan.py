"""RUGAN: a Wasserstein GAN conditioned on labels (thesis of K. Mills, 2021, appendix A).

    L_C = E[C(G(z, y), y)] - E[C(x, y)] + l_1 E[(|grad C(u, y)| - 1)^2] + l_2 E[|C_1(x, y) - C_2(x, y)|]    (eq. 7)
    L_G = -E[C(G(z, y), y)]

with u on lines between real and generated samples, and C_1, C_2 two evaluations with different dropout. Real samples
have their own labels, generated ones those that were requested: the labels of the same batch. The critic makes a step
for each batch, the generator one for every ``critic_steps`` of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from qd_pix2pix.generators import LatentGenerator
from qd_pix2pix.mapping.heads import TANH
from qd_pix2pix.models.base import Batch, NetworkFactory, OptimizerFactory, build_optimizer, count_no_step
from qd_pix2pix.models.generative import GenerativeModel
from qd_pix2pix.predictor import Card
from solvers.checks import check_integer, check_number


class RUGAN(GenerativeModel):
    """The regressive upscaling GAN.

    Args:
        predictor: the generator.
        card, gradient_clip: see ``Model``.
        critic: factory, from in_channels, labels and periodic to a network from samples (B, c, *points) and labels
            (B, k, *points) to scores (B,).
        optimizer: factory, from parameters to an optimiser, called for each network.
        critic_steps: steps of the critic for each of the generator.
        penalty: weight l_1 of the gradient penalty.
        consistency: weight l_2 of the consistency term.
        noise, scale: channels and standard deviation of the random numbers, already part of the predictor.

    Raises:
        ValueError: an argument is out of range.
    """

    predictor: LatentGenerator

    def __init__(
        self,
        predictor: LatentGenerator,
        card: Card,
        critic: NetworkFactory,
        optimizer: OptimizerFactory,
        critic_steps: int = 10,
        penalty: float = 10.0,
        consistency: float = 2.0,
        noise: int = 32,
        scale: float = 1.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(predictor, card, gradient_clip)
        check_integer("model.critic_steps", critic_steps, 1)
        check_number("model.penalty", penalty, 0)
        check_number("model.consistency", consistency, 0)
        self.automatic_optimization = False
        periodic = predictor.schema.domain.boundary == "periodic"
        self.critic = critic(in_channels=1, labels=predictor.n_labels, periodic=periodic)
        self.optimizer, self.critic_steps = optimizer, critic_steps
        self.fewest_steps = critic_steps  # the generator is trained after these
        self.penalty, self.consistency = float(penalty), float(consistency)

    @classmethod
    def heads(cls, config: Mapping[str, Any]) -> dict[str, str]:
        """Return the tanh head of all fields."""
        return TANH

    @classmethod
    def generator(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the generator and its random numbers."""
        return {"class": "LatentGenerator", "noise": config.get("noise"), "scale": config.get("scale")}

    def check(self) -> None:
        """Draw a sample, also in training, evaluate the critic on it, and build an optimiser."""
        super().check()
        shape = self.predictor.schema.domain.shape
        self._check_norm(shape)
        x, labels = (torch.zeros(2, c, *shape, device=self.device) for c in (1, self.predictor.n_labels))
        try:
            self.critic(x, labels)
        except RuntimeError as error:
            raise ValueError(f"model.critic: it does not take fields of shape {shape} ({error})") from None
        build_optimizer(self.optimizer, self.network.parameters())

    def _check_norm(self, shape: Sequence[int]) -> None:
        """Raise ValueError where a batch of one sample, which the last of an epoch may be, has nothing to normalise."""
        lowest = {name: torch.zeros(1) for name in (*self.predictor.mapping.labels, *self.predictor.conditions.varying)}
        try:
            with torch.no_grad():
                self.predictor.draw(lowest, shape, self.predictor.noise(1, shape, torch.Generator()))
        except ValueError as error:
            raise ValueError(
                f"network.norm: a batch of one sample cannot be normalised ({error}); use network.norm=none or a "
                "smaller network.upscale"
            ) from None

    def configure_optimizers(self) -> list[Optimizer]:
        """Return one optimiser for the generator and one for the critic."""
        networks = (self.network, self.critic)
        return [build_optimizer(self.optimizer, network.parameters(), self.may_fuse()) for network in networks]

    def critic_losses(self, real: Tensor, fake: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the terms of the critic's loss before their weights: distance, penalty and consistency.

        And ``generator``, the generator's loss before this step of the critic: it is logged in each step.
        """
        scores, again = self.critic(torch.cat([real, real, fake]), labels.repeat(3, 1, 1, 1)).split(
            [len(real), 2 * len(real)]
        )
        second, on_fake = again.chunk(2)
        return {
            "critic": on_fake.mean() - (scores.mean() + second.mean()) / 2,
            "penalty": self.gradient_penalty(real, fake, labels),
            "consistency": (scores - second).abs().mean(),
            "generator": -on_fake.mean(),
        }

    def gradient_penalty(self, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        """Return E[(|grad C| - 1)^2] at random points between real and generated samples (B, 1, *points)."""
        share = torch.rand(len(real), *(1,) * (real.ndim - 1), device=real.device)
        between = (share * real + (1 - share) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(self.critic(between, labels).sum(), between, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Make one step of the critic and, for every ``critic_steps`` of them, one of the generator."""
        for_generator, for_critic = self.optimizers()  # type: ignore[attr-defined]
        count_no_step(for_generator)
        generating = self.global_step % self.critic_steps == self.critic_steps - 1
        real = self.predictor.encode(batch)
        shape = real.shape[2:]
        labels = self.predictor.label_channels(batch, shape, real)
        with torch.set_grad_enabled(generating):
            noise = self.predictor.noise(len(real), shape, torch.default_generator)
            fake = self.predictor.draw(batch, shape, noise)
        losses = self.critic_losses(real, fake.detach(), labels)
        weighted = losses["critic"] + self.penalty * losses["penalty"] + self.consistency * losses["consistency"]
        self.take_step(for_critic, weighted)
        if generating:
            self.critic.requires_grad_(False)
            self.take_step(for_generator, -self.critic(fake, labels).mean())
            self.critic.requires_grad_(True)
        self.log_losses({f"train/{name}": loss.detach() for name, loss in losses.items()})
