"""Average of any network over the symmetry group of the domain, which makes the network equivariant.

y = 1/|G| sum_g g^-1 network(g x)

Each evaluation takes one pass per element, eight for the square, in training too. Group convolutions
(``convolution.py``) are the alternative; the average is the only choice for networks without an equivariant variant,
such as the FNO.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from qd_pix2pix.mapping.symmetry import group_of
from qd_pix2pix.networks.blocks import fitted


class GroupAverage(nn.Module):
    """An equivariant map from fields (B, ``in_channels``, *points) to (B, ``out_channels``, *points).

    Args:
        network: factory of the averaged network, called with in_channels, out_channels and those of the arguments
            below that it takes.
        in_channels: number of input channels.
        out_channels: number of output channels.
        dims: number of dimensions of the fields.
        shape: points of a sample, for a network of samples of one shape.
        periodic: True for a periodic domain.
        symmetry: symmetry group of the domain; see ``mapping.symmetry``.
    """

    def __init__(
        self,
        network: Callable[..., nn.Module],
        in_channels: int = 1,
        out_channels: int = 1,
        dims: int = 2,
        shape: Sequence[int] | None = None,
        periodic: bool = False,
        symmetry: str = "square",
    ) -> None:
        super().__init__()
        self.group = group_of(symmetry, dims)
        given = {} if shape is None else {"shape": shape}
        make = fitted(network, dims, periodic=periodic, symmetry=symmetry, **given)
        self.network = make(in_channels=in_channels, out_channels=out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, *points) from ``x`` (B, in_channels, *points)."""
        elements = range(self.group.order)
        turned = self.network(torch.cat([self.group.act(x, g) for g in elements]))  # one batch of all images
        images = turned.unflatten(0, (len(elements), -1)).unbind()
        return torch.stack([self.group.act(image, self.group.inverse[g]) for g, image in enumerate(images)]).mean(0)
