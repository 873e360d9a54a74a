"""Electron densities on the grid, from orbitals and their occupations."""

from __future__ import annotations

from solvers.backend import Array, namespace


def density(pair_occupations: Array, pairs: Array) -> Array:
    """n(r) = sum_{p<=q} <F_pq> phi_p phi_q(r): (B, P) and (B, P, n, n) -> (B, n, n)."""
    xp, (b, n_pairs, n, _) = namespace(pairs), pairs.shape
    return xp.reshape(pair_occupations[:, None, :] @ xp.reshape(pairs, (b, n_pairs, n * n)), (b, n, n))


def aufbau_occupations(energies: Array, n_electrons: int, tolerance: float) -> Array:
    """Electrons in each orbital (B, M) of the non-interacting ground state with the lowest |S_z|.

    Electrons of each spin fill the orbitals from below; those of the highest, degenerate shell (``energies`` equal
    within ``tolerance``) are shared equally among its orbitals: the average over the degenerate ground states.
    """
    xp = namespace(energies)
    occupations = xp.zeros_like(energies)
    for n in ((n_electrons + 1) // 2, n_electrons // 2):
        if n == 0:
            continue
        fermi = energies[:, n - 1 : n]
        below = xp.astype(energies < fermi - tolerance, energies.dtype)
        shell = xp.astype(xp.abs(energies - fermi) <= tolerance, energies.dtype)
        share = (n - xp.sum(below, axis=1, keepdims=True)) / xp.sum(shell, axis=1, keepdims=True)
        occupations = occupations + below + shell * share
    return occupations


def noninteracting_density(occupations: Array, orbitals: Array) -> Array:
    """n0(r) = sum_p f_p phi_p(r)^2: (B, M) and (B, M, n, n) -> (B, n, n)."""
    xp, (b, m, n, _) = namespace(orbitals), orbitals.shape
    return xp.reshape(occupations[:, None, :] @ xp.reshape(orbitals**2, (b, m, n * n)), (b, n, n))
