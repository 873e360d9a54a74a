"""pix2pix: a conditional generative adversarial network (Isola et al. 2017; Pantis-Simut et al. 2023).

G* = arg min_G max_D  E[log D(a, b)] + E[log(1 - D(a, G(a)))] + lambda ||b - G(a)||_1    (eq. 10, 11)

Each step updates D on (a, b) and (a, G(a)), then G against the new D.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from qd_pix2pix.mapping.heads import TANH
from qd_pix2pix.models.base import (
    Batch,
    FieldModel,
    NetworkFactory,
    OptimizerFactory,
    build_optimizer,
    check_one_shape,
    count_no_step,
)
from qd_pix2pix.models.losses import ADVERSARIAL, RECONSTRUCTION
from qd_pix2pix.predictor import Card, Predictor
from solvers.checks import check_choice, check_number


class Pix2Pix(FieldModel):
    """The pix2pix model: the generator is the predictor's network; the discriminator is used in training only.

    Args:
        predictor, card, gradient_clip: see ``Model``; Lightning's own ``gradient_clip_val`` does not work with two
            optimisers. One field is predicted.
        discriminator: factory, from in_channels to a network from scaled sources (B, c, n, n) and target (B, 1, n, n)
            to logits.
        optimizer: factory, from parameters to an optimiser, called for each network; fused where supported.
        lambda_rec: weight of the reconstruction loss (the paper's lambda).
        adversarial_loss: bce or least_squares.
        reconstruction_loss: l1 or l2, of scaled fields.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        predictor: Predictor,
        card: Card,
        discriminator: NetworkFactory,
        optimizer: OptimizerFactory,
        lambda_rec: float = 100.0,
        adversarial_loss: str = "bce",
        reconstruction_loss: str = "l1",
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(predictor, card, gradient_clip)
        check_choice("model.adversarial_loss", adversarial_loss, ADVERSARIAL)
        check_choice("model.reconstruction_loss", reconstruction_loss, RECONSTRUCTION)
        check_number("model.lambda_rec", lambda_rec, 0)
        if len(predictor.outputs) > 1:
            raise ValueError("mapping.also: pix2pix generates one field; use model=regressor, or mapping.also=[]")
        if not predictor.target.is_field or len(predictor.schema.domain.shape) != 2:
            raise ValueError("mapping.target: pix2pix generates a field of two dimensions; use model=regressor")
        if len(predictor.conditions):
            raise ValueError("range: pix2pix learns one kind of sample; use model=regressor, or leave range out")
        check_one_shape(card, "pix2pix")
        self.automatic_optimization = False
        self.discriminator = discriminator(in_channels=predictor.n_features + 1)
        self.optimizer = optimizer
        self.lambda_rec = lambda_rec
        self.adversarial = ADVERSARIAL[adversarial_loss]
        self.reconstruction = RECONSTRUCTION[reconstruction_loss]

    @classmethod
    def heads(cls, config: Mapping[str, Any]) -> dict[str, str]:
        """Return the tanh head of table A1 for all fields."""
        return TANH

    @property
    def receptive_field(self) -> int | None:  # type: ignore[override]
        """The receptive field of the discriminator, if it defines one."""
        return getattr(self.discriminator, "receptive_field", None)

    def check(self) -> None:
        """Evaluate both networks on a sample of zeros, and build an optimiser."""
        super().check()
        shape = self.predictor.schema.domain.shape
        sources, target = (torch.zeros(1, c, *shape, device=self.device) for c in (self.predictor.n_features, 1))
        try:
            self.discriminator(sources, target)
        except RuntimeError as error:
            raise ValueError(f"model.discriminator: it does not take fields of shape {shape} ({error})") from None
        build_optimizer(self.optimizer, self.network.parameters())

    def configure_optimizers(self) -> list[Optimizer]:
        """Return one optimiser for the generator and one for the discriminator."""
        networks = (self.network, self.discriminator)
        return [build_optimizer(self.optimizer, net.parameters(), self.may_fuse()) for net in networks]

    def discriminator_loss(self, source: Tensor, target: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses on real and on generated pairs (eq. 13), without a gradient of the generator."""
        on_real = self.adversarial(self.discriminator(source, target), True)
        on_fake = self.adversarial(self.discriminator(source, fake.detach()), False)
        return on_real, on_fake

    def generator_loss(self, source: Tensor, target: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the adversarial (eq. 12) and the reconstruction loss, without a gradient of the discriminator."""
        self.discriminator.requires_grad_(False)
        adversarial = self.adversarial(self.discriminator(source, fake), True)
        self.discriminator.requires_grad_(True)
        return adversarial, self.reconstruction(fake, target)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Make one step of the discriminator and one of the generator."""
        generator_optimizer, discriminator_optimizer = self.optimizers()  # type: ignore[attr-defined]
        count_no_step(discriminator_optimizer)
        name = self.predictor.target.name
        source = self.predictor.features(batch)
        target = self.predictor.ranges[name].encode(batch[name])[:, None]
        fake = torch.tanh(self.network(source))
        on_real, on_fake = self.discriminator_loss(source, target, fake)
        self.take_step(discriminator_optimizer, on_real + on_fake)
        adversarial, reconstruction = self.generator_loss(source, target, fake)
        self.take_step(generator_optimizer, adversarial + self.lambda_rec * reconstruction)
        losses = {
            "train/d_real": on_real.detach(),
            "train/d_fake": on_fake.detach(),
            "train/g_adversarial": adversarial.detach(),
            "train/g_reconstruction": reconstruction.detach(),
        }
        self.log_losses(losses)
