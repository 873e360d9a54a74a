"""Networks of the GAN on Ising lattices (K. Mills and I. Tamblyn 2017; thesis of K. Mills, 2021, section 4.1).

The generator has 7 transposed convolutions, each followed by tanh; all but the last two by dropout with 0.7 kept. The
discriminator has 9 convolutions and two dense layers with ReLU, and dropout with 0.7 kept between these. The source
gives neither kernels nor strides nor filters; here sides double twice, in the second and the fourth layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from qd_pix2pix.networks.blocks import initialise_relu
from solvers.checks import check_integer, check_number

DOUBLING = (1, 3)
"""Layers of the generator that double the side; the discriminator has a stride of 2 in as many."""
HALVING = (3, 6)


def _with_weights_for_tanh(layer: nn.ConvTranspose2d) -> nn.ConvTranspose2d:
    """Return the layer with weights N(0, (5/3)^2 / fan-in); with those of PyTorch, seven layers erase their input."""
    fan_in = layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
    nn.init.normal_(layer.weight, 0.0, nn.init.calculate_gain("tanh") / math.sqrt(fan_in))
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class MillsGenerator(nn.Module):
    """A map from random numbers (B, ``in_channels``, *points) to unbounded (B, ``out_channels``, *4 · points).

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        channels: channels after each of the first six layers.
        dropout: share of the numbers that are dropped.

    Raises:
        ValueError: an argument is out of range.
    """

    upscale = 4

    def __init__(
        self,
        in_channels: int = 128,
        out_channels: int = 1,
        channels: Sequence[int] = (128, 128, 64, 64, 32, 32),
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        if not isinstance(channels, (list, tuple)) or len(channels) != 6:
            raise ValueError(f"network.channels: expected six numbers, got {channels!r}")
        for width in channels:
            check_integer("network.channels", width, 1)
        check_number("network.dropout", dropout, 0, 0.9)
        widths = [in_channels, *channels, out_channels]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
            size, stride = (4, 2) if i in DOUBLING else (3, 1)
            layers.append(_with_weights_for_tanh(nn.ConvTranspose2d(before, after, size, stride, 1)))
            layers += [nn.Tanh()] if i < 6 else []  # the tanh of the last layer belongs to the head
            layers += [nn.Dropout(dropout)] if i < 5 else []
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, *4 · points) from ``x`` (B, in_channels, *points)."""
        return self.layers(x)


class MillsDiscriminator(nn.Module):
    """A map from samples (B, ``in_channels``, *points) to ``out_channels`` numbers (B, k): a logit, then labels.

    Args:
        in_channels: channels of a sample.
        out_channels: 1 + number of labels.
        channels: channels of each convolution.
        hidden: features of the first dense layer.
        dropout: share of these that are dropped.
        shape: points of the samples.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 3,
        channels: int = 64,
        hidden: int = 256,
        dropout: float = 0.3,
        shape: Sequence[int] = (8, 8),
    ) -> None:
        super().__init__()
        check_integer("model.discriminator.channels", channels, 1)
        check_integer("model.discriminator.hidden", hidden, 1)
        check_number("model.discriminator.dropout", dropout, 0, 0.9)
        layers: list[nn.Module] = []
        for i in range(9):
            stride = 2 if i in HALVING else 1
            layers += [nn.Conv2d(channels if i else in_channels, channels, 3, stride, 1), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        with torch.no_grad():
            features = self.convolutions(torch.zeros(1, in_channels, *shape)).numel()
        self.dense = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, out_channels)
        )
        initialise_relu([*(layer for layer in self.convolutions if isinstance(layer, nn.Conv2d)), self.dense[0]])

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels) from ``x`` (B, in_channels, *points)."""
        return self.dense(self.convolutions(x).flatten(1))
