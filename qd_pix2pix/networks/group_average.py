"""Any network, averaged over the symmetries of the square: equivariant by its sum, not by its kernels.

y = 1/8 sum_g g^-1 network(g x)

Eight passes for one answer, in training too. What the network costs decides whether that beats group convolutions
(``convolution.py``); it is the only way for networks that have no equivariant kind, such as the FNO.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from qd_pix2pix.mapping.symmetry import INVERSE, ORDER, square_symmetry


class GroupAverage(nn.Module):
    """Fields (B, ``in_channels``, n, n) -> (B, ``out_channels``, n, n), commuting with the symmetries of the square.

    Args:
        in_channels: fields given.
        out_channels: fields asked.
        network: in_channels, out_channels -> the network that is averaged.
    """

    def __init__(self, network: Callable[..., nn.Module], in_channels: int = 1, out_channels: int = 1) -> None:
        super().__init__()
        self.network = network(in_channels=in_channels, out_channels=out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, n, n) -> (B, out_channels, n, n)."""
        turned = self.network(torch.cat([square_symmetry(x, g) for g in range(ORDER)]))  # one batch of all images
        images = turned.unflatten(0, (ORDER, -1)).unbind()
        return torch.stack([square_symmetry(image, INVERSE[g]) for g, image in enumerate(images)]).mean(0)
