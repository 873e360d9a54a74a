"""Snapshots of the Heisenberg antiferromagnet of spins 1/2 at a temperature, by stochastic series expansion.

    H = J sum_<ij> S_i . S_j,   J = 1, on a periodic square lattice of even side

exp(-H / T) is expanded in powers of H. With a shift of 1/4 for each bond, and the spins of one sublattice rotated, each
term is a string of n operators on bonds, diagonal or not. All have the matrix element 1/2 between antiparallel spins
(A. W. Sandvik, Phys. Rev. B 59, R14157 (1999); AIP Conf. Proc. 1297, 135 (2010), section 5.2). A sweep inserts and
removes diagonal operators, and then flips each of the loops that the operators define with probability 1/2. Loops wind
in imaginary time, so that the magnetisation changes too. There is no sign problem and no error of a time step.

A record is the spins at imaginary time 0: a projective measurement of all S^z, as in an image of a quantum gas
microscope. The energy of a record is E = -T n + N_bonds / 4, whose mean is the thermal energy.

The string has a number of places, empty or not. This cut-off grows in the burn-in to 4/3 of the largest n. Where n
comes close to it later, as after a short burn-in, it grows again, and the interval before the record starts anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from solvers.checks import check_number
from solvers.spins.chains import Chains, check_recording, check_run, in_threads
from solvers.spins.ising import Floats, Integers, Spins
from solvers.spins.random_numbers import next_below, next_bits, next_unit, streams

SMALLEST_CUTOFF = 64
SPARE = 3
"""The cut-off is n + n / SPARE of the largest n in the burn-in."""
NEARLY_FULL = 16
"""After the burn-in the cut-off grows where less than 1 / NEARLY_FULL of the places are empty."""


def sample_heisenberg(
    side: int,
    temperature: float,
    chains: int = 1,
    records: int = 1,
    interval: int = 10,
    burn_in: int = 1000,
    seed: int = 0,
    keep: bool = True,
    threads: int | None = None,
) -> Chains:
    """Sample the Heisenberg antiferromagnet on an even ``side`` at a ``temperature``.

    The spins are 2 S^z, int8 of +1 and -1; ``mean_error`` and ``autocorrelation_time`` take the energies.

    Args:
        side: L, even. For L = 2 both bonds of a pair of neighbours, one of them through the boundary, count.
        temperature: T in units of J.
        chains: independent chains.
        records: snapshots of each chain.
        interval: sweeps between two records.
        burn_in: sweeps before the first interval, in which the chain leaves its random start.
        seed: whole number; a chain depends on it and on the number of the chain only.
        keep: keep the snapshots of all records.
        threads: chains sampled at once, by default as many as cores.

    Raises:
        ValueError: an argument is out of range.
    """
    check_run(side, chains, records, seed, threads)
    check_recording(keep, interval, burn_in)
    check_number("temperature", temperature, 0.01, 1e6)
    spins = np.ones((chains, side, side), dtype=np.int8)
    states, ends = streams(seed, chains), _ends(side)
    n = np.zeros((chains, records), dtype=np.int64)
    total = np.zeros((chains, records), dtype=np.int64)
    kept = np.zeros((chains, records if keep else 0, side, side), dtype=np.int8)

    def run(a: int, b: int) -> None:
        for i in range(a, b):
            chain = _Chain(spins[i].reshape(-1), states[i], ends, 1 / float(temperature))
            chain.burn_in(burn_in)
            for record in range(records):
                n[i, record] = chain.advance(interval)
                total[i, record] = spins[i].sum()
                kept[i, record : record + 1] = spins[i]

    in_threads(run, chains, threads)
    energy: Floats = side**2 / 2 - float(temperature) * n.astype(np.float64)
    return Chains(energy, total / side**2, kept if keep else None, spins)


def _ends(side: int) -> Integers:
    """Return the two sites of each bond, (2 L^2, 2): bond 2 i leads from site i to the right, 2 i + 1 downwards."""
    sites = np.arange(side**2, dtype=np.int64).reshape(side, side)
    others = np.stack([np.roll(sites, -1, 1), np.roll(sites, -1, 0)], axis=-1)
    return np.stack([np.repeat(sites.ravel(), 2), others.ravel()], axis=1)


class _Chain:
    """One chain; ``spins`` (L^2,) are replaced by independent ones, and follow the chain in place."""

    def __init__(self, spins: Spins, state: Any, ends: Integers, beta: float) -> None:
        self.spins, self.state, self.ends, self.beta = spins, state, ends, beta
        self.string = np.full((5, SMALLEST_CUTOFF), -1, dtype=np.int64)
        self.sites = np.zeros((2, len(spins)), dtype=np.int64)
        self.n = 0
        _draw(spins, state)

    def burn_in(self, sweeps: int) -> None:
        """Advance, and enlarge the string after each sweep in which n exceeds 3/4 of its places."""
        while sweeps:
            sweeps -= self._grow(sweeps, SPARE + 1)[0]

    def advance(self, sweeps: int) -> int:
        """Advance, by all sweeps anew where the string fills up, and return n."""
        left = sweeps
        while left:
            made, enlarged = self._grow(left, NEARLY_FULL)
            left = sweeps if enlarged else left - made
        return self.n

    def _grow(self, sweeps: int, share: int) -> tuple[int, bool]:
        """Advance until less than 1 / ``share`` of the places are empty, and enlarge the string there.

        Return the number of sweeps made, and whether the string was enlarged.
        """
        places = self.string.shape[1]
        most = places * (share - 1) // share
        made = self._sweep(sweeps, most)
        needed = self.n + self.n // SPARE + 1
        if self.n < most or needed <= places:
            return made, False
        longer = np.full((5, needed), -1, dtype=np.int64)
        longer[0, :places] = self.string[0]
        self.string = longer
        return made, True

    def _sweep(self, sweeps: int, most: int) -> int:
        self.n, made = _sweep(
            self.spins, self.string, self.sites, self.ends, self.n, self.beta, self.state, sweeps, most
        )
        return int(made)


@njit(cache=True, nogil=True)
def _draw(spins: Any, state: Any) -> None:
    for site in range(len(spins)):
        spins[site] = 1 if next_bits(state) >> np.uint64(63) == np.uint64(1) else -1


@njit(cache=True, nogil=True)
def _update_diagonal(spins: Any, operators: Any, n: int, beta: float, ends: Any, state: Any) -> int:
    """Insert and remove diagonal operators; return the new n. ``operators`` holds -1, 2 b (diagonal) or 2 b + 1."""
    places, bonds = len(operators), len(ends)
    weight = beta * bonds / 2
    for p in range(places):
        operator = operators[p]
        if operator < 0:
            bond = next_below(state, bonds)
            if spins[ends[bond, 0]] != spins[ends[bond, 1]] and next_unit(state) * (places - n) < weight:
                operators[p] = 2 * bond
                n += 1
        elif operator % 2 == 0:
            if next_unit(state) * weight < places - n + 1:
                operators[p] = -1
                n -= 1
        else:
            i, j = ends[operator // 2, 0], ends[operator // 2, 1]
            spins[i], spins[j] = -spins[i], -spins[j]
    return n


@njit(cache=True, nogil=True)
def _link(operators: Any, ends: Any, links: Any, first: Any, last: Any) -> None:
    """Link the legs 4 p ... 4 p + 3 of operators (two sites below, two above) along imaginary time; -1 elsewhere."""
    first[:] = -1
    last[:] = -1
    for p in range(len(operators)):
        if operators[p] < 0:
            for leg in range(4):
                links[4 * p + leg] = -1
            continue
        for leg in range(2):
            site, v = ends[operators[p] // 2, leg], 4 * p + leg
            below = last[site]
            if below < 0:
                first[site] = v
            else:
                links[v], links[below] = below, v
            last[site] = v + 2
    for site in range(len(first)):
        if first[site] >= 0:
            links[last[site]], links[first[site]] = first[site], last[site]


@njit(cache=True, nogil=True)
def _flip_loops(spins: Any, operators: Any, links: Any, first: Any, state: Any) -> None:
    """Flip loops, and sites without operators, with probability 1/2; legs become -2 if flipped, otherwise -1."""
    places = len(operators)
    for start in range(0, 4 * places, 2):
        if links[start] < 0:
            continue
        flip = next_bits(state) >> np.uint64(63) == np.uint64(1)
        mark = -2 if flip else -1
        v = start
        while True:
            if flip:
                operators[v // 4] ^= 1
            links[v] = mark
            v ^= 1
            following = links[v]
            links[v] = mark
            v = following
            if v == start:
                break
    for site in range(len(spins)):
        if first[site] < 0:
            if next_bits(state) >> np.uint64(63) == np.uint64(1):
                spins[site] = -spins[site]
        elif links[first[site]] == -2:
            spins[site] = -spins[site]


@njit(cache=True, nogil=True)
def _sweep(
    spins: Any, string: Any, sites: Any, ends: Any, n: int, beta: float, state: Any, sweeps: int, most: int
) -> Any:
    """Make up to ``sweeps`` sweeps, fewer where n exceeds ``most``; return n and the number of sweeps made.

    ``string`` (5, places) holds the operators and room for the links of their legs, ``sites`` (2, L^2) that of sites.
    """
    operators, links, first, last = string[0], string[1:].reshape(-1), sites[0], sites[1]
    for made in range(sweeps):
        n = _update_diagonal(spins, operators, n, beta, ends, state)
        _link(operators, ends, links, first, last)
        _flip_loops(spins, operators, links, first, state)
        if n > most:
            return n, made + 1
    return n, sweeps
