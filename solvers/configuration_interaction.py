"""Full configuration interaction: the lowest states of N electrons in M orbitals, in the block of lowest |S_z|.

H = sum_pq h_pq E_pq + 1/2 sum_pqrs (pq|rs) (E_pq E_rs - delta_qr E_ps),   E_pq = E_pq(up) + E_pq(down),

acts on coefficients C_IJ of up strings I and down strings J as

H C = A C + C B^T + sum_PQ (P|Q) F_P(up) C F_Q(down)^T

with A and B the Hamiltonians of the up and the down electrons alone. No matrix is stored: for each down string J the
K pairs Q that move it meet all P in one product of matrices, and the up strings gather from the result. Effective
atomic units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solvers.backend import Array, namespace, on_host, to_numpy
from solvers.determinants import Strings, n_strings, pair_numbers, strings
from solvers.eigensolver import Eigenpairs, LowBlock, davidson, non_orthogonality, norms, start_vectors

LOW_SIZE = 120
"""Up to this many determinants all states are found by LAPACK; larger spaces begin from such a corner."""
DENSE_SIZE = 2000
"""Up to this many determinants a system that does not converge is diagonalised whole."""
GUARDS = 2
"""States carried along beyond those wanted."""
ORTHOGONAL = 1e-9
"""Largest overlap of two states, or error of a norm, that is accepted."""
CHUNK = {True: 2**20, False: 2**29}
"""Bytes of intermediates held at once on a processor (its cache) and on a GPU."""


class SpinBlock(NamedTuple):
    """The determinants of N electrons in M orbitals with the lowest |S_z|."""

    up: Strings
    down: Strings

    @property
    def size(self) -> int:
        """Number of determinants."""
        return self.up.count * self.down.count

    @property
    def n_orbitals(self) -> int:
        """M."""
        return self.up.n_orbitals

    @property
    def n_electrons(self) -> int:
        """N."""
        return self.up.n_electrons + self.down.n_electrons

    def corner(self, n_orbitals: int) -> np.ndarray:
        """Numbers of the determinants that use only the first ``n_orbitals`` orbitals."""
        n_up, n_down = (n_strings(n_orbitals, spin.n_electrons) for spin in self)
        return np.add.outer(np.arange(n_up) * self.down.count, np.arange(n_down)).ravel()


def block_size(n_orbitals: int, n_electrons: int) -> int:
    """Number of determinants of the block, without building it."""
    return n_strings(n_orbitals, (n_electrons + 1) // 2) * n_strings(n_orbitals, n_electrons // 2)


def bytes_needed(n_orbitals: int, n_electrons: int, n_wanted: int) -> int:
    """Working memory of ``lowest_states`` for one system and its tables, in bytes."""
    size, n_pairs, k = block_size(n_orbitals, n_electrons), n_orbitals * (n_orbitals + 1) // 2, n_wanted + GUARDS
    tables = 0
    for n in ((n_electrons + 1) // 2, n_electrons // 2):
        s, moves = n_strings(n_orbitals, n), n * (n_orbitals - n + 1)
        tables += s**2 * (6 + 5 * max(n - 1, 1)) + s * (4 * moves + 2 * n_pairs)
    coupling = 2 * n_pairs * s * moves
    vectors = size * (2 * 6 * k + 10 * k + 8 + n_pairs)  # a Davidson space, and F_P C for all P
    return 8 * (tables + coupling + vectors + n_pairs**2) + 2 * CHUNK[True]


def spin_block(n_orbitals: int, n_electrons: int) -> SpinBlock:
    """The block of N electrons: S_z = 0 for even, 1/2 for odd N."""
    return SpinBlock(strings(n_orbitals, (n_electrons + 1) // 2), strings(n_orbitals, n_electrons // 2))


def low_orbitals(n_orbitals: int, n_electrons: int, n_block: int, low_size: int) -> int:
    """How many of the orbitals span the corner that is diagonalised at once: as many as ``low_size`` allows."""
    enough = 4 * n_block
    sizes = {m: block_size(m, n_electrons) for m in range((n_electrons + 1) // 2, n_orbitals + 1)}
    fitting = [m for m, size in sizes.items() if enough <= size <= max(low_size, enough)]
    large = [m for m, size in sizes.items() if size >= enough]
    return max(fitting) if fitting else min([*large, n_orbitals])


class Hamiltonian:
    """H of a batch of systems as an ``eigensolver.Operator`` on flat coefficients (B, k, determinants).

    ``one_body`` h_pq (B, P) for p <= q, ``integrals`` (B, P, P).
    """

    def __init__(self, block: SpinBlock, one_body: Array, integrals: Array) -> None:
        self.block, self.one_body, self.integrals = block, one_body, integrals
        self.low: LowBlock | None = None
        self.up_alone, self.down_alone = (_one_spin(spin, one_body, integrals) for spin in block)
        self.coupling = _coupling(block.down, integrals) if block.down.pair.size else None

    def apply(self, vectors: Array) -> Array:
        """H C for vectors (B, k, determinants)."""
        xp, (b, k, _) = namespace(vectors), vectors.shape
        n_up, n_down = self.block.up.count, self.block.down.count
        c = xp.reshape(vectors, (b, k, n_up, n_down))
        alone = self.up_alone[:, None, :, :] @ c + c @ self.down_alone[:, None, :, :]
        if self.coupling is not None:
            alone = alone + self._coupled(c, self.coupling)
        return xp.reshape(alone, (b, k, n_up * n_down))

    def _coupled(self, c: Array, coupling: Array) -> Array:
        """sum_PQ (P|Q) F_P(up) C F_Q(down)^T for C (B, k, up, down)."""
        xp, (b, k, n_up, n_down) = namespace(c), c.shape
        up, down = self.block
        n_pairs, n_moves = self.integrals.shape[1], down.pair.shape[1]
        from_up = xp.asarray((up.pair * n_up + up.source).ravel(), device=c.device)
        sign = xp.asarray(up.sign[:, None, :], device=c.device)
        columns = xp.reshape(xp.permute_dims(c, (0, 3, 2, 1)), (b, n_down, n_up * k))
        step = max(1, CHUNK[on_host(c)] // (8 * b * n_pairs * n_up * k))
        parts = []
        for first in range(0, n_down, step):
            some = slice(first, min(first + step, n_down))
            source = xp.asarray(down.source[some].ravel(), device=c.device)
            moved = xp.reshape(xp.take(columns, source, axis=1), (b, -1, n_moves, n_up * k))
            met = xp.reshape(coupling[:, some, :, :] @ moved, (b, -1, n_pairs * n_up, k))
            gathered = xp.reshape(xp.take(met, from_up, axis=2), (b, -1, n_up, up.pair.shape[1], k))
            parts.append((sign @ gathered)[..., 0, :])  # (b, some, up, k)
        return xp.permute_dims(xp.concat(parts, axis=1), (0, 3, 2, 1))

    def precondition(self, residuals: Array, values: Array) -> Array:
        """About (H - E)^-1 r, once ``low`` is there."""
        assert self.low is not None
        return self.low.solve(residuals, values)

    def take(self, systems: Array) -> Hamiltonian:
        """The Hamiltonian of some of its systems."""
        xp, chosen = namespace(self.integrals), object.__new__(Hamiltonian)
        chosen.block, chosen.low = self.block, self.low and self.low.take(systems)
        for name in ("one_body", "integrals", "up_alone", "down_alone", "coupling"):
            array = getattr(self, name)
            setattr(chosen, name, None if array is None else xp.take(array, systems, axis=0))
        return chosen

    def matrix(self) -> Array:
        """All of it, (B, determinants, determinants): the action on unit vectors."""
        xp, b, size = namespace(self.integrals), self.integrals.shape[0], self.block.size
        unit = xp.eye(size, dtype=self.integrals.dtype, device=self.integrals.device)
        return self.apply(xp.broadcast_to(unit, (b, size, size)))

    def diagonal(self) -> Array:
        """Diagonal of H, (B, determinants), from the Coulomb integrals."""
        xp, (up, down) = namespace(self.integrals), self.block
        direct = _diagonal_pairs(self.integrals)[0]
        n_up, n_down = (xp.asarray(spin.occupations, device=direct.device) for spin in (up, down))
        between = n_up @ direct @ xp.matrix_transpose(n_down)
        alone = [xp.linalg.diagonal(a) for a in (self.up_alone, self.down_alone)]
        total = alone[0][:, :, None] + alone[1][:, None, :] + between
        return xp.reshape(total, (total.shape[0], self.block.size))


def _coupling(down: Strings, integrals: Array) -> Array:
    """Sign (P|Q) for the pairs Q that move each down string: (B, down, P, K)."""
    xp, device = namespace(integrals), integrals.device
    n_pairs, shape = integrals.shape[1], down.pair.shape
    chosen = xp.take(integrals, xp.asarray(down.pair.ravel(), device=device), axis=2)
    signed = xp.reshape(chosen, (-1, n_pairs, *shape)) * xp.asarray(down.sign, device=device)
    return xp.permute_dims(signed, (0, 2, 1, 3)) + 0.0  # laid out for the products


def _diagonal_pairs(integrals: Array) -> tuple[Array, Array]:
    """Coulomb (pp|qq) and exchange integrals (pq|pq), each (B, M, M)."""
    xp, device = namespace(integrals), integrals.device
    m = round((2 * integrals.shape[1] + 0.25) ** 0.5 - 0.5)
    numbers = pair_numbers(m)
    own = xp.asarray(np.diagonal(numbers).copy(), device=device)
    direct = xp.take(xp.take(integrals, own, axis=1), own, axis=2)
    exchange = xp.take(xp.linalg.diagonal(integrals), xp.asarray(numbers.ravel(), device=device), axis=1)
    return direct, xp.reshape(exchange, (-1, m, m))


def _one_spin(spin: Strings, one_body: Array, integrals: Array) -> Array:
    """Hamiltonian of the electrons of one spin among themselves: (B, S, S)."""
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


def lowest_states(block: SpinBlock, one_body: Array, integrals: Array, n_wanted: int, tolerance: float) -> States:
    """The ``n_wanted`` lowest states for ``one_body`` h_pq (B, P) and ``integrals`` (B, P, P); at most all there are.

    A system that Davidson does not converge is diagonalised whole if it has at most ``DENSE_SIZE`` determinants; else
    its residuals tell.
    """
    n_wanted = min(n_wanted, block.size)
    n_block = min(n_wanted + GUARDS, block.size)
    hamiltonian = Hamiltonian(block, one_body, integrals)
    b, m = one_body.shape[0], low_orbitals(block.n_orbitals, block.n_electrons, n_block, LOW_SIZE)
    if m == block.n_orbitals or b == 0:
        return States(*_by_lapack(hamiltonian, n_wanted), np.zeros(b, dtype=bool))
    hamiltonian.low = low_block(hamiltonian, n_block, LOW_SIZE)
    patience = 80 if block.size <= DENSE_SIZE else 400  # where there is no other way
    start = start_vectors(hamiltonian.low, n_block)
    found = davidson(hamiltonian, start, n_wanted, tolerance, patience).first(n_wanted)
    failed = ~(to_numpy(found.residuals) <= tolerance).all(axis=1) | ~(
        to_numpy(non_orthogonality(found.vectors)) <= ORTHOGONAL
    )
    if block.size > DENSE_SIZE:
        return States(*found, np.zeros(b, dtype=bool))
    for i in np.flatnonzero(failed):  # strong correlation, hardly any gaps
        one = namespace(integrals).asarray([i], device=integrals.device)
        exact = _by_lapack(hamiltonian.take(one), n_wanted)
        for mine, its in zip(found, exact, strict=True):
            mine[i, ...] = its[0, ...]
    return States(*found, failed)


def low_block(hamiltonian: Hamiltonian, n_block: int, low_size: int) -> LowBlock:
    """The exact solution in the first few orbitals, to begin from and to precondition with."""
    xp, block = namespace(hamiltonian.integrals), hamiltonian.block
    m = low_orbitals(block.n_orbitals, block.n_electrons, n_block, low_size)
    n_pairs = m * (m + 1) // 2
    corner = Hamiltonian(
        spin_block(m, block.n_electrons),
        hamiltonian.one_body[:, :n_pairs],
        hamiltonian.integrals[:, :n_pairs, :n_pairs],
    )
    values, vectors = xp.linalg.eigh(corner.matrix())
    return LowBlock(hamiltonian.diagonal(), block.corner(m), values, vectors, n_block)


def _by_lapack(hamiltonian: Hamiltonian, n_wanted: int) -> Eigenpairs:
    """The same as ``lowest_states``, from all states of the whole matrix: slow, and the last word."""
    matrix, xp = hamiltonian.matrix(), namespace(hamiltonian.integrals)
    values, columns = (a[..., :n_wanted] for a in xp.linalg.eigh(matrix))
    vectors = xp.matrix_transpose(columns)
    return Eigenpairs(values, vectors, norms(vectors @ matrix - values[..., None] * vectors))
