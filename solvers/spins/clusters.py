"""Geometric clusters of equal spins on the periodic square lattice.

Neighbours with equal spins belong to one cluster. The clusters are found by union and find; each site also keeps its
displacement to the site it is attached to. Two ways between sites of one cluster whose displacements differ close a
loop around the torus (M. E. J. Newman and R. M. Ziff, Phys. Rev. E 64, 016706 (2001)): the cluster wraps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from solvers.spins.ising import Floats, Integers, as_spins


@dataclass(frozen=True)
class Clusters:
    """Clusters of equal spins of each configuration.

    Attributes:
        sizes: sites of the cluster of each site, (..., L, L).
        wraps: whether a cluster closes around the torus along the first and the second axis, (..., 2).
    """

    sizes: Integers
    wraps: NDArray[np.bool_]

    @property
    def counts(self) -> Integers:
        """The number of clusters of each size 0 ... L^2, (..., L^2 + 1)."""
        n = self.sizes.shape[-1] ** 2
        flat = self.sizes.reshape(-1, n)
        shifted = flat + (n + 1) * np.arange(len(flat))[:, None]
        sites = np.bincount(shifted.ravel(), minlength=len(flat) * (n + 1)).reshape(-1, n + 1)
        return (sites // np.maximum(np.arange(n + 1), 1)).reshape(*self.sizes.shape[:-2], n + 1)

    @property
    def number(self) -> Integers:
        """The number of clusters, (...)."""
        return self.counts.sum(axis=-1)

    @property
    def mean_size(self) -> Floats:
        """The mean size of the cluster of a random site, sum of s^2 n_s / L^2, (...)."""
        return self.sizes.mean(axis=(-1, -2))

    @property
    def largest(self) -> Floats:
        """The share of the sites that are in the largest cluster, (...)."""
        return self.sizes.max(axis=(-1, -2)) / self.sizes.shape[-1] ** 2


def find_clusters(configurations: Any) -> Clusters:
    """Return the clusters of ``configurations`` (..., L, L), spins of +1 and -1.

    Raises:
        ValueError: the lattices are not square or hold other values than +1 and -1.
    """
    spins = as_spins("configurations", configurations)
    flat = np.ascontiguousarray(spins.reshape(-1, *spins.shape[-2:]))
    sizes, wraps = np.empty(flat.shape, dtype=np.int64), np.zeros((len(flat), 2), dtype=np.bool_)
    _clusters(flat, sizes, wraps)
    return Clusters(sizes.reshape(spins.shape), wraps.reshape(*spins.shape[:-2], 2))


@njit(cache=True, nogil=True)
def _root(parent: Any, way: Any, site: int) -> int:
    """Return the root of the cluster of ``site``, and attach the sites on the way to it."""
    x, y, root = 0, 0, site
    while parent[root] != root:
        x += way[root, 0]
        y += way[root, 1]
        root = parent[root]
    while site != root:
        following, dx, dy = parent[site], way[site, 0], way[site, 1]
        parent[site], way[site, 0], way[site, 1] = root, x, y
        x -= dx
        y -= dy
        site = following
    return root


@njit(cache=True, nogil=True)
def _join(parent: Any, way: Any, size: Any, wraps: Any, i: int, k: int, axis: int) -> None:
    """Join the clusters of ``i`` and of ``k``, its next site along ``axis``."""
    a, b = _root(parent, way, i), _root(parent, way, k)
    x, y = way[i, 0] - way[k, 0], way[i, 1] - way[k, 1]  # from b to a
    if axis == 0:
        x -= 1
    else:
        y -= 1
    if a == b:
        wraps[0] |= x != 0
        wraps[1] |= y != 0
        return
    if size[a] < size[b]:
        a, b, x, y = b, a, -x, -y
    parent[b], way[b, 0], way[b, 1] = a, x, y
    size[a] += size[b]


@njit(cache=True, nogil=True)
def _clusters(spins: Any, sizes: Any, wraps: Any) -> None:
    """Fill ``sizes`` (S, L, L) and ``wraps`` (S, 2)."""
    side = spins.shape[1]
    parent, size = np.empty(side**2, dtype=np.int64), np.empty(side**2, dtype=np.int64)
    way = np.empty((side**2, 2), dtype=np.int64)
    for s in range(len(spins)):
        parent[:], size[:], way[:] = np.arange(side**2), 1, 0
        for x in range(side):
            for y in range(side):
                i = x * side + y
                right, below = (x + 1) % side, (y + 1) % side
                if spins[s, x, y] == spins[s, right, y]:
                    _join(parent, way, size, wraps[s], i, right * side + y, 0)
                if spins[s, x, y] == spins[s, x, below]:
                    _join(parent, way, size, wraps[s], i, x * side + below, 1)
        for i in range(side**2):
            sizes[s, i // side, i % side] = size[_root(parent, way, i)]
