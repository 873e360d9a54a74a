"""Generators of adversarial training: one pass of a network over random numbers.

x = tanh(G(z, labels)),    z ~ N(0, scale^2) on a grid that is coarser by the factor ``upscale`` of the network

Such a sample depends on where the coarse grid lies. Where translated samples are valid samples, each is therefore
translated at random: the distribution then is that of no grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from qd_pix2pix import networks
from qd_pix2pix.generators.base import Generator, rows
from qd_pix2pix.predictor import Card

DISCRIMINATOR = "discriminator."
"""Prefix of the discriminator's weights."""
NUMBERS = ("scalar", "counts")
"""Kinds of columns that a discriminator predicts."""


class LatentGenerator(Generator):
    """A generator whose sample is a function of normal random numbers and labels.

    The card's options are ``noise``, channels of random numbers, and ``scale``, their standard deviation. The network
    has an attribute ``upscale``.
    """

    @property
    def n_features(self) -> int:
        """The number of input channels of the network: random numbers, labels and conditions."""
        return self.option("noise", int, 1) + self.n_labels

    @property
    def upscale(self) -> int:
        """The side of a sample in units of that of its random numbers."""
        return int(getattr(self.network, "upscale", 1))

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise ValueError unless ``shape`` is a multiple of ``upscale``."""
        if any(n < self.upscale or n % self.upscale for n in shape):
            raise ValueError(
                f"size: expected a multiple of {self.upscale} points, the upscale of the network; got "
                f"{' x '.join(map(str, shape))}"
            )

    def draw(self, columns: Mapping[str, Tensor], shape: Sequence[int], noise: Tensor) -> Tensor:
        """Return samples in [-1, 1], (B, 1, *points), from ``noise`` (B, channels, *points / upscale)."""
        labels = self.label_channels(columns, shape, noise)
        return torch.tanh(self.evaluate(torch.cat([noise, labels], 1), shape))

    def noise(self, batch: int, shape: Sequence[int], random: torch.Generator) -> Tensor:
        """Return random numbers for samples of ``shape`` points, (B, channels, *points / upscale)."""
        coarse = [n // self.upscale for n in shape]
        return self.normal((batch, self.option("noise", int, 1), *coarse), random) * self.option("scale", float, 0)

    def sample(self, columns: Mapping[str, Tensor], shape: Sequence[int], random: torch.Generator) -> Tensor:
        """See ``Generator.sample``."""
        drawn = self.decode(self.draw(columns, shape, self.noise(rows(columns), shape, random)))
        return translated(drawn, random) if self.schema.domain.translations else drawn


def translated(fields: Tensor, random: torch.Generator) -> Tensor:
    """Return periodic fields (B, *points), each translated by a random number of points along every axis."""
    for axis, n in enumerate(fields.shape[1:], 1):
        first = torch.randint(n, (len(fields), 1), generator=random)
        points = ((first + torch.arange(n)) % n).to(fields.device)
        lined = points.reshape(len(fields), *(n if i == axis else 1 for i in range(1, fields.ndim)))
        fields = fields.gather(axis, lined.expand_as(fields))
    return fields


class ConfidentGenerator(LatentGenerator):
    """A generator with the discriminator that it was trained against (Mills and Tamblyn 2017).

    The discriminator predicts ``mapping.also``, numbers of a sample, and how certain it is that the sample is one of
    those of training. The card's option ``discriminator`` describes it as a network.
    """

    READS = True

    def __init__(self, card: Card) -> None:
        super().__init__(card)
        if self.n_labels:
            names = ", ".join([*self.mapping.labels, *self.conditions.varying])
            raise ValueError(
                f"mapping.given: the discriminator of model=gan compares no labels or conditions; got {names}. Use "
                "model=rugan or model=flow"
            )
        numbers = ", ".join(c.name for c in self.schema.of_role(*NUMBERS))
        if not self.read_off or any(column.kind not in NUMBERS for column in self.outputs[1:]):
            raise ValueError(
                f"mapping.also: the discriminator of model=gan predicts numbers of the sample, out of {numbers}; got "
                f"{', '.join(self.read_off) or 'none'}"
            )
        make = networks.on_domain(networks.factory(self.options.get("discriminator") or {}), self.schema.domain)
        self.discriminator = make(in_channels=1, out_channels=1 + len(self.read_off))

    @property
    def read_off(self) -> tuple[str, ...]:
        """The names of the numbers that the discriminator predicts."""
        return self.mapping.outputs[1:]

    def judge(self, scaled: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of "real" (B,) and scaled numbers (B, k) of fields in [-1, 1], (B, 1, *points)."""
        found = self.discriminator(scaled).float()
        return found[:, 0], found[:, 1:]

    def confidence(self, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the predicted numbers (B,) of fields by name, and ``confidence`` (B,), 0 ... 1."""
        logits, scaled = self.judge(self.encode(columns))
        found = {name: self.ranges[name].decode(scaled[:, i]) for i, name in enumerate(self.read_off)}
        return found | {"confidence": torch.sigmoid(logits)}

    def weights(self) -> dict[str, Tensor]:
        """Return all weights by name; those of the network without a prefix."""
        judge: dict[str, Any] = self.discriminator.state_dict()
        return super().weights() | {DISCRIMINATOR + name: value for name, value in judge.items()}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Replace all weights by those that ``weights`` returned."""
        of_judge = {n.removeprefix(DISCRIMINATOR): v for n, v in weights.items() if n.startswith(DISCRIMINATOR)}
        self.discriminator.load_state_dict(of_judge)
        super().load_weights({n: v for n, v in weights.items() if not n.startswith(DISCRIMINATOR)})
