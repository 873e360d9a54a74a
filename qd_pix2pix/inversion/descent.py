"""Gradient descent on the potentials and couplings of many starts at once, each independent of the others.

    min_{w, t}  misfit(forward(V(w), c(t))) + sum_i a_i R_i(V)

by Adam with a step that falls to zero as a cosine, then by L-BFGS (``optimisers``). With the weight
``discrepancy`` of a regulariser, its a follows the misfit of each start (Morozov's principle): it rises where the
misfit is below 1, and falls where it is above.

Where ``forward`` is an average over shifts, the gradient is that of the map without it (``Forward.descended``). Misfits
are those of ``forward``, by which the best iterate is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from tqdm import tqdm

from qd_pix2pix.inference.predict import choose_batch
from qd_pix2pix.inversion.costs import DISCREPANCY, REGULARISERS
from qd_pix2pix.inversion.forward import Forward, Outputs
from qd_pix2pix.inversion.optimisers import LBFGS, Adam
from qd_pix2pix.inversion.parameters import Bounds, Interval, along_axes

FIRST_WEIGHT, ADAPTATION, NARROW = 1.0, 0.1, 1.05
"""First weight of an adapted regulariser, largest change of its logarithm in a step, misfit that counts as 1."""


@dataclass(frozen=True)
class Problem:
    """What is minimised, for S starts of K members.

    Attributes:
        forward: the map.
        cost: function from outputs (S, K, ...) to costs (S,).
        bounds: bounds of potentials.
        blur: matrices of the blur G, one for each axis.
        unknown: ranges of the couplings that are learned, by name.
        weights: weight of each regulariser, or ``discrepancy``.
        shift: number added to the potential of each member, (K,).
    """

    forward: Forward
    cost: Callable[[Outputs], Tensor]
    bounds: Bounds
    blur: Sequence[Tensor]
    unknown: Mapping[str, Interval] = field(default_factory=dict)
    weights: Mapping[str, float | str] = field(default_factory=dict)
    shift: Tensor | None = None

    @property
    def members(self) -> int:
        """The number of members K."""
        return len(self.forward.members)

    def outputs(self, potentials: Tensor, couplings: Tensor, descended: bool = False) -> Outputs:
        """Return outputs (S, K, ...) of potentials (S, 1 or K, *points) and couplings (S, unknown).

        With ``descended`` they are those of the map whose gradient is followed.
        """
        samples, members = len(potentials), self.members
        full = potentials.expand(samples, members, *potentials.shape[2:])
        if self.shift is not None:
            full = full + self.shift.reshape(-1, *(1,) * (full.ndim - 2))
        columns = {
            name: potentials.new_tensor([member[name] for member in self.forward.members]).repeat(samples)
            for name in self.forward.members[0]
        }
        for i, name in enumerate(self.unknown):
            columns[name] = couplings[:, i].repeat_interleave(members)
        evaluate = self.forward.descended if descended and self.forward.descended else self.forward.evaluate
        found = evaluate(full.reshape(-1, *full.shape[2:]), columns)
        for name, values in found.items():
            if not isinstance(values, Tensor) or values.ndim == 0 or len(values) != samples * members:
                got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
                raise ValueError(f"surrogate: expected {name} of {samples * members} samples as a tensor, got {got}")
        return {name: values.reshape(samples, members, *values.shape[1:]) for name, values in found.items()}

    def penalties(self, potentials: Tensor) -> dict[str, Tensor]:
        """Return each regulariser (S,) of positive weight."""
        chosen = {name for name, weight in self.weights.items() if isinstance(weight, str) or weight > 0}
        span, periodic = self.bounds.span, self.forward.periodic
        return {name: REGULARISERS[name](potentials, span, periodic) for name in chosen}


@dataclass
class State:
    """Potentials, couplings and costs of all starts.

    Attributes:
        potentials: (S, 1 or K, *points).
        couplings: (S, unknown).
        misfit: cost without regularisers, (S,).
        score: number by which iterates of one start are compared, (S,).
        trajectory: misfits of all steps, (steps, S).
        interrupted: True if Ctrl-C ended the descent.
    """

    potentials: Tensor
    couplings: Tensor
    misfit: Tensor
    score: Tensor
    trajectory: Tensor
    interrupted: bool = False


def descend(
    problem: Problem, start: Tensor, shares: Tensor, steps: int, rate: float, progress: bool, describe: str
) -> State:
    """Return the best iterate of each start: a quarter of the steps by Adam, the others by L-BFGS.

    All are by Adam where a regulariser is adapted, as the cost then changes from step to step.

    Args:
        problem: what is minimised.
        start: u_0 (S, 1 or K, *points).
        shares: logits t of the couplings, (S, unknown).
        steps: number of steps.
        rate: first step of the parameters.
        progress: show rate and remaining time.
        describe: label of the progress bar.

    Raises:
        ValueError: the cost does not depend on the potential, or is not finite at the start.
    """
    descent = Descent(problem, start, shares)
    by_adam = steps if DISCREPANCY in problem.weights.values() else max(1, steps // 4)
    x = torch.cat([torch.zeros_like(start).flatten(1), shares], 1)
    adam, polish = Adam(x), None
    costs: list[Tensor] = []
    bar = tqdm(range(steps), desc=describe, unit="step", disable=not progress, leave=False)
    try:
        for step in bar:
            if polish is None:
                total, gradient, misfit = descent.evaluate(x)
                if step < by_adam:
                    x = adam.step(x, gradient, rate * (1 + math.cos(math.pi * step / by_adam)) / 2)
                else:
                    polish = LBFGS(x, total, gradient, rate / 10)
            else:
                trial = polish.trial()
                total, gradient, misfit = descent.evaluate(trial)
                polish.update(trial, total, gradient)
            costs.append(misfit)
            bar.set_postfix_str(f"lowest cost {float(misfit.min()):.3g}", refresh=False)
    except KeyboardInterrupt:
        if not costs:
            raise
        descent.state.interrupted = True
    descent.state.trajectory = torch.stack(costs)
    return descent.state


class Descent:
    """The costs and gradients of all starts, and the best iterate of each.

    Args:
        problem, start, shares: see ``descend``.

    Attributes:
        state: the best iterates.
    """

    def __init__(self, problem: Problem, start: Tensor, shares: Tensor) -> None:
        self.problem, self.start, self.unknown = problem, start, shares.shape[1]
        infinite = torch.full((len(start),), math.inf, dtype=start.dtype, device=start.device)
        empty = torch.zeros_like(start), torch.zeros_like(shares), infinite.clone(), infinite, torch.empty(0)
        self.state = State(*empty)
        self.logarithm = torch.full_like(infinite, math.log(FIRST_WEIGHT))

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return total costs (S,), their gradients (S, P) and the misfits (S,) of parameters (S, P)."""
        size = max(1, choose_batch(self.problem.forward.shape, x.device) // self.problem.members)
        parts = [self._part(x, slice(first, first + size)) for first in range(0, len(x), size)]
        total, gradient, misfit = (torch.cat(each) for each in zip(*parts, strict=True))
        self.logarithm += ADAPTATION * (1 - misfit).clamp(-1, 1)
        return total, gradient, misfit

    def _part(self, x: Tensor, some: slice) -> tuple[Tensor, Tensor, Tensor]:
        problem, start = self.problem, self.start[some]
        given = x[some].detach().requires_grad_(True)
        w, t = given[:, : given.shape[1] - self.unknown], given[:, given.shape[1] - self.unknown :]
        potentials = problem.bounds.squash(start + along_axes(w.reshape(start.shape), problem.blur))
        couplings = decoded(problem.unknown, t)
        followed = problem.cost(problem.outputs(potentials, couplings, descended=True))
        _check(followed, some.start == 0 and bool(self.state.score.isinf().all()))
        penalties = problem.penalties(potentials)
        penalty = torch.zeros_like(followed)
        for name, of_one in penalties.items():
            weight = problem.weights[name]
            penalty = penalty + of_one * (self.logarithm[some].exp() if isinstance(weight, str) else float(weight))
        (gradient,) = torch.autograd.grad((followed + penalty).sum(), given, allow_unused=True)
        if gradient is None:
            raise _no_gradient()
        misfit = self._misfit(potentials, couplings, followed)
        adapted = next((penalties[n] for n, weight in problem.weights.items() if weight == DISCREPANCY), None)
        _keep(self.state, some, potentials, couplings, misfit, _score(misfit + penalty, misfit, adapted))
        return (followed + penalty).detach(), gradient, misfit

    @torch.no_grad()
    def _misfit(self, potentials: Tensor, couplings: Tensor, followed: Tensor) -> Tensor:
        """Return the misfit (S,) by the map of predictions; ``followed`` is that by the map that is descended."""
        if self.problem.forward.descended is None:
            return followed.detach()
        return self.problem.cost(self.problem.outputs(potentials, couplings))


def _no_gradient() -> ValueError:
    return ValueError("cost: its gradient with respect to the potential is not defined; use torch functions of V")


def _check(misfit: Tensor, first: bool) -> None:
    if not misfit.requires_grad:
        raise _no_gradient()
    if first and not misfit.isfinite().all():
        raise ValueError(f"cost: expected finite numbers at the start, got {misfit.detach().cpu().numpy()}")


def _score(total: Tensor, misfit: Tensor, adapted: Tensor | None) -> Tensor:
    """Return the total cost; with an adapted regulariser, the regulariser where the misfit is 1, else the misfit."""
    if adapted is None:
        return total.detach()
    return torch.where(misfit <= NARROW, adapted / (1 + adapted) - 1, misfit).detach()


@torch.no_grad()
def _keep(state: State, some: slice, potentials: Tensor, couplings: Tensor, misfit: Tensor, score: Tensor) -> None:
    better = score < state.score[some]
    for kept, new in (
        (state.potentials, potentials),
        (state.couplings, couplings),
        (state.misfit, misfit),
        (state.score, score),
    ):
        kept[some][better] = new.detach()[better]


def decoded(unknown: Mapping[str, Interval], t: Tensor) -> Tensor:
    """Return couplings (S, unknown) of their logits."""
    each = [interval.at(torch.sigmoid(t[:, i])) for i, interval in enumerate(unknown.values())]
    return torch.stack(each, 1) if each else t
