"""The first orbitals of a dot: the M lowest single-particle states, in whole shells.

In a round dot more orbitals have one energy than the symmetries of the square explain, and any combination of them is
as good. Where M ends within such a shell, the potential W of the electrons without interaction decides which of its
orbitals are kept: the eigenvectors of

    <phi_p| W |phi_q>,  p and q in one shell,   W(r) = int n0(r') v(|r - r'|) d^2r',

with the largest eigenvalues. They are where the other electrons are, so that the interaction mixes them into the state
most; in a parabola they have the lowest angular momenta. Effective atomic units.
"""

from __future__ import annotations

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import TINY
from solvers.quantum_dots.active_space import Surroundings, first_shells
from solvers.quantum_dots.coulomb import coulomb_potentials
from solvers.quantum_dots.density import aufbau_occupations, noninteracting_density
from solvers.quantum_dots.settings import Settings
from solvers.quantum_dots.single_particle import Orbitals

SHELL = 1e-4
"""Orbitals closer than this part of the dot's scale are one shell."""
PARTED = 0.01
"""Part of the scale that parts orbitals of a shell which differ in <W> by its mean: more than the width of a shell,
less than the distance to the next one."""


def first_orbitals(orbitals: Orbitals, around: Surroundings, settings: Settings) -> tuple[Array, np.ndarray]:
    """Return the coefficients (B, M, m_x, m_y) of the first orbitals, and where they are a part of a shell, (B,)."""
    xp, m, scale = namespace(orbitals.energies), settings.n_orbitals, to_numpy(orbitals.scale)
    n_kept = orbitals.coefficients.shape[1]
    if n_kept == m:
        last_step = orbitals.energies[:, m : m + 1] - orbitals.energies[:, m - 1 : m]
        return orbitals.coefficients, to_numpy(xp.any(last_step <= SHELL * orbitals.scale[:, None], axis=1))

    def alike(energies: np.ndarray) -> np.ndarray:
        return np.diff(energies, axis=1) <= SHELL * scale[:, None]

    coefficients, energies = orbitals.coefficients, orbitals.energies[:, :n_kept]
    close = alike(to_numpy(energies))
    if settings.n_electrons > 1 and close.any():
        w = _repulsion(coefficients, energies, around, settings)
        share = PARTED * around.scale / (xp.linalg.trace(w) / n_kept + TINY)
        energies, columns = part_shells(energies, w, close, share)
        flat = xp.reshape(coefficients, (*coefficients.shape[:2], -1))
        coefficients = xp.reshape(xp.matrix_transpose(columns) @ flat, coefficients.shape)
    return first_shells(coefficients, energies, m, around.group, alike)


def part_shells(energies: Array, w: Array, close: np.ndarray, share: Array) -> tuple[Array, Array]:
    """Return energies (B, K) and orbitals, as columns (B, K, K) of the given ones, with the shells parted by W.

    Args:
        energies: (B, K), ascending.
        w: <phi_p| W |phi_q>, (B, K, K).
        close: True for neighbours in one shell, (B, K - 1). Dots without one keep their orbitals.
        share: the part of W that parts them, (B,): ``PARTED`` of the scale over the mean of the <phi_p| W |phi_p>.
    """
    xp, count = namespace(energies), energies.shape[1]
    unit = xp.eye(count, dtype=w.dtype, device=w.device)
    number = np.cumsum(np.concatenate([np.zeros((len(close), 1), dtype=bool), ~close], axis=1), axis=1)
    together = number[:, :, None] == number[:, None, :]
    together &= (together.sum(axis=2) > 1)[:, :, None]
    parting = xp.asarray(together.astype(float), device=w.device) * w * share[:, None, None]
    values, columns = xp.linalg.eigh(energies[:, :, None] * unit - parting)
    some = xp.asarray(close.any(axis=1), device=w.device)
    return xp.where(some[:, None], values, energies), xp.where(some[:, None, None], columns, unit)


def _repulsion(coefficients: Array, energies: Array, around: Surroundings, settings: Settings) -> Array:
    """Return <phi_p| W |phi_q> (B, K, K), W of the ground states without interaction in these orbitals."""
    xp, functions = namespace(energies), around.basis.to_grid(coefficients)
    occupations = aufbau_occupations(energies, settings.n_electrons, SHELL * around.scale[:, None])
    charge = noninteracting_density(occupations, functions)[:, None, :, :]
    repulsion = coulomb_potentials(charge, around.basis.sides, around.interaction)
    rows, acted = (xp.reshape(f, (*functions.shape[:2], -1)) for f in (functions, functions * repulsion))
    return rows @ xp.matrix_transpose(acted) * around.basis.cell_area
