"""Residual network at one resolution, with a large receptive field by dilated convolutions.

    y = head(silu(block_K(... block_1(stem(x))))),    block_i(x) = x + conv(silu(conv_{d_i}(silu(norm(x)))))

The stem halves the side and the head doubles it; the dilations d_i are 1, 2, 4, 8, 1, ... (He et al. 2016; Yu and
Koltun 2016).
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.mapping.symmetry import group_of
from qd_pix2pix.networks.blocks import channels_last, padding_of
from qd_pix2pix.networks.convolution import Convolution, Factory, ResidualBlock
from solvers.checks import check_integer

DILATIONS = (1, 2, 4, 8)


class ResNet(nn.Module):
    """A map from (B, ``in_channels``, *points) to unbounded (B, ``out_channels``, *points), n even.

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        channels: features of every block; an equivariant feature has one channel per group element.
        blocks: number of residual blocks.
        padding: zeros, circular, or None for that of the domain.
        equivariant: True for a network that commutes with the symmetry group of the domain.
        dims: number of dimensions of the fields, 1 or 2.
        periodic: True for a periodic domain.
        symmetry: symmetry group of the domain; see ``mapping.symmetry``.

    Raises:
        ValueError: an argument is out of range, or (in ``forward``) n is odd.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        channels: int = 64,
        blocks: int = 8,
        padding: str | None = None,
        equivariant: bool = False,
        dims: int = 2,
        periodic: bool = False,
        symmetry: str = "square",
    ) -> None:
        super().__init__()
        check_integer("network.channels", channels, 1)
        check_integer("network.blocks", blocks, 1)
        group = group_of(symmetry, dims) if equivariant else None
        self.order, self.dims = group.order if group else 1, dims
        conv: Factory = partial(Convolution, padding=padding_of(padding, periodic), group=group, dims=dims)
        self.stem = conv(in_channels, channels, 4, stride=2, lifted=(False, True))
        dilations = (DILATIONS[i % len(DILATIONS)] for i in range(blocks))
        self.blocks = nn.Sequential(*(ResidualBlock(conv, channels, self.order, d) for d in dilations))
        self.head = conv(channels, out_channels, 4, stride=2, transposed=True, gain=0.1, lifted=(True, False))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, *points) from ``x`` (B, in_channels, *points)."""
        if any(n % 2 for n in x.shape[2:]):
            raise ValueError(f"network: expected an even number of points per side, got {tuple(x.shape[2:])}")
        with torch.autocast(x.device.type, enabled=False):  # half precision does not resolve the tail of a density
            x = self.stem(channels_last(x))
        x = self.blocks(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.head(F.silu(x))
