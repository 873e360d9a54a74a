"""Convolutional network from a whole sample to numbers (Mills, Spanner and Tamblyn 2017; Mills and Tamblyn 2018).

    d_1 = r(reduce(x)),    d_k = r(reduce(r(conv(r(conv(d_(k-1))))))),    y = W r(V d_K)

r is ReLU. A reducing convolution has 3 x 3 points, stride 2 and ``channels`` filters; a convolution between two of them
has 4 x 4 points, stride 1 and ``between`` filters; V and W are dense. The papers state neither the padding nor the
initial weights. Both kinds are padded to n / stride points, an odd point behind, and start from He's normal weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.networks.blocks import CONVOLUTIONS, initialise_relu, padding_of
from solvers.checks import check_integer


class MillsCNN(nn.Module):
    """A map from (B, ``in_channels``, *shape) to unbounded (B, ``out_channels``, 1, ...), for one ``shape`` only.

    The dense layers fix the number of points: neither a larger nor a smaller sample is accepted. Since the output is
    one point, only the heads of numbers and classes (mean, sum, categorical) can interpret it.

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        shape: points of a sample along each axis, those of the domain.
        reductions: number of reducing convolutions, each of which halves the sides: 7 for 256 points, 3 for 16; by
            default as many as leave whole sides of at least two points.
        channels: filters of the reducing convolutions: 64 in 2017, 32 for spins in 2018.
        between: filters of the convolutions between them.
        width: features of the hidden dense layer.
        upscale: number of times that each site is repeated along each axis: 4 for 4 x 4 spins, 2 for 8 x 8.
        padding: zeros, circular, or None for that of the domain.
        periodic: True for a periodic domain.

    Raises:
        ValueError: an argument is out of range, the sides cannot be halved so often, or (in ``forward``) a sample has
            another shape.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        shape: Sequence[int] = (256, 256),
        reductions: int | None = None,
        channels: int = 64,
        between: int = 16,
        width: int = 1024,
        upscale: int = 1,
        padding: str | None = None,
        periodic: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("channels", channels), ("between", between), ("width", width), ("upscale", upscale)):
            check_integer(f"network.{name}", value, 1)
        self.shape, self.upscale = tuple(shape), upscale
        self.circular = padding_of(padding, periodic) == "circular"
        sides = [upscale * n for n in shape]
        count = _halvings(sides) if reductions is None else reductions
        check_integer("network.reductions", count, 1, hint=f"{sides} points, after upscale, are halved so often.")
        if any(n % 2**count for n in sides):
            raise ValueError(
                f"network.reductions: {tuple(sides)} points, after upscale, cannot be halved {count} times; use a "
                f"multiple of {2**count}, or fewer reductions"
            )
        conv = CONVOLUTIONS[len(self.shape)]
        layers: list[nn.Module] = [conv(in_channels, channels, 3, stride=2)]
        for _ in range(count - 1):
            layers += [conv(channels, between, 4), conv(between, between, 4), conv(between, channels, 3, stride=2)]
        self.convolutions = nn.ModuleList(layers)
        last = math.prod(n // 2**count for n in sides)
        self.hidden, self.head = nn.Linear(channels * last, width), nn.Linear(width, out_channels)
        initialise_relu([*layers, self.hidden])

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, 1, ...) from ``x`` (B, in_channels, *shape)."""
        if tuple(x.shape[2:]) != self.shape:
            raise ValueError(
                f"network: MillsCNN takes samples of {self.shape} points only, those of its training; got "
                f"{tuple(x.shape[2:])}. For other sizes use network=ednn"
            )
        for axis in range(2, x.ndim) if self.upscale > 1 else ():
            x = x.repeat_interleave(self.upscale, axis)
        for conv in self.convolutions:
            x = F.relu(conv(self._padded(x, conv)))
        x = self.head(F.relu(self.hidden(x.flatten(1))))
        return x.reshape(*x.shape, *(1,) * len(self.shape))

    def _padded(self, x: Tensor, conv: nn.Module) -> Tensor:
        """Return ``x`` with kernel_size - stride more points along each axis, half of them in front."""
        margin: int = conv.kernel_size[0] - conv.stride[0]  # type: ignore[index, operator, assignment]
        sides = (margin // 2, margin - margin // 2) * len(self.shape)
        return F.pad(x, sides, mode="circular") if self.circular else F.pad(x, sides)


def _halvings(sides: Sequence[int]) -> int:
    """Return how often all sides can be halved to whole numbers of at least 2."""
    count = 0
    while all(n % 2 ** (count + 1) == 0 and n >> (count + 1) >= 2 for n in sides):
        count += 1
    return count
