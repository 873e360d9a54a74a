"""Compiled parts of Metropolis sampling with an energy that is a sum over tiles.

Both ways of ``sample_tiles`` draw sites and accept flips by the same functions, so that equal contributions give equal
chains. Contributions are whole numbers of ``tiles.UNIT``, and ``beta`` is this unit over T.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from solvers.spins.random_numbers import next_bits, next_unit
from solvers.spins.tiles import cut


@njit(cache=True, nogil=True)
def random_site(state: Any, side: int) -> Any:
    """Return the coordinates of a random site, each from half of the bits of one random number."""
    bits, n = next_bits(state), np.uint64(side)
    return ((bits >> np.uint64(32)) * n) >> np.uint64(32), ((bits & np.uint64(0xFFFFFFFF)) * n) >> np.uint64(32)


@njit(cache=True, nogil=True)
def accepts(change: Any, beta: float, state: Any) -> bool:
    """Return True with probability min(1, exp(-beta change)); the first terms of the series spare most exponentials."""
    if change <= 0:
        return True
    z, u = change * beta, next_unit(state)
    if u * (1 + z * (1 + z * (1 / 2 + z * (1 / 6 + z / 24)))) >= 1:
        return False
    return u < math.exp(-z)


@njit(cache=True, nogil=True)
def run_chain(
    spins: Any,
    codes: Any,
    state: Any,
    beta: float,
    whole: Any,
    up: Any,
    differences: Any,
    bits: Any,
    phase: Any,
    near: Any,
    unrolled: Any,
    burn_in: int,
    interval: int,
    energy: Any,
    total: Any,
    kept: Any,
) -> None:
    """Sample one chain: ``spins`` (L, L), the numbers ``codes`` of its tiles, its energy ``whole`` and sum ``up``.

    ``differences`` and ``bits`` are those of ``tiles.flips_of``, ``phase`` (L,) the place of a site in a focus, and
    ``near`` (L, m) the tiles that have a site. ``unrolled`` is any tuple of length m: a constant for the compiler.
    """
    side, m = spins.shape[0], len(unrolled)
    for record in range(energy.shape[0]):
        sweeps = interval if record else burn_in + interval
        for _ in range(sweeps * side * side):
            x, y = random_site(state, side)
            difference = differences[phase[x], phase[y]]
            change, n = np.int64(0), 0
            for i in range(m):
                row = codes[near[x, i]]
                for j in range(m):
                    change += difference[n, row[near[y, j]]]
                    n += 1
            if accepts(change, beta, state):
                bit, n = bits[phase[x], phase[y]], 0
                for i in range(m):
                    row = codes[near[x, i]]
                    for j in range(m):
                        row[near[y, j]] ^= bit[n]
                        n += 1
                spins[x, y] = -spins[x, y]
                up += 2 * np.int64(spins[x, y])
                whole += change
        energy[record], total[record] = whole, up
        if record < kept.shape[0]:
            kept[record] = spins


@njit(cache=True, nogil=True)
def propose(
    spins: Any,
    states: Any,
    focus: int,
    context: int,
    periodic: bool,
    first: Any,
    count: Any,
    tiles: Any,
    places: Any,
    sites: Any,
    ends: Any,
) -> int:
    """Choose a site of each chain; write the tiles that have it, with the flipped spin, and return their number.

    ``places`` are the numbers of these tiles along both axes; those of chain i end before ``ends[i]``.
    """
    n, k = 0, spins.shape[1] // focus
    for chain in range(len(spins)):
        x, y = random_site(states[chain], spins.shape[1])
        sites[chain, 0], sites[chain, 1] = x, y
        spins[chain, x, y] = -spins[chain, x, y]
        for i in range(count[x]):
            for j in range(count[y]):
                places[n, 0], places[n, 1] = (first[x] + i) % k, (first[y] + j) % k
                cut(spins[chain], places[n, 0], places[n, 1], focus, context, periodic, tiles[n])
                n += 1
        spins[chain, x, y] = -spins[chain, x, y]
        ends[chain] = n
    return n


@njit(cache=True, nogil=True)
def decide(
    spins: Any,
    states: Any,
    beta: Any,
    stored: Any,
    new: Any,
    places: Any,
    sites: Any,
    ends: Any,
    sums: Any,
    total: Any,
) -> None:
    """Accept or reject the proposed flip of each chain, from the ``new`` contributions of its touched tiles."""
    start = 0
    for chain in range(len(spins)):
        change = np.int64(0)
        for n in range(start, ends[chain]):
            change += new[n] - stored[chain, places[n, 0], places[n, 1]]
        if accepts(change, beta[chain], states[chain]):
            for n in range(start, ends[chain]):
                stored[chain, places[n, 0], places[n, 1]] = new[n]
            x, y = sites[chain, 0], sites[chain, 1]
            spins[chain, x, y] = -spins[chain, x, y]
            total[chain] += 2 * np.int64(spins[chain, x, y])
            sums[chain] += change
        start = ends[chain]
