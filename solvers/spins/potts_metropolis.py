"""Metropolis sampling of the planar Potts model, H = J sum cos(a_i - a_j) with angles in [0, pi).

A sweep proposes a new angle, uniform in [0, pi), at every site in turn. With c = cos a and s = sin a the energy of a
site is J (c C + s S), C and S the sums of c and s over its four neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from solvers.checks import check_choice, check_number
from solvers.spins.chains import check_recording, check_run, in_threads
from solvers.spins.ising import Floats
from solvers.spins.potts import as_angles, random_angles
from solvers.spins.random_numbers import next_unit, streams


@dataclass(frozen=True)
class PottsChains:
    """Records of several chains of the planar Potts model.

    Attributes:
        energy: energies of the lattice (J), (chains, records).
        configurations: angles (chains, records, L, L), or None where they were not kept.
        last: angles (chains, L, L) after the last record.
    """

    energy: Floats
    configurations: Floats | None
    last: Floats


def sample_potts(
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
) -> PottsChains:
    """Sample the planar Potts model on an even ``side`` at a ``temperature`` (units of J).

    Args:
        side: L, even.
        temperature: T in units of J.
        chains: independent chains.
        records: records of each chain.
        interval: sweeps between two records, each of L^2 proposals.
        burn_in: sweeps before the first interval.
        start: "random", or angles (chains, L, L) or (L, L).
        seed: whole number; a chain depends on it and on the number of the chain only.
        keep: keep the configurations of all records.
        threads: chains sampled at once, by default as many as cores.

    Raises:
        ValueError: an argument is out of range.
    """
    check_run(side, chains, records, seed, threads)
    check_recording(keep, interval, burn_in)
    check_number("temperature", temperature, 0.01, 1e6)
    angles, states = _start(start, chains, side, seed), streams(seed, chains)
    energy = np.zeros((chains, records))
    kept = np.zeros((chains, records if keep else 0, side, side))

    def run(a: int, b: int) -> None:
        _sample(angles[a:b], states[a:b], float(temperature), burn_in, interval, energy[a:b], kept[a:b])

    in_threads(run, chains, threads)
    return PottsChains(energy, kept if keep else None, angles)


def _start(start: Any, chains: int, side: int, seed: int) -> Floats:
    shape = (chains, side, side)
    if isinstance(start, str):
        check_choice("start", start, ("random",))
        return random_angles(np.random.default_rng([seed, 0]), chains, side)
    given = as_angles("start", start)
    if given.shape not in (shape, shape[1:]):
        raise ValueError(f"start: expected angles of shape {shape} or {shape[1:]}, got shape {given.shape}")
    return np.broadcast_to(given, shape).copy()


@njit(cache=True, nogil=True)
def _sweep(angles: Any, c: Any, s: Any, temperature: float, state: Any) -> None:
    """Propose an angle at every site; ``c`` and ``s`` are the cosines and sines of the ``angles``."""
    side = angles.shape[0]
    for x in range(side):
        below = x + 1 if x + 1 < side else 0
        for y in range(side):
            right = y + 1 if y + 1 < side else 0
            along = c[x - 1, y] + c[below, y] + c[x, y - 1] + c[x, right]
            across = s[x - 1, y] + s[below, y] + s[x, y - 1] + s[x, right]
            angle = math.pi * next_unit(state)
            cosine, sine = math.cos(angle), math.sin(angle)
            difference = (cosine - c[x, y]) * along + (sine - s[x, y]) * across
            if angle < math.pi and (difference <= 0 or next_unit(state) < math.exp(-difference / temperature)):
                angles[x, y], c[x, y], s[x, y] = angle, cosine, sine


@njit(cache=True, nogil=True)
def _sample(angles: Any, states: Any, temperature: float, burn_in: int, interval: int, energy: Any, kept: Any) -> None:
    side = angles.shape[1]
    for chain in range(len(angles)):
        lattice, state = angles[chain], states[chain]
        c, s = np.cos(lattice), np.sin(lattice)
        for _ in range(burn_in):
            _sweep(lattice, c, s, temperature, state)
        for record in range(energy.shape[1]):
            for _ in range(interval):
                _sweep(lattice, c, s, temperature, state)
            total = 0.0
            for x in range(side):
                for y in range(side):
                    total += c[x, y] * (c[x - 1, y] + c[x, y - 1]) + s[x, y] * (s[x - 1, y] + s[x, y - 1])
            energy[chain, record] = total
            if record < kept.shape[1]:
                kept[chain, record] = lattice
