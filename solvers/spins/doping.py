"""Holes in snapshots of an undoped antiferromagnet: sprinkled, or at the ends of geometric strings.

Sites have the values +1 and -1 of a spin and 0 of a hole. Sprinkled holes remove the spin of a random site each. Where
holes move, each then walks along a path of random length without immediate return, and every spin on the path is
displaced by one site towards the origin of the string (C. S. Chiu et al., Science 365, 251 (2019)).

The source does not define what happens where strings meet. Here holes are added one after the other, a path may cross
itself and older paths, and never steps onto another hole: the step is drawn from the remaining directions, and the
string ends early where there is none.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from solvers.checks import check_integer, check_whole
from solvers.spins.chains import LARGEST_SEED
from solvers.spins.heisenberg import sample_heisenberg
from solvers.spins.ising import Floats, Spins, as_spins
from solvers.spins.random_numbers import next_below, next_unit, streams
from solvers.spins.strings import check_lengths

REFERENCE_CHAINS, REFERENCE_RECORDS, REFERENCE_INTERVAL = 8, 1000, 5
"""The run with seed 0 whose correlations determine the potential of strings."""


def add_holes(snapshots: Any, holes: Any, lengths: Any, seed: int, first: int = 0) -> Spins:
    """Return copies of ``snapshots`` with holes, int8 (n, L, L) of +1, -1 and 0.

    Args:
        snapshots: spins of +1 and -1, (n, L, L).
        holes: number of holes of each snapshot, whole numbers (n,), at most L^2.
        lengths: p(l) of the strings, (l,); [1.0] are sprinkled holes.
        seed: whole number; a snapshot depends on it and on its own number.
        first: number of the first snapshot.

    Raises:
        ValueError: an argument is out of range.
    """
    spins = as_spins("snapshots", snapshots)
    if spins.ndim != 3:
        raise ValueError(f"snapshots: expected an array of shape (n, L, L), got shape {spins.shape}")
    given = check_whole("holes", holes, (len(spins),), 0, spins.shape[-1] ** 2)
    cumulative = np.cumsum(check_lengths(lengths))
    check_integer("seed", seed, 0, high=LARGEST_SEED)
    check_integer("first", first, 0)
    found = spins.copy()
    _add_holes(found, given, cumulative, streams(seed, len(spins), first))
    return found


@lru_cache(maxsize=32)
def undoped_correlations(side: int, temperature: float) -> tuple[float, float, float]:
    """Return <S_0 . S_d> of the undoped lattice at d = (1, 0), (1, 1) and (2, 0), 3 times those of S^z.

    They are averages over a run of always the same seed and length.

    Raises:
        ValueError: an argument is out of range.
    """
    run = sample_heisenberg(side, temperature, REFERENCE_CHAINS, REFERENCE_RECORDS, REFERENCE_INTERVAL, threads=1)
    spins = np.asarray(run.configurations, dtype=np.float64)
    return tuple(0.75 * _average(spins, *d) for d in ((1, 0), (1, 1), (2, 0)))  # type: ignore[return-value]


def _average(spins: Floats, dx: int, dy: int) -> float:
    """Return the mean product of spins at the displacement (dx, dy) and at those that symmetry maps it to."""
    pairs = [(dx, dy), (dy, dx), (dx, -dy), (dy, -dx)]
    return float(np.mean([(spins * np.roll(spins, d, (-2, -1))).mean() for d in pairs]))


@njit(cache=True, nogil=True)
def _walk(lattice: Any, x: int, y: int, length: int, state: Any) -> None:
    """Move the hole at (x, y) by up to ``length`` sites; directions 2 a + s are steps of 2 s - 1 along the axis a."""
    side = lattice.shape[0]
    back = -1
    choices = np.zeros((4, 3), dtype=np.int64)
    for _ in range(length):
        count = 0
        for direction in range(4):
            step = 2 * (direction % 2) - 1
            i = (x + (step if direction < 2 else 0)) % side
            j = (y + (step if direction >= 2 else 0)) % side
            if direction != back and lattice[i, j] != 0:
                choices[count, 0], choices[count, 1], choices[count, 2] = i, j, direction
                count += 1
        if count == 0:
            return
        chosen = next_below(state, count)
        i, j = choices[chosen, 0], choices[chosen, 1]
        back = choices[chosen, 2] ^ 1
        lattice[x, y], lattice[i, j] = lattice[i, j], 0
        x, y = i, j


@njit(cache=True, nogil=True)
def _add_holes(lattices: Any, holes: Any, cumulative: Any, states: Any) -> None:
    side = lattices.shape[1]
    for n in range(len(lattices)):
        lattice, state = lattices[n], states[n]
        for _ in range(holes[n]):
            site = next_below(state, side * side)
            while lattice[site // side, site % side] == 0:
                site = next_below(state, side * side)
            x, y = site // side, site % side
            lattice[x, y] = 0
            length = min(np.searchsorted(cumulative, next_unit(state), side="right"), len(cumulative) - 1)
            _walk(lattice, x, y, length, state)
