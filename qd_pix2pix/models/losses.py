"""Losses of adversarial training, reconstruction and regression, as pure functions of tensors.

With logits D and the sigmoid S (Pantis-Simut et al. 2023, eq. 12 and 13):

    L_D = -E[log S(D(a, b))] - E[log(1 - S(D(a, G(a))))],    L_G = -E[log S(D(a, G(a)))]
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def bce(logits: Tensor, real: bool) -> Tensor:
    """Return the binary cross entropy with the label "real" (or "fake") for all patches, the non-saturating loss."""
    return F.softplus(-logits if real else logits).mean()


def least_squares(logits: Tensor, real: bool) -> Tensor:
    """Return the mean squared distance to 1 (real) or 0 (fake), a scalar (Mao et al. 2017)."""
    return (logits - float(real)).square().mean()


ADVERSARIAL: dict[str, Callable[[Tensor, bool], Tensor]] = {"bce": bce, "least_squares": least_squares}


def relative_l1(pred: Tensor, exact: Tensor, scale: Tensor) -> Tensor:
    """Return the mean of |pred - exact| / scale, a scalar; with the mean density (B,) as scale it is the NMAE."""
    return _scaled(pred, exact, scale).abs().mean()


def relative_l2(pred: Tensor, exact: Tensor, scale: Tensor) -> Tensor:
    """Return the mean square of (pred - exact) / scale, a scalar."""
    return _scaled(pred, exact, scale).square().mean()


def relative_huber(pred: Tensor, exact: Tensor, scale: Tensor) -> Tensor:
    """Return the Huber loss of (pred - exact) / scale, a scalar: quadratic below 1, linear beyond."""
    return F.huber_loss(_scaled(pred, exact, scale), torch.zeros_like(exact))


def relative_gradient(pred: Tensor, exact: Tensor, scale: Tensor) -> Tensor:
    """Return the mean |difference between neighbouring points| of (pred - exact) / scale, a scalar; 0 for numbers."""
    error = _scaled(pred, exact, scale)
    return sum((error.diff(dim=d).abs().mean() for d in range(1, error.ndim)), start=error.new_zeros(()))


def _scaled(pred: Tensor, exact: Tensor, scale: Tensor) -> Tensor:
    return (pred - exact) / scale.reshape(-1, *(1,) * (pred.ndim - 1))


def pinball(estimate: Tensor, value: Tensor, quantile: float) -> Tensor:
    """Return the mean pinball loss, a scalar: its minimum is at the ``quantile`` of ``value`` (B,)."""
    above = value - estimate
    return torch.maximum(quantile * above, (quantile - 1) * above).mean()


RECONSTRUCTION: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": F.l1_loss, "l2": F.mse_loss}
REGRESSION: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "l1": relative_l1,
    "l2": relative_l2,
    "huber": relative_huber,
    "gradient": relative_gradient,
}
