"""Dense network of the points in a window, which slides over a field as one convolution.

    y = W_K r(... r(W_2 r(W_1 * x)))

W_1 is a convolution over a whole window without padding, all others act at one point. On a tile of exactly one window
this is the dense network of Mills et al. 2019 for spins, 9 -> 288 -> 64 -> 64 -> 1 for 3 x 3 sites. The paper does not
state the function r: ReLU represents functions of spins exactly, GELU smooth functions of angles more accurately. With
one hidden layer of squares the network is a sum over pairs of points, sum_h a_h (w_h x + b_h)^2. The convolution is a
product of its weights with the unfolded windows, which is faster on CPUs than a convolution with few input channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.networks.blocks import initialise_relu
from solvers.checks import check_choice, check_integer

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu, "square": torch.square}


class Window(nn.Module):
    """A map from (B, ``in_channels``, *points) to unbounded (B, ``out_channels``, *points - size + 1).

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        size: points of the window along each axis; None for the whole ``shape``.
        channels: features of the hidden layers; the first is that of the convolution.
        activation: the function r: relu, gelu, square.
        shape: points of a sample, or of a tile of ``EDNN``, along each axis.

    Raises:
        ValueError: an argument is out of range, or (in ``forward``) a field is smaller than the window.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        size: int | None = None,
        channels: Sequence[int] = (288, 64, 64),
        activation: str = "relu",
        shape: Sequence[int] = (3, 3),
    ) -> None:
        super().__init__()
        check_choice("network.activation", activation, ACTIVATIONS)
        self.activation = ACTIVATIONS[activation]
        if size is not None:
            check_integer("network.size", size, 1)
        if not isinstance(channels, (list, tuple)) or not channels:
            raise ValueError(f"network.channels: expected a list of features of the hidden layers, got {channels!r}")
        for number in channels:
            check_integer("network.channels", number, 1)
        self.size = tuple(shape) if size is None else (size,) * len(shape)
        widths = [in_channels * math.prod(self.size), *channels, out_channels]
        pairs = zip(widths[:-1], widths[1:], strict=True)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairs)
        initialise_relu(self.layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, *points - size + 1) from ``x`` (B, in_channels, *points)."""
        return self.slide(x)

    def can_slide(self, tile: Sequence[int], step: int) -> bool:
        """Return True where tiles that begin at every ``step``-th point are outputs of one convolution."""
        return self.size == tuple(tile)

    def slide(self, x: Tensor, step: int = 1) -> Tensor:
        """Return the outputs of the windows that begin at every ``step``-th point along each axis of ``x``."""
        if any(n < k for n, k in zip(x.shape[2:], self.size, strict=True)):
            raise ValueError(f"network.size: expected at least {self.size} points, got {tuple(x.shape[2:])}")
        for axis, k in enumerate(self.size, 2):
            x = x.unfold(axis, k, step)
        x = x.movedim(1, 1 + len(self.size)).flatten(1 + len(self.size))  # (B, *windows, in_channels · points)
        for i, layer in enumerate(self.layers):
            x = layer(self.activation(x) if i else x)
        return x.movedim(-1, 1)
