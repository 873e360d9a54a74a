"""Two electrons taken out of a state: singlet and triplet pairs, on which the whole Hamiltonian acts.

B_qs = (a_q(up) a_s(down) + a_s(up) a_q(down)) / sqrt(2 (1 + delta_qs)),  q <= s,        takes out a singlet pair, and
A_qs = (a_q(up) a_s(down) - a_s(up) a_q(down)) / sqrt(2),  a_q(up) a_s(up),  a_q(down) a_s(down),  q < s,

the three components of a triplet. H moves pairs, and conserves their spin:

H = sum_PQ B+_P K0_PQ B_Q + sum_PQ [A+_P A_Q + both of equal spins] K1_PQ,    P = (p, r), Q = (q, s),
K0 = (g(pq|rs) + g(ps|rq)) / sqrt((1 + delta_pr) (1 + delta_qs)),   K1 = g(pq|rs) - g(ps|rq),
g(pq|rs) = (pq|rs) + (h_pq delta_rs + delta_pq h_rs) / (N - 1):

each of the N (N - 1) / 2 pairs carries its part of the one-body energy. One product for each kind of pair does all work
(compare the N - 2 electron intermediates of Zarrabian, Sarma, Paldus, Chem. Phys. Lett. 155, 183 (1989)).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solvers.backend import Array, namespace
from solvers.eigensolver import Corner
from solvers.quantum_dots.determinants import Strings, n_orbitals_of, n_strings, orbital_pairs, pair_numbers, strings
from solvers.sparse import SparseMatrix


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

    def corner(self, n_orbitals: int) -> Corner:
        """Return the determinants that use only the first ``n_orbitals`` orbitals."""
        n_up, n_down = (n_strings(n_orbitals, spin.n_electrons) for spin in self)
        return Corner((self.up.count, self.down.count), (n_up, n_down))


class Removals(NamedTuple):
    """The removals of pairs of one kind as a matrix from determinants to (pair, rest of the electrons).

    ``n_opposite``: the first of the rests, from which one electron of each spin is missing.
    """

    matrix: SparseMatrix
    n_pairs: int
    n_opposite: int

    def of(self, vectors: Array) -> Array:
        """Return states (B, k, determinants) less one pair: (B, pairs, rests, k)."""
        xp, (b, k, size) = namespace(vectors), vectors.shape
        columns = xp.reshape(xp.permute_dims(vectors, (2, 0, 1)), (size, b * k))
        removed = xp.reshape(self.matrix.times(columns), (self.n_pairs, -1, b, k))
        return xp.permute_dims(removed, (2, 0, 1, 3))

    def restored(self, removed: Array) -> Array:
        """Return the states (B, k, determinants) with the pairs of ``removed`` (B, pairs, rests, k) put back."""
        xp, (b, _, _, k) = namespace(removed), removed.shape
        columns = xp.reshape(xp.permute_dims(removed, (1, 2, 0, 3)), (-1, b * k))
        whole = self.matrix.transposed_times(columns)
        return xp.permute_dims(xp.reshape(whole, (-1, b, k)), (1, 2, 0))


class _Entries(NamedTuple):
    """Entries of a matrix of removals, flat: orbitals q and s, numbers of rest and determinant, and the value."""

    q: NDArray
    s: NDArray
    rest: NDArray
    determinant: NDArray
    value: NDArray


def _flat(*arrays: NDArray) -> _Entries:
    return _Entries(*(a.ravel() for a in np.broadcast_arrays(*arrays)))


def _determinants(block: SpinBlock) -> NDArray:
    return np.arange(block.size).reshape(block.up.count, block.down.count)


def _opposite(block: SpinBlock) -> _Entries:
    """Return a_q(up) a_s(down)."""
    q, up_rest, up_sign = (a[:, None, :, None] for a in block.up.removals)
    s, down_rest, down_sign = (a[None, :, None, :] for a in block.down.removals)
    rest = up_rest * n_strings(block.n_orbitals, block.down.n_electrons - 1) + down_rest
    return _flat(q, s, rest, _determinants(block)[:, :, None, None], up_sign * down_sign)


def _equal(block: SpinBlock) -> list[_Entries]:
    """Return a_q a_s, q < s, of the electrons of spin up, and of those of spin down."""
    found = []
    for number, spin in enumerate(block):
        if spin.n_electrons < 2:
            continue
        rest, sign, q, s = _two_removed(spin)
        other = np.arange(block[1 - number].count)
        determinants = _determinants(block) if number == 0 else _determinants(block).T
        numbers = rest[:, None, :] * len(other) + other[None, :, None]
        found.append(_flat(q[:, None, :], s[:, None, :], numbers, determinants[:, :, None], sign[:, None, :]))
    return found


def _two_removed(spin: Strings) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return number of the rest, sign, q and s of a_q a_s, q < s, for each string: (S, pairs of its electrons)."""
    first, second = np.triu_indices(spin.n_electrons, 1)
    orbital, rest, sign = (a[:, second] for a in spin.removals)
    q, rest_of_both, sign_of_first = (a[rest, first] for a in strings(spin.n_orbitals, spin.n_electrons - 1).removals)
    return rest_of_both, sign * sign_of_first, q, orbital


@lru_cache(maxsize=12)
def singlets(block: SpinBlock) -> Removals:
    """Return the removals of singlet pairs, q <= s in the order of ``determinants.orbital_pairs``."""
    q, s, rest, determinant, value = _opposite(block)
    n_pairs = len(orbital_pairs(block.n_orbitals)[0])
    n_rests = _n_opposite(block)
    row = pair_numbers(block.n_orbitals)[q, s] * n_rests + rest
    weight = np.where(q == s, 1.0, 0.5**0.5)
    return Removals(SparseMatrix(value * weight, row, determinant, (n_pairs * n_rests, block.size)), n_pairs, n_rests)


@lru_cache(maxsize=12)
def triplets(block: SpinBlock) -> Removals:
    """Return the removals of triplet pairs, q < s in the order of ``unequal_pairs``; all three components."""
    q, s, rest, determinant, value = _opposite(block)
    unequal = q != s
    weight = np.where(q < s, 0.5**0.5, -(0.5**0.5))
    kinds = [_Entries(*(a[unequal] for a in (q, s, rest, determinant, value * weight)))]
    n_rests = n_opposite = _n_opposite(block)
    for kind in _equal(block):
        kinds.append(kind._replace(rest=kind.rest + n_rests))
        n_rests += int(kind.rest.max()) + 1
    q, s, rest, determinant, value = (np.concatenate(parts) for parts in zip(*kinds, strict=True))
    low, high = np.minimum(q, s), np.maximum(q, s)
    n_pairs = block.n_orbitals * (block.n_orbitals - 1) // 2
    row = (high * (high - 1) // 2 + low) * n_rests + rest
    return Removals(SparseMatrix(value, row, determinant, (n_pairs * n_rests, block.size)), n_pairs, n_opposite)


def _n_opposite(block: SpinBlock) -> int:
    m, (up, down) = block.n_orbitals, block
    return n_strings(m, up.n_electrons - 1) * n_strings(m, down.n_electrons - 1)


def unequal_pairs(n_orbitals: int) -> tuple[NDArray, NDArray]:
    """Return the indices q < s of the pairs of two orbitals, in the order of the triplets."""
    q, s = orbital_pairs(n_orbitals)
    return q[q < s], s[q < s]


class PairInteraction(NamedTuple):
    """``singlet`` K0 (B, P, P) and ``triplet`` K1 (B, P', P')."""

    singlet: Array
    triplet: Array


def pair_interaction(one_body: Array, integrals: Array, n_electrons: int) -> PairInteraction:
    """Return K0 and K1 for ``one_body`` h_pq (B, P), p <= q, and ``integrals`` (B, P, P); N > 1."""
    xp, n_pairs = namespace(integrals), integrals.shape[1]
    m = n_orbitals_of(n_pairs)
    p, q = orbital_pairs(m)
    equal = xp.asarray((p == q) / (n_electrons - 1), dtype=integrals.dtype, device=integrals.device)
    g = integrals + one_body[:, :, None] * equal + equal[:, None] * one_body[:, None, :]
    norm = xp.asarray((1 + (p == q)) ** -0.5, dtype=g.dtype, device=g.device)
    direct, crossed = _scattering(g, m, p, q)
    singlet = (direct + crossed) * norm * norm[:, None]
    direct, crossed = _scattering(g, m, *unequal_pairs(m))
    return PairInteraction(singlet, direct - crossed)


def _scattering(integrals: Array, m: int, q: NDArray, s: NDArray) -> tuple[Array, Array]:
    """Return (pq|rs) and (ps|rq) (B, pairs, pairs) with (p, r) and (q, s) among the given pairs."""
    xp, numbers, (b, n_pairs, _) = namespace(integrals), pair_numbers(m), integrals.shape
    flat, count = xp.reshape(integrals, (b, n_pairs**2)), len(q)
    found = []
    for a, c in ((q, s), (s, q)):
        entry = numbers[q[:, None], a] * n_pairs + numbers[s[:, None], c]
        found.append(
            xp.reshape(xp.take(flat, xp.asarray(entry.ravel(), device=flat.device), axis=1), (b, count, count))
        )
    return found[0], found[1]
