"""Losses of adversarial training and of reconstruction, pure functions of tensors.

With logits D and the sigmoid S (Pantis-Simut et al. 2023, eq. 12 and 13):

    L_D = -E[log S(D(a, b))] - E[log(1 - S(D(a, G(a))))],    L_G = -E[log S(D(a, G(a)))]
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor


def bce(logits: Tensor, real: bool) -> Tensor:
    """Binary cross entropy of "all patches are real" (or fake): the non-saturating loss. Scalar."""
    return F.softplus(-logits if real else logits).mean()


def least_squares(logits: Tensor, real: bool) -> Tensor:
    """Squared distance to 1 (real) or 0 (fake) (Mao et al. 2017). Scalar."""
    return (logits - float(real)).square().mean()


ADVERSARIAL: dict[str, Callable[[Tensor, bool], Tensor]] = {"bce": bce, "least_squares": least_squares}
RECONSTRUCTION: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": F.l1_loss, "l2": F.mse_loss}
