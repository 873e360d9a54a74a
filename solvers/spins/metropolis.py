"""Metropolis sampling of the Ising model, 64 chains at once.

A flip is accepted with probability min(1, exp(-dE / T)), dE = 8 - 4 u for u antiparallel neighbours out of four. One
bit of an integer of 64 bits is the spin of one chain, so that logical operations act on 64 chains. With bits A and B
that are 1 with probability p = exp(-4 / T) each, independently in every chain, a flip is accepted if u >= 2, or A and
u = 1, or A and B.

Bits of probability p are exact: in each chain, the binary digits of a uniform number are drawn until one differs from
that of p (about eight draws for 64 chains).

A sweep visits the even sites, then the odd ones. Each visit proposes a flip with probability 7/8. If it always did,
some configurations, such as diagonal stripes of period 4, would only flip as a whole, and the chain would be reducible.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from solvers.spins.chains import Chains, check_recording, check_run, check_temperatures, in_threads, start_spins
from solvers.spins.ising import Spins
from solvers.spins.random_numbers import next_bits, streams

LANES = 64
"""Chains in one integer."""
PROPOSED = 7 / 8
"""Probability with which a visit proposes a flip."""

Bits = NDArray[np.uint64]


def sample_metropolis(
    side: int,
    temperature: Any,
    chains: int = LANES,
    records: int = 1,
    interval: int = 1,
    burn_in: int = 0,
    start: Any = "random",
    seed: int = 0,
    keep: bool = False,
    threads: int | None = None,
) -> Chains:
    """Sample the Ising model on an even ``side`` at one or several temperatures.

    Args:
        side: L, even.
        temperature: T in units of J, a number or an array (...).
        chains: independent chains at each temperature; groups of 64 cost as much as one.
        records: records of each chain.
        interval: sweeps between two records; a sweep visits each site once and proposes 7/8 L^2 flips on average.
        burn_in: sweeps before the first interval.
        start: "random", "up", or spins (chains, L, L) or (L, L), the same for all temperatures.
        seed: whole number. Chain i of temperature j depends on the seed, i, j, and the starts of its group of 64.
        keep: keep the configurations of all records.
        threads: groups of 64 chains sampled at once, by default as many as cores.

    Raises:
        ValueError: an argument is out of range.
    """
    check_run(side, chains, records, seed, threads)
    check_recording(keep, interval, burn_in)
    t = check_temperatures(temperature)
    per, count = -(-chains // LANES), t.size
    many = per * LANES if isinstance(start, str) else chains  # random starts also for the chains beyond those asked for
    first = _packed(start_spins(start, many, side, seed), per)
    lattices = np.tile(first, (count, 1, 1))
    states = np.concatenate([streams(seed, per, j << 32) for j in range(count)])
    p = np.repeat([int(np.exp(-4 / x) * 2.0**64) for x in t.ravel()], per).astype(np.uint64)
    shape = (len(lattices), LANES, records)
    energy, ups = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    kept = np.zeros((len(lattices), records if keep else 0, side, side), dtype=np.uint64)

    def run(a: int, b: int) -> None:
        _sample(lattices[a:b], states[a:b], p[a:b], burn_in, interval, energy[a:b], ups[a:b], kept[a:b])

    in_threads(run, len(lattices), threads)

    def shaped(array: NDArray) -> NDArray:
        chosen = array.reshape(count, per * LANES, *array.shape[2:])[:, :chains]
        return chosen.reshape(*t.shape, *chosen.shape[1:])

    configurations = shaped(np.moveaxis(_unpacked(kept), 1, 2)) if keep else None
    mean = (2 * shaped(ups) - side**2) / side**2
    return Chains(shaped(energy), mean, configurations, shaped(_unpacked(lattices)))


def _packed(spins: Spins, groups: int) -> Bits:
    """Return the bits (groups, L, L) of ``spins`` (chains, L, L); chains beyond those given are all up."""
    chains, side, _ = spins.shape
    lanes = np.ones((groups * LANES, side, side), dtype=np.uint64)
    lanes[:chains] = spins == 1
    lanes = lanes.reshape(groups, LANES, side, side) << np.arange(LANES, dtype=np.uint64)[:, None, None]
    return np.bitwise_or.reduce(lanes, axis=1)


def _unpacked(bits: Bits) -> Spins:
    """Return the spins (groups, 64, L, L) of ``bits`` (groups, L, L), or (groups, records, 64, L, L) of records."""
    lanes = bits[..., None, :, :] >> np.arange(LANES, dtype=np.uint64)[:, None, None] & np.uint64(1)
    return 2 * lanes.astype(np.int8) - 1


@njit(cache=True, nogil=True)
def _chance(p: Any, needed: Any, state: Any) -> Any:
    """Return bits that are 1 with probability ``p`` / 2^64 each where ``needed``, and 0 elsewhere."""
    found, open_ = np.uint64(0), needed
    digit = np.uint64(1) << np.uint64(63)
    while open_ and digit:
        drawn = next_bits(state)
        if p & digit:
            found |= open_ & ~drawn
            open_ &= drawn
        else:
            open_ &= ~drawn
        digit >>= np.uint64(1)
    return found


@njit(cache=True, nogil=True)
def _sweep(lattice: Any, p: Any, state: Any) -> None:
    side = lattice.shape[0]
    for parity in range(2):
        for x in range(side):
            above, below = lattice[x - 1 if x else side - 1], lattice[x + 1 if x + 1 < side else 0]
            row = lattice[x]
            for y in range((x + parity) & 1, side, 2):
                s = row[y]
                a, b = s ^ above[y], s ^ below[y]
                c, d = s ^ row[y - 1 if y else side - 1], s ^ row[y + 1 if y + 1 < side else 0]
                odd = a ^ b ^ c ^ d
                two = (a & b) | (c & d) | ((a ^ b) & (c ^ d))  # at least two antiparallel neighbours
                proposed = next_bits(state) | next_bits(state) | next_bits(state)
                first = _chance(p, proposed & ~two, state)
                second = _chance(p, first & ~odd, state)
                row[y] = s ^ ((proposed & two) | (first & odd) | second)


@njit(cache=True, nogil=True)
def _measure(lattice: Any, energy: Any, ups: Any, record: int) -> None:
    """Write energies and numbers of up spins (64, records) of all chains."""
    side = lattice.shape[0]
    one = np.uint64(1)
    unequal, up = np.zeros(LANES, dtype=np.int64), np.zeros(LANES, dtype=np.int64)
    for x in range(side):
        for y in range(side):
            s = lattice[x, y]
            right, down = s ^ lattice[x, (y + 1) % side], s ^ lattice[(x + 1) % side, y]
            for lane in range(LANES):
                shift = np.uint64(lane)
                up[lane] += np.int64((s >> shift) & one)
                unequal[lane] += np.int64((right >> shift) & one) + np.int64((down >> shift) & one)
    energy[:, record] = 2 * unequal - 2 * side**2
    ups[:, record] = up


@njit(cache=True, nogil=True)
def _sample(lattices: Any, states: Any, p: Any, burn_in: int, interval: int, energy: Any, ups: Any, kept: Any) -> None:
    for group in range(len(lattices)):
        lattice, state = lattices[group], states[group]
        for _ in range(burn_in):
            _sweep(lattice, p[group], state)
        for record in range(energy.shape[2]):
            for _ in range(interval):
                _sweep(lattice, p[group], state)
            _measure(lattice, energy[group], ups[group], record)
            if record < kept.shape[1]:
                kept[group, record] = lattice
