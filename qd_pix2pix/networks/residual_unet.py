"""Residual U-Net in one or two dimensions, plain or equivariant under the symmetry group of the domain.

A stem unites patches of 2 x 2 points, or more. It is followed by L levels, each with half the side of the previous one,
with residual blocks in the encoder and the decoder, and with sums in place of concatenations:

    x_1 = stem(x),   e_l = blocks(x_l),   x_{l+1} = down(e_l),   y_L = e_L,   y_l = blocks(up(y_{l+1}) + e_l),
    y = head(silu(y_1)),        block(x) = x + conv(silu(conv(silu(norm(x))))), whose last convolution starts at zero

With ``equivariant`` the convolutions are those of the group (``convolution.py``) and the head is averaged over its
elements. Under autocast the stem, the sums and the head remain in float32, since bfloat16 does not resolve the tail of
a density.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.mapping.symmetry import group_of
from qd_pix2pix.networks.blocks import channels_last, multiplies_bf16, padding_of
from qd_pix2pix.networks.convolution import Convolution, Factory, ResidualBlock
from solvers.checks import check_integer


class ResidualUNet(nn.Module):
    """A map from (B, ``in_channels``, *points) to unbounded (B, ``out_channels``, *points).

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        channels: features of each level, from the finest; an equivariant feature has one channel per group element.
        blocks: residual blocks of each level, in the encoder and again in the decoder.
        padding: zeros, circular, or None for that of the domain.
        patch: points per side that the stem unites, and the head divides again; even.
        equivariant: True for a network that commutes with the symmetry group of the domain.
        dims: number of dimensions of the fields, 1 or 2.
        periodic: True for a periodic domain.
        symmetry: symmetry group of the domain; see ``mapping.symmetry``.

    Attributes:
        bf16: True to multiply in bfloat16 between stem and head where no gradients are needed and the processor has
            units for it: faster, and predictions change by about a thousandth.

    Raises:
        ValueError: an argument is out of range, or (in ``forward``) n is not such a multiple.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        channels: Sequence[int] = (64, 96, 128, 128),
        blocks: Sequence[int] = (1, 1, 2, 2),
        padding: str | None = None,
        patch: int = 2,
        equivariant: bool = False,
        dims: int = 2,
        periodic: bool = False,
        symmetry: str = "square",
    ) -> None:
        super().__init__()
        lists = all(isinstance(given, (list, tuple)) for given in (channels, blocks))
        if not lists or not 1 <= len(channels) == len(blocks):
            raise ValueError(
                f"network.channels, network.blocks: expected one number per level in both, got {channels!r} and "
                f"{blocks!r}. Give lists such as [8, 12] and [1, 1]"
            )
        for number in channels:
            check_integer("network.channels", number, 1)
        for number in blocks:
            check_integer("network.blocks", number, 0)
        check_integer("network.patch", patch, 2)
        if patch % 2:
            raise ValueError(f"network.patch: expected an even number, as kernels of twice its size need; got {patch}")
        self.patch = patch
        self.multiple = patch * 2 ** (len(channels) - 1)
        group = group_of(symmetry, dims) if equivariant else None
        self.order, self.dims = group.order if group else 1, dims
        self.bf16 = False
        conv: Factory = partial(Convolution, padding=padding_of(padding, periodic), group=group, dims=dims)
        self.stem = conv(in_channels, channels[0], 2 * patch, stride=patch, lifted=(False, True))
        pairs = list(zip(channels, channels[1:], strict=False))
        self.down = nn.ModuleList(conv(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.up = nn.ModuleList(conv(coarse, fine, 2, stride=2, transposed=True) for fine, coarse in pairs)
        levels = list(zip(channels, blocks, strict=True))
        self.encoder = nn.ModuleList(_blocks(conv, *level, self.order) for level in levels)
        self.decoder = nn.ModuleList(_blocks(conv, *level, self.order) for level in levels[:-1])
        self.head = conv(
            channels[0], out_channels, 2 * patch, stride=patch, transposed=True, gain=0.1, lifted=(True, False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, *points) from ``x`` (B, in_channels, *points)."""
        if any(n % self.multiple for n in x.shape[2:]):
            raise ValueError(
                f"network.channels: {tuple(x.shape[2:])} points cannot be halved {len(self.encoder)} times; use a "
                f"grid of a multiple of {self.multiple}, or fewer levels"
            )
        whole = self.stem.weight.dtype  # full precision for sums where autocast multiplies in half precision
        with torch.autocast(x.device.type, enabled=False):
            x = self.stem(channels_last(x))
        skips: list[Tensor] = []
        with self._products(x.device.type):
            for i, encoder in enumerate(self.encoder):
                x = encoder(self.down[i - 1](x).to(whole) if i else x)
                skips.append(x)
            x = skips.pop()
            for up, decoder in zip(reversed(self.up), reversed(self.decoder), strict=True):
                x = decoder(up(x) + skips.pop())
        with torch.autocast(x.device.type, enabled=False):
            return self.head(F.silu(x))

    def _products(self, device: str) -> AbstractContextManager[object]:
        """Return the context of the precision of products between stem and head."""
        if not self.bf16 or torch.is_grad_enabled() or torch.compiler.is_compiling() or not multiplies_bf16(device):
            return nullcontext()
        return torch.autocast(device, torch.bfloat16)


def set_bf16(network: nn.Module, bf16: bool) -> bool:
    """Set ``bf16`` of all residual U-Nets within a module; return whether there are any."""
    found = [part for part in network.modules() if isinstance(part, ResidualUNet)]
    for part in found:
        part.bf16 = bf16
    return bool(found)


def _blocks(conv: Factory, channels: int, number: int, order: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(conv, channels, order) for _ in range(number)))
