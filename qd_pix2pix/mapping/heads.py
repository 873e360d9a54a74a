"""Heads: what the numbers of a network mean. Each turns raw outputs into a quantity that obeys its law.

    charge   n = N softmax(y) / cell area:     n >= 0 and int n = N, whatever the network says
    bounded  f = low + (high - low) S(y):      within the range of training, S the logistic function
    free     f = low + (high - low) (y + 1) / 2
    scalar   the mean of ``free`` over the points: an energy of a dot of any size

``likelihood`` of each is the cross entropy (charge, bounded) or half the square error (free, scalar) between what the
network says and the exact quantity: the loss that knows the head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.mapping.mapping import Range

POINTS = (-2, -1)


class Head(nn.Module):
    """Raw outputs (B, n, n) and the facts of each dot -> a field (B, n, n) or a number (B,), in physical units."""

    def forward(self, raw: Tensor, span: Range, density: Tensor) -> Tensor:
        """The quantity.

        Args:
            raw: what the network says, (B, n, n).
            span: lowest and highest value in training.
            density: mean density N / area of each dot, (B,).
        """
        raise NotImplementedError

    def negative_log_likelihood(self, raw: Tensor, exact: Tensor, span: Range, density: Tensor) -> Tensor:
        """Mean over dots (and points), scalar; ``exact`` in physical units."""
        return F.mse_loss(self(raw, span, density), exact) * (2 / (span.high - span.low) ** 2)


class ChargeHead(Head):
    """Densities that hold their electrons to rounding, on any grid."""

    def forward(self, raw: Tensor, span: Range, density: Tensor) -> Tensor:
        """N softmax / cell area."""
        # in double precision, where the device has it: over 128 x 128 points floats lose 5e-6 of the charge
        share = F.softmax(raw.flatten(1), dim=1, dtype=None if raw.device.type == "mps" else torch.float64)
        return (share.reshape(raw.shape) * (density * raw[0].numel())[:, None, None]).to(raw.dtype)

    def negative_log_likelihood(self, raw: Tensor, exact: Tensor, span: Range, density: Tensor) -> Tensor:
        """Cross entropy less the entropy of the exact density: Kullback and Leibler's divergence."""
        share = (exact / (density * raw[0].numel())[:, None, None]).flatten(1)
        return F.kl_div(F.log_softmax(raw.flatten(1), dim=1), share, reduction="batchmean")


class BoundedHead(Head):
    """Potentials that stay within those of training."""

    def forward(self, raw: Tensor, span: Range, density: Tensor) -> Tensor:
        """Low + (high - low) S(raw)."""
        return span.low + (span.high - span.low) * torch.sigmoid(raw)

    def negative_log_likelihood(self, raw: Tensor, exact: Tensor, span: Range, density: Tensor) -> Tensor:
        """Cross entropy per point: of the well's floor against its wall."""
        share = ((exact - span.low) / (span.high - span.low)).clamp(0, 1)
        return F.binary_cross_entropy_with_logits(raw, share)


class FreeHead(Head):
    """No law."""

    def forward(self, raw: Tensor, span: Range, density: Tensor) -> Tensor:
        """From the scaled range."""
        return span.decode(raw)


class ScalarHead(Head):
    """One number per dot."""

    def forward(self, raw: Tensor, span: Range, density: Tensor) -> Tensor:
        """Mean over the points."""
        return span.decode(raw.mean(POINTS))


HEADS: dict[str, type[Head]] = {"charge": ChargeHead, "bounded": BoundedHead, "free": FreeHead}
"""Heads of fields, by name."""
