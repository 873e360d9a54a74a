"""Density matrices of many-electron states in their orbitals, and electron densities on the grid.

D_P = <F_P>,   D_PQ = <F_P F_Q>,   F_P of ``determinants``, P the pairs p <= q.

gamma_pq = <E_pq> is D_pp on the diagonal and D_pq / 2 off it. Weighted averages over states: sum_s w_s <s| . |s>.
"""

from __future__ import annotations

import numpy as np

from solvers.backend import Array, namespace
from solvers.quantum_dots.configuration_interaction import SpinBlock
from solvers.quantum_dots.determinants import Strings, n_orbitals_of, orbital_pairs, pair_numbers, strings


def _excited(spin: Strings, c: Array, axis: int) -> Array:
    """Return F_P C for all P: C (B, up, down) to (B, P, up, down); ``axis`` 1 moves the up, 2 the down electrons."""
    xp, (b, n_up, n_down), n_pairs = namespace(c), c.shape, len(spin.source_of)
    source = xp.asarray(spin.source_of.ravel(), device=c.device)
    sign = xp.asarray(spin.sign_of, device=c.device)
    if axis == 1:
        return xp.reshape(xp.take(c, source, axis=1), (b, n_pairs, n_up, n_down)) * sign[:, :, None]
    moved = xp.reshape(xp.take(c, source, axis=2), (b, n_up, n_pairs, n_down)) * sign
    return xp.permute_dims(moved, (0, 2, 1, 3))


def spin_densities(block: SpinBlock, states: Array, weights: Array) -> tuple[Array, Array]:
    """Return <F_P(up)> and <F_P(down)>, each (B, P), of ``states`` (B, k, determinants) with ``weights`` (B, k)."""
    xp, (b, k) = namespace(states), weights.shape
    c = xp.reshape(states, (b, k, block.up.count, block.down.count))
    found = []
    for axis, spin in ((1, block.up), (2, block.down)):
        s, n_pairs = spin.count, len(spin.source_of)
        d = weights[:, :, None, None] * (c @ xp.matrix_transpose(c) if axis == 1 else xp.matrix_transpose(c) @ c)
        flat = xp.reshape(xp.sum(d, axis=1), (b, s * s))
        entry = xp.asarray((np.arange(s) * s + spin.source_of).ravel(), device=c.device)
        terms = xp.reshape(xp.take(flat, entry, axis=1), (b, n_pairs, s))
        found.append(xp.sum(terms * xp.asarray(spin.sign_of, device=c.device), axis=2))
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

    It is <F_P F_Q> less the self-interaction, sum_r gamma_ps (pr|rs).
    """
    xp, (b, k) = namespace(states), weights.shape
    c = xp.reshape(states, (b, k, block.up.count, block.down.count))
    total: Array = 0.0
    for state in range(k):
        if not bool(xp.any(weights[:, state] > 0)):
            continue
        moved = _excited(block.up, c[:, state, :, :], 1) + _excited(block.down, c[:, state, :, :], 2)
        flat = xp.reshape(moved, (b, moved.shape[1], block.size))
        total = total + weights[:, state, None, None] * (flat @ xp.matrix_transpose(flat))
    up, down = spin_densities(block, states, weights)
    return total - _self_interaction(symmetric_matrix(up + down))


def _self_interaction(gamma: Array) -> Array:
    """Return the self-interaction in <F_P F_Q>: the sum of gamma_ps over all P = (pr) and Q = (rs), (B, P, P)."""
    xp, (b, m, _) = namespace(gamma), gamma.shape
    p, q = orbital_pairs(m)
    flat, once = (
        xp.reshape(gamma, (b, m * m)),
        np.where(p == q, 0.5, 1.0),
    )  # (pp) has one order of its orbitals, not two
    total: Array = 0.0
    for left, shared in ((p, q), (q, p)):
        for right, met in ((p, q), (q, p)):
            weight = np.equal.outer(shared, met) * np.outer(once, once)
            entry = xp.asarray(np.add.outer(left * m, right).ravel(), device=gamma.device)
            terms = xp.reshape(xp.take(flat, entry, axis=1), (b, len(p), len(p)))
            total = total + terms * xp.asarray(weight, device=gamma.device)
    return total


def spin_squared(block: SpinBlock, states: Array) -> Array:
    """Return <s| S^2 |t> between ``states`` (B, k, determinants): (B, k, k), from S^2 = S_- S_+ + S_z (S_z + 1)."""
    xp, (b, k, _) = namespace(states), states.shape
    up, down = block
    s_z = (up.n_electrons - down.n_electrons) / 2
    unit = xp.eye(k, dtype=states.dtype, device=states.device)
    if down.n_electrons == 0 or up.n_electrons == up.n_orbitals:
        return xp.broadcast_to(s_z * (s_z + 1) * unit, (b, k, k))
    source, sign = _raised(block)
    raised: Array = 0.0
    for some, its in zip(source, sign, strict=True):
        raised = raised + xp.take(states, xp.asarray(some, device=states.device), axis=2) * xp.asarray(
            its, device=states.device
        )
    return raised @ xp.matrix_transpose(raised) + s_z * (s_z + 1) * unit


def _raised(block: SpinBlock) -> tuple[np.ndarray, np.ndarray]:
    """Return tables of S_+ = sum_q a+_q(up) a_q(down): the sources of each determinant with one more up electron.

    ``source`` and ``sign`` (n_up + 1, determinants); sign 0 where there is none. Strings carry the sign of the
    orbitals of their spin only: moving a_q(down) past the up electrons gives the same sign to all.
    """
    up, down, m = block.up, block.down, block.n_orbitals
    more, less = strings(m, up.n_electrons + 1), strings(m, down.n_electrons - 1)
    source = np.zeros((up.n_electrons + 1, more.count, less.count), dtype=np.intp)
    sign = np.zeros(source.shape)
    for string, i in more.index.items():
        for place, q in enumerate(string):
            from_up = up.index[string[:place] + string[place + 1 :]]
            for rest, j in less.index.items():
                if q not in rest:
                    behind = sum(o < q for o in rest)
                    from_down = down.index[(*rest[:behind], q, *rest[behind:])]
                    source[place, i, j] = from_up * down.count + from_down
                    sign[place, i, j] = (-1) ** (place + behind)
    return source.reshape(len(source), -1), sign.reshape(len(sign), -1)


def density(pair_occupations: Array, pairs: Array) -> Array:
    """Return n(r) = sum_{p<=q} <F_pq> phi_p phi_q(r): (B, P) and (B, P, n, n) -> (B, n, n)."""
    xp, (b, n_pairs, n, _) = namespace(pairs), pairs.shape
    return xp.reshape(pair_occupations[:, None, :] @ xp.reshape(pairs, (b, n_pairs, n * n)), (b, n, n))


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
    """Return n0(r) = sum_p f_p phi_p(r)^2: (B, M) and (B, M, n, n) -> (B, n, n)."""
    xp, (b, m, n, _) = namespace(orbitals), orbitals.shape
    return xp.reshape(occupations[:, None, :] @ xp.reshape(orbitals**2, (b, m, n * n)), (b, n, n))
