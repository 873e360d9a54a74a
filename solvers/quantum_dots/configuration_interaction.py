"""Full configuration interaction: the lowest states of N electrons in M orbitals, in the block of lowest |S_z|.

H = sum_pq h_pq E_pq + 1/2 sum_pqrs (pq|rs) (E_pq E_rs - delta_qr E_ps),   E_pq = E_pq(up) + E_pq(down),

acts on coefficients of determinants, products of a string of the up and a string of the down electrons. No matrix is
stored: pairs of electrons are taken out, moved, and put back (``pairs.py``). Effective atomic units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import (
    Eigenpairs,
    LowBlock,
    cast,
    davidson,
    non_orthogonality,
    norms,
    per_system,
    select,
    start_vectors,
)
from solvers.quantum_dots.determinants import n_orbitals_of, n_strings, pair_numbers, strings
from solvers.quantum_dots.pairs import Removals, SpinBlock, pair_interaction, singlets, triplets

LOW_SIZE = 120
"""Up to this many determinants all states are found by LAPACK; larger spaces begin from such a corner."""
DENSE_SIZE = 2000
"""Up to this many determinants LAPACK replaces an iteration that does not converge."""
GUARDS = 2
"""Additional states in the iteration, which guard the requested ones."""
ORTHOGONAL = 1e-9
"""Largest overlap of two states, or error of a norm, that is accepted."""


def block_size(n_orbitals: int, n_electrons: int) -> int:
    """Return the number of determinants of the block, without building it."""
    return n_strings(n_orbitals, (n_electrons + 1) // 2) * n_strings(n_orbitals, n_electrons // 2)


def bytes_needed(n_orbitals: int, n_electrons: int, n_wanted: int) -> int:
    """Return the working memory of ``lowest_states`` for one system and its tables, in bytes."""
    size, n_pairs, k = block_size(n_orbitals, n_electrons), n_orbitals * (n_orbitals + 1) // 2, n_wanted + GUARDS
    n_up, n_down = (n_electrons + 1) // 2, n_electrons // 2
    rests = n_strings(n_orbitals, n_up - 1) * n_strings(n_orbitals, n_down - 1) if n_down else 0
    for pair, other in ((n_up, n_down), (n_down, n_up)):
        rests += n_strings(n_orbitals, pair - 2) * n_strings(n_orbitals, other) if pair > 1 else 0
    entries = size * (2 * n_up * n_down + n_up * (n_up - 1) // 2 + n_down * (n_down - 1) // 2)
    tables = 6 * entries + 2 * n_pairs * rests
    vectors = size * (2 * 6 * k + 10 * k + 8)  # a Davidson space
    return 8 * (tables + vectors + 8 * n_pairs**2 + 2 * n_pairs * rests * k)


def spin_block(n_orbitals: int, n_electrons: int) -> SpinBlock:
    """Return the block of N electrons: S_z = 0 for even, 1/2 for odd N."""
    return SpinBlock(strings(n_orbitals, (n_electrons + 1) // 2), strings(n_orbitals, n_electrons // 2))


def low_orbitals(n_orbitals: int, n_electrons: int, n_block: int, low_size: int) -> int:
    """Return how many orbitals span the corner for the preconditioner: as many as ``low_size`` determinants allow."""
    enough = 4 * n_block
    sizes = {m: block_size(m, n_electrons) for m in range((n_electrons + 1) // 2, n_orbitals + 1)}
    fitting = [m for m, size in sizes.items() if enough <= size <= max(low_size, enough)]
    large = [m for m, size in sizes.items() if size >= enough]
    return max(fitting) if fitting else min([*large, n_orbitals])


class HamiltonianArrays(NamedTuple):
    """The arrays of a ``Hamiltonian``, one entry for each system.

    Attributes:
        one_body: h_pq (B, P) for p <= q.
        integrals: (P|Q), (B, P, P).
        singlet, triplet: see ``pairs.PairInteraction``; None for one electron.
    """

    one_body: Array
    integrals: Array
    singlet: Array | None
    triplet: Array | None


@dataclass(frozen=True)
class Hamiltonian:
    """H of a batch of systems as an ``eigensolver.Operator`` on flat coefficients (B, k, determinants)."""

    block: SpinBlock
    arrays: HamiltonianArrays

    @classmethod
    def of(cls, block: SpinBlock, one_body: Array, integrals: Array) -> Hamiltonian:
        """Return H for ``one_body`` h_pq (B, P), p <= q, and ``integrals`` (B, P, P)."""
        if block.n_electrons == 1:
            return cls(block, HamiltonianArrays(one_body, integrals, None, None))
        pairs = pair_interaction(one_body, integrals, block.n_electrons)
        return cls(block, HamiltonianArrays(one_body, integrals, *pairs))

    def cast(self, dtype: Any) -> Hamiltonian:
        """Return the same Hamiltonian in another precision."""
        return replace(self, arrays=cast(self.arrays, dtype))

    def apply(self, vectors: Array) -> Array:
        """Return H C for vectors (B, k, determinants)."""
        singlet, triplet = self.arrays.singlet, self.arrays.triplet
        if singlet is None:
            return vectors @ _one_electron(self.arrays.one_body)
        total = _moved(singlet, singlets(self.block), vectors)
        return total if self.block.n_orbitals == 1 else total + _moved(triplet, triplets(self.block), vectors)

    def select(self, systems: Array) -> Hamiltonian:
        """Return the Hamiltonian of the chosen ``systems`` (b,)."""
        return replace(self, arrays=select(self.arrays, systems))

    def matrix(self) -> Array:
        """Return the whole matrix, (B, determinants, determinants): the action on unit vectors."""
        integrals, size = self.arrays.integrals, self.block.size
        xp = namespace(integrals)
        unit = xp.eye(size, dtype=integrals.dtype, device=integrals.device)
        return self.apply(xp.broadcast_to(unit, (integrals.shape[0], size, size)))

    def diagonal(self) -> Array:
        """Return the diagonal of H, (B, determinants): energies of the orbitals, Coulomb and exchange integrals."""
        (one_body, integrals, *_), xp = self.arrays, namespace(self.arrays.integrals)
        direct, exchange = _diagonal_pairs(integrals)
        levels = xp.linalg.diagonal(_one_electron(one_body))
        occupied = [xp.asarray(s.occupations, dtype=direct.dtype, device=direct.device) for s in self.block]
        up, down = (
            levels @ xp.matrix_transpose(n) + xp.sum((n @ (direct - exchange)) * n, axis=-1) / 2 for n in occupied
        )
        between = occupied[0] @ direct @ xp.matrix_transpose(occupied[1])
        total = up[:, :, None] + down[:, None, :] + between
        return xp.reshape(total, (total.shape[0], self.block.size))


def _moved(interaction: Array, removals: Removals, vectors: Array) -> Array:
    """Return the interaction of pairs of one kind applied to vectors (B, k, determinants)."""
    xp, removed = namespace(vectors), removals.of(vectors)
    acted = interaction @ xp.reshape(removed, (*removed.shape[:2], -1))
    return removals.restored(xp.reshape(acted, removed.shape))


def _one_electron(one_body: Array) -> Array:
    """Return h_pq (B, M, M) from its values for p <= q, (B, P)."""
    xp, m = namespace(one_body), n_orbitals_of(one_body.shape[1])
    numbers = xp.asarray(pair_numbers(m).ravel(), device=one_body.device)
    return xp.reshape(xp.take(one_body, numbers, axis=1), (-1, m, m))


def _diagonal_pairs(integrals: Array) -> tuple[Array, Array]:
    """Return Coulomb (pp|qq) and exchange integrals (pq|pq), each (B, M, M)."""
    xp, device = namespace(integrals), integrals.device
    m = n_orbitals_of(integrals.shape[1])
    own = xp.asarray(np.diagonal(pair_numbers(m)).copy(), device=device)
    direct = xp.take(xp.take(integrals, own, axis=1), own, axis=2)
    return direct, _one_electron(xp.linalg.diagonal(integrals))


class States(NamedTuple):
    """``values`` (B, k), ``vectors`` (B, k, determinants), ``residuals`` (B, k); ``fallback`` (B,), NumPy.

    ``fallback`` is True where the iteration did not converge and LAPACK solved the whole matrix.
    """

    values: Array
    vectors: Array
    residuals: Array
    fallback: np.ndarray


def lowest_states(
    block: SpinBlock, one_body: Array, integrals: Array, n_wanted: int, tolerance: float | Array
) -> States:
    """Return the ``n_wanted`` lowest states, or all, for ``one_body`` h_pq (B, P) and ``integrals`` (B, P, P).

    ``tolerance``, one number or (B,), is the largest residual.

    A system that does not converge is solved by LAPACK if it has at most ``DENSE_SIZE`` determinants. Otherwise its
    residuals are above the tolerance.
    """
    n_wanted = min(n_wanted, block.size)
    n_block = min(n_wanted + GUARDS, block.size)
    hamiltonian = Hamiltonian.of(block, one_body, integrals)
    b, m = one_body.shape[0], low_orbitals(block.n_orbitals, block.n_electrons, n_block, LOW_SIZE)
    if m == block.n_orbitals or b == 0:
        return States(*_by_lapack(hamiltonian, n_wanted), np.zeros(b, dtype=bool))
    low = low_block(hamiltonian, n_block, LOW_SIZE)
    patience = 80 if block.size <= DENSE_SIZE else 400  # above this size there is no fallback
    found = davidson(hamiltonian, low, start_vectors(low, n_block), n_wanted, tolerance, patience).first(n_wanted)
    failed = ~(to_numpy(found.residuals) <= per_system(tolerance, b)[:, None]).all(axis=1) | ~(
        to_numpy(non_orthogonality(found.vectors)) <= ORTHOGONAL
    )
    if block.size > DENSE_SIZE:
        return States(*found, np.zeros(b, dtype=bool))
    for i in np.flatnonzero(failed):  # strong correlation with very small gaps
        one = namespace(integrals).asarray([i], device=integrals.device)
        exact = _by_lapack(hamiltonian.select(one), n_wanted)
        for mine, its in zip(found, exact, strict=True):
            mine[i, ...] = its[0, ...]
    return States(*found, failed)


def low_block(hamiltonian: Hamiltonian, n_block: int, low_size: int) -> LowBlock:
    """Return the preconditioner: all states in the first few orbitals, which are also the start of the iteration."""
    block, arrays = hamiltonian.block, hamiltonian.arrays
    m = low_orbitals(block.n_orbitals, block.n_electrons, n_block, low_size)
    n_pairs = m * (m + 1) // 2
    one_body, integrals = arrays.one_body[:, :n_pairs], arrays.integrals[:, :n_pairs, :n_pairs]
    corner = Hamiltonian.of(spin_block(m, block.n_electrons), one_body, integrals)
    values, vectors = namespace(integrals).linalg.eigh(corner.matrix())
    return LowBlock.of(block.corner(m), hamiltonian.diagonal(), values, vectors, n_block)


def _by_lapack(hamiltonian: Hamiltonian, n_wanted: int) -> Eigenpairs:
    """Return the lowest states by diagonalisation of the whole matrix: slow, the fallback."""
    matrix = hamiltonian.matrix()
    xp = namespace(matrix)
    values, columns = (a[..., :n_wanted] for a in xp.linalg.eigh(matrix))
    vectors = xp.matrix_transpose(columns)
    return Eigenpairs(values, vectors, norms(vectors @ matrix - values[..., None] * vectors))
