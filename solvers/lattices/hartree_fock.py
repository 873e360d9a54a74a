"""Hartree–Fock for spinless fermions on a ring at a chemical potential, the mean field beside exact results.

    F = -sum_i (J + U T_i) (c+_i c_(i+1) + h.c.) + sum_i (V_i - mu + U (n_(i-1) + n_(i+1))) n_i

with n_i and T_i = Re <c+_i c_(i+1)> of the N lowest orbitals of F, for each N, until both agree. Several starts lead to
several solutions; the one with the lowest E - mu N of all starts and all N counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.checks import check_integer
from solvers.lattices.fermions import check_rings

Floats = NDArray[np.float64]
MIXING, TOLERANCE, ITERATIONS = 0.4, 1e-7, 600
"""Share of the new density in a step, change of the density at which it has converged, and most steps."""
STRENGTHS = (0.0, 0.4, -0.4, 0.2)
"""Amplitudes of the density waves of the starts; the last one is random."""


@dataclass(frozen=True)
class MeanField:
    """The Hartree–Fock solutions of B potentials.

    Attributes:
        density: n_i, (B, L).
        particles: N, (B,).
        energy: E - mu N, (B,), in J.
        converged: True where the density no longer changes, (B,).
    """

    density: Floats
    particles: NDArray[np.int64]
    energy: Floats
    converged: NDArray[np.bool_]


def hartree_fock(potentials: ArrayLike, interaction: float, starts: int = 4, seed: int = 0) -> MeanField:
    """Return the Hartree–Fock ground states at V - mu, ``potentials`` (B, L) in J, with any L of at least 3.

    Raises:
        ValueError: an argument is out of range; see also ``check_rings``.
    """
    values = check_rings(potentials, interaction, longest=math.inf)
    check_integer("starts", starts, 1)
    check_integer("seed", seed, 0)
    found = [_best(one, interaction, starts, np.random.default_rng(seed)) for one in values]
    density, particles, energy, converged = ([one[i] for one in found] for i in range(4))
    return MeanField(
        np.reshape(density, values.shape),
        np.array(particles, dtype=np.int64),
        np.array(energy, dtype=np.float64),
        np.array(converged, dtype=np.bool_),
    )


def _best(potential: Floats, interaction: float, starts: int, rng: np.random.Generator) -> tuple[NDArray, ...]:
    """Return density, N, energy and convergence of one potential (L,)."""
    sites = len(potential)
    numbers = np.tile(np.arange(sites + 1), starts)
    waves = (-1.0) ** np.arange(sites) * np.resize(STRENGTHS, starts)[:, None]
    waves[3::4] = 0.4 * rng.uniform(-1, 1, waves[3::4].shape)
    density = np.clip(numbers[:, None] / sites + np.repeat(waves, sites + 1, axis=0), 0, 1)
    coherence, change = np.zeros_like(density), np.full(len(density), np.inf)
    for _ in range(ITERATIONS):
        rows = np.flatnonzero(change >= TOLERANCE)
        if not len(rows):
            break
        new, bonds = _filled(_fock(potential, interaction, density[rows], coherence[rows]), numbers[rows])
        step, bond_step = new - density[rows], bonds - coherence[rows]
        change[rows] = np.maximum(np.abs(step).max(1), np.abs(bond_step).max(1))
        density[rows] += MIXING * step
        coherence[rows] += MIXING * bond_step
    energy = _energy(potential, interaction, density, coherence)
    best = int(np.argmin(energy))
    return density[best], numbers[best], energy[best], change[best] < 100 * TOLERANCE


def _fock(potential: Floats, interaction: float, density: Floats, coherence: Floats) -> Floats:
    """Return the matrices F (B, L, L) of densities and coherences (B, L)."""
    sites = density.shape[1]
    here, there = np.arange(sites), np.roll(np.arange(sites), -1)
    matrix = np.zeros((len(density), sites, sites))
    neighbours = np.roll(density, 1, axis=1) + np.roll(density, -1, axis=1)
    matrix[:, here, here] = potential + interaction * neighbours
    matrix[:, here, there] = matrix[:, there, here] = -1 - interaction * coherence
    return matrix


def _filled(matrix: Floats, numbers: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return density and coherence (B, L) of the lowest ``numbers`` (B,) orbitals of matrices (B, L, L)."""
    orbitals = np.linalg.eigh(matrix)[1]
    used = orbitals * (np.arange(matrix.shape[1]) < numbers[:, None])[:, None, :]
    return (used**2).sum(2), (used * np.roll(used, -1, axis=1)).sum(2)


def _energy(potential: Floats, interaction: float, density: Floats, coherence: Floats) -> Floats:
    """Return <H - mu N> of the determinants, (B,)."""
    pairs = density * np.roll(density, -1, axis=1) - coherence**2
    return (potential * density - 2 * coherence + interaction * pairs).sum(1)
