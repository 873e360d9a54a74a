"""Electron densities on the grid, from orbitals and their occupations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def interacting_density(pair_occupations: Array, pairs: Array) -> Array:
    """n(r) = sum_{p<=q} gamma_pq phi_p phi_q(r): (B, P) and (B, P, n, n) -> (B, n, n)."""
    return np.einsum("bp,bpij->bij", pair_occupations, pairs)


def aufbau_occupations(energies: Array, n_electrons: int, tolerance: float) -> Array:
    """Electrons in each orbital (B, M) of the non-interacting ground state with the lowest |S_z|.

    Electrons of each spin fill the orbitals from below; those of the highest, degenerate shell (``energies`` equal
    within ``tolerance``) are shared equally among its orbitals: the average over the degenerate ground states.
    """
    occupations = np.zeros_like(energies)
    for n in ((n_electrons + 1) // 2, n_electrons // 2):
        if n == 0:
            continue
        fermi = energies[:, n - 1 : n]
        below = energies < fermi - tolerance
        shell = np.abs(energies - fermi) <= tolerance
        share = (n - below.sum(axis=1, keepdims=True)) / shell.sum(axis=1, keepdims=True)
        occupations += np.where(below, 1.0, np.where(shell, share, 0.0))
    return occupations


def noninteracting_density(occupations: Array, orbitals: Array) -> Array:
    """n0(r) = sum_p f_p phi_p(r)^2: (B, M) and (B, M, n, n) -> (B, n, n)."""
    return np.einsum("bp,bpij->bij", occupations, orbitals**2)
