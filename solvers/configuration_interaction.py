"""Full configuration interaction: the lowest states of N electrons in M orbitals, in the block of lowest |S_z|.

H = sum_p e_p n_p + 1/2 sum_pqrs (pq|rs) (E_pq E_rs - delta_qr E_ps),   E_pq = E_pq(up) + E_pq(down),

acts on coefficients C_IJ of up strings I and down strings J as

H C = A C + C B^T + sum_PQ (P|Q) F_P(up) C F_Q(down)^T

with A and B the Hamiltonians of the up and the down electrons alone. Effective atomic units.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solvers.coulomb import orbital_pairs
from solvers.determinants import Strings, n_strings, strings
from solvers.eigensolver import Apply, Eigenpairs, davidson

Array = NDArray[np.float64]

LAPACK_SIZE = 120
"""Up to this many determinants all states are found by LAPACK, beyond it the lowest by Davidson."""
DENSE_SIZE = 2000
"""Up to this many determinants the matrix is stored, beyond it only its action is computed."""
GUARDS = 2
"""States carried along beyond those wanted."""


class SpinBlock(NamedTuple):
    """The determinants of N electrons in M orbitals with the lowest |S_z|."""

    up: Strings
    down: Strings

    @property
    def size(self) -> int:
        """Number of determinants."""
        return self.up.count * self.down.count


def block_size(n_orbitals: int, n_electrons: int) -> int:
    """Number of determinants of the block, without building it."""
    return n_strings(n_orbitals, (n_electrons + 1) // 2) * n_strings(n_orbitals, n_electrons // 2)


def spin_block(n_orbitals: int, n_electrons: int) -> SpinBlock:
    """The block of N electrons: S_z = 0 for even, 1/2 for odd N."""
    return SpinBlock(strings(n_orbitals, (n_electrons + 1) // 2), strings(n_orbitals, n_electrons // 2))


def bytes_needed(n_orbitals: int, n_electrons: int) -> int:
    """Working memory of ``lowest_states`` for one system, in bytes."""
    size, n_pairs = block_size(n_orbitals, n_electrons), n_orbitals * (n_orbitals + 1) // 2
    n_up, n_down = (n_strings(n_orbitals, n) for n in ((n_electrons + 1) // 2, n_electrons // 2))
    block = (n_states(n_electrons) + GUARDS) * size
    tables = 2 * n_pairs * (n_up**2 + n_down**2)
    if size <= DENSE_SIZE:
        return 8 * (3 * size**2 + 14 * block + tables)
    return 8 * ((14 + 3 * n_pairs) * block + tables)


def n_states(n_electrons: int) -> int:
    """States computed: the spin states of N separated electrons, which can be degenerate, and two more; at least 6.

    A ground state degenerate beyond that, as of several equal dots that do not feel each other, is averaged over these.
    """
    return max(math.comb(n_electrons, n_electrons // 2) + 2, 6)


def _effective_one_body(energies: Array, integrals: Array) -> Array:
    """e_p delta_ps - 1/2 sum_q (pq|qs), folded into pairs p <= s: (B, P)."""
    m = energies.shape[1]
    p, q = orbital_pairs(m)
    pair = np.empty((m, m), dtype=int)
    pair[p, q] = pair[q, p] = np.arange(len(p))
    exchange = np.stack([integrals[:, pair[i], pair[:, j]].sum(axis=1) for i, j in zip(p, q, strict=True)], axis=1)
    diagonal = np.where(p == q, energies[:, p], 0.0)
    return diagonal - exchange / 2


def _one_spin(table: Strings, one_body: Array, integrals: Array) -> Array:
    """Hamiltonian of the electrons of one spin among themselves: (B, S, S)."""
    f = table.dense_excitations
    n_pairs, s, _ = f.shape
    contracted = (integrals @ f.reshape(n_pairs, -1)).reshape(-1, n_pairs * s, s)  # sum_Q (P|Q) F_Q
    same_spin = f.transpose(1, 0, 2).reshape(s, -1) @ contracted / 2
    return same_spin + (one_body @ f.reshape(n_pairs, -1)).reshape(-1, s, s)


def _diagonal(block: SpinBlock, energies: Array, integrals: Array) -> Array:
    """Diagonal of H, (B, determinants), from the Coulomb and exchange integrals."""
    m = energies.shape[1]
    p, q = orbital_pairs(m)
    own = np.flatnonzero(p == q)
    direct = integrals[:, own[:, None], own]
    exchange = np.empty_like(direct)
    exchange[:, p, q] = exchange[:, q, p] = np.diagonal(integrals, axis1=1, axis2=2)
    up, down = block.up.occupations, block.down.occupations

    def alone(n: Array) -> Array:
        return energies @ n.T + np.einsum("ip,bpq,iq->bi", n, direct - exchange, n) / 2

    total = alone(up)[:, :, None] + alone(down)[:, None, :] + up @ direct @ down.T
    return total.reshape(len(energies), block.size)


def dense_matrix(block: SpinBlock, energies: Array, integrals: Array) -> Array:
    """The whole matrix, (B, determinants, determinants)."""
    one_body = _effective_one_body(energies, integrals)
    n_up, n_down = block.up.count, block.down.count
    f_up, f_down = (t.dense_excitations.reshape(-1, t.count**2) for t in block)
    coupled = (f_up.T @ integrals @ f_down).reshape(-1, n_up, n_up, n_down, n_down)
    coupled[:, :, :, range(n_down), range(n_down)] += _one_spin(block.up, one_body, integrals)[..., None]
    coupled[:, range(n_up), range(n_up)] += _one_spin(block.down, one_body, integrals)[:, None]
    return coupled.transpose(0, 1, 3, 2, 4).reshape(-1, block.size, block.size)


def _stored(block: SpinBlock, energies: Array, integrals: Array) -> Apply:
    """H applied to vectors (b, k, determinants) of the systems (b,), with the matrices in memory."""
    matrix = dense_matrix(block, energies, integrals)
    return lambda vectors, systems: np.stack([v @ matrix[s] for v, s in zip(vectors, systems, strict=True)])


def _matrix_free(block: SpinBlock, energies: Array, integrals: Array) -> Apply:
    """H applied to vectors (b, k, determinants) of the systems (b,), without the matrix."""
    one_body = _effective_one_body(energies, integrals)
    up_alone, down_alone = (_one_spin(table, one_body, integrals) for table in block)
    n_up, n_down, n_pairs = block.up.count, block.down.count, integrals.shape[1]
    scatter = block.up.excitations.T.tocsr()  # (up, pair * up); F is symmetric

    def one_system(vectors: Array, system: int) -> Array:
        c = vectors.reshape(-1, n_up, n_down)
        k = len(c)
        excited = block.down.excitations @ c.transpose(2, 0, 1).reshape(n_down, -1)  # F_Q C: (Q, down, k, up)
        contracted = (integrals[system] @ excited.reshape(n_pairs, -1)).reshape(n_pairs, n_down, k, n_up)
        coupled = scatter @ contracted.transpose(0, 3, 2, 1).reshape(n_pairs * n_up, -1)  # (up, k, down)
        alone = up_alone[system] @ c + c @ down_alone[system]
        return (alone + coupled.reshape(n_up, k, n_down).swapaxes(0, 1)).reshape(k, -1)

    return lambda vectors, systems: np.stack([one_system(v, s) for v, s in zip(vectors, systems, strict=True)])


def _start_vectors(diagonal: Array, n_block: int) -> Array:
    """Unit vectors of the lowest determinants, with a little of everything: no symmetry is shut out. (B, k, d)."""
    noise = np.random.default_rng(0).normal(size=(n_block, diagonal.shape[1]))
    start = np.tile(0.02 / np.sqrt(diagonal.shape[1]) * noise, (len(diagonal), 1, 1))
    lowest = np.argsort(diagonal, axis=1, kind="stable")[:, :n_block]
    np.put_along_axis(start, lowest[:, :, None], 1.0, axis=2)
    return start


def lowest_states(block: SpinBlock, energies: Array, integrals: Array, n_wanted: int, tolerance: float) -> Eigenpairs:
    """The ``n_wanted`` lowest states for orbital ``energies`` (B, M) and ``integrals`` (B, P, P).

    Returns values (B, k), vectors (B, k, determinants) and residuals (B, k), k = min(n_wanted, determinants). A system
    that Davidson does not converge is diagonalised whole if its matrix is stored; else its residuals tell.
    """
    n_wanted = min(n_wanted, block.size)
    if block.size <= max(LAPACK_SIZE, 4 * n_wanted):
        return _by_lapack(block, energies, integrals, n_wanted)
    diagonal = _diagonal(block, energies, integrals)
    apply = (_stored if block.size <= DENSE_SIZE else _matrix_free)(block, energies, integrals)

    def precondition(residual: Array, values: Array, systems: NDArray[np.intp]) -> Array:
        gap = diagonal[systems, None] - values[..., None]
        return residual / np.where(np.abs(gap) < 0.05, 0.05, gap)

    n_block = min(n_wanted + GUARDS, block.size)
    patience = {} if block.size <= DENSE_SIZE else {"max_iterations": 400}  # where there is no other way
    pairs = davidson(apply, precondition, _start_vectors(diagonal, n_block), n_wanted, tolerance, **patience)
    pairs = Eigenpairs(*(a[:, :n_wanted] for a in pairs))
    if block.size <= DENSE_SIZE:
        for i in np.flatnonzero((pairs.residuals > tolerance).any(axis=1)):  # strong correlation, hardly any gaps
            exact = _by_lapack(block, energies[i : i + 1], integrals[i : i + 1], n_wanted)
            pairs.values[i], pairs.vectors[i], pairs.residuals[i] = (a[0] for a in exact)
    return pairs


def _by_lapack(block: SpinBlock, energies: Array, integrals: Array, n_wanted: int) -> Eigenpairs:
    """The same as ``lowest_states``, from all states of the stored matrix: slow, and the last word."""
    matrix = dense_matrix(block, energies, integrals)
    values, vectors = (a[..., :n_wanted] for a in np.linalg.eigh(matrix))
    residuals = np.linalg.norm(matrix @ vectors - values[:, None] * vectors, axis=1)
    return Eigenpairs(values, vectors.swapaxes(1, 2), residuals)


def pair_occupations(block: SpinBlock, states: Array, weights: Array) -> Array:
    """Expectation values sum_s w_s <s| F_pq |s>, p <= q: (B, P), for ``states`` (B, k, d) and ``weights`` (B, k).

    They are the spin-summed one-particle density matrix gamma_pq, with both halves of an off-diagonal pair added.
    """
    c = np.sqrt(weights)[..., None, None] * states.reshape(*weights.shape, block.up.count, block.down.count)
    up = np.einsum("bkij,bklj->bil", c, c)
    down = np.einsum("bkij,bkil->bjl", c, c)
    return sum(
        d.reshape(len(states), t.count**2) @ t.dense_excitations.reshape(-1, t.count**2).T
        for d, t in zip((up, down), block, strict=True)
    )
