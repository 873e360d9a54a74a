"""How far states mix through what V may be between its points: errors of dipoles and factors.

A perturbation W turns two states of equal spin by the angle arctan(2 W_ij / (E_i - E_j)) / 2, with
W_ij = int W(r) <i|n(r)|j> d^2r. How large the integral may be, ``step_edges.py`` estimates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.grid import Grid
from solvers.quantum_dots.solution import Solution
from solvers.quantum_dots.step_edges import cell_of, sampling_error
from solvers.quantum_dots.transitions import dipole_matrix, transition_densities
from solvers.units import Material

Floats = NDArray[np.float64]

ONE_LEVEL = 1e-6
"""States closer than this part of their energy above the ground state are one level."""


def mixing_angles(V: Floats, grid: Grid, material: Material, dot: Solution) -> Floats:
    """Return the angles (k, k) by which states of equal spin mix through what V may be between its points.

    They are 0 within a level, whose values are means.
    """
    wave = dot.wavefunction
    assert wave is not None
    k, spins = wave.n_states, dot.spins
    cell = cell_of(grid.steps, material.inverse_masses, material.hartree * material.bohr**2)
    densities, level = transition_densities(wave), level_numbers(dot.energies[:k] - dot.energies[0])
    found = np.zeros((k, k))
    for i, j in zip(*np.triu_indices(k, 1), strict=True):
        if abs(spins[i] - spins[j]) < 0.5 and level[i] != level[j]:
            element = sampling_error(V, densities[i, j], cell)
            found[i, j] = found[j, i] = np.arctan2(2 * element, abs(dot.energies[i] - dot.energies[j])) / 2
    return found


def repulsions(energies: Floats, angles: Floats) -> Floats:
    """Return the changes (k - 1,) of E_j - E_0 as states mix by ``angles`` (k, k): levels repel each other.

    A pair moves apart by (d^2 + 4 W^2)^1/2 - d, each level by half of that. Levels above and below push to opposite
    sides, and W has an unknown sign: pairs add up in squares, as do these changes and those of single levels.
    """
    distances = np.abs(energies[:, None] - energies)
    squares = ((distances / np.cos(2 * angles) - distances) / 2) ** 2
    both = squares.sum(axis=1) + squares[0].sum() + 2 * squares[0]  # the pair of 0 and j moves both ends of E_j - E_0
    return np.asarray(np.sqrt(both[1:]), dtype=np.float64)


def mixed_dipoles(dot: Solution, angles: Floats) -> Floats:
    """Return the changes (k, 2) of <0|x|j> and <0|y|j> as states mix by ``angles`` (k, k)."""
    assert dot.wavefunction is not None
    found = []
    for r in dipole_matrix(dot.wavefunction):
        own, others = np.diagonal(r), np.abs(r) * (1 - np.eye(len(r)))
        found.append(angles[0] @ others + angles @ others[0] + angles[0] * np.abs(own - own[0]))
    return np.stack(found, axis=1)


def mixed_factors(factors: Floats, angles: Floats) -> Floats:
    """Return the changes of ``factors`` (k,) as states mix by ``angles`` (k, k)."""
    a = np.sqrt(factors)
    changes = np.sin(2 * angles) * np.outer(a, a) + np.sin(angles) ** 2 * np.abs(factors[:, None] - factors)
    return np.asarray(changes.sum(axis=1), dtype=np.float64)


def level_numbers(energies: Floats) -> NDArray[np.intp]:
    """Return the number of the level of each state, (k,); ``energies`` ascend from 0."""
    starts = np.r_[True, np.diff(energies) > ONE_LEVEL * np.abs(energies[1:]) + 1e-300]
    return np.cumsum(starts) - 1
