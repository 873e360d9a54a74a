"""Any network, averaged over the symmetry group of the domain: equivariant by its sum, not by its kernels.

y = 1/|G| sum_g g^-1 network(g x)

One pass per element, eight for the square, in training too. What the network costs decides whether that beats group
convolutions (``convolution.py``); it is the only way for networks that have no equivariant kind, such as the FNO.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from qd_pix2pix.mapping.symmetry import group_of
from qd_pix2pix.networks.blocks import fitted


class GroupAverage(nn.Module):
    """Fields (B, ``in_channels``, *points) -> (B, ``out_channels``, *points), commuting with the group.

    Args:
        in_channels: fields given.
        out_channels: fields predicted.
        network: in_channels, out_channels, and what it takes of the words below -> the network that is averaged.
        dims: of the fields.
        periodic: of the domain.
        symmetry: group of the domain, see ``mapping.symmetry``.
    """

    def __init__(
        self,
        network: Callable[..., nn.Module],
        in_channels: int = 1,
        out_channels: int = 1,
        dims: int = 2,
        periodic: bool = False,
        symmetry: str = "square",
    ) -> None:
        super().__init__()
        self.group = group_of(symmetry, dims)
        make = fitted(network, dims, periodic=periodic, symmetry=symmetry)
        self.network = make(in_channels=in_channels, out_channels=out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, *points) -> (B, out_channels, *points)."""
        elements = range(self.group.order)
        turned = self.network(torch.cat([self.group.act(x, g) for g in elements]))  # one batch of all images
        images = turned.unflatten(0, (len(elements), -1)).unbind()
        return torch.stack([self.group.act(image, self.group.inverse[g]) for g, image in enumerate(images)]).mean(0)
