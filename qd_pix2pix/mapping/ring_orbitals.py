"""Hartree-Fock orbitals of a given number of fermions on a ring, a starting point of networks for their energies.

    F = -sum_i (1 + U T_i) (c+_i c_(i+1) + h.c.) + sum_i (V_i + U (n_(i-1) + n_(i+1))) n_i

in units of the hopping (``solvers.lattices.hartree_fock``), with the density n and the coherence T of a density matrix
D_N = 1 / (1 + exp((F - mu) / kT)), tr D_N = N, at a small temperature kT: a smooth function of V that has all its
symmetries. After a few iterations with N fermions, F stays as it is for one fermion more or fewer (Koopmans):

    E(N + 1) - E(N) ~ tr (D_(N+1) - D_N) F.

A network learns how the other fermions give way, and their correlations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from qd_pix2pix.mapping.mean_field import Prior
from qd_pix2pix.mapping.occupation import density_matrix

ITERATIONS, MIXING = 3, 0.6
"""Iterations of F, and the share of a new density in each."""
TEMPERATURE = 0.15
"""Temperature of the density matrices, in J."""
SCALES = (0.5, 2.0, 4.0)
"""Energies, in J, at which channels e / (|e| + scale) of the network are half saturated."""


class RingOrbitals:
    """The prior of rings with a given number of fermions: columns ``V`` (B, L), ``particles``, ``interaction`` (B,)."""

    needs: ClassVar = ("V", "particles", "interaction")
    """Columns that the prior takes."""
    data: ClassVar = "data=chain_energies with mapping.source=V"
    """Options that provide them."""
    largest: ClassVar[dict[str, float]] = {}
    """Upper bounds of columns for which the prior holds."""
    below_points: ClassVar = ("particles",)
    """Columns that are smaller than the number of points."""
    n_channels: ClassVar = 10
    """Input channels of the network."""

    def __call__(self, columns: Mapping[str, Tensor]) -> Prior:
        """Return the prior for a batch; gradients with respect to ``V`` pass."""
        v, particles, interaction = (columns[name].float() for name in self.needs)
        mean = v.mean(1, keepdim=True)
        fock = converged(v - mean, particles, interaction)
        numbers = torch.cat([particles - 1, particles, particles + 1])
        temperature = torch.full_like(numbers, TEMPERATURE)
        filled = density_matrix(fock.repeat(3, 1, 1), 2 * numbers, temperature) / 2
        fewer, here, more = filled.reshape(3, *fock.shape)
        fewer = fewer * (particles > 1)[:, None, None]
        low, high = (_energy(to - of, fock)[:, None] for of, to in ((fewer, here), (here, more)))
        (n_fewer, t_fewer), (n, t), (n_more, t_more) = (maps(d) for d in (fewer, here, more))
        t_fewer, t, t_more = ((bond + bond.roll(1, 1)) / 2 for bond in (t_fewer, t, t_more))
        effective = fock.diagonal(dim1=1, dim2=2) - (low + high) / 2
        small, middle, large = SCALES
        channels = [
            _saturating(v - mean, middle),
            _saturating(effective, small),
            _saturating(effective, large),
            2 * n - 1,
            4 * (n - n_fewer) - 1,
            4 * (n_more - n) - 1,
            4 * t - 1,
            8 * (t - t_fewer),
            8 * (t_more - t),
            _saturating(high - low, 1.0).expand_as(v),
        ]
        sites = v.shape[1]
        starts = {name: ((mu + mean) / sites)[:, None] for name, mu in (("mu_low", low), ("mu_high", high))}
        return Prior(torch.stack(channels, 1), starts)


def converged(v: Tensor, particles: Tensor, interaction: Tensor) -> Tensor:
    """Return F (B, L, L) after ``ITERATIONS``, for potentials (B, L), N and U (B,), in units of the hopping."""
    u = interaction[:, None]
    temperature = torch.full_like(particles, TEMPERATURE)
    n, t = (particles[:, None] / v.shape[1]).expand_as(v), torch.zeros_like(v)
    for _ in range(ITERATIONS):
        new, bonds = maps(density_matrix(_fock(v, u, n, t), 2 * particles, temperature) / 2)
        n, t = n + MIXING * (new - n), t + MIXING * (bonds - t)
    return _fock(v, u, n, t)


def maps(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the density, and the coherence of the bonds i, i + 1, (B, L) both, of density matrices (B, L, L)."""
    return matrix.diagonal(dim1=1, dim2=2), matrix.roll(-1, 2).diagonal(dim1=1, dim2=2)


def _energy(added: Tensor, fock: Tensor) -> Tensor:
    """Return the energy (B,) of an added fermion, whose trace is 1 but for rounding."""
    return (added * fock).sum((1, 2)) / added.diagonal(dim1=1, dim2=2).sum(1)


def _fock(v: Tensor, u: Tensor, n: Tensor, t: Tensor) -> Tensor:
    hops = torch.diag_embed(1 + u * t).roll(1, 2)
    return torch.diag_embed(v + u * (n.roll(1, 1) + n.roll(-1, 1))) - hops - hops.mT


def _saturating(energy: Tensor, scale: float) -> Tensor:
    return energy / (energy.abs() + scale)
