"""Configurations of the Ising model with a given energy and magnetisation.

    w(s) ~ exp(-(E(s) - a)^2 / 2 A^2 - (M(s) - b)^2 / 2 B^2),   M = sum of the spins,   A = 8 J,   B = 4

A run starts from independent spins and flips single spins with the Metropolis rule for these weights (the Gaussian
ensemble of M. S. S. Challa and J. H. Hetherington, Phys. Rev. Lett. 60, 77 (1988)). The aims move from the start to the
target, and feedback shifts the centres (a, b) so that the mean (E, M) follows them: it compensates the growth of the
number of configurations, which would hold a run above a low energy. Then the centres stay. w depends on E and M only:
all configurations of a target are equally likely in equilibrium. The result is the one after a fixed number of steps
that found the run at the target; those form a Markov chain whose stationary distribution is uniform.

Every configuration satisfies, with n the number of spins of the minority and N = L^2,

    2 N - 4 |M| >= E >= -2 N + 2 min(2 ceil(2 sqrt(n)), 2 L)

The first holds because a spin of the minority has at most four antiparallel bonds, the second is the shortest boundary
of n sites on the torus.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from solvers.checks import as_plain, check_array, check_integer
from solvers.spins.chains import check_run, in_threads
from solvers.spins.ising import Integers, Spins, levels
from solvers.spins.random_numbers import next_bits, next_unit, streams

WIDTH_E, WIDTH_M = 8.0, 4.0
"""A (J) and B: a run is at its target in a few percent of its steps."""
RAMP, SETTLE, BLOCK = 400, 20, 64
"""Blocks during which the aims move, and during which the centres settle; fewest steps of a block, else L^2. The slow
approach matters more than steps at the target: walls between ordered regions hardly vanish at low energy."""
SWEEPS, ATTEMPTS = 5, 3
LIMIT = 150
"""Steps after which a run is given up, in units of those at its target; an eighth of it if it was never there."""


def sample_plane(
    side: int,
    energy: Any,
    magnetisation: Any,
    seed: int = 0,
    threads: int | None = None,
    sweeps: int = SWEEPS,
    attempts: int = ATTEMPTS,
) -> Spins:
    """Return a configuration for each pair of energy and magnetisation, int8 (S, L, L).

    Targets are the level and the magnetisation that are nearest to the given ones. Where no run ends at the target,
    the result is the configuration nearest to it that a run has had; ``energies`` and ``magnetisation`` show which.

    Args:
        side: L, even.
        energy: energies per site (J) in -2 ... 2, (S,).
        magnetisation: mean spins in -1 ... 1, (S,).
        seed: whole number; a configuration depends on it, on the target and on its own number only.
        threads: runs at once, by default as many as cores.
        sweeps: steps of a run at its target, per site; it makes 20 to 100 times as many on the way and around it.
        attempts: runs before a target is given up.

    Raises:
        ValueError: an argument is out of range.
    """
    check_run(side, 1, 1, seed, threads, sweeps=(sweeps, 1), attempts=(attempts, 1))
    energy = check_array("energy", energy, ("S",), -2, 2)
    magnetisation = check_array("magnetisation", magnetisation, (len(energy),), -1, 1)
    target_e = _nearest(levels(side), energy * side**2)
    target_m = _nearest(magnetisations(side), magnetisation * side**2)
    states, spins = streams(seed, len(energy)), np.empty((len(energy), side, side), dtype=np.int8)

    def run(a: int, b: int) -> None:
        _sample(target_e[a:b], target_m[a:b], states[a:b], sweeps * side**2, attempts, spins[a:b])

    in_threads(run, len(energy), threads)
    return spins


def magnetisations(side: int) -> Integers:
    """Return all sums of the spins of a lattice, -L^2 ... L^2 in steps of 2, (L^2 + 1,)."""
    check_integer("side", side, 2)
    return np.arange(-(side**2), side**2 + 1, 2)


def energy_bounds(side: int, total: Any) -> tuple[Integers, Integers]:
    """Return bounds of the energies (J) of the lattice for sums of its spins ``total`` (...), both (...).

    Raises:
        ValueError: the side is below 2, or a sum is none of ``magnetisations``.
    """
    known, given = magnetisations(side), as_plain("total", total)
    n = side**2
    others = given[~np.isin(given, known)] if given.dtype.kind in "iuf" else given.ravel()
    if others.size:
        raise ValueError(f"total: expected sums of {n} spins, -{n}, {2 - n} ... {n}, got {others[0]}")
    size = np.abs(given.astype(np.int64))
    minority = (n - size) // 2
    root = np.array([math.isqrt(4 * int(k) - 1) + 1 if k else 0 for k in minority.ravel()], dtype=np.int64)
    boundary = np.minimum(2 * root.reshape(size.shape), 2 * side)  # 2 ceil(2 sqrt(n)) bonds, or two walls
    return -2 * n + 2 * boundary, 2 * n - 4 * size


def _nearest(known: Integers, values: Any) -> Integers:
    """Return the members of the ascending ``known`` that are nearest to ``values`` (S,), the lower one of two."""
    above = np.clip(np.searchsorted(known, values), 1, len(known) - 1)
    return np.where(values - known[above - 1] <= known[above] - values, known[above - 1], known[above])


@njit(cache=True, nogil=True)
def _flip(spins: Any, energy: Any, total: Any, centre_e: float, centre_m: float, state: Any) -> Any:
    """Propose one flip, and return E and M after it."""
    side = spins.shape[0]
    bits = next_bits(state)
    x = np.int64(((bits >> np.uint64(32)) * np.uint64(side)) >> np.uint64(32))
    y = np.int64(((bits & np.uint64(0xFFFFFFFF)) * np.uint64(side)) >> np.uint64(32))
    right, below = x + 1 if x + 1 < side else 0, y + 1 if y + 1 < side else 0
    left, above = x - 1 if x > 0 else side - 1, y - 1 if y > 0 else side - 1
    spin = np.int64(spins[x, y])
    de = 2 * spin * (np.int64(spins[left, y]) + spins[right, y] + spins[x, above] + spins[x, below])
    dm = -2 * spin
    cost = de * (2 * (energy - centre_e) + de) / (2 * WIDTH_E**2) + dm * (2 * (total - centre_m) + dm) / (
        2 * WIDTH_M**2
    )
    if cost <= 0 or next_unit(state) < math.exp(-cost):
        spins[x, y] = -spin
        energy += de
        total += dm
    return energy, total


@njit(cache=True, nogil=True)
def _distance(energy: Any, total: Any, target_e: Any, target_m: Any) -> Any:
    return abs(energy - target_e) / WIDTH_E + abs(total - target_m) / WIDTH_M


@njit(cache=True, nogil=True)
def _approach(
    spins: Any, energy: Any, total: Any, target_e: int, target_m: int, state: Any, best: Any, least: float
) -> Any:
    """Move the mean (E, M) to the target; return E, M, the centres and the least distance so far."""
    first_e, first_m = float(energy), float(total)
    centre_e, centre_m = first_e, first_m
    steps = max(spins.size, BLOCK)
    for block in range(RAMP + SETTLE):
        part = min((block + 1) / RAMP, 1.0)
        gain = 0.5 if block < RAMP + SETTLE // 2 else 1 / (block - RAMP - SETTLE // 2 + 2)
        sum_e, sum_m = 0.0, 0.0
        for _ in range(steps):
            energy, total = _flip(spins, energy, total, centre_e, centre_m, state)
            sum_e += energy
            sum_m += total
            distance = _distance(energy, total, target_e, target_m)
            if distance < least:
                least = distance
                best[:] = spins
        centre_e += gain * (first_e + part * (target_e - first_e) - sum_e / steps)
        centre_m += gain * (first_m + part * (target_m - first_m) - sum_m / steps)
    return energy, total, centre_e, centre_m, least


@njit(cache=True, nogil=True)
def _run(spins: Any, target_e: int, target_m: int, state: Any, visits: int, best: Any, least: float) -> Any:
    """Run from independent spins; return the least distance so far, -1 once the run has ended at the target."""
    side = spins.shape[0]
    for x in range(side):
        for y in range(side):
            spins[x, y] = 1 if next_bits(state) >> np.uint64(63) else -1
    energy: Any = 0
    total: Any = 0
    for x in range(side):
        for y in range(side):
            energy -= np.int64(spins[x, y]) * (np.int64(spins[x - 1, y]) + spins[x, y - 1])
            total += np.int64(spins[x, y])
    energy, total, centre_e, centre_m, least = _approach(spins, energy, total, target_e, target_m, state, best, least)
    count = 0
    for step in range(LIMIT * visits):
        energy, total = _flip(spins, energy, total, centre_e, centre_m, state)
        distance = _distance(energy, total, target_e, target_m)
        if distance < least:
            least = distance
            best[:] = spins
        if distance == 0:
            count += 1
            if count == visits:
                best[:] = spins
                return -1.0
        if count == 0 and 8 * step > LIMIT * visits:
            break
    return least


@njit(cache=True, nogil=True)
def _sample(target_e: Any, target_m: Any, states: Any, visits: int, attempts: int, found: Any) -> None:
    """Fill ``found`` (S, L, L)."""
    spins = np.empty_like(found[0])
    for i in range(len(found)):
        least = np.inf
        for _ in range(attempts):
            least = _run(spins, target_e[i], target_m[i], states[i], visits, found[i], least)
            if least < 0:
                break
