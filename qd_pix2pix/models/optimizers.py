"""Muon: steepest descent in the spectral norm (Jordan et al. 2024), with AdamW for what is no matrix.

For a matrix W (a convolution: its output features times all else) with gradient G

    M <- beta M + G,    W <- (1 - eta lambda) W - eta 0.2 sqrt(max(rows, columns)) O(G + beta M),

O(A) = U V^T of the singular value decomposition A = U S V^T, by five steps of Newton and Schulz's iteration. The factor
makes a step as long as one of AdamW (Liu et al. 2025), so that both share one learning rate and one weight decay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients that bring all singular values near 1 fastest, in [0.7, 1.2] after five steps (Jordan et al. 2024)."""


class Muon(Optimizer):
    """Muon for real matrices and convolutions, AdamW for biases, norms and complex weights.

    Args:
        params: to optimise.
        lr: learning rate eta of both.
        momentum: beta.
        weight_decay: lambda, of matrices only.
        betas, eps: of AdamW.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        momentum: float = 0.95,
        weight_decay: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        bounds = (("lr", lr, 1e9), ("momentum", momentum, 1), ("weight_decay", weight_decay, 1e9), ("eps", eps, 1e9))
        for name, value, high in (*bounds, ("betas[0]", betas[0], 1), ("betas[1]", betas[1], 1)):
            if not 0 <= value < high:
                raise ValueError(f"{name}: expected a number in [0, {high:g}), got {value!r}")
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "betas": tuple(betas), "eps": eps}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    move = _muon if is_matrix(parameter) else _adam
                    move(parameter, parameter.grad, self.state[parameter], group)
        return loss


def is_matrix(parameter: Tensor) -> bool:
    """True for what Muon moves."""
    return parameter.ndim > 1 and min(parameter.flatten(1).shape) > 1 and not parameter.is_complex()


def orthogonalised(matrix: Tensor) -> Tensor:
    """About U V^T of U S V^T: all singular values near 1. (rows, columns) -> the same shape."""
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix) / (matrix.norm() + 1e-12)
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def _muon(parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    if not state:
        state["momentum"] = torch.zeros_like(parameter)
    momentum = state["momentum"].mul_(group["momentum"]).add_(gradient)
    direction = orthogonalised((gradient + group["momentum"] * momentum).flatten(1))
    length = 0.2 * max(direction.shape) ** 0.5
    parameter.mul_(1 - group["lr"] * group["weight_decay"])
    parameter.add_(direction.reshape(parameter.shape), alpha=-group["lr"] * length)


def _adam(parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    real, gradient = (torch.view_as_real(t) if t.is_complex() else t for t in (parameter, gradient))
    first, second = group["betas"]
    if not state:
        state |= {"mean": torch.zeros_like(real), "square": torch.zeros_like(real), "step": torch.zeros(())}
    state["step"] += 1
    state["mean"].lerp_(gradient, 1 - first)
    state["square"].lerp_(gradient.square(), 1 - second)
    step = state["step"].item()
    scale = (state["square"] / (1 - second**step)).sqrt().add_(group["eps"])
    real.addcdiv_(state["mean"], scale, value=-group["lr"] / (1 - first**step))
