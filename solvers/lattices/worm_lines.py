"""World lines: the numbers n_i(tau) of bosons, as one linked list of nodes a site in preallocated arrays.

``tau`` (capacity,) holds the time of each node, ``nodes`` (capacity, 5) its links and the number of bosons right after
it. The nodes 0 ... sites - 1 are the roots of the lists: site i at tau = 0. All other nodes are kinks, where a boson
hops between two sites: each kink has one node in both lists, and each of the two is the partner of the other. While a
worm exists, its head and its tail are nodes without a partner. ``free`` is a stack of unused nodes, ``counts[0]`` their
number; ``cursor`` (sites,) the node of each list where the last search ended.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

NEXT, PREVIOUS, PARTNER, N, SITE = range(5)
NONE = -1
"""The partner of roots and of the head."""
TAIL = -2
"""The partner of the tail."""


def empty_lines(n: Any, capacity: int) -> tuple[Any, Any, Any, Any, Any]:
    """Return tau, nodes, free, counts and cursor of world lines without kinks, with ``n`` (sites,) bosons."""
    sites = len(n)
    tau = np.zeros(capacity)
    nodes = np.zeros((capacity, 5), dtype=np.int64)
    roots = np.arange(sites)
    nodes[:sites] = np.stack([roots, roots, np.full(sites, NONE), np.asarray(n, dtype=np.int64), roots], axis=1)
    free = np.arange(capacity - 1, -1, -1, dtype=np.int64)
    return tau, nodes, free, np.array([capacity - sites]), roots.astype(np.int64)


def enlarged(lines: Any, capacity: int) -> tuple[Any, Any, Any, Any, Any]:
    """Return a copy of the world lines with room for ``capacity`` nodes, at least as many as before."""
    tau, nodes, free, counts, cursor = lines
    more = capacity - len(tau)
    new = np.arange(capacity - 1, len(tau) - 1, -1, dtype=np.int64)
    unused = free[: counts[0]]
    return (
        np.concatenate([tau, np.zeros(more)]),
        np.concatenate([nodes, np.zeros((more, 5), dtype=np.int64)]),
        np.concatenate([new, unused, np.zeros(capacity - len(new) - len(unused), dtype=np.int64)]),
        counts + more,
        cursor.copy(),
    )


@njit(cache=True, nogil=True)
def place(tau: Any, nodes: Any, cursor: Any, site: int, t: float, forward: bool) -> Any:
    """Return the last node of a site at or before ``t`` (forward), or before ``t`` (backward, t > 0)."""
    found = cursor[site]
    if forward:
        while tau[found] > t:
            found = nodes[found, PREVIOUS]
        following = nodes[found, NEXT]
        while following != site and tau[following] <= t:
            found = following
            following = nodes[found, NEXT]
    else:
        while tau[found] >= t:
            found = nodes[found, PREVIOUS]
        following = nodes[found, NEXT]
        while following != site and tau[following] < t:
            found = following
            following = nodes[found, NEXT]
    cursor[site] = found
    return found


@njit(cache=True, nogil=True)
def insert_after(tau: Any, nodes: Any, free: Any, counts: Any, before: int, t: float, n: int, partner: int) -> Any:
    """Insert a node at ``t``, with ``n`` bosons after it, behind the node ``before``; return it."""
    counts[0] -= 1
    new = free[counts[0]]
    tau[new] = t
    nodes[new, N], nodes[new, PARTNER], nodes[new, SITE] = n, partner, nodes[before, SITE]
    link_after(nodes, before, new)
    return new


@njit(cache=True, nogil=True)
def link_after(nodes: Any, before: int, node: int) -> None:
    """Put an unlinked node behind ``before``."""
    after = nodes[before, NEXT]
    nodes[before, NEXT], nodes[node, PREVIOUS] = node, before
    nodes[node, NEXT], nodes[after, PREVIOUS] = after, node


@njit(cache=True, nogil=True)
def unlink(nodes: Any, node: int) -> None:
    """Take a node out of its list."""
    before, after = nodes[node, PREVIOUS], nodes[node, NEXT]
    nodes[before, NEXT], nodes[after, PREVIOUS] = after, before


@njit(cache=True, nogil=True)
def remove(nodes: Any, free: Any, counts: Any, cursor: Any, node: int) -> None:
    """Take a node out of its list, and back to the unused ones."""
    site = nodes[node, SITE]
    if cursor[site] == node:
        cursor[site] = nodes[node, PREVIOUS]
    unlink(nodes, node)
    free[counts[0]] = node
    counts[0] += 1


@njit(cache=True, nogil=True)
def add_averages(tau: Any, nodes: Any, neighbours: Any, beta: float, n: Any, squares: Any, products: Any) -> None:
    """Add the means over imaginary time of n_i, n_i^2 (sites,) and n_i n_j (d, sites) to the arrays."""
    for i in range(len(n)):
        node = i
        while True:
            after = nodes[node, NEXT]
            part = ((beta if after == i else tau[after]) - tau[node]) / beta
            count = nodes[node, N]
            n[i] += part * count
            squares[i] += part * count * count
            node = after
            if node == i:
                break
        for axis in range(products.shape[0]):
            products[axis, i] += _mean_product(tau, nodes, i, neighbours[i, axis], beta) / beta


@njit(cache=True, nogil=True)
def _mean_product(tau: Any, nodes: Any, i: int, j: int, beta: float) -> Any:
    """Return the integral of n_i n_j over imaginary time."""
    a, b, t, total = i, j, 0.0, 0.0
    while True:
        next_a, next_b = nodes[a, NEXT], nodes[b, NEXT]
        end_a = beta if next_a == i else tau[next_a]
        end_b = beta if next_b == j else tau[next_b]
        end = min(end_a, end_b)
        total += (end - t) * nodes[a, N] * nodes[b, N]
        if next_a == i and next_b == j:
            return total
        if end_a <= end:
            a = next_a
        if end_b <= end:
            b = next_b
        t = end
