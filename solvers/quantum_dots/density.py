"""Density matrices of many-electron states in their orbitals, and electron densities on the grid.

D_P = <F_P>,   F_P of ``determinants``, P the pairs p <= q.

gamma_pq = <E_pq> is D_pp on the diagonal and D_pq / 2 off it. Weighted averages over states: sum_s w_s <s| . |s>.
"""

from __future__ import annotations

import numpy as np

from solvers.backend import Array, namespace
from solvers.quantum_dots.determinants import n_orbitals_of, orbital_pairs, pair_numbers
from solvers.quantum_dots.pairs import Removals, SpinBlock, singlets, triplets


def spin_densities(block: SpinBlock, states: Array, weights: Array) -> tuple[Array, Array]:
    """Return <F_P(up)> and <F_P(down)>, each (B, P), of ``states`` (B, k, determinants) with ``weights`` (B, k)."""
    xp, (b, k) = namespace(states), weights.shape
    c = xp.reshape(states, (b, k, block.up.count, block.down.count))
    found = []
    for axis, spin in ((1, block.up), (2, block.down)):
        s, n_pairs = spin.count, len(spin.source)
        d = weights[:, :, None, None] * (c @ xp.matrix_transpose(c) if axis == 1 else xp.matrix_transpose(c) @ c)
        flat = xp.reshape(xp.sum(d, axis=1), (b, s * s))
        entry = xp.asarray((np.arange(s) * s + spin.source).ravel(), device=c.device)
        terms = xp.reshape(xp.take(flat, entry, axis=1), (b, n_pairs, s))
        found.append(xp.sum(terms * xp.asarray(spin.sign, dtype=c.dtype, device=c.device), axis=2))
    return found[0], found[1]


def symmetric_matrix(pair_values: Array) -> Array:
    """Return gamma_pq (B, M, M) from <F_P> (B, P)."""
    xp, n_pairs = namespace(pair_values), pair_values.shape[1]
    m = n_orbitals_of(n_pairs)
    p, q = orbital_pairs(m)
    halved = pair_values * xp.asarray(np.where(p == q, 1.0, 0.5), device=pair_values.device)
    numbers = xp.asarray(pair_numbers(m).ravel(), device=pair_values.device)
    return xp.reshape(xp.take(halved, numbers, axis=1), (-1, m, m))


def two_particle(block: SpinBlock, states: Array, weights: Array) -> Array:
    """Return Gamma_PQ (B, P, P), symmetric, with interaction energy 1/2 sum_PQ Gamma_PQ (P|Q).

    It follows from the densities of singlet and triplet pairs, <B+_P B_Q> and <A+_P A_Q>: see ``pairs.py``.
    """
    xp, m = namespace(states), block.n_orbitals
    p, q = orbital_pairs(m)
    total = xp.zeros((states.shape[0], len(p), len(p)), dtype=states.dtype, device=states.device)
    if block.n_electrons == 1:
        return total
    weighted = states * xp.sqrt(weights)[:, :, None]
    singlet = _pair_density(singlets(block), weighted)
    triplet = _pair_density(triplets(block), weighted) if m > 1 else None
    low, high = orbital_pairs(m)
    norm = (1.0 + (low == high)) ** 0.5
    numbers, once = pair_numbers(m), np.where(p == q, 0.5, 1.0)  # (pp) has one order of its orbitals, not two
    for a, c in ((p, q), (q, p)):
        for e, f in ((p, q), (q, p)):
            # the element (p, r), (q, s) of the densities of pairs belongs to P = (p, q) and Q = (r, s)
            left, right = numbers[a[:, None], e], numbers[c[:, None], f]
            both = np.outer(once, once)
            total = total + _picked(singlet, left, right, norm[left] * norm[right] * both)
            if triplet is not None:
                order = np.sign(e - a[:, None]) * np.sign(f - c[:, None])
                total = total + _picked(triplet, _unequal(a[:, None], e), _unequal(c[:, None], f), order * both)
    return total


def _pair_density(removals: Removals, states: Array) -> Array:
    """Return <B+_P B_Q> (B, P, P), the sum over ``states`` (B, k, determinants)."""
    xp, removed = namespace(states), removals.of(states)
    rows = xp.reshape(removed, (*removed.shape[:2], -1))
    return rows @ xp.matrix_transpose(rows)


def _unequal(q: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return the numbers of the pairs (q, s) of unequal orbitals; 0 where they are equal."""
    low, high = np.minimum(q, s), np.maximum(q, s)
    return np.where(low < high, high * (high - 1) // 2 + low, 0)


def _picked(matrix: Array, rows: np.ndarray, columns: np.ndarray, weight: np.ndarray) -> Array:
    """Return the elements (B, *rows.shape) of ``matrix`` (B, P, P), times ``weight``."""
    xp, (b, count, _), device = namespace(matrix), matrix.shape, matrix.device
    entry = xp.asarray((rows * count + columns).ravel(), device=device)
    found = xp.reshape(xp.take(xp.reshape(matrix, (b, count**2)), entry, axis=1), (b, *rows.shape))
    return found * xp.asarray(weight, dtype=matrix.dtype, device=device)


def spin_squared(block: SpinBlock, states: Array) -> Array:
    """Return <s| S^2 |t> between ``states`` (B, k, determinants): (B, k, k).

    S^2 = S_z (S_z + 1) + N_down (1 - N_up) + 2 sum_{q<s} A+_qs A_qs, A_qs taking out a triplet pair of opposite spins
    (``pairs.py``).
    """
    xp, (b, k, _) = namespace(states), states.shape
    n_up, n_down = (spin.n_electrons for spin in block)
    s_z = (n_up - n_down) / 2
    constant = s_z * (s_z + 1) + n_down * (1 - n_up)
    found = constant * xp.eye(k, dtype=states.dtype, device=states.device)
    if block.n_electrons == 1 or block.n_orbitals == 1:
        return xp.broadcast_to(found, (b, k, k))
    removals = triplets(block)
    removed = removals.of(states)[:, :, : removals.n_opposite, :]
    rows = xp.reshape(removed, (b, -1, k))
    return found + 2 * xp.matrix_transpose(rows) @ rows


def density(pair_occupations: Array, pairs: Array) -> Array:
    """Return n(r) = sum_{p<=q} <F_pq> phi_p phi_q(r): (B, P) and (B, P, n_x, n_y) -> (B, n_x, n_y)."""
    xp, (b, n_pairs, n_x, n_y) = namespace(pairs), pairs.shape
    return xp.reshape(pair_occupations[:, None, :] @ xp.reshape(pairs, (b, n_pairs, n_x * n_y)), (b, n_x, n_y))


def aufbau_occupations(energies: Array, n_electrons: int, tolerance: float) -> Array:
    """Return the electrons in each orbital (B, M) of the non-interacting ground state with the lowest |S_z|.

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
    """Return n0(r) = sum_p f_p phi_p(r)^2: (B, M) and (B, M, n_x, n_y) -> (B, n_x, n_y)."""
    xp, (b, m, n_x, n_y) = namespace(orbitals), orbitals.shape
    return xp.reshape(occupations[:, None, :] @ xp.reshape(orbitals**2, (b, m, n_x * n_y)), (b, n_x, n_y))
