"""Kohn-Sham orbitals of few electrons in a square, a starting point of networks for dots in reduced units.

K orthonormal orbitals of

    h = -nabla^2 / 2 + v + lambda w[n] + v_xc(n),    w[n](r) = int n(r') / |r - r'|,
    v_xc = 3/2 e_xc,    e_xc = -(4/3) sqrt(2 n / pi) lambda [1 + a r_s / (r_s + b)],    r_s = lambda / sqrt(pi n),

with hard walls, and their density matrix D = 2 / (1 + exp((h - mu) / T)), tr D = N, at a small temperature T. e_xc is
the exchange energy per electron of the two-dimensional gas (Attaccalite et al., PRL 88, 256601, 2002), times a factor
that interpolates to the Wigner crystal at low density (Bonsall and Maradudin, PRB 15, 1959, 1977: a = 0.84). One
electron does not act on itself. D is a smooth function of v that has all symmetries of v, degenerate levels included,
as no single orbital has.

Imaginary time acts on all orbitals, split into exp(-t u / 2) exp(-t T) exp(-t u / 2) as in ``mean_field``; h is
projected on their span, in which D is exact. A density is the mean of those so far, since strongly coupled charges
overshoot. In equal wells at strong coupling the iteration amplifies rounding, so that it is in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qd_pix2pix.mapping.loops import in_onnx, looped
from qd_pix2pix.mapping.mean_field import FLOOR, SCALES, WEAKEST, Prior, averaged, repulsion, resized, tables, time_step
from qd_pix2pix.mapping.occupation import density_matrix, exported_eigen

State = tuple[Tensor, Tensor, Tensor]
"""Orbitals (B, K, n, n), their density and its potential (B, n, n)."""
MODES = ((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
"""States of the empty square from which the orbitals start, with the symmetries of the square as a set."""
LONGEST, SHORTEST = 1e-2, 1e-4
"""First and last step in imaginary time, in m* L^2 / hbar."""
CAREFUL = 3e-3
"""Length of a step above which the orbitals are made orthogonal after it, as they become parallel."""
FAINT = 1e-30
"""Mean square of an orbital that is taken for zero, such as that of a higher one within walls."""
ABSENT = 0.01
"""Share that an orbital lacks of its norm where it is none, and remains empty."""
UPDATE = 3
"""Steps between two densities."""
SLOWEST = 0.2
"""Least share of a new density in the mean of all."""
TEMPERATURE, HOT = 1.0, 10.0
"""Temperatures of the density, and of a second one that shows which states are close, in hbar^2 / (m* L^2)."""
COLD = 0.02
"""Temperature for one electron, whose state is the ground state."""
CORRELATION, CROSSOVER = 0.84, 5.0
"""a and b of the exchange-correlation energy."""
THINNEST = 1e-3
"""Smallest density, in electrons per square, of which the exchange energy is taken."""


class KohnSham:
    """The prior of dots in reduced units: columns ``V`` (B, n, n), ``n_electrons`` and ``coupling`` (B,).

    ``steps`` in imaginary time; at most ``points`` per side: a finer v is averaged over cells.
    """

    needs: ClassVar = ("V", "n_electrons", "coupling")
    """Columns that the prior takes."""
    data: ClassVar = "data=scaled_dots with mapping.source=V"
    """Options that provide them."""
    largest: ClassVar[dict[str, float]] = {}
    """Upper bounds of columns for which the prior holds."""
    below_points: ClassVar = ()
    """Columns that are smaller than the number of points."""
    n_channels: ClassVar = 2 * len(SCALES) + 6
    """Input channels of the network."""

    def __init__(self, points: int = 32, steps: int = 40) -> None:
        self.points, self.steps = points, steps

    def __call__(self, columns: Mapping[str, Tensor]) -> Prior:
        """Return the prior for a batch; gradients with respect to ``V`` pass."""
        wide = torch.float32 if columns["V"].device.type == "mps" else torch.float64  # Apple's GPUs have no doubles
        v, n_electrons, coupling = (columns[name].to(wide) for name in self.needs)
        v = v - v.amin((1, 2), keepdim=True)
        n = v.shape[-1]
        coarse = averaged(v, self.points)
        density, hot, potential, energy = kohn_sham(coarse, n_electrons, coupling, self.steps)
        effective = v + resized(potential - coarse, n)
        effective = effective - effective.amin((1, 2), keepdim=True)
        shares = [resized(field, n) / n_electrons[:, None, None] / n**2 for field in (density, hot)]
        logarithms = [torch.log(share.clamp(min=FLOOR)) for share in shares]
        numbers = [(n_electrons - 3) / 2, torch.log(coupling.clamp(min=WEAKEST) / 5) / 3]
        channels = [
            *(f / (f + scale) for f in (v, effective) for scale in SCALES),
            *(share / share.sum((1, 2), keepdim=True) * n**2 / 10 for share in shares),
            *(1 - 2 * logarithm / math.log(FLOOR) for logarithm in logarithms),  # -1 ... 1
            *(number.reshape(-1, 1, 1).expand_as(v) for number in numbers),
        ]
        scale = torch.log(energy.clamp(min=1.0)).reshape(-1, 1, 1, 1)
        starts = {"n_int": logarithms[0][:, None].float(), "energy": scale.float()}
        return Prior(torch.stack(channels, 1).float(), starts)


def kohn_sham(v: Tensor, n_electrons: Tensor, coupling: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the ground state of potentials ``v`` >= 0 (B, n, n), in hbar^2 / (m* L^2), at N and lambda (B,).

    Returns:
        The density (B, n, n), whose mean is N; that at the temperature ``HOT``; the potential that acts on an electron,
        up to a constant (B, n, n); the energy of all electrons (B,).
    """
    kinetic, _, waves, kernel = (torch.from_numpy(part).to(v) for part in tables(v.shape[-1], steps, LONGEST, SHORTEST))
    several = n_electrons > 1
    acting = torch.where(several, coupling, 0.0).reshape(-1, 1, 1)
    warm, hot = (torch.where(several, t, COLD) for t in (TEMPERATURE, HOT))
    orbitals, density, potential = _iterated(v, n_electrons, acting, warm, steps)
    h = _projected(orbitals, kinetic, potential)
    filled = density_matrix(h, n_electrons, warm)
    density = density + SLOWEST * (_density(orbitals, filled) - density)
    excited = _density(orbitals, density_matrix(h, n_electrons, hot))
    single = (filled * _projected(orbitals, kinetic, v)).sum((1, 2))
    pairs = acting * density * (repulsion(density, waves, kernel) / 2 + _exchange_correlation(density, acting))
    energy = single + pairs.mean((1, 2))
    density, excited = (d * (n_electrons / d.mean((1, 2)))[:, None, None] for d in (density, excited))
    return density, excited, potential, energy


def _iterated(v: Tensor, n_electrons: Tensor, acting: Tensor, warm: Tensor, steps: int) -> State:
    """Return orthonormal orbitals (B, K, n, n), the mean density and its potential (B, n, n) after these steps.

    Args:
        v, n_electrons: see ``kohn_sham``.
        acting: lambda between several electrons, 0 for one (B, 1, 1).
        warm: temperature (B,).
        steps: number of steps.
    """
    kinetic, propagators, waves, kernel = (
        torch.from_numpy(part).to(v) for part in tables(v.shape[-1], steps, LONGEST, SHORTEST)
    )
    eigen = exported_eigen(v.new_zeros(1, len(MODES), len(MODES)))  # its tables cannot be made within a loop

    def updated(state: State, share: float | Tensor) -> State:
        """Return the state with this share of the new density."""
        orbitals, density, potential = state
        orbitals = _orthonormal(_orthonormal(orbitals))
        h = _projected(orbitals, kinetic, potential)
        new = _density(orbitals, density_matrix(h, n_electrons, warm, eigen))
        density = density + share * (new - density)
        potential = v + acting * (repulsion(density, waves, kernel) + 1.5 * _exchange_correlation(density, acting))
        return orbitals, density, potential - potential.amin((1, 2), keepdim=True)

    modes = torch.from_numpy(_modes(v.shape[-1])).to(v).expand(v.shape[0], -1, -1, -1)
    state = modes, torch.zeros_like(v), v
    if in_onnx():
        state = _looped(updated, propagators, state)
    else:
        for step, propagator in enumerate(propagators):
            length = time_step(step, steps, LONGEST, SHORTEST)
            if step % UPDATE == 0:
                state = updated(state, _share(step // UPDATE))
            elif length > CAREFUL:
                state = _orthonormal(state[0]), *state[1:]
            state = _later(state[0], state[2], length, propagator), *state[1:]
    orbitals, density, potential = state
    return _orthonormal(_orthonormal(orbitals)), density, potential


def _looped(updated: Callable[[State, Tensor], State], propagators: Tensor, state: State) -> State:
    """Return the state after all steps by a loop in an ONNX file.

    Steps that fill the last round have no length; the orbitals are made orthogonal after each.
    """
    steps, n = propagators.shape[:2]
    rounds = -(-steps // UPDATE)
    missing = rounds * UPDATE - steps
    lengths = [time_step(step, steps, LONGEST, SHORTEST) for step in range(steps)] + [0.0] * missing
    by_round = torch.tensor(lengths, dtype=torch.float64).to(propagators).unflatten(0, (rounds, UPDATE))
    still = torch.eye(n).to(propagators).expand(missing, n, n)
    moving = torch.cat([propagators, still]).unflatten(0, (rounds, UPDATE))
    shares = torch.tensor([_share(number) for number in range(rounds)], dtype=torch.float64).to(propagators)

    def turn(state: State, share: Tensor, length: Tensor, propagator: Tensor) -> State:
        orbitals, density, potential = updated(state, share)
        for i in range(UPDATE):
            orbitals = _orthonormal(_later(orbitals, potential, length[i], propagator[i]))
        return orbitals, density, potential

    orbitals, density, potential = looped(turn, (shares, by_round, moving), state)
    return orbitals, density, potential


def _share(number: int) -> float:
    """Return the share of the density of this round in the mean."""
    return max(SLOWEST, 1 / (number + 1))


def _later(orbitals: Tensor, potential: Tensor, length: float | Tensor, propagator: Tensor) -> Tensor:
    """Return the orbitals after a step of this length in imaginary time."""
    half = torch.exp(-length / 2 * potential)[:, None]
    return half * (propagator @ (half * orbitals) @ propagator)


def _exchange_correlation(density: Tensor, coupling: Tensor) -> Tensor:
    """Return e_xc over lambda (B, n, n)."""
    density = density.clamp(min=THINNEST)
    r_s = coupling / torch.sqrt(math.pi * density)
    return -4 / 3 * torch.sqrt(2 / math.pi * density) * (1 + CORRELATION * r_s / (r_s + CROSSOVER))


def _projected(orbitals: Tensor, kinetic: Tensor, potential: Tensor) -> Tensor:
    """Return h (B, K, K) between orbitals (B, K, n, n), for T (n, n) along one direction and u (B, n, n)."""
    images = kinetic @ orbitals + orbitals @ kinetic + potential[:, None] * orbitals
    h = _overlap(orbitals, images)
    missing = 1 - orbitals.square().mean((2, 3))
    highest = 2 * h.diagonal(dim1=1, dim2=2).amax(1, keepdim=True) + 1
    return (h + h.mT) / 2 + torch.diag_embed(torch.where(missing > ABSENT, highest, 0.0))


def _overlap(left: Tensor, right: Tensor) -> Tensor:
    """Return the products (B, K, M) of two sets of orbitals, as means over the square."""
    return left.flatten(2) @ right.flatten(2).mT / left[0, 0].numel()


def _density(orbitals: Tensor, filled: Tensor) -> Tensor:
    """Return the density (B, n, n) of a density matrix (B, K, K)."""
    mixed = (filled @ orbitals.flatten(2)).reshape(orbitals.shape)
    return (mixed * orbitals).sum(1)


def _orthonormal(orbitals: Tensor) -> Tensor:
    """Return orthonormal orbitals (B, K, n, n) of the same span, by Gram and Schmidt."""
    found: list[Tensor] = []
    for i in range(orbitals.shape[1]):
        rest = orbitals[:, i : i + 1]
        if i:
            basis = torch.cat(found, 1)
            rest = rest - (_overlap(rest, basis) @ basis.flatten(2)).reshape(rest.shape)
        found.append(rest / rest.square().mean((2, 3), keepdim=True).clamp(min=FAINT).sqrt())
    return torch.cat(found, 1)


@lru_cache(maxsize=4)
def _modes(n: int) -> NDArray:
    """Return the lowest states of the empty square (K, n, n)."""
    x = (np.arange(n) + 0.5) / n
    sines = {m: math.sqrt(2) * np.sin(math.pi * m * x) for m in {m for mode in MODES for m in mode}}
    return np.stack([np.outer(sines[a], sines[b]) for a, b in MODES])
