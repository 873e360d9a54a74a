"""Residual network at one resolution: dilated convolutions see far without ever leaving the grid.

    y = head(silu(block_K(... block_1(stem(x))))),    block_i(x) = x + conv(silu(conv_{d_i}(silu(norm(x)))))

The stem halves the side and the head doubles it again; the dilations d_i run through 1, 2, 4, 8 and start anew (He et
al. 2016; Yu and Koltun 2016).
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.mapping.symmetry import ORDER
from qd_pix2pix.networks.blocks import PADDINGS
from qd_pix2pix.networks.convolution import Convolution, Factory, ResidualBlock
from solvers.checks import check_choice, check_integer

DILATIONS = (1, 2, 4, 8)


class ResNet(nn.Module):
    """Fields (B, ``in_channels``, n, n) -> (B, ``out_channels``, n, n), without bounds; n even.

    Args:
        in_channels: fields given.
        out_channels: fields asked.
        channels: features of every block; an equivariant feature is eight channels.
        blocks: residual blocks.
        padding: zeros, or circular for periodic fields.
        equivariant: commute with the symmetries of the square.

    Raises:
        ValueError: an argument is out of range, or (in ``forward``) n is odd.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        channels: int = 64,
        blocks: int = 8,
        padding: str = "zeros",
        equivariant: bool = False,
    ) -> None:
        super().__init__()
        check_integer("network.channels", channels, 1)
        check_integer("network.blocks", blocks, 1)
        check_choice("network.padding", padding, PADDINGS)
        self.order = ORDER if equivariant else 1
        conv: Factory = partial(Convolution, padding=padding, elements=(self.order, self.order))
        self.stem = conv(in_channels, channels, 4, stride=2, elements=(1, self.order))
        dilations = (DILATIONS[i % len(DILATIONS)] for i in range(blocks))
        self.blocks = nn.Sequential(*(ResidualBlock(conv, channels, self.order, d) for d in dilations))
        self.head = conv(channels, out_channels, 4, stride=2, transposed=True, gain=0.1, elements=(self.order, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, n, n) -> (B, out_channels, n, n)."""
        if x.shape[-1] % 2 or x.shape[-2] % 2:
            raise ValueError(f"network: expected an even number of points per side, got {tuple(x.shape[-2:])}")
        with torch.autocast(x.device.type, enabled=False):  # the tail of a density is in digits that half of it lacks
            x = self.stem(x.contiguous(memory_format=torch.channels_last))
        x = self.blocks(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.head(F.silu(x))
