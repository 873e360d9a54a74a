"""The energy of the electron-electron cusp that M orbitals cannot describe.

Where two electrons of opposite spin meet, psi has a cusp, and the energy of full CI converges only as 1 / M. A pair at
the point r is missing its momenta above a local k(r), given by what the orbitals resolve there:

    k(r)^2 = 4 pi sum_p phi_p(r)^2          (plane waves up to k have the density k^2 / 4 pi).

In second order, with v_k = 2 pi / k and the energy k^2 of two electrons with momenta k and -k,

    E_cusp = int P2(r, r) [int_k d^2k' / (2 pi)^2 v_k'^2 / k'^2] / (1 + 1 / k) d^2r
           = int P2(r, r) / (4 sum_p phi_p(r)^2) / (1 + 1 / k) d^2r,

P2(r, r) the density of pairs at one point: two electrons of opposite spin. The last factor takes from P2 what the
missing momenta take from psi(r, r): with the cusp psi(r12) = psi(0) (1 + r12) these are 2 pi psi(0) / k^3, and the sum
of them above k is psi(0) / k. A few orbitals of a dot resolve less than plane waves of their density do: the factor
1 + ``EDGE`` / M, from exact parabolas, corrects for that. Second order also divides the energy: the kinetic part rises
by E_cusp, and the interaction falls by twice as much. Effective atomic units.

A softened or screened interaction, or one with image charges, weakens the cusp. With its v_k,

    E_cusp = int P2(r, r) A / (1 + B) d^2r,    A = int_k v_k'^2 / k'^2 d^2k' / (2 pi)^2,    B = the same of v_k' / k'^2.

B is that of a thin layer, see ``_beyond``. Where the interaction is shorter than 1 / k, electrons repel each other as
at a point, and A and B fall with the logarithm of its range only: values at the lower limit k, times those of 1 / r,
would be several times too small.

With masses m_x and m_y, scaled momenta q_i = k_i (m* / m_i)^1/2 make the kinetic energy isotropic, and v anisotropic:
the mean of v^2 over directions is that of equal masses, since the product of the inverse masses is 1, and the mean of
v, which enters the last factor, has the factor 1 / AGM((m_x / m*)^1/2, (m_y / m*)^1/2), AGM the mean of Gauss.

Compare basis-set corrections by a local range of the interaction: Giner et al., J. Chem. Phys. 149, 194301 (2018).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import agm

from solvers.backend import Array, namespace
from solvers.quantum_dots.coulomb import COULOMB, Interaction, pair_densities
from solvers.quantum_dots.determinants import orbital_pairs
from solvers.quantum_dots.pairs import SpinBlock, singlets

NODES = 8
"""Nodes of the quadrature over missing momenta: good to 2 % where v is a hundred times shorter than 1 / k."""
LONG = 1e-6
"""Momentum of waves that are longer than any dot, times the Bohr radius."""
EDGE = 2.4
"""Chosen for exact parabolas of two electrons (omega = 0.1, 1, 10; M = 14 ... 28); tests/solvers checks energies."""


def cusp_energies(
    functions: Array,
    cell_area: float,
    block: SpinBlock,
    vectors: Array,
    v: Interaction,
    inverse_masses: tuple[float, float] = (1.0, 1.0),
) -> Array:
    """Return the missing energy (B, k), in hartree, of states ``vectors`` (B, k, determinants).

    Args:
        functions: orbitals on a grid, (B, M, n_x, n_y).
        cell_area: area of a cell of that grid.
        block: the determinants.
        vectors: the states.
        v: the interaction.
        inverse_masses: m* / m_x, m* / m_y.
    """
    xp, (b, m, *_) = namespace(functions), functions.shape
    pairs = pair_densities(functions)
    low, high = orbital_pairs(m)
    pairs = xp.reshape(pairs, (*pairs.shape[:2], -1))
    local = xp.sum(xp.reshape(functions, (b, m, -1)) ** 2, axis=1)
    weight = missing_per_pair(local, v, contact_of(inverse_masses)) * cell_area * (1 + EDGE / m)
    overlap = (pairs * weight[:, None, :]) @ xp.matrix_transpose(pairs)  # of pair densities, (B, P, P)
    norm = xp.asarray((2 / (1.0 + (low == high))) ** 0.5, dtype=overlap.dtype, device=overlap.device)
    removed = singlets(block).of(vectors)  # only they meet at a point
    acted = (overlap * norm * norm[:, None]) @ xp.reshape(removed, (*removed.shape[:2], -1))
    found = xp.sum(xp.reshape(acted, removed.shape) * removed, axis=(1, 2))
    return xp.maximum(found, xp.zeros_like(found))


def mean_of_levels(cusp: Array, energies: Array, degeneracy: Array) -> Array:
    """Return the cusps (B, k) of states as the mean over each level: ``energies`` (B, k) within ``degeneracy`` (B,).

    An error of a state changes its energy in second order and its cusp in first: cusps alone would part a level.
    """
    xp = namespace(cusp)
    apart = xp.abs(energies[:, :, None] - energies[:, None, :])
    same = xp.astype(apart <= degeneracy[:, None, None], cusp.dtype)
    return xp.sum(same * cusp[:, None, :], axis=2) / xp.maximum(xp.sum(same, axis=2), xp.ones_like(cusp))


def contact_of(inverse_masses: tuple[float, float]) -> float:
    """Return the mean of v over directions of the scaled momentum, in units of that of equal masses."""
    return 1.0 if inverse_masses[0] == inverse_masses[1] else 1 / float(agm(*(a**-0.5 for a in inverse_masses)))


def missing_per_pair(local: Array, v: Interaction, contact: float = 1.0) -> Array:
    """Return the missing energy for one pair at a point of density ``local`` = sum_p phi_p^2, 0 where there is none.

    For ``contact`` see ``contact_of``.
    """
    xp = namespace(local)
    k = xp.sqrt(4 * np.pi * local)
    there = k > 1e-6
    k = xp.where(there, k, xp.ones_like(k))
    second_order, first_order = (np.pi / k**2, 1 / k) if v == COULOMB else _beyond(k, v)
    return xp.where(there, second_order / (1 + contact * first_order), xp.zeros_like(k))


def _beyond(k: Array, v: Interaction) -> tuple[Array, Array]:
    """Return A and B for the momenta above ``k``, integrals over dk' / k' = 2 dt / t with k' = k / t^2.

    B is that of a thin layer whose v_k is equal for long waves: A falls exponentially with the thickness, and is too
    large where orbitals resolve somewhat more than k. B of the thick layer would double what is too much.
    """
    xp, thin = namespace(k), replace(v, thickness=0.0)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    second_order = first_order = xp.zeros_like(k)
    for t, weight in zip(map(float, (1 + nodes) / 2), map(float, weights / 2), strict=True):
        second_order = second_order + 4 * np.pi * weight / t * _softened(k / t**2, v) ** 2
        first_order = first_order + 2 * weight / t * _softened(k / t**2, thin)
    long_waves = xp.full_like(k, LONG)
    return second_order, first_order * _softened(long_waves, v) / _softened(long_waves, thin)


def _softened(k: Array, v: Interaction) -> Array:
    """Return v_k / 2 pi: to a tenth where v is both softened and screened, up to a half too small for large k."""
    xp = namespace(k)
    near, found = xp.exp(-k * v.thickness), 1 / k
    if v.screening:
        found = 1 / xp.sqrt(k**2 + v.screening**-2)
        beyond = (1 - near) * (found / v.screening) ** 2  # v has a kink at r = 0
        found = found * (near + beyond) / (1 + v.thickness / v.screening)
    else:
        found = found * near
    if v.gate_distance is None:
        return found
    image = (4 * v.gate_distance**2 + v.thickness**2) ** 0.5 - v.thickness
    return -found * xp.expm1(-k * image)
