"""Targeted sampling: configurations of the whole range of energies (K. Mills, thesis, 2021, appendix B).

A run flips a random spin of A, which gives B, and accepts B if |E_B - E_target| < |E_A - E_target|. Otherwise it
rejects B with probability 1 - exp(-(E_B - E_A)^2 / kT), equation B.2 as printed: the energies are those of the lattice
(J), and kT has the unit J^2. A flip changes E by 0, 4 or 8. With the kT of the source, 0.1 and 0.01, a step of 4 away
from the target is accepted with probability exp(-160) or less. Runs never move away, and a flip that keeps E is always
accepted. A run may therefore end in a local optimum, such as two stripes for the lowest energy, and a run at the lowest
or highest level stays in one configuration. The random starts of each pass are what fills the levels.

``targeted_dataset`` follows the passes of the source: discovery, sweeps over 10 and 100 targets, filling of bins. What
the source leaves open is chosen here: the first two phases record ``SHORT_RUN`` configurations per run, the bins are
the multiples of 4 in -2 L^2 ... 2 L^2, t_corr is 10 L^2 flips by default, and the runs of phase III stop doubling at
``LONGEST_RUN`` records.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from solvers.checks import check_array, check_integer, check_positive
from solvers.spins.chains import Chains, check_recording, check_run, in_threads, start_spins
from solvers.spins.ising import Floats, Spins, levels
from solvers.spins.random_numbers import next_below, next_unit, streams

DISCOVERY_KT, SWEEP_KT = 0.1, 0.01
"""kT of phase I, and of phases II and III."""
DISCOVERY_SEEDS = 4
SHORT_RUN = 100
"""Records of a run in phases I and II, which the source calls short."""
LONGEST_RUN = 4096
"""Records of a run in phase III, up to which they double: a run that is stuck needs another start."""
MAX_PASSES = 100
"""Passes of phase III before it is given up."""


def sample_targeted(
    side: int,
    target: Any,
    chains: int = 1,
    records: int = 1,
    t_corr: int | None = None,
    kt: float = SWEEP_KT,
    burn_in: int = 0,
    start: Any = "random",
    seed: int = 0,
    keep: bool = True,
    threads: int | None = None,
) -> Chains:
    """Sample configurations with energies near a target.

    Args:
        side: L, even.
        target: E_target (J), the energy of the lattice, a number or an array (chains,).
        chains: independent runs.
        records: records of each run.
        t_corr: proposed flips between two records, by default 10 L^2.
        kt: kT of equation B.2, in J^2.
        burn_in: proposed flips before the first interval.
        start: "random", "up", or spins (chains, L, L) or (L, L).
        seed: whole number; a run depends on it and on the number of the chain only.
        keep: keep the configurations of all records.
        threads: chains sampled at once, by default as many as cores.

    Raises:
        ValueError: an argument is out of range.
    """
    check_run(side, chains, records, seed, threads)
    t_corr = 10 * side**2 if t_corr is None else t_corr
    check_integer("t_corr", t_corr, 1)
    check_recording(keep, 1, burn_in)
    check_positive("kt", kt)
    shape: tuple[int, ...] = (chains,) if np.ndim(target) else ()
    targets = np.broadcast_to(check_array("target", target, shape), (chains,)).astype(np.float64)
    spins, states = start_spins(start, chains, side, seed), streams(seed, chains)
    energy, total = (np.zeros((chains, records), dtype=np.int64) for _ in range(2))
    kept = np.zeros((chains, records if keep else 0, side, side), dtype=np.int8)

    def run(a: int, b: int) -> None:
        parts = (array[a:b] for array in (spins, states, targets, energy, total, kept))
        _sample(float(kt), burn_in, t_corr, *parts)

    in_threads(run, chains, threads)
    return Chains(energy, total / side**2, kept if keep else None, spins)


def targeted_dataset(
    side: int,
    per_level: int,
    t_corr: int | None = None,
    kt: tuple[float, float] = (DISCOVERY_KT, SWEEP_KT),
    seed: int = 0,
    threads: int | None = None,
) -> Spins:
    """Return ``per_level`` configurations of each level of ``levels(side)``, int8 (levels, per_level, L, L).

    The passes are those of the source; configurations of full bins are dropped. The lowest and the highest level have
    two configurations each, which are repeated.

    Args:
        side: L, even.
        per_level: N_cap of the source.
        t_corr: proposed flips between two records, by default 10 L^2.
        kt: kT of phase I, and of phases II and III, in J^2. With those of the source a run that has reached its target
            keeps its level, so that a set holds few of the configurations of a level; a kT of 16 gives more.
        seed: whole number.
        threads: runs at once, by default as many as cores; the result does not depend on it.

    Raises:
        ValueError: an argument is out of range.
        RuntimeError: levels are still not full after the last pass.
    """
    check_integer("per_level", per_level, 1)
    check_run(side, 1, 1, seed, threads)
    if not isinstance(kt, (tuple, list)) or len(kt) != 2:
        raise ValueError(f"kt: expected a pair, kT of phase I and of phases II and III, got {kt!r}")
    low, high, bins = -2 * side**2, 2 * side**2, _Bins(side, per_level)
    pass_number = 0

    def run(targets: Floats, width: float, records: int) -> None:
        nonlocal pass_number
        own = int(np.random.SeedSequence([seed, pass_number]).generate_state(1, np.uint64)[0])
        pass_number += 1
        bins.add(sample_targeted(side, targets, len(targets), records, t_corr, width, seed=own, threads=threads))

    for energy in (low, high, (low + high) / 2):
        run(np.full(DISCOVERY_SEEDS, float(energy)), kt[0], SHORT_RUN)
    for count in (10, 100):
        run(np.linspace(low, high, count), kt[1], SHORT_RUN)
    _fill(bins, kt[1], run)
    return bins.configurations


class _Bins:
    """Configurations by level, up to a number for each."""

    def __init__(self, side: int, capacity: int) -> None:
        self.energies = levels(side)
        self.filled = np.zeros(len(self.energies), dtype=np.int64)
        self.configurations = np.zeros((len(self.energies), capacity, side, side), dtype=np.int8)

    def add(self, chains: Chains) -> None:
        """Keep the records whose level is not full, those of the first runs first."""
        assert chains.configurations is not None  # sample_targeted keeps them by default
        energy = chains.energy.ravel()
        spins = chains.configurations.reshape(-1, *chains.configurations.shape[2:])
        capacity = self.configurations.shape[1]
        for i in np.flatnonzero(self.filled < capacity):
            new = spins[energy == self.energies[i]][: capacity - self.filled[i]]
            self.configurations[i, self.filled[i] : self.filled[i] + len(new)] = new
            self.filled[i] += len(new)

    @property
    def partial(self) -> Floats:
        """The energies of the levels that are not full."""
        return self.energies[self.filled < self.configurations.shape[1]].astype(np.float64)


def _fill(bins: _Bins, kt: float, run: Callable[[Floats, float, int], None]) -> None:
    """Phase III: aim at the levels that are not full, with twice as many records in each pass, up to a limit."""
    for number in range(1, MAX_PASSES + 1):
        if not bins.partial.size:
            return
        run(bins.partial, kt, min(2**number, LONGEST_RUN))
    if bins.partial.size:
        raise RuntimeError(
            f"per_level: the levels {bins.partial.tolist()} are not full after {MAX_PASSES} passes. "
            "Lower kt or per_level, or use another seed or a larger t_corr."
        )


@njit(cache=True, nogil=True)
def _step(spins: Any, energy: int, target: float, kt: float, state: Any) -> int:
    """Propose one flip, and return the energy after it."""
    side = spins.shape[0]
    site = next_below(state, side * side)
    x, y = site // side, site % side
    neighbours = spins[x - 1, y] + spins[(x + 1) % side, y] + spins[x, y - 1] + spins[x, (y + 1) % side]
    change = 2 * np.int64(spins[x, y]) * neighbours
    nearer = abs(energy + change - target) < abs(energy - target)
    if nearer or next_unit(state) < math.exp(-float(change * change) / kt):
        spins[x, y] = -spins[x, y]
        energy += change
    return energy


@njit(cache=True, nogil=True)
def _sample(
    kt: float, burn_in: int, t_corr: int, spins: Any, states: Any, targets: Any, energies: Any, total: Any, kept: Any
) -> None:
    side = spins.shape[1]
    for chain in range(len(spins)):
        lattice, state, target = spins[chain], states[chain], targets[chain]
        energy = 0
        for x in range(side):
            for y in range(side):
                energy -= np.int64(lattice[x, y]) * (lattice[x - 1, y] + lattice[x, y - 1])
        for _ in range(burn_in):
            energy = _step(lattice, energy, target, kt, state)
        for record in range(energies.shape[1]):
            for _ in range(t_corr):
                energy = _step(lattice, energy, target, kt, state)
            energies[chain, record] = energy
            total[chain, record] = lattice.sum()
            if record < kept.shape[1]:
                kept[chain, record] = lattice
