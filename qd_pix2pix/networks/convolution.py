"""Convolutions of fields and of functions on a finite group, in one or two dimensions, and residual blocks.

A feature of an equivariant network has one value per element h of the group at each point, eight for the square, and
the group acts on it as (T_g f)_h(r) = f_{g^-1 h}(g^-1 r). Convolutions that commute with this action are (Cohen and
Welling 2016, eq. 10 and 11; p4m for the square)

    lifting:  f_h = (h w) * f,            from plain fields
    group:    f'_h = sum_g (h w_{h^-1 g}) * f_g,
    mean:     y = 1/|G| sum_h f'_h, back to plain fields,

where h w is the kernel transformed by h. They are plain convolutions with a bank of transformed kernels. It is computed
from the weights in every step, and once for all batches of a prediction. On an even grid a stride of 2 preserves the
symmetry if the kernel's size is even, a stride of 1 if it is odd.

A transposed convolution with a stride of s is a plain one to s^d channels, which are the points of a cell; to few
channels it is faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.mapping.symmetry import Group

GROUP = 16
"""Smallest number of channels in a group of ``GroupNorm``."""
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d}
"""Function for the convolution, by the number of dimensions."""


class Convolution(nn.Module):
    """A convolution (or its transpose) that divides (multiplies) the number of points per side by ``stride``.

    Args:
        before, after: input and output features; in a group convolution each has one channel per element.
        kernel_size: odd with stride 1, even with stride 2.
        stride: 1 or 2.
        transposed: multiply the side by ``stride``.
        dilation: spacing of the kernel's points, with stride 1.
        padding: zeros, or circular for periodic fields.
        gain: scale of the initial weights, N(0, gain^2 2 / fan-in); with 0 all weights start at zero.
        group: group that acts on the features; None for a plain convolution.
        lifted: True if the input and the output features are functions on the group: (False, False) plain,
            (False, True) lifting, (True, True) group, (True, False) mean.
        dims: number of dimensions of the fields, 1 or 2.
    """

    index: Tensor

    def __init__(
        self,
        before: int,
        after: int,
        kernel_size: int,
        stride: int = 1,
        transposed: bool = False,
        dilation: int = 1,
        padding: str = "zeros",
        gain: float = 1.0,
        group: Group | None = None,
        lifted: tuple[bool, bool] = (True, True),
        dims: int = 2,
    ) -> None:
        super().__init__()
        order = group.order if group else 1
        self.elements = elements = (order if lifted[0] else 1, order if lifted[1] else 1)
        self.stride, self.transposed, self.dims = stride, transposed, dims
        self.dilation, self.margin = dilation, dilation * (kernel_size - stride) // 2
        self.circular = padding == "circular"
        fan_in = before * elements[0] * kernel_size**dims / (stride**dims if transposed else 1)
        self.weight = nn.Parameter(torch.randn(after, before, elements[0], *(kernel_size,) * dims))
        self.weight.data *= gain * math.sqrt(2 / fan_in)
        self.bias = nn.Parameter(torch.zeros(after))
        self.register_buffer("index", _turned(group, elements[0], kernel_size, dims), persistent=False)
        self.kept: tuple[Tensor, Tensor] | None = None  # kernels and bias during ``kernels_kept``

    def bank(self) -> Tensor:
        """Return all transformed kernels, (after · elements, before · elements, *kernel)."""
        after, before, given, *kernel = self.weight.shape
        turned = self.weight.flatten(2).index_select(2, self.index.flatten())
        turned = turned.unflatten(2, self.index.shape)  # (after, before, h, given k k)
        asked = self.elements[1]
        if asked < turned.shape[2]:
            turned = turned.mean(2, keepdim=True)
        return turned.transpose(1, 2).reshape(after * asked, before * given, *kernel)

    def kernels(self) -> tuple[Tensor, Tensor]:
        """Return the kernels and the bias (channels,) of the plain convolution."""
        bank, bias = self.bank(), self.bias.repeat_interleave(self.elements[1])
        if not self.transposed:
            return bank, bias
        return _cells(bank, self.stride), bias.repeat_interleave(self.stride**self.dims)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, after · elements, *points) from ``x`` (B, before · elements, *points)."""
        kept = None if torch.is_grad_enabled() else self.kept  # which another thread's prediction may have set
        kernels, bias = kept or self.kernels()
        convolve = CONVOLUTIONS[self.dims]
        margin = 1 if self.transposed else self.margin
        if self.circular and margin:
            x = F.pad(x, (margin,) * (2 * self.dims), mode="circular")
        if not self.transposed:
            return convolve(x, kernels, bias, self.stride, 0 if self.circular else margin, self.dilation)
        cells = convolve(x, kernels, bias, padding=kernels.shape[-1] - 1)
        return _points(cells, self.stride, self.dims, self.margin + self.stride * self.circular)


@contextmanager
def kernels_kept(network: nn.Module) -> Iterator[None]:
    """Compute the kernels of all convolutions of a network once; within, its weights must not change."""
    convolutions = [part for part in network.modules() if isinstance(part, Convolution)]
    try:
        for convolution in convolutions:
            convolution.kept = convolution.kernels()
        yield
    finally:
        for convolution in convolutions:
            convolution.kept = None


def _cells(bank: Tensor, stride: int) -> Tensor:
    """Return the kernels (after · stride^d, before, *taps) of the points of a cell, from (after, before, *kernel).

    Point r of cell b has the inputs b - j with the weights j · stride + r.
    """
    after, before, *kernel = bank.shape
    dims, taps = len(kernel), kernel[0] // stride
    split = bank.reshape(after, before, *(taps, stride) * dims)
    js, rs = [2 + 2 * d for d in range(dims)], [3 + 2 * d for d in range(dims)]
    return split.flip(js).permute(0, *rs, 1, *js).reshape(after * stride**dims, before, *(taps,) * dims)


def _points(y: Tensor, stride: int, dims: int, crop: int) -> Tensor:
    """Return (B, c, *points) from cells (B, c · stride^d, *cells), without ``crop`` points at each side."""
    if dims == 2:
        y = F.pixel_shuffle(y, stride)
    else:
        y = y.unflatten(1, (-1, stride)).transpose(2, 3).flatten(2)
    for axis in range(2, 2 + dims):
        y = y.narrow(axis, crop, y.shape[axis] - 2 * crop)
    return y


class GroupNorm(nn.Module):
    """A normalisation of groups of features, of at least 16 channels, to mean 0 and variance 1; each feature is scaled.

    Args:
        features: number of features, each of ``order`` channels.
        order: values per point of a feature: 1, or the order of the group for an equivariant feature.
    """

    def __init__(self, features: int, order: int) -> None:
        super().__init__()
        self.order = order
        fitting = (g for g in range(features, 0, -1) if features % g == 0 and features // g * order >= GROUP)
        self.groups = next(fitting, 1)
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of ``x``, (B, features · order, *points)."""
        weight, bias = (p.repeat_interleave(self.order) for p in (self.weight, self.bias))
        return F.group_norm(x, self.groups, weight, bias)


Factory = Callable[..., Convolution]


class ResidualBlock(nn.Module):
    """The block x + conv(silu(conv(silu(norm(x))))), the first convolution dilated; initially the identity."""

    def __init__(self, conv: Factory, features: int, order: int, dilation: int = 1) -> None:
        super().__init__()
        self.norm = GroupNorm(features, order)
        self.first = conv(features, features, 3, dilation=dilation)
        self.second = conv(features, features, 3, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of ``x``, (B, features · order, *points)."""
        branch = x
        if torch.is_autocast_enabled(x.device.type):  # the input of half-precision products may be normalised in it
            branch = x.to(torch.get_autocast_dtype(x.device.type))
        return x + self.second(F.silu(self.first(F.silu(self.norm(branch)))))


def _turned(group: Group | None, given: int, k: int, dims: int) -> Tensor:
    """Return the indices into the weights (given, *kernel) of each element's kernel, (order, given · k^dims)."""
    weights = torch.arange(given * k**dims).reshape(given, *(k,) * dims)
    if group is None:
        return weights.reshape(1, -1)
    banks = []
    for h in range(group.order):
        source = [group.product[group.inverse[h]][g] for g in range(given)] if given == group.order else [0]
        banks.append(torch.stack([group.act(weights[g], h) for g in source]))
    return torch.stack(banks).reshape(group.order, -1)
