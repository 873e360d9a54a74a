"""The Slater determinants of n electrons of one spin in M orbitals ("strings"), and the action of E_pq on them.

A determinant of the full problem is a pair (string of the up electrons, string of the down electrons); the excitation
operators of the two spins commute, so that tables for one spin suffice (Knowles, Handy, Chem. Phys.
Lett. 111, 315 (1984)). Because the integrals of real orbitals are symmetric in p and q, only
F_pq = E_pq + E_qp (p < q) and F_pp = E_pp appear. Each of them turns a string into one string or into none, so that all
sums over determinants are gathers.

Pairs p <= q and strings are ordered by their last orbital first (colexicographically): those of the first M' orbitals
are the first ones, and a small space is the leading corner of a large one.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.intp]


def orbital_pairs(n_orbitals: int) -> tuple[Integers, Integers]:
    """Return the indices p <= q of the M (M + 1) / 2 products phi_p phi_q, in the order of all integrals."""
    q, p = np.tril_indices(n_orbitals)
    return p, q


def n_orbitals_of(n_pairs: int) -> int:
    """Return M for M (M + 1) / 2 pairs."""
    return (math.isqrt(8 * n_pairs + 1) - 1) // 2


def pair_numbers(n_orbitals: int) -> Integers:
    """Return the number of the pair (p, q) in any order: (M, M)."""
    p, q = orbital_pairs(n_orbitals)
    numbers = np.empty((n_orbitals, n_orbitals), dtype=np.intp)
    numbers[p, q] = numbers[q, p] = np.arange(len(p))
    return numbers


def n_strings(n_orbitals: int, n_electrons: int) -> int:
    """Return the number of strings, M over n."""
    return math.comb(n_orbitals, n_electrons)


class Strings:
    """The tables of all strings of ``n_electrons`` in ``n_orbitals``.

    Attributes:
        occupations: (S, M) of 0 and 1.
        source, sign: by pair, (P, S): <I| F_pair |source> = sign, with sign 0 where there is none.
    """

    def __init__(self, n_orbitals: int, n_electrons: int) -> None:
        strings = sorted(combinations(range(n_orbitals), n_electrons), key=lambda string: string[::-1])
        self.n_orbitals, self.n_electrons, self.count = n_orbitals, n_electrons, len(strings)
        self.index = {string: i for i, string in enumerate(strings)}
        self.occupations = np.zeros((self.count, n_orbitals))
        for row, string in zip(self.occupations, strings, strict=True):
            row[list(string)] = 1.0
        numbers = pair_numbers(n_orbitals)
        found = [
            [
                (numbers[p, q], *self._moved(string, q, p))
                for q in string
                for p in range(n_orbitals)
                if p == q or p not in string
            ]
            for string in strings
        ]
        pair, source, sign = np.array(found, dtype=np.intp).reshape(self.count, -1, 3).transpose(2, 0, 1)
        shape = (n_orbitals * (n_orbitals + 1) // 2, self.count)
        self.source, self.sign = np.zeros(shape, dtype=np.intp), np.zeros(shape)
        rows = np.broadcast_to(np.arange(self.count)[:, None], pair.shape)
        self.source[pair, rows], self.sign[pair, rows] = source, sign

    def _moved(self, string: tuple[int, ...], q: int, p: int) -> tuple[int, int]:
        """Return number and sign of a+_p a_q |string>."""
        position = string.index(q)
        rest = string[:position] + string[position + 1 :]
        behind = sum(o < p for o in rest)
        return self.index[(*rest[:behind], p, *rest[behind:])], (-1) ** (position + behind)

    @cached_property
    def removals(self) -> tuple[Integers, Integers, NDArray[np.float64]]:
        """The removals of one electron from each string: ``orbital``, ``rest``, ``sign``, each (S, n).

        a_orbital |string> = sign |rest>, rest a number among the strings of n - 1 electrons.
        """
        fewer = strings(self.n_orbitals, self.n_electrons - 1).index
        rows = [
            [(q, fewer[string[:place] + string[place + 1 :]], (-1) ** place) for place, q in enumerate(string)]
            for string in self.index
        ]
        table = np.array(rows, dtype=np.intp).reshape(self.count, self.n_electrons, 3)
        return table[..., 0], table[..., 1], table[..., 2].astype(np.float64)


@lru_cache(maxsize=32)
def strings(n_orbitals: int, n_electrons: int) -> Strings:
    """Return the tables for these numbers, which are built once."""
    return Strings(n_orbitals, n_electrons)
