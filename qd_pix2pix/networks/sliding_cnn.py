"""Convolutional network of a tile without padding, which slides over a field as one convolution.

    d_0 = x,    d_k = r(W_k * d_(k-1))  with strides s_k,    y = V r(W * d_K)

All convolutions are valid: none adds points beyond the edge of a tile. The last one, W, covers all that is left of the
tile, so that it is a dense layer with ``width`` features; r is ReLU. On a field, the tiles that begin at every step-th
point are therefore one network of strides s_k and step / prod s_k, and overlapping tiles share their features. This is
the fully convolutional form of the network of Mills and Tamblyn 2021, whose tiles are evaluated one by one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.networks.blocks import CONVOLUTIONS, initialise_relu
from solvers.checks import check_integer


class SlidingCNN(nn.Module):
    """A map from (B, ``in_channels``, *shape) to unbounded (B, ``out_channels``, 1, ...), for one ``shape`` only.

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        channels: filters of the convolutions.
        kernels: points per side of their filters.
        strides: their strides.
        width: features of the last convolution, over all points that are left.
        shape: points of a tile along each axis.

    Raises:
        ValueError: an argument is out of range, the lists differ in length, no point of the tile is left, or (in
            ``forward``) a tile has another shape.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        channels: Sequence[int] = (16, 32, 32),
        kernels: Sequence[int] = (4, 3, 3),
        strides: Sequence[int] = (2, 1, 2),
        width: int = 128,
        shape: Sequence[int] = (24, 24),
    ) -> None:
        super().__init__()
        lists = {"channels": channels, "kernels": kernels, "strides": strides}
        for name, values in lists.items():
            if not isinstance(values, (list, tuple)) or len(values) != len(channels) or not values:
                raise ValueError(
                    f"network.{name}: expected one number for each convolution, as in network.channels={channels}; "
                    f"got {values!r}"
                )
            for value in values:
                check_integer(f"network.{name}", value, 1)
        check_integer("network.width", width, 1)
        self.shape, self.stride = tuple(shape), math.prod(strides)
        conv, layers, left = CONVOLUTIONS[len(self.shape)], [], self.shape
        for before, after, k, s in zip([in_channels, *channels], channels, kernels, strides, strict=False):
            layers.append(conv(before, after, k, stride=s))
            left = tuple((n - k) // s + 1 for n in left)
        if min(left) < 1:
            raise ValueError(
                f"network.kernels: kernels {list(kernels)} with strides {list(strides)} do not fit into a tile of "
                f"{self.shape} points; use fewer or smaller ones, or a larger context"
            )
        self.convolutions = nn.ModuleList([*layers, conv(channels[-1], width, left)])  # type: ignore[arg-type]
        self.head = conv(width, out_channels, 1)
        initialise_relu(self.convolutions)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, 1, ...) from tiles ``x`` (B, in_channels, *shape)."""
        if tuple(x.shape[2:]) != self.shape:
            raise ValueError(
                f"network: SlidingCNN takes tiles of {self.shape} points, those of its training; got "
                f"{tuple(x.shape[2:])}. For other sizes use it as the trunk of network=ednn"
            )
        return self.slide(x, self.stride)

    def can_slide(self, tile: Sequence[int], step: int) -> bool:
        """Return True where tiles that begin at every ``step``-th point are outputs of one convolution."""
        return self.shape == tuple(tile) and step % self.stride == 0

    def slide(self, x: Tensor, step: int) -> Tensor:
        """Return the outputs of the tiles that begin at every ``step``-th point along each axis of ``x``."""
        *layers, last = self.convolutions
        for layer in layers:
            x = F.relu(layer(x))
        convolve = (F.conv1d, F.conv2d, F.conv3d)[len(self.shape) - 1]
        x = convolve(x, last.weight, last.bias, stride=step // self.stride)  # type: ignore[arg-type]
        return self.head(F.relu(x))
