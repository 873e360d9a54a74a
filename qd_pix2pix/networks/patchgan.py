"""Discriminator of pix2pix, which classifies overlapping patches of a pair of fields (Isola et al. 2017).

It has ``layers`` convolutions, the last two of stride 1, all others of stride 2: (2, 2, 2, 1, 1) for five. The
receptive field, the side of the patch on which one output depends, is

    N_pt = 1 + sum_l (kappa - 1) prod_{m<l} s_m      = 70, 34, 16, 7, 4 for 5 ... 1 layers at kappa = 4.

With kappa = 1 each output depends on one point (PixelGAN, N_pt = 1 at any depth). There all strides are 1, since a
stride of 2 would omit three of four points.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qd_pix2pix.networks.blocks import NORMS, initialise
from solvers.checks import check_choice, check_integer

SLOPE = 0.3


def layer_strides(layers: int, kernel_size: int) -> tuple[int, ...]:
    """Return the strides of the convolutions."""
    if kernel_size == 1:
        return (1,) * layers
    return (2,) * max(layers - 2, 0) + (1,) * min(layers, 2)


def receptive_field(kernel_size: int, strides: tuple[int, ...]) -> int:
    """Return the side of the patch on which one output depends, in points."""
    field, step = 1, 1
    for stride in strides:
        field += (kernel_size - 1) * step
        step *= stride
    return field


def output_sides(side: int, kernel_size: int, strides: tuple[int, ...]) -> list[int]:
    """Return the side of each layer's output, for an input of ``side`` points."""
    sides = []
    for stride in strides:
        side = (side + 2 * ((kernel_size - 1) // 2) - kernel_size) // stride + 1
        sides.append(side)
    return sides


class PatchGAN(nn.Module):
    """A map from pairs of fields to logits, one per patch; positive for "real".

    Args:
        in_channels: number of source channels plus number of target channels.
        layers: number of convolutions.
        kernel_size: size kappa of the kernels.
        channels: features of the first layer; they double per layer up to eight times that.
        norm: instance, batch or none; the first and the last layer have none.
        initialiser: normal, xavier, kaiming or orthogonal.

    Raises:
        ValueError: an argument is out of range, or (in ``forward``) the fields are too small for this depth.
    """

    def __init__(
        self,
        in_channels: int = 2,
        layers: int = 5,
        kernel_size: int = 4,
        channels: int = 64,
        norm: str = "instance",
        initialiser: str = "normal",
    ) -> None:
        super().__init__()
        check_integer("model.discriminator.layers", layers, 1)
        check_integer("model.discriminator.kernel_size", kernel_size, 1)
        check_integer("model.discriminator.channels", channels, 1)
        check_choice("model.discriminator.norm", norm, NORMS)
        self.kernel_size, self.strides = kernel_size, layer_strides(layers, kernel_size)
        blocks: list[nn.Module] = []
        before = in_channels
        for i, stride in enumerate(self.strides):
            first, last = i == 0, i == layers - 1
            after = 1 if last else channels * min(2**i, 8)
            layer_norm = "none" if first or last else norm
            padding = (kernel_size - 1) // 2
            blocks.append(nn.Conv2d(before, after, kernel_size, stride, padding, bias=layer_norm == "none"))
            if not last:
                blocks += [NORMS[layer_norm](after), nn.LeakyReLU(SLOPE, inplace=True)]
            before = after
        self.layers = nn.Sequential(*blocks)
        initialise(self, initialiser)

    @property
    def receptive_field(self) -> int:
        """The side of the patch on which one output depends, in points."""
        return receptive_field(self.kernel_size, self.strides)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return logits (B, 1, m, m) from ``source`` (B, c, n, n) and ``target`` (B, c', n, n)."""
        *inner, last = output_sides(min(source.shape[-2:]), self.kernel_size, self.strides)
        if last < 1 or min(inner, default=2) < 2:  # a norm requires more than one point
            raise ValueError(
                f"model.discriminator.layers: {tuple(source.shape[-2:])} points are too few for "
                f"{len(self.strides)} layers of kernel size {self.kernel_size}; use fewer layers or a larger grid"
            )
        return self.layers(torch.cat([source, target], dim=1))
