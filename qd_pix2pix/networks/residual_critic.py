"""Residual critic of a RUGAN (thesis of K. Mills, 2021, appendix A, figure 4C): no normalisation, average pooling.

    down: x -> pool(x W + conv(act(conv(act(x)))));    score = dense(act(dense(mean over points, labels)))

Dropout in two layers perturbs a sample for the consistency term of the loss. The source gives neither widths nor depth,
and no form of the last layers; the score here depends on the mean features and on the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.networks.blocks import channels_last, padding_of
from qd_pix2pix.networks.convolution import Convolution
from solvers.checks import check_integer, check_number


class DownBlock(nn.Module):
    """A residual block that halves the side by average pooling."""

    def __init__(self, before: int, after: int, conv: partial, dropout: float) -> None:
        super().__init__()
        self.first = conv(before, before, 3)
        self.second = conv(before, after, 3)
        self.skip = conv(before, after, 1)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, after, *points / 2) from ``x`` (B, before, *points)."""
        branch = self.second(F.silu(self.first(F.silu(x))))
        return self.dropout(F.avg_pool2d(self.skip(x) + branch, 2))


class ResidualCritic(nn.Module):
    """A map from samples and their labels to scores (B,).

    Args:
        in_channels: channels of a sample.
        labels: number of labels.
        channels: channels before the first block and after each.
        dropout: share of the channels that are dropped after each of the last two blocks.
        padding: zeros, circular, or None for that of the domain.
        periodic: True for a periodic domain.

    Raises:
        ValueError: an argument is out of range, or (in ``forward``) the side is no multiple of 2 for each block.
    """

    def __init__(
        self,
        in_channels: int = 1,
        labels: int = 0,
        channels: Sequence[int] = (32, 64, 64),
        dropout: float = 0.25,
        padding: str | None = None,
        periodic: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(channels, (list, tuple)) or len(channels) < 2:
            raise ValueError(f"model.critic.channels: expected a list of at least two numbers, got {channels!r}")
        for width in channels:
            check_integer("model.critic.channels", width, 1)
        check_number("model.critic.dropout", dropout, 0, 0.9)
        conv = partial(Convolution, padding=padding_of(padding, periodic))
        self.divisor = 2 ** (len(channels) - 1)
        self.stem = conv(in_channels + labels, channels[0], 3)
        pairs = list(zip(channels, channels[1:], strict=False))
        rates = [0.0] * max(len(pairs) - 2, 0) + [dropout] * 2
        self.blocks = nn.Sequential(*(DownBlock(a, b, conv, rate) for (a, b), rate in zip(pairs, rates, strict=False)))
        self.head = nn.Sequential(nn.Linear(channels[-1] + labels, channels[-1]), nn.SiLU(), nn.Linear(channels[-1], 1))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return scores (B,) of ``x`` (B, c, *points) with ``labels`` (B, k, *points), constant over the points."""
        if any(n % self.divisor for n in x.shape[2:]):
            raise ValueError(
                f"model.critic.channels: {len(self.blocks)} blocks take sides that are multiples of {self.divisor}, "
                f"got {tuple(x.shape[2:])}; use fewer channels"
            )
        features = F.silu(self.blocks(self.stem(channels_last(torch.cat([x, labels], 1))))).mean((2, 3))
        return self.head(torch.cat([features, labels[:, :, 0, 0]], 1))[:, 0]
