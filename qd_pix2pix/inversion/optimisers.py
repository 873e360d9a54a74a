"""Optimisers of many independent starts at once: vectors (S, P), one cost for each start.

Adam (Kingma, Ba 2015) finds the neighbourhood of a minimum; L-BFGS (Liu, Nocedal 1989) converges there, with one
evaluation of all starts in an iteration: a start whose cost does not fall repeats it with a shorter step.
"""

from __future__ import annotations

import torch
from torch import Tensor

BETAS, SHARE, TINY = (0.9, 0.999), 0.01, 1e-30
"""Decay rates of the moments of Adam, share of their mean in the denominators, and the smallest denominator."""
MEMORY, DECREASE, SHORTEN, SHORTEST = 12, 1e-4, 0.3, 1e-6
"""Pairs of L-BFGS, required part of the predicted decrease, factor of a shorter step, and the step of a restart."""


class Adam:
    """Adam whose denominators contain a share of the mean over all parameters of a start.

    Parameters on which the cost hardly depends therefore stay near their start; with plain Adam their gradients,
    however small, would move them as far as all others.
    """

    def __init__(self, x: Tensor) -> None:
        self.first, self.second, self.steps = torch.zeros_like(x), torch.zeros_like(x), 0

    def step(self, x: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """Return the next parameters (S, P)."""
        self.steps += 1
        slow, fast = (1 - beta**self.steps for beta in BETAS)
        self.first.lerp_(gradient, 1 - BETAS[0])
        self.second.lerp_(gradient.square(), 1 - BETAS[1])
        mean = self.second.mean(1, keepdim=True)
        return x - rate * (self.first / slow) / ((self.second + SHARE * mean) / fast).sqrt().clamp(min=TINY)


class LBFGS:
    """L-BFGS of independent starts.

    Args:
        x, cost, gradient: parameters (S, P), costs (S,) and gradients (S, P) of all starts.
        longest: largest change of one parameter in the first step, and after a restart.
    """

    def __init__(self, x: Tensor, cost: Tensor, gradient: Tensor, longest: float) -> None:
        self.x, self.cost, self.gradient, self.longest = x, cost, gradient, longest
        size = (MEMORY, *x.shape)
        self.moves, self.changes = x.new_zeros(size), x.new_zeros(size)
        self.inverse = x.new_zeros(size[:2])  # 1 / (s y), zero where there is no pair yet
        self.length = torch.ones_like(cost)
        self.direction = self._direction()

    def trial(self) -> Tensor:
        """Return the parameters (S, P) that are evaluated next."""
        return self.x + self.length[:, None] * self.direction

    def update(self, trial: Tensor, cost: Tensor, gradient: Tensor) -> None:
        """Accept the trials whose cost has fallen, and choose the next direction or a shorter step of each start."""
        slope = (self.gradient * self.direction).sum(1)
        fell = (cost <= self.cost + DECREASE * self.length * slope) & cost.isfinite()
        move, change = trial - self.x, gradient - self.gradient
        curvature = (move * change).sum(1)
        useful = fell & (curvature > 1e-12 * change.square().sum(1))
        for kept, new in ((self.moves, move), (self.changes, change)):
            kept[:, useful] = torch.cat([kept[1:, useful], new[None, useful]])
        self.inverse[:, useful] = torch.cat([self.inverse[1:, useful], 1 / curvature[None, useful]])
        self.x = torch.where(fell[:, None], trial, self.x)
        self.cost = torch.where(fell, cost, self.cost)
        self.gradient = torch.where(fell[:, None], gradient, self.gradient)
        stuck = ~fell & (self.length < SHORTEST)
        self.inverse[:, stuck] = 0.0
        self.length = torch.where(fell | stuck, torch.ones_like(cost), SHORTEN * self.length)
        self.direction = torch.where((fell | stuck)[:, None], self._direction(), self.direction)

    def _direction(self) -> Tensor:
        """Return the descent directions (S, P)."""
        q, factors = self.gradient.clone(), []
        for move, change, inverse in reversed(list(zip(self.moves, self.changes, self.inverse, strict=True))):
            factors.append(inverse * (move * q).sum(1))
            q -= factors[-1][:, None] * change
        last = self.changes[-1].square().sum(1) * self.inverse[-1]
        known = self.inverse[-1] > 0
        first = self.longest / self.gradient.abs().amax(1).clamp(min=TINY)
        q *= torch.where(known, 1 / last.clamp(min=TINY), first)[:, None]
        for move, change, inverse, factor in zip(
            self.moves, self.changes, self.inverse, reversed(factors), strict=True
        ):
            q += move * (factor - inverse * (change * q).sum(1))[:, None]
        return -q
