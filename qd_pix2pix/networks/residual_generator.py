"""Residual network of the generator of a RUGAN (thesis of K. Mills, 2021, appendix A, figure 4C).

    stem: conv 3x3;    up: x -> R(x) = up2(x) W + conv(act(norm(conv(up2(act(norm(x)))))));    head: conv 3x3

with up2 the nearest-neighbour interpolation by 2. It has only convolutions and is therefore defined on any number of
points; circular padding makes its outputs periodic. The source gives neither widths nor depth.
"""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.networks.blocks import channels_last, padding_of
from qd_pix2pix.networks.convolution import Convolution
from solvers.checks import check_choice, check_integer

FACTORS = (1, 2, 4, 8)


class UpBlock(nn.Module):
    """A residual block that multiplies the side by ``factor``, 1 or 2.

    Args:
        channels: number of channels.
        factor: 1 or 2.
        conv: factory of convolutions.
        norm: factory of the normalisation.
    """

    def __init__(self, channels: int, factor: int, conv: partial, norm: type[nn.Module]) -> None:
        super().__init__()
        self.factor = factor
        self.norms = nn.ModuleList(norm(channels) for _ in range(2))
        self.first = conv(channels, channels, 3)
        self.second = conv(channels, channels, 3, gain=0.1)
        self.skip = conv(channels, channels, 1) if factor > 1 else nn.Identity()

    def _scaled(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=self.factor, mode="nearest") if self.factor > 1 else x

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, channels, *factor · points) from ``x`` (B, channels, *points)."""
        branch = self.first(self._scaled(F.silu(self.norms[0](x))))
        return self.skip(self._scaled(x)) + self.second(F.silu(self.norms[1](branch)))


class ResidualGenerator(nn.Module):
    """A map from (B, ``in_channels``, *points) to unbounded (B, ``out_channels``, *upscale · points).

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        channels: channels of all blocks.
        blocks: number of residual blocks at the full resolution, after those that increase it.
        upscale: side of the output in units of that of the input: 1, 2, 4 or 8.
        norm: batch or none.
        padding: zeros, circular, or None for that of the domain.
        periodic: True for a periodic domain.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        channels: int = 64,
        blocks: int = 1,
        upscale: int = 4,
        norm: str = "batch",
        padding: str | None = None,
        periodic: bool = False,
    ) -> None:
        super().__init__()
        check_integer("network.channels", channels, 1)
        check_integer("network.blocks", blocks, 0)
        if upscale not in FACTORS:
            raise ValueError(f"network.upscale: expected one of {', '.join(map(str, FACTORS))}; got {upscale!r}")
        check_choice("network.norm", norm, NORMS)
        self.upscale = upscale
        conv = partial(Convolution, padding=padding_of(padding, periodic))
        self.stem = conv(in_channels, channels, 3)
        factors = [2] * FACTORS.index(upscale) + [1] * blocks
        self.blocks = nn.Sequential(*(UpBlock(channels, factor, conv, NORMS[norm]) for factor in factors))
        self.norm = NORMS[norm](channels)
        self.head = conv(channels, out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, *upscale · points) from ``x`` (B, in_channels, *points)."""
        x = self.blocks(self.stem(channels_last(x)))
        return self.head(F.silu(self.norm(x)))


NORMS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm2d, "none": nn.Identity}
