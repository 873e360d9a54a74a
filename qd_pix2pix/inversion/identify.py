"""What the outputs determine of a potential and of couplings: singular values of the Jacobian at a solution.

With the prior V = V_0 + s C z, z white noise, s^2 = (high - low)^2 / 12 that of a uniform distribution, and C the blur
of the parameters,

    J = d(residuals) / d(z),    J = U diag(sigma) W^T,    |J z|^2 = change of the misfit.

A direction with sigma < 1 changes the outputs by less than the tolerance for every allowed potential. The share of the
variance that the outputs remove,

    identifiable(r) = sum_k (C w_k)(r)^2 sigma_k^2 / (1 + sigma_k^2) / (C C^T)(r, r),

is 0 where nothing is known of V(r), and 1 where it is determined. The rest is the variance s^2 (1 - identifiable).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qd_pix2pix.inference.predict import choose_batch
from qd_pix2pix.inversion.costs import Target
from qd_pix2pix.inversion.descent import Problem
from qd_pix2pix.inversion.parameters import along_axes, coarse_sums, unit_variance

MOST_ROWS = 256
"""Most residuals of one output of which the Jacobian is calculated; neighbouring points are combined beyond."""


@dataclass(frozen=True)
class Identifiability:
    """What the outputs determine at one solution, in linear order.

    Attributes:
        identifiable: share of the variance of the potential that the outputs determine, 0 ... 1, (1 or K, *points).
        uncertainty: standard deviation of the rest, in the unit of the potential, of the same shape, for deviations by
            the tolerance that all points of an output share.
        singular_values: sigma, from the largest; directions below 1 are not determined.
        directions: s C w_k of each singular value, in the unit of the potential, (k, 1 or K, *points).
        couplings: standard deviation of each unknown coupling, by name.
        coupling_shares: share of the variance of each coupling that the outputs determine, 0 ... 1.
    """

    identifiable: NDArray[np.float64]
    uncertainty: NDArray[np.float64]
    singular_values: NDArray[np.float64]
    directions: NDArray[np.float64]
    couplings: dict[str, float]
    coupling_shares: dict[str, float]

    @property
    def n_determined(self) -> int:
        """The number of directions that the outputs determine."""
        return int((self.singular_values > 1).sum())


def identified_at(problem: Problem, target: Target, potential: Tensor, couplings: Tensor) -> Identifiability:
    """Return what the residuals of ``target`` determine at one potential (1 or K, *points) and couplings (unknown,)."""
    by_potential, by_couplings = jacobian(problem, target, potential, couplings)
    spread = (problem.bounds.high - problem.bounds.low) / math.sqrt(12)
    blur = unit_variance(problem.blur)
    blurred = along_axes(by_potential * spread, [matrix.T for matrix in blur])
    rows = len(blurred)
    slopes = [interval.slope(float(c)) for interval, c in zip(problem.unknown.values(), couplings, strict=True)]
    scaled = by_couplings * couplings.new_tensor(slopes) / math.sqrt(12)
    _, sigma, right = torch.linalg.svd(torch.cat([blurred.reshape(rows, -1), scaled], 1), full_matrices=False)
    shares = sigma.square() / (1 + sigma.square())
    points = potential.numel()
    directions = along_axes(right[:, :points].reshape(-1, *potential.shape), blur)
    known = (directions.square() * shares.reshape(-1, *(1,) * potential.ndim)).sum(0).clamp(0, 1)
    of_couplings = (right[:, points:].square() * shares[:, None]).sum(0).clamp(0, 1).cpu().numpy()
    left = np.sqrt(1 - of_couplings) * np.abs(slopes) / math.sqrt(12) if slopes else np.zeros(0)
    spread = spread.expand(potential.shape)
    return Identifiability(
        identifiable=known.cpu().numpy(),
        uncertainty=(spread * (1 - known).sqrt()).cpu().numpy(),
        singular_values=sigma.cpu().numpy(),
        directions=(directions * spread).cpu().numpy(),
        couplings=dict(zip(problem.unknown, map(float, left), strict=True)),
        coupling_shares=dict(zip(problem.unknown, map(float, of_couplings), strict=True)),
    )


def jacobian(problem: Problem, target: Target, potential: Tensor, couplings: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives of all residuals with respect to the potential (rows, 1 or K, *points), and to couplings
    (rows, unknown). The sum of squares of the residuals is the misfit.
    """
    rows = _residuals(problem, target, potential[None], couplings[None]).shape[1]
    size = max(1, choose_batch(problem.forward.shape, potential.device) // problem.members)
    parts: tuple[list[Tensor], list[Tensor]] = ([], [])
    for first in range(0, rows, size):
        chosen = torch.arange(first, min(first + size, rows), device=potential.device)
        V = potential.expand(len(chosen), *potential.shape).clone().requires_grad_(True)
        c = couplings.expand(len(chosen), *couplings.shape).clone().requires_grad_(True)
        found = _residuals(problem, target, V, c)
        total = found.gather(1, chosen[:, None]).sum()
        gradients = torch.autograd.grad(total, (V, c), allow_unused=True)
        for part, gradient, like in zip(parts, gradients, (V, c), strict=True):
            part.append(torch.zeros_like(like) if gradient is None else gradient.detach())
    return torch.cat(parts[0]), torch.cat(parts[1])


def _residuals(problem: Problem, target: Target, potentials: Tensor, couplings: Tensor) -> Tensor:
    """Return residuals (S, rows), of fields combined from neighbouring points."""
    each = target.residuals(problem.outputs(potentials, couplings))
    rows = []
    for values in each.values():
        count = values[0].numel() * len(each)
        if values.ndim > 2:
            sums = coarse_sums(values.shape[2:], max(1, MOST_ROWS // values.shape[1]), values.device)
            values = along_axes(values, sums)
        rows.append(values.flatten(1) / math.sqrt(count))
    return torch.cat(rows, 1)
