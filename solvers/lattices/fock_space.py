"""States of N spinless fermions on a ring of L sites, and the hops between them.

A state is an integer whose bit i is the occupation of site i, with the sign of Jordan and Wigner: c+_i c_j of
neighbours i, j = i + 1 moves a bit without a sign, since no site lies between; over the edge, i = L - 1 and j = 0, it
passes the N - 1 others and has the sign (-1)^(N - 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from solvers.backend import Array
from solvers.sparse import SparseMatrix

KEPT = 64
"""Sectors that are kept between calls."""


@dataclass(frozen=True)
class Sector:
    """All states of ``particles`` fermions on ``sites`` sites.

    Attributes:
        sites, particles: L and N.
        states: the states, (d,), ascending.
    """

    sites: int
    particles: int
    states: NDArray[np.int64]

    @property
    def dimension(self) -> int:
        """The number of states, d."""
        return len(self.states)

    @cached_property
    def occupation(self) -> NDArray[np.float64]:
        """The occupation of each site, 0 or 1, (d, L)."""
        return ((self.states[:, None] >> np.arange(self.sites)) & 1).astype(np.float64)

    @cached_property
    def pairs(self) -> NDArray[np.float64]:
        """The occupation of sites i and i + 1, 0 or 1, (d, L)."""
        return self.occupation * np.roll(self.occupation, -1, axis=1)

    @cached_property
    def partners(self) -> NDArray[np.int64]:
        """The number of the state after a hop between sites i and i + 1, (L, d); its own where none is possible."""
        sites, numbers = np.arange(self.sites), np.arange(self.dimension)
        after = self.states ^ ((1 << sites) | (1 << np.roll(sites, -1)))[:, None]
        return np.where(self.movable, np.searchsorted(self.states, after) % self.dimension, numbers)

    @cached_property
    def movable(self) -> NDArray[np.bool_]:
        """True where one of the sites i and i + 1 is occupied, (L, d)."""
        return (self.occupation != np.roll(self.occupation, -1, axis=1)).T

    @cached_property
    def signs(self) -> NDArray[np.float64]:
        """The signs of the hops between sites i and i + 1, (L,)."""
        signs = np.ones(self.sites)
        signs[-1] = (-1.0) ** (self.particles - 1)
        return signs

    @cached_property
    def hops(self) -> SparseMatrix:
        """The matrix of sum_i (c+_i c_(i+1) + h.c.), (d, d)."""
        bond, state = np.nonzero(self.movable)
        places = (self.partners[bond, state], state)
        return SparseMatrix(self.signs[bond], *places, (self.dimension, self.dimension))

    def hopped(self, vectors: Array, bond: int, odd: bool = False) -> Array:
        """Return (c+_i c_(i+1) + h.c.) v, or with a minus in place of the plus if ``odd``, for ``vectors`` (..., d)."""
        sign = self.signs[bond] * self.movable[bond]
        if odd:  # + where the fermion arrives at site i
            sign = sign * (2 * self.occupation[:, bond] - 1)
        return sign * vectors[..., self.partners[bond]]


@lru_cache(KEPT)
def sector(sites: int, particles: int) -> Sector:
    """Return the sector of ``particles`` fermions on ``sites`` sites, 3 or more."""
    every = np.arange(2**sites, dtype=np.int64)
    return Sector(sites, particles, every[np.bitwise_count(every) == particles])
