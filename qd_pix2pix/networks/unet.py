"""U-Net generator of pix2pix (Isola et al. 2017; Pantis-Simut et al. 2023, table A1).

Each of ``levels`` convolutions of stride 2 halves the side, and each transposed one doubles it. The features of the
encoder are concatenated with those of the same size in the decoder:

    d_1 = conv(x),  d_i = norm(conv(lrelu(d_{i-1}))),   u_L = norm(convT(relu(d_L))),
    u_i = norm(convT(relu([u_{i+1}, d_i]))),   y = convT(relu([u_2, d_1]))

The final tanh is part of the model (``pix2pix.py``), as every interpretation of a network's output.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qd_pix2pix.networks.blocks import NORMS, initialise
from solvers.checks import check_choice, check_integer

SLOPE = 0.3


class UNet(nn.Module):
    """A map from (B, ``in_channels``, n, n) to unbounded (B, ``out_channels``, n, n); n a multiple of 2^``levels``.

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        levels: number of convolutions in the encoder and in the decoder; 6 reduce 64 x 64 to one point.
        channels: features of the first level; they double per level up to eight times that.
        kernel_size: size kappa of the kernels, at least 2.
        norm: instance, batch or none; the outermost and the innermost convolutions have none.
        dropout: probability in the three innermost transposed convolutions; with 0 the map is deterministic.
        initialiser: normal, xavier, kaiming or orthogonal.

    Raises:
        ValueError: an argument is out of range, or (in ``forward``) n is not such a multiple.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        levels: int = 6,
        channels: int = 64,
        kernel_size: int = 4,
        norm: str = "instance",
        dropout: float = 0.0,
        initialiser: str = "normal",
    ) -> None:
        super().__init__()
        check_integer("network.levels", levels, 2)
        check_integer("network.channels", channels, 1)
        check_integer("network.kernel_size", kernel_size, 2)
        check_choice("network.norm", norm, NORMS)
        if not (isinstance(dropout, (int, float)) and 0 <= dropout < 1):
            raise ValueError(f"network.dropout: expected a probability in [0, 1), got {dropout!r}")
        self.multiple = 2**levels
        widths = [min(2**i, 8) * channels for i in range(levels)]
        innermost = levels - 1
        self.down = nn.ModuleList(
            _down(before, after, kernel_size, norm if 0 < i < innermost else "none", activate=i > 0)
            for i, (before, after) in enumerate(zip([in_channels, *widths], widths, strict=False))
        )
        self.up = nn.ModuleList(
            _up(
                widths[i] * (1 if i == innermost else 2),
                widths[i - 1] if i else out_channels,
                kernel_size,
                norm if i else "none",
                dropout if 0 < i and i > innermost - 3 else 0.0,
            )
            for i in reversed(range(levels))
        )
        initialise(self, initialiser)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, n, n) from ``x`` (B, in_channels, n, n)."""
        if x.shape[-1] % self.multiple or x.shape[-2] % self.multiple:
            raise ValueError(
                f"network.levels: {tuple(x.shape[-2:])} points cannot be halved {len(self.down)} times; use a grid "
                f"of a multiple of {self.multiple}, or fewer levels"
            )
        skips: list[Tensor] = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = skips.pop()
        for i, up in enumerate(self.up):
            x = up(x if i == 0 else torch.cat([x, skips.pop()], dim=1))
        return x


def _down(before: int, after: int, kernel_size: int, norm: str, activate: bool) -> nn.Sequential:
    """Return layers that halve the side ("same" padding)."""
    conv = nn.Conv2d(before, after, kernel_size, stride=2, padding=(kernel_size - 1) // 2, bias=norm == "none")
    # not in place: the skip connection uses the input
    return nn.Sequential(nn.LeakyReLU(SLOPE) if activate else nn.Identity(), conv, NORMS[norm](after))


def _up(before: int, after: int, kernel_size: int, norm: str, dropout: float) -> nn.Sequential:
    """Return layers that double the side."""
    odd = kernel_size % 2
    padding = (kernel_size - 2 + odd) // 2
    conv = nn.ConvTranspose2d(
        before, after, kernel_size, stride=2, padding=padding, output_padding=odd, bias=norm == "none"
    )
    return nn.Sequential(nn.ReLU(), conv, NORMS[norm](after), nn.Dropout(dropout) if dropout else nn.Identity())
