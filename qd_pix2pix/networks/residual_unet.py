"""Residual U-Net in one or two dimensions, plain or equivariant under the symmetry group of the domain.

A stem halves the side; below it L levels, each of half the side of the one above, with residual blocks on the way down
and up, and sums in place of concatenations:

    x_1 = stem(x),   e_l = blocks(x_l),   x_{l+1} = down(e_l),   y_L = e_L,   y_l = blocks(up(y_{l+1}) + e_l),
    y = head(silu(y_1)),        block(x) = x + conv(silu(conv(silu(norm(x))))), whose last convolution starts at zero

With ``equivariant`` the convolutions are those of the group (``convolution.py``), the head is averaged over its
elements, and every weight sees all turned examples at once. Under autocast the stem, the sums and the head
stay in float32: the tail of a density is in digits that bfloat16 lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.mapping.symmetry import group_of
from qd_pix2pix.networks.blocks import channels_last, padding_of
from qd_pix2pix.networks.convolution import Convolution, Factory, ResidualBlock
from solvers.checks import check_integer


class ResidualUNet(nn.Module):
    """Fields (B, ``in_channels``, *points) -> (B, ``out_channels``, *points), without bounds; n a multiple of 2^levels.

    Args:
        in_channels: fields given.
        out_channels: fields asked.
        channels: features of each level, from the finest; an equivariant one is a channel per element of the group.
        blocks: residual blocks of each level, on the way down and again on the way up.
        padding: zeros, circular, or None for what fits the domain.
        equivariant: commute with the symmetry group of the domain.
        dims: of the fields, 1 or 2.
        periodic: of the domain.
        symmetry: group of the domain, see ``mapping.symmetry``.

    Raises:
        ValueError: an argument is out of range, or (in ``forward``) n does not fit.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        channels: Sequence[int] = (64, 96, 128, 128),
        blocks: Sequence[int] = (1, 1, 2, 2),
        padding: str | None = None,
        equivariant: bool = False,
        dims: int = 2,
        periodic: bool = False,
        symmetry: str = "square",
    ) -> None:
        super().__init__()
        if not 1 <= len(channels) == len(blocks):
            raise ValueError(
                f"network.channels, network.blocks: expected one number per level in both, got {list(channels)} and "
                f"{list(blocks)}"
            )
        for number in channels:
            check_integer("network.channels", number, 1)
        for number in blocks:
            check_integer("network.blocks", number, 0)
        self.multiple = 2 ** len(channels)
        group = group_of(symmetry, dims) if equivariant else None
        self.order, self.dims = group.order if group else 1, dims
        conv: Factory = partial(Convolution, padding=padding_of(padding, periodic), group=group, dims=dims)
        self.stem = conv(in_channels, channels[0], 4, stride=2, lifted=(False, True))
        pairs = list(zip(channels, channels[1:], strict=False))
        self.down = nn.ModuleList(conv(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.up = nn.ModuleList(conv(coarse, fine, 2, stride=2, transposed=True) for fine, coarse in pairs)
        levels = list(zip(channels, blocks, strict=True))
        self.encoder = nn.ModuleList(_blocks(conv, *level, self.order) for level in levels)
        self.decoder = nn.ModuleList(_blocks(conv, *level, self.order) for level in levels[:-1])
        self.head = conv(channels[0], out_channels, 4, stride=2, transposed=True, gain=0.1, lifted=(True, False))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, *points) -> (B, out_channels, *points)."""
        if any(n % self.multiple for n in x.shape[2:]):
            raise ValueError(
                f"network.channels: {tuple(x.shape[2:])} points cannot be halved {len(self.encoder)} times; use a "
                f"grid of a multiple of {self.multiple}, or fewer levels"
            )
        whole = self.stem.weight.dtype  # sums are kept in it, where autocast multiplies in half of it
        with torch.autocast(x.device.type, enabled=False):
            x = self.stem(channels_last(x))
        skips: list[Tensor] = []
        for i, encoder in enumerate(self.encoder):
            x = encoder(self.down[i - 1](x).to(whole) if i else x)
            skips.append(x)
        x = skips.pop()
        for up, decoder in zip(reversed(self.up), reversed(self.decoder), strict=True):
            x = decoder(up(x) + skips.pop())
        with torch.autocast(x.device.type, enabled=False):
            return self.head(F.silu(x))


def _blocks(conv: Factory, channels: int, number: int, order: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(conv, channels, order) for _ in range(number)))
