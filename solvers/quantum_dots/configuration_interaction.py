"""Full configuration interaction: the lowest states of N electrons in M orbitals, in the block of lowest |S_z|.

H = sum_pq h_pq E_pq + 1/2 sum_pqrs (pq|rs) (E_pq E_rs - delta_qr E_ps),   E_pq = E_pq(up) + E_pq(down),

acts on coefficients C_IJ of up strings I and down strings J as

H C = A C + C B^T + sum_pqrs (pq|rs) a+_p(up) a+_r(down) [a_q(up) a_s(down) C]

with A and B the Hamiltonians of the up and the down electrons alone. No matrix is stored: C with one electron of each
spin taken out, gathered, is a matrix of M^2 rows (q, s), which one product turns into rows (p, r), from which H C is
gathered (the N - 2 electron intermediate of Zarrabian, Sarma, Paldus, Chem. Phys. Lett. 155, 183 (1989)). Effective
atomic units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import (
    Eigenpairs,
    LowBlock,
    davidson,
    non_orthogonality,
    norms,
    per_system,
    select,
    start_vectors,
)
from solvers.quantum_dots.determinants import Strings, n_orbitals_of, n_strings, pair_numbers, strings

LOW_SIZE = 120
"""Up to this many determinants all states are found by LAPACK; larger spaces begin from such a corner."""
DENSE_SIZE = 2000
"""Up to this many determinants LAPACK replaces an iteration that does not converge."""
GUARDS = 2
"""Additional states in the iteration, which guard the requested ones."""
ORTHOGONAL = 1e-9
"""Largest overlap of two states, or error of a norm, that is accepted."""


class SpinBlock(NamedTuple):
    """The determinants of N electrons in M orbitals with the lowest |S_z|."""

    up: Strings
    down: Strings

    @property
    def size(self) -> int:
        """The number of determinants."""
        return self.up.count * self.down.count

    @property
    def n_orbitals(self) -> int:
        """The number of orbitals M."""
        return self.up.n_orbitals

    @property
    def n_electrons(self) -> int:
        """The number of electrons N."""
        return self.up.n_electrons + self.down.n_electrons

    def corner(self, n_orbitals: int) -> np.ndarray:
        """Return the numbers of the determinants that use only the first ``n_orbitals`` orbitals."""
        n_up, n_down = (n_strings(n_orbitals, spin.n_electrons) for spin in self)
        return np.add.outer(np.arange(n_up) * self.down.count, np.arange(n_down)).ravel()


def block_size(n_orbitals: int, n_electrons: int) -> int:
    """Return the number of determinants of the block, without building it."""
    return n_strings(n_orbitals, (n_electrons + 1) // 2) * n_strings(n_orbitals, n_electrons // 2)


def bytes_needed(n_orbitals: int, n_electrons: int, n_wanted: int) -> int:
    """Return the working memory of ``lowest_states`` for one system and its tables, in bytes."""
    size, n_pairs, k = block_size(n_orbitals, n_electrons), n_orbitals * (n_orbitals + 1) // 2, n_wanted + GUARDS
    n_up, n_down = (n_electrons + 1) // 2, n_electrons // 2
    tables = sum(n_strings(n_orbitals, n) ** 2 * (6 + 5 * max(n - 1, 1)) for n in (n_up, n_down))
    removed = n_orbitals**2 * n_strings(n_orbitals, n_up - 1) * n_strings(n_orbitals, n_down - 1) if n_down else 0
    tables += 3 * removed + 3 * n_up * n_down * size
    vectors = size * (2 * 6 * k + 10 * k + 8 + n_pairs)  # a Davidson space, and F_P C for all P
    return 8 * (tables + vectors + n_pairs**2 + 2 * n_orbitals**4 + 3 * removed * k)


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
        up_alone, down_alone: A and B, the Hamiltonians of the electrons of one spin, (B, S, S).
        coupling: (pq|rs) as a matrix from (q, s) to (p, r), (B, M^2, M^2); None without electrons of spin down.
    """

    one_body: Array
    integrals: Array
    up_alone: Array
    down_alone: Array
    coupling: Array | None


@dataclass(frozen=True)
class Hamiltonian:
    """H of a batch of systems as an ``eigensolver.Operator`` on flat coefficients (B, k, determinants)."""

    block: SpinBlock
    arrays: HamiltonianArrays

    @classmethod
    def of(cls, block: SpinBlock, one_body: Array, integrals: Array) -> Hamiltonian:
        """Return H for ``one_body`` h_pq (B, P), p <= q, and ``integrals`` (B, P, P)."""
        up_alone, down_alone = (_one_spin(spin, one_body, integrals) for spin in block)
        coupling = _coupling(block.n_orbitals, integrals) if block.down.n_electrons else None
        return cls(block, HamiltonianArrays(one_body, integrals, up_alone, down_alone, coupling))

    def apply(self, vectors: Array) -> Array:
        """Return H C for vectors (B, k, determinants)."""
        xp, (b, k, _), arrays = namespace(vectors), vectors.shape, self.arrays
        n_up, n_down = self.block.up.count, self.block.down.count
        c = xp.reshape(vectors, (b, k, n_up, n_down))
        total = xp.reshape(arrays.up_alone[:, None, :, :] @ c + c @ arrays.down_alone[:, None, :, :], vectors.shape)
        if arrays.coupling is not None:
            total = total + xp.matrix_transpose(self._coupled(arrays.coupling, xp.matrix_transpose(vectors)))
        return total

    def _coupled(self, coupling: Array, vectors: Array) -> Array:
        """Return the interaction of both spins applied to vectors (B, determinants, k)."""
        xp, (b, _, k), m = namespace(vectors), vectors.shape, self.block.n_orbitals
        source, sign, target, back = (xp.asarray(table, device=vectors.device) for table in _both_removed(self.block))
        removed = xp.take(vectors, source, axis=1) * sign
        acted = coupling @ xp.reshape(removed, (b, m**2, -1))
        acted = xp.reshape(acted, (b, -1, k))
        total: Array = 0.0
        for way in range(target.shape[0]):
            total = total + xp.take(acted, target[way, :], axis=1) * back[way, ...]
        return total

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
        """Return the diagonal of H, (B, determinants), from the Coulomb integrals."""
        xp, (up, down) = namespace(self.arrays.integrals), self.block
        direct = _diagonal_pairs(self.arrays.integrals)[0]
        n_up, n_down = (xp.asarray(spin.occupations, device=direct.device) for spin in (up, down))
        between = n_up @ direct @ xp.matrix_transpose(n_down)
        alone = [xp.linalg.diagonal(a) for a in (self.arrays.up_alone, self.arrays.down_alone)]
        total = alone[0][:, :, None] + alone[1][:, None, :] + between
        return xp.reshape(total, (total.shape[0], self.block.size))


def _coupling(m: int, integrals: Array) -> Array:
    """Return (pq|rs) as a matrix from (q, s) to (p, r): (B, M^2, M^2)."""
    xp, numbers, n_pairs = namespace(integrals), pair_numbers(m), integrals.shape[1]
    entry = numbers[:, None, :, None] * n_pairs + numbers[None, :, None, :]  # p, r, q, s
    flat = xp.reshape(integrals, (-1, n_pairs**2))
    return xp.reshape(xp.take(flat, xp.asarray(entry.ravel(), device=integrals.device), axis=1), (-1, m**2, m**2))


@lru_cache(maxsize=16)
def _both_removed(block: SpinBlock) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return tables of a_q(up) a_s(down): from determinants to (q, s, rest of both), and back.

    ``source`` (R,) and ``sign`` (R, 1) for all R combinations of q, s and rests, sign 0 where the orbital is not free;
    ``target`` (ways, determinants) and ``back`` (ways, determinants, 1) for the ways to take one electron of each spin.
    """
    m, sides = block.n_orbitals, []
    for spin in block:
        orbital, rest, sign = spin.removals
        added = np.zeros((m, n_strings(m, spin.n_electrons - 1)), dtype=np.intp)
        of_sign = np.zeros(added.shape)
        added[orbital, rest] = np.arange(spin.count)[:, None]
        of_sign[orbital, rest] = sign
        sides.append((added, of_sign, orbital, rest, sign))
    (up, up_sign, *up_ways), (down, down_sign, *down_ways) = sides
    source = up[:, None, :, None] * block.down.count + down[None, :, None, :]
    sign = up_sign[:, None, :, None] * down_sign[None, :, None, :]
    n_up, n_down = up.shape[1], down.shape[1]
    target, back = [], []
    for p, up_rest, s_up in zip(*(a.T for a in up_ways), strict=True):
        for r, down_rest, s_down in zip(*(a.T for a in down_ways), strict=True):
            entry = ((p[:, None] * m + r) * n_up + up_rest[:, None]) * n_down + down_rest
            target.append(entry.ravel())
            back.append(np.outer(s_up, s_down).ravel())
    return source.ravel(), sign.reshape(-1, 1), np.array(target), np.array(back)[..., None]


def _diagonal_pairs(integrals: Array) -> tuple[Array, Array]:
    """Return Coulomb (pp|qq) and exchange integrals (pq|pq), each (B, M, M)."""
    xp, device = namespace(integrals), integrals.device
    m = n_orbitals_of(integrals.shape[1])
    numbers = pair_numbers(m)
    own = xp.asarray(np.diagonal(numbers).copy(), device=device)
    direct = xp.take(xp.take(integrals, own, axis=1), own, axis=2)
    exchange = xp.take(xp.linalg.diagonal(integrals), xp.asarray(numbers.ravel(), device=device), axis=1)
    return direct, xp.reshape(exchange, (-1, m, m))


def _one_spin(spin: Strings, one_body: Array, integrals: Array) -> Array:
    """Return the Hamiltonian of the electrons of one spin alone: (B, S, S)."""
    xp, device, (b, n_pairs, _) = namespace(integrals), integrals.device, integrals.shape
    s, n = spin.count, spin.occupations
    pair, sign = np.zeros((s, s), dtype=np.intp), np.zeros((s, s))
    rows = np.broadcast_to(np.arange(s)[:, None], spin.pair.shape)
    pair[rows, spin.source], sign[rows, spin.source] = spin.pair, spin.sign
    np.fill_diagonal(sign, 0.0)
    moved = xp.reshape(xp.take(one_body, xp.asarray(pair.ravel(), device=device), axis=1), (b, s, s))
    total = moved * xp.asarray(sign, device=device)
    if spin.n_electrons > 1:
        flat, (direct, exchange, sign) = xp.reshape(integrals, (b, n_pairs**2)), spin.same_spin
        two = [xp.take(flat, xp.asarray(a.ravel(), device=device), axis=1) for a in (direct, exchange)]
        signed = xp.reshape(two[0] - two[1], (b, *sign.shape)) * xp.asarray(sign, device=device)
        total = total + xp.sum(signed, axis=3)
    own = xp.asarray(np.diagonal(pair_numbers(spin.n_orbitals)).copy(), device=device)
    coulomb, exchange = _diagonal_pairs(integrals)
    occupied = xp.asarray(n, device=device)
    own_energy = xp.take(one_body, own, axis=1) @ xp.matrix_transpose(occupied)
    repulsion = xp.sum((occupied @ (coulomb - exchange)) * occupied, axis=-1) / 2
    return total + (own_energy + repulsion)[:, :, None] * xp.eye(s, dtype=total.dtype, device=device)


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
    return LowBlock.of(hamiltonian.diagonal(), block.corner(m), values, vectors, n_block)


def _by_lapack(hamiltonian: Hamiltonian, n_wanted: int) -> Eigenpairs:
    """Return the lowest states by diagonalisation of the whole matrix: slow, the fallback."""
    matrix = hamiltonian.matrix()
    xp = namespace(matrix)
    values, columns = (a[..., :n_wanted] for a in xp.linalg.eigh(matrix))
    vectors = xp.matrix_transpose(columns)
    return Eigenpairs(values, vectors, norms(vectors @ matrix - values[..., None] * vectors))
