"""Slater determinants of n electrons of one spin in M orbitals ("strings"), and how E_pq acts on them.

A determinant of the full problem is a pair (string of the up electrons, string of the down electrons); the excitation
operators of the two spins commute, so that tables for one spin are all that is needed (Knowles, Handy, Chem. Phys.
Lett. 111, 315 (1984)). Because the integrals of real orbitals are symmetric in p and q, only
F_pq = E_pq + E_qp (p < q) and F_pp = E_pp appear, in the order of ``coulomb.orbital_pairs``.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray


def n_strings(n_orbitals: int, n_electrons: int) -> int:
    """Number of strings: M over n."""
    return math.comb(n_orbitals, n_electrons)


class Strings:
    """All strings of ``n_electrons`` in ``n_orbitals``.

    ``occupations`` (S, M) holds 0 and 1. ``excitations`` is a sparse matrix (P * S, S): row (pair, I), column J holds
    <I| F_pair |J>, for the P = M (M + 1) / 2 pairs of orbitals.
    """

    def __init__(self, n_orbitals: int, n_electrons: int) -> None:
        strings = list(combinations(range(n_orbitals), n_electrons))
        self.count = len(strings)
        self.occupations = np.zeros((self.count, n_orbitals))
        for row, string in zip(self.occupations, strings, strict=True):
            row[list(string)] = 1.0
        self.excitations = self._excitations(strings, n_orbitals)

    def _excitations(self, strings: list[tuple[int, ...]], n_orbitals: int) -> scipy.sparse.csr_array:
        index = {string: i for i, string in enumerate(strings)}
        pair = np.empty((n_orbitals, n_orbitals), dtype=int)
        p, q = np.triu_indices(n_orbitals)
        pair[p, q] = pair[q, p] = np.arange(len(p))
        rows, columns, signs = [], [], []
        for j, string in enumerate(strings):
            for position, q_from in enumerate(string):
                rest = string[:position] + string[position + 1 :]
                for p_to in set(range(n_orbitals)) - set(rest):
                    behind = sum(o < p_to for o in rest)
                    target = (*rest[:behind], p_to, *rest[behind:])
                    rows.append(pair[p_to, q_from] * self.count + index[target])
                    columns.append(j)
                    signs.append((-1.0) ** (position + behind))
        shape = (len(p) * self.count, self.count)
        return scipy.sparse.csr_array((signs, (rows, columns)), shape=shape)

    @property
    def dense_excitations(self) -> NDArray[np.float64]:
        """The table as a dense array (P, S, S)."""
        return self.excitations.toarray().reshape(-1, self.count, self.count)


@lru_cache(maxsize=16)
def strings(n_orbitals: int, n_electrons: int) -> Strings:
    """The table for these numbers, built once."""
    return Strings(n_orbitals, n_electrons)
