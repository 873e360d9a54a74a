"""Residual network of a lattice of any size: all points at one resolution, and no number that depends on their count.

    y = head(silu(block_K(... block_1(stem(x))))),    block_i(x) = x + conv(silu(conv_{d_i}(silu(norm(x)))))

The stem has 5 points along each axis and the blocks 3, as in Blania et al. 2022, with dilations d_i in turn. A norm
over the points of a sample would make every point depend on the size of the sample; here the features of each point are
normalised by themselves. What a point depends on ends at ``reach``, so that larger lattices are predicted as well as
those of the training wherever correlations end before. Where they do not, as for extended states on a small ring, the
levels depend on the number of points itself, which convolutions cannot count: ``sizes`` makes it an input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.mapping.symmetry import group_of
from qd_pix2pix.networks.blocks import channels_last, padding_of
from qd_pix2pix.networks.convolution import Convolution, Factory
from solvers.checks import check_integer

STEM = 5
"""Points of the first kernel along each axis."""


class PointNorm(nn.Module):
    """A normalisation of the features of each point to mean 0 and variance 1; each feature is scaled.

    Args:
        features: number of features, each of ``order`` channels.
        order: values per point of a feature: 1, or the order of the group for an equivariant feature.
    """

    def __init__(self, features: int, order: int) -> None:
        super().__init__()
        self.order = order
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of ``x``, (B, features · order, *points)."""
        one = (-1,) + (1,) * (x.ndim - 2)
        weight, bias = (p.repeat_interleave(self.order).reshape(one) for p in (self.weight, self.bias))
        variance, mean = torch.var_mean(x.float(), dim=1, keepdim=True, correction=0)
        return (x - mean) * torch.rsqrt(variance + 1e-5) * weight + bias


class LatticeBlock(nn.Module):
    """The block x + conv(silu(conv(silu(norm(x))))), the first convolution dilated; initially the identity."""

    def __init__(self, conv: Factory, features: int, order: int, dilation: int) -> None:
        super().__init__()
        self.norm = PointNorm(features, order)
        self.first = conv(features, features, 3, dilation=dilation)
        self.second = conv(features, features, 3, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of ``x``, (B, features · order, *points)."""
        return x + self.second(F.silu(self.first(F.silu(self.norm(x)))))


class LatticeResNet(nn.Module):
    """A map from (B, ``in_channels``, *points) to unbounded (B, ``out_channels``, *points), of any number of points.

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        channels: features of every block; an equivariant feature has one channel per group element.
        blocks: number of residual blocks.
        dilations: spacing of the points of a block's first kernel, for the blocks in turn.
        waves: number of pairs sin(2^k pi x), cos(2^k pi x), k = 0, 1, ..., that are given beside each input x in
            [-1, 1]: for densities that change within a small part of the range of the potential.
        sizes: shortest and longest side, for two more inputs, the same at all points: 2 shortest / side - 1, and +1 or
            -1 for an even or odd number of points. Sides beyond them count as these. None: the size is no input.
        padding: zeros, circular, or None for that of the domain.
        equivariant: True for a network that commutes with the symmetry group of the domain.
        dims: number of dimensions of the fields, 1 or 2.
        periodic: True for a periodic domain.
        symmetry: symmetry group of the domain; see ``mapping.symmetry``.

    Attributes:
        reach: distance along an axis up to which an output depends on the input.

    Raises:
        ValueError: an argument is out of range, or (in ``forward``) the lattice is shorter than a kernel.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        channels: int = 64,
        blocks: int = 9,
        dilations: Sequence[int] = (1, 2, 4),
        waves: int = 0,
        sizes: Sequence[int] | None = None,
        padding: str | None = None,
        equivariant: bool = False,
        dims: int = 2,
        periodic: bool = False,
        symmetry: str = "square",
    ) -> None:
        super().__init__()
        check_integer("network.channels", channels, 1)
        check_integer("network.blocks", blocks, 1)
        check_integer("network.waves", waves, 0, high=16)
        if not isinstance(dilations, (list, tuple)) or not dilations:
            raise ValueError(f"network.dilations: expected a list such as [1, 2, 4], got {dilations!r}")
        for dilation in dilations:
            check_integer("network.dilations", dilation, 1)
        _check_sizes(sizes)
        group = group_of(symmetry, dims) if equivariant else None
        order = group.order if group else 1
        conv: Factory = partial(Convolution, padding=padding_of(padding, periodic), group=group, dims=dims)
        used = [dilations[i % len(dilations)] for i in range(blocks)]
        self.reach = STEM // 2 + sum(dilation + 1 for dilation in used)
        self.shortest = max(STEM, 2 * max(used) + 1)
        self.waves = waves
        self.sizes = None if sizes is None else (int(sizes[0]), int(sizes[1]))
        numbers = 0 if sizes is None else 2
        self.stem = conv(in_channels * (1 + 2 * waves) + numbers, channels, STEM, lifted=(False, True))
        self.blocks = nn.Sequential(*(LatticeBlock(conv, channels, order, dilation) for dilation in used))
        self.head = conv(channels, out_channels, 1, gain=0.1, lifted=(True, False))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, *points) from ``x`` (B, in_channels, *points)."""
        if min(x.shape[2:]) < self.shortest:
            raise ValueError(
                f"network: expected a lattice of at least {self.shortest} points along each axis, the length of the "
                f"longest kernel, got shape {tuple(x.shape[2:])}"
            )
        with torch.autocast(x.device.type, enabled=False):  # half precision does not resolve small potentials
            angles = [x * (2**k * math.pi) for k in range(self.waves)]
            x = torch.cat([x, *map(torch.sin, angles), *map(torch.cos, angles), *self._numbers(x)], dim=1)
            x = self.stem(channels_last(x))
        x = self.blocks(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.head(F.silu(x.float()))

    def _numbers(self, x: Tensor) -> list[Tensor]:
        """Return the side, as the mean of all axes, and the parity of the number of points, (B, 1, *points) each."""
        if self.sizes is None:
            return []
        shortest, longest = self.sizes
        inverse = sum(1 / min(max(side, shortest), longest) for side in x.shape[2:]) / (x.ndim - 2)
        parity = 1 - 2 * (math.prod(x.shape[2:]) % 2)
        return [torch.full_like(x[:, :1], number) for number in (2 * shortest * inverse - 1, parity)]


def _check_sizes(sizes: object) -> None:
    if sizes is None:
        return
    if not isinstance(sizes, (list, tuple)) or len(sizes) != 2:
        raise ValueError(f"network.sizes: expected null, or two numbers of points such as [10, 16], got {sizes!r}")
    check_integer("network.sizes[0]", sizes[0], 1)
    check_integer("network.sizes[1]", sizes[1], int(sizes[0]) + 1)
