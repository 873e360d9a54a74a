"""N electrons with given S_z in M complex orbitals: H on states, spins, and density matrices.

H = sum_PQ B+_P K0_PQ B_Q + sum_PQ [triplet pairs] K1_PQ moves singlet and triplet pairs, as in ``pairs.py``, of which
the formulas hold for complex integrals (pq|rs) = int int phi_p^* phi_q(r) v(|r - r'|) phi_r^* phi_s(r') as well. The
number of triplet pairs is a function of the total spin,

    sum_P A+_P A_P (all components) = 3 N (N - 2) / 8 + S (S + 1) / 2,

so that a constant on the diagonal of K1 raises the states of higher spin, and leaves each state as it is. Among states
with S_z = s those of S = s are thereby the lowest; S_z = S - 1 ... -S follow by S_-. Effective atomic units.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from solvers.quantum_dots.determinants import Strings, n_strings, orbital_pairs, strings
from solvers.quantum_dots.pairs import Removals, SpinBlock, singlets, triplets, unequal_pairs
from solvers.sparse import SparseMatrix

Floats = NDArray[np.float64]
Values = NDArray[Any]


class Integrals(NamedTuple):
    """``one_body`` h_pq (M, M), and ``two_body`` (pq|rs) (M, M, M, M)."""

    one_body: Values
    two_body: Values

    def first(self, m: int) -> Integrals:
        """Return the integrals of the first ``m`` orbitals."""
        return Integrals(self.one_body[:m, :m], self.two_body[:m, :m, :m, :m])


def sector(n_orbitals: int, n_up: int, n_down: int) -> SpinBlock:
    """Return the determinants of ``n_up`` and ``n_down`` electrons."""
    return SpinBlock(strings(n_orbitals, n_up), strings(n_orbitals, n_down))


def triplet_pairs(n_electrons: int, spin: float) -> float:
    """Return the number of triplet pairs of a state of total ``spin``."""
    return 3 * n_electrons * (n_electrons - 2) / 8 + spin * (spin + 1) / 2


@lru_cache(maxsize=16)
def _of_one_spin(spin: Strings) -> Removals:
    """Return the removals of pairs q < s from electrons that all have the same spin."""
    first, second = np.triu_indices(spin.n_electrons, 1)
    orbital, rest, sign = (a[:, second] for a in spin.removals)
    fewer = strings(spin.n_orbitals, spin.n_electrons - 1)
    q, rest, sign_of_first = (a[rest, first] for a in fewer.removals)
    n_rests = n_strings(spin.n_orbitals, spin.n_electrons - 2)
    row = (orbital * (orbital - 1) // 2 + q) * n_rests + rest
    column = np.broadcast_to(np.arange(spin.count)[:, None], row.shape)
    n_pairs = spin.n_orbitals * (spin.n_orbitals - 1) // 2
    entries = ((sign * sign_of_first).ravel(), row.ravel(), column.ravel())
    return Removals(SparseMatrix(*entries, (n_pairs * n_rests, spin.count)), n_pairs, 0)


def _singlets(block: SpinBlock) -> Removals | None:
    return singlets(block) if block.up.n_electrons and block.down.n_electrons else None


def _triplets(block: SpinBlock) -> Removals | None:
    if block.n_orbitals == 1:
        return None
    if block.up.n_electrons and block.down.n_electrons:
        return triplets(block)
    return _of_one_spin(block.up if block.up.n_electrons else block.down)


def removed(removals: Removals, vectors: Values) -> Values:
    """Return states (k, determinants) less one pair, (pairs, rests k)."""
    columns = np.ascontiguousarray(vectors.T)
    found = removals.matrix.times(columns.view(np.float64)).view(columns.dtype)
    return found.reshape(removals.n_pairs, -1)


def _restored(removals: Removals, pairs: Values, k: int) -> Values:
    """Return states (k, determinants) with the pairs of (pairs, rests k) put back."""
    columns = np.ascontiguousarray(pairs.reshape(-1, k))
    return removals.matrix.transposed_times(columns.view(np.float64)).view(columns.dtype).T


class Hamiltonian:
    """H of a sector; states of higher spin than S_z are raised by ``penalty`` times their further triplet pairs."""

    def __init__(self, block: SpinBlock, integrals: Integrals, penalty: float = 0.0) -> None:
        self.block, self.integrals, self.penalty = block, integrals, penalty
        up, down = block.up.n_electrons, block.down.n_electrons
        self.shift = penalty * triplet_pairs(up + down, (up - down) / 2)
        if block.n_electrons > 1:
            self.singlet, self.triplet = self._pair_energies()

    def _pair_energies(self) -> tuple[Values, Values]:
        """Return K0 (P, P), and K1 (P', P') with the penalty."""
        (h, g), m = self.integrals, self.block.n_orbitals
        unit = np.eye(m) / (self.block.n_electrons - 1)
        g = g + np.einsum("pq,rs->pqrs", h, unit) + np.einsum("pq,rs->pqrs", unit, h)
        p, q = orbital_pairs(m)
        norm = (1.0 + (p == q)) ** -0.5
        singlet = (g[p[:, None], p, q[:, None], q] + g[p[:, None], q, q[:, None], p]) * norm * norm[:, None]
        p, q = unequal_pairs(m)
        triplet = g[p[:, None], p, q[:, None], q] - g[p[:, None], q, q[:, None], p]
        return singlet, triplet + self.penalty * np.eye(len(p))

    def apply(self, vectors: Values) -> Values:
        """Return (H + penalty) C for states (k, determinants)."""
        k, block = len(vectors), self.block
        if block.n_electrons == 1:
            return vectors @ self.integrals.one_body.T
        total: Values = -self.shift * vectors
        for removals, energies in ((_singlets(block), self.singlet), (_triplets(block), self.triplet)):
            if removals is not None:
                total = total + _restored(removals, energies @ removed(removals, vectors), k)
        return total

    def diagonal(self) -> Floats:
        """Return the diagonal of ``apply``."""
        h, g = self.integrals
        if self.block.n_electrons == 1:
            return np.diagonal(h).real.copy()
        direct = np.einsum("ppqq->pq", g).real
        exchange = np.einsum("pqqp->pq", g).real
        equal = direct - exchange + self.penalty
        levels, apart = np.diagonal(h).real, self.penalty / 2 * (1 - np.eye(len(h)))
        up, down = (
            s.occupations @ (levels - np.diagonal(equal) / 2) + ((s.occupations @ equal) * s.occupations).sum(1) / 2
            for s in self.block
        )
        between = self.block.up.occupations @ (direct + apart) @ self.block.down.occupations.T
        return (up[:, None] + down + between).ravel() - self.shift


def total_spins(block: SpinBlock, vectors: Values) -> Floats:
    """Return S of each state (k, determinants), from its number of triplet pairs."""
    n_electrons = block.n_electrons
    removals = _triplets(block) if n_electrons > 1 else None
    pairs: Any = 0.0
    if removals is not None:
        pairs = (np.abs(removed(removals, vectors).reshape(-1, len(vectors))) ** 2).sum(0)
    squared = 2 * (pairs - triplet_pairs(n_electrons, 0.0)) * np.ones(len(vectors))
    return (np.sqrt(np.maximum(1 + 4 * squared, 0.0)) - 1) / 2


def pair_matrix(block: SpinBlock, vectors: Values) -> Values:
    """Return Gamma_prqs = sum <a+_p a+_r a_s a_q> over spins and states (k, determinants): (M, M, M, M).

    The interaction energy is sum Gamma_prqs (pq|rs) / 2.
    """
    m = block.n_orbitals
    total = np.zeros((m,) * 4, dtype=vectors.dtype)
    if block.n_electrons == 1:
        return total
    kinds = ((_singlets(block), orbital_pairs(m), 1.0), (_triplets(block), unequal_pairs(m), -1.0))
    for removals, (low, high), sign in kinds:
        if removals is None:
            continue
        rows = removed(removals, vectors)
        norm = np.where(low == high, 2**0.5, 1.0)
        density, of_kind = (rows.conj() @ rows.T) * norm * norm[:, None], np.zeros_like(total)
        for a, b, order in ((low, high, 1.0), (high, low, sign)):
            for c, d, other in ((low, high, 1.0), (high, low, sign)):
                of_kind[a[:, None], b[:, None], c, d] = order * other * density
        total += of_kind
    return total


def density_matrix(spin: Strings, c: Values) -> Values:
    """Return <a+_p a_q> (M, M) of the electrons of the ``spin`` that is the first axis of ``c`` (S, others)."""
    m = spin.n_orbitals
    if spin.n_electrons == 0:
        return np.zeros((m, m), dtype=c.dtype)
    rows = annihilated(spin, c).reshape(m, -1)
    return rows.conj() @ rows.T


def annihilated(spin: Strings, c: Values) -> Values:
    """Return a_p of ``c`` (S, others), for the spin of the first axis: (M, S', others)."""
    orbital, rest, sign = spin.removals
    found = np.zeros((spin.n_orbitals, n_strings(spin.n_orbitals, spin.n_electrons - 1), c.shape[1]), dtype=c.dtype)
    found[orbital, rest] = sign[:, :, None] * c[:, None, :]
    return found


def _created(spin: Strings, c: Values) -> Values:
    """Return sum_p a+_p c_p for ``c`` (M, S', others), in the strings ``spin`` of the first axis: (S, others)."""
    orbital, rest, sign = spin.removals
    return (sign[:, :, None] * c[orbital, rest]).sum(1)


def lowered(n_orbitals: int, n_up: int, n_down: int, vector: Values) -> Values:
    """Return S_- of a state of ``n_up`` > 0 and ``n_down`` electrons, normalised: (determinants',).

    The sign of S_- depends on the order of the operators in a determinant; it is the same for all states.
    """
    up, down = strings(n_orbitals, n_up), strings(n_orbitals, n_down)
    taken = annihilated(up, vector.reshape(up.count, down.count))
    found = _created(strings(n_orbitals, n_down + 1), taken.transpose(0, 2, 1)).T.ravel()
    return found / np.linalg.norm(found)
