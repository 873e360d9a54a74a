"""Muon: steepest descent in the spectral norm (Jordan et al. 2024), with AdamW for parameters that are not matrices.

For a matrix W (of a convolution: output features times all other axes) with gradient G

    M <- beta M + G,    W <- (1 - eta lambda) W - eta 0.2 sqrt(max(rows, columns)) O(G + beta M),

O(A) = U V^T of the singular value decomposition A = U S V^T, by five Newton-Schulz iterations. The factor makes a step
as long as one of AdamW (Liu et al. 2025), so that both share one learning rate and one weight decay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of fastest convergence of all singular values to [0.7, 1.2], in five steps (Jordan et al. 2024)."""


class Muon(Optimizer):
    """The Muon optimiser for real matrices and convolutions, AdamW for biases, norms and complex weights.

    Args:
        params: parameters to optimise.
        lr: learning rate eta of both methods.
        momentum: coefficient beta.
        weight_decay: coefficient lambda, of matrices only.
        betas, eps: coefficients of AdamW.

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
        """Make one step of all parameters that have a gradient; return the loss of ``closure``, if any."""
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
    """Return True for parameters that Muon updates."""
    return parameter.ndim > 1 and min(parameter.flatten(1).shape) > 1 and not parameter.is_complex()


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return approximately U V^T of U S V^T, (rows, columns): all singular values are near 1."""
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
