"""Energies, densities, spins and occupations of many-electron states, and the guards that follow from them.

Effective atomic units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solvers.backend import Array, namespace
from solvers.eigensolver import non_orthogonality
from solvers.quantum_dots.active_space import ActiveSpace, Surroundings
from solvers.quantum_dots.between_points import error_between_points
from solvers.quantum_dots.configuration_interaction import States
from solvers.quantum_dots.density import density, spin_densities, spin_squared, symmetric_matrix, two_particle
from solvers.quantum_dots.pairs import SpinBlock
from solvers.quantum_dots.settings import Settings
from solvers.quantum_dots.single_particle import SineBasis

DEGENERACY = 1e-7
"""States closer than this part of the dot's scale count as degenerate, if no distance is given."""
LEVEL_STEP = 1e4
"""Distance between the levels in ``_spins``.

It must exceed every S (S + 1), so that the eigenvalues stay in the order of the levels: S <= N / 2, hence N < 199, far
beyond full CI. It must also be small enough for the precision: with ``MOST_STATES`` levels times 1e4
the rounding error of S (S + 1) is 1e-10.
"""


TAIL = 2.5
"""Ratio of the error of the energy by the modes left out to the kinetic energy in the outer quarter of those kept."""
QUADRATURE = 0.05
"""Ratio of the relative error of the interaction on the grid to (T dx^2)^2, T the kinetic energy of an electron. Where
steps and masses differ, dx^2 m_x / m* is the larger one of both directions."""


class Observables(NamedTuple):
    """The expectation values and guards of a ``Solution``, in effective atomic units; see there."""

    energy: Array
    gap: Array
    energies: Array
    spins: Array
    degeneracy: Array
    density: Array
    spin_density: Array
    occupations: Array
    kinetic: Array
    confinement: Array
    interaction: Array
    orthogonality: Array
    charge_error: Array
    imbalance: Array
    cusp: Array
    grid_error: Array


def observables(
    space: ActiveSpace,
    block: SpinBlock,
    states: States,
    cusp: Array,
    ground: Array,
    degeneracy: Array,
    around: Surroundings,
    settings: Settings,
) -> Observables:
    """Return energies, densities, spins, occupations, and guards; levels within ``degeneracy`` (B,) are one.

    ``cusp`` (B, k) is the energy of the cusp that the values of the states include, see ``cusp.py``.
    """
    xp, values, area = namespace(ground), states.values, around.basis.cell_area
    up, down = spin_densities(block, states.vectors, ground)
    n_up, n_down = density(up, space.pairs), density(down, space.pairs)
    gamma = symmetric_matrix(up + down)
    flat = xp.reshape(space.coefficients, (*space.coefficients.shape[:2], -1))
    kinetic = _one_body_energy(gamma, flat, around.basis.kinetic)
    left_out = TAIL * _one_body_energy(gamma, flat, outer_quarter(around.basis.kinetic))
    confinement = xp.sum((n_up + n_down) * around.potential, axis=(1, 2)) * area
    interaction = xp.sum(two_particle(block, states.vectors, ground) * space.integrals, axis=(1, 2)) / 2
    missing = xp.sum(ground * cusp, axis=1)
    kinetic, interaction = kinetic - missing, interaction + 2 * missing
    energy, charge = xp.sum(ground * values, axis=1), xp.sum(n_up + n_down, axis=(1, 2)) * area
    return Observables(
        energy=values[:, 0],
        gap=values[:, 1] - values[:, 0] if values.shape[1] > 1 else xp.full_like(energy, xp.nan),
        energies=_of_states(values, settings.n_states),
        spins=_of_states(_spins(block, states, degeneracy), settings.n_states),
        degeneracy=xp.astype(xp.sum(xp.astype(ground > 0, xp.int64), axis=1), xp.int64),
        density=n_up + n_down,
        spin_density=n_up - n_down,
        occupations=xp.flip(xp.linalg.eigvalsh(gamma), axis=1),
        kinetic=kinetic,
        confinement=confinement,
        interaction=interaction,
        orthogonality=xp.maximum(non_orthogonality(flat), non_orthogonality(states.vectors)),
        charge_error=xp.abs(charge - settings.n_electrons) / settings.n_electrons,
        imbalance=xp.abs(energy - kinetic - confinement - interaction),
        cusp=missing,
        grid_error=left_out
        + QUADRATURE * interaction * (kinetic / settings.n_electrons * _coarsest(around.basis)) ** 2
        + error_between_points(n_up + n_down, around.potential, around.basis.steps, around.basis.inverse_masses),
    )


def next_level(values: Array, degeneracy: Array) -> Array:
    """Return the distance (B,) of the next of the levels ``values`` (B, k) from the lowest; infinity if there is none.

    States within ``degeneracy`` (B,) are one level.
    """
    xp, above = namespace(values), values - values[:, :1]
    return xp.min(xp.where(above > degeneracy[:, None], above, xp.inf), axis=1)


def charge_moved(space: ActiveSpace, block: SpinBlock, states: States, found: Observables, degeneracy: Array) -> Array:
    """Return the part (B,) of the electrons by which the density of the next level differs from that of the lowest."""
    xp, above = namespace(states.values), states.values - states.values[:, :1]
    weights = xp.astype(
        xp.abs(above - next_level(states.values, degeneracy)[:, None]) <= degeneracy[:, None], above.dtype
    )
    count = xp.sum(weights, axis=1, keepdims=True)
    up, down = spin_densities(block, states.vectors, weights / xp.maximum(count, xp.ones_like(count)))
    moved = xp.abs(density(up + down, space.pairs) - found.density)
    return xp.sum(moved, axis=(1, 2)) / (2 * xp.sum(found.density, axis=(1, 2)))


def waves_left_out(space: ActiveSpace, block: SpinBlock, states: States, weights: Array, basis: SineBasis) -> Array:
    """Return the part (B,) of ``grid_error`` by the sine functions that the grid leaves out; ``weights`` (B, k)."""
    up, down = spin_densities(block, states.vectors, weights)
    flat = namespace(weights).reshape(space.coefficients, (*space.coefficients.shape[:2], -1))
    return TAIL * _one_body_energy(symmetric_matrix(up + down), flat, outer_quarter(basis.kinetic))


def _coarsest(basis: SineBasis) -> float:
    """Return the larger dx^2 m_x / m* of both directions."""
    return max(step**2 / a for step, a in zip(basis.steps, basis.inverse_masses, strict=True))


def _one_body_energy(gamma: Array, orbitals: Array, diagonal: Array) -> Array:
    """Return sum_pq gamma_pq <p|D|q> (B,) for flat ``orbitals`` (B, M, m_x m_y) and a ``diagonal`` (m_x, m_y) of D."""
    xp = namespace(gamma)
    return xp.sum(gamma * ((orbitals * xp.reshape(diagonal, (-1,))) @ xp.matrix_transpose(orbitals)), axis=(1, 2))


def outer_quarter(kinetic: Array) -> Array:
    """Return ``kinetic`` (m_x, m_y) with zeros but for the upper quarter of the modes of either direction.

    At least two of these: about the middle, one is even and one odd, and a state may lack either.
    """
    outer = np.ones(kinetic.shape)
    x, y = (max(m - max(m // 4, 2), 0) for m in kinetic.shape)
    outer[:x, :y] = 0.0
    return kinetic * namespace(kinetic).asarray(outer, device=kinetic.device)


def _of_states(values: Array, n_states: int) -> Array:
    """Return the first ``n_states`` of values (B, k), padded with NaN where there are fewer: (B, n_states)."""
    xp, (b, k) = namespace(values), values.shape
    padding = xp.full((b, max(n_states - k, 0)), xp.nan, dtype=values.dtype, device=values.device)
    return xp.concat([values, padding], axis=1)[:, :n_states]


def _spins(block: SpinBlock, states: States, degeneracy: Array) -> Array:
    """Return the total spin S of each state (B, k), from the eigenvalues S (S + 1) of S^2 in each degenerate level.

    S^2 has no matrix elements between levels. All eigenvalues come from one matrix, in which level number l is shifted
    by l ``LEVEL_STEP``: so they remain in the order of the levels.
    """
    xp, values = namespace(states.values), states.values
    level = xp.cumulative_sum(xp.astype(values[:, 1:] - values[:, :-1] > degeneracy[:, None], values.dtype), axis=1)
    level = xp.concat([xp.zeros_like(values[:, :1]), level], axis=1)
    apart = LEVEL_STEP * level[:, None, :] * xp.eye(values.shape[1], dtype=values.dtype, device=values.device)
    squared = xp.linalg.eigvalsh(spin_squared(block, states.vectors) + apart) - LEVEL_STEP * level
    return (xp.sqrt(xp.maximum(1 + 4 * squared, xp.zeros_like(squared))) - 1) / 2
