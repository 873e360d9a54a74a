"""Cluster sampling of the Ising model (U. Wolff, Phys. Rev. Lett. 62, 361 (1989)).

From a random site, each parallel neighbour joins the cluster with probability 1 - exp(-2 / T), and so do its own
neighbours; then the cluster flips. Near T_c the autocorrelation time hardly grows with the side, unlike that of single
flips.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from solvers.checks import check_number
from solvers.spins.chains import Chains, check_recording, check_run, in_threads, start_spins
from solvers.spins.random_numbers import next_below, next_unit, streams


def sample_wolff(
    side: int,
    temperature: float,
    chains: int = 1,
    records: int = 1,
    interval: int = 1,
    burn_in: int = 0,
    start: Any = "random",
    seed: int = 0,
    keep: bool = False,
    threads: int | None = None,
) -> Chains:
    """Sample the Ising model on an even ``side`` at a ``temperature`` (units of J) by clusters.

    Args:
        side: L, even.
        temperature: T in units of J.
        chains: independent chains.
        records: records of each chain.
        interval: clusters between two records.
        burn_in: clusters before the first interval.
        start: "random", "up", or spins (chains, L, L) or (L, L).
        seed: whole number; a chain depends on it and on the number of the chain only.
        keep: keep the configurations of all records.
        threads: chains sampled at once, by default as many as cores.

    Raises:
        ValueError: an argument is out of range.
    """
    check_run(side, chains, records, seed, threads)
    check_recording(keep, interval, burn_in)
    check_number("temperature", temperature, 0.01, 1e6)
    join = -math.expm1(-2 / float(temperature))
    spins, states = start_spins(start, chains, side, seed), streams(seed, chains)
    energy, total = (np.zeros((chains, records), dtype=np.int64) for _ in range(2))
    kept = np.zeros((chains, records if keep else 0, side, side), dtype=np.int8)

    def run(a: int, b: int) -> None:
        _sample(spins[a:b], states[a:b], join, burn_in, interval, energy[a:b], total[a:b], kept[a:b])

    in_threads(run, chains, threads)
    return Chains(energy, total / side**2, kept if keep else None, spins)


@njit(cache=True, nogil=True)
def _flip_cluster(spins: Any, join: float, stack: Any, state: Any) -> None:
    """Flip one cluster; ``stack`` (L^2,) holds the numbers of flipped sites whose neighbours are still to be tried."""
    side = spins.shape[0]
    site = next_below(state, side * side)
    own = spins[site // side, site % side]
    spins[site // side, site % side] = -own
    stack[0], waiting = site, 1
    while waiting:
        waiting -= 1
        x, y = stack[waiting] // side, stack[waiting] % side
        for direction in range(4):
            i, j = x, y
            if direction == 0:
                i = x + 1 if x + 1 < side else 0
            elif direction == 1:
                i = x - 1 if x else side - 1
            elif direction == 2:
                j = y + 1 if y + 1 < side else 0
            else:
                j = y - 1 if y else side - 1
            if spins[i, j] == own and next_unit(state) < join:
                spins[i, j] = -own
                stack[waiting] = i * side + j
                waiting += 1


@njit(cache=True, nogil=True)
def _sample(
    spins: Any, states: Any, join: float, burn_in: int, interval: int, energy: Any, total: Any, kept: Any
) -> None:
    side = spins.shape[1]
    stack = np.zeros(side * side, dtype=np.int64)
    for chain in range(len(spins)):
        lattice, state = spins[chain], states[chain]
        for _ in range(burn_in):
            _flip_cluster(lattice, join, stack, state)
        for record in range(energy.shape[1]):
            for _ in range(interval):
                _flip_cluster(lattice, join, stack, state)
            for x in range(side):
                for y in range(side):
                    s = np.int64(lattice[x, y])
                    total[chain, record] += s
                    energy[chain, record] -= s * (lattice[x - 1, y] + lattice[x, y - 1])
            if record < kept.shape[1]:
                kept[chain, record] = lattice
