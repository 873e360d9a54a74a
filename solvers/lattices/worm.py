"""Averages of the extended Bose-Hubbard model by a continuous-time worm algorithm, with error bars.

The moves and their balance are in ``worm_kernels``. There is no error of a time step and no truncation except n_max.
A sweep is the number of worms whose heads travel sites * beta along imaginary time on average; the number is measured
in the burn-in and fixed afterwards. Averages over imaginary time are recorded once a sweep.

A chain starts at 2^-5 beta, where it equilibrates fast. beta is doubled five times: world lines stretched along
imaginary time are a configuration of the colder system. Thus solids without defects grow.

Errors are those of ``worm_averages``. A chain may stay in the domains of a solid in which it was cooled. With several
``starts`` it is cooled as often, and continues from the configuration of the lowest energy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from solvers.checks import check_function, check_integer, check_kind, check_positive
from solvers.lattices.bosons import Bosons, Floats
from solvers.lattices.worm_averages import Averages, averages
from solvers.lattices.worm_kernels import make_sweeps, make_worms
from solvers.lattices.worm_lines import empty_lines, enlarged
from solvers.spins.random_numbers import streams

BINS = 16
"""Fewest bins of a chain in a long run."""
RELIABLE = 50
"""Autocorrelation times of a run whose errors are reliable: bins then have at least 1.5 of them."""
TRIAL = 32
"""Sweeps from which the energies of several starts follow."""
DOUBLINGS = 5
"""How often beta is doubled in the burn-in."""
MOST_WORMS = 1000
"""Worms per site and sweep of the burn-in: in an insulator with large gaps they hardly travel at any temperature."""
ROOM = 4096
"""Nodes for which a chain has room at first."""
LARGEST_SEED = 2**64 - 1


class NotReached(ValueError):
    """The limit of sweeps was met before the requested error; ``averages`` holds what was found."""

    def __init__(self, message: str, averages: Averages) -> None:
        super().__init__(message)
        self.averages = averages


def sample_bosons(
    model: Bosons, sweeps: int = 2000, burn_in: int = 120, chains: int = 1, seed: int = 0, starts: int = 1
) -> Averages:
    """Sample a system for a fixed number of sweeps.

    Args:
        model: the system.
        sweeps: sweeps of each chain, at least 2 ``BINS``.
        burn_in: sweeps before, distributed over the temperatures of the start.
        chains: independent chains, each with its own start; those of certainly higher energy are left out.
        seed: whole number; a chain depends on it and on the number of the chain only.
        starts: burn-ins of each chain, of which the one with the lowest energy is continued.

    Raises:
        ValueError: an argument is out of range.
    """
    check_integer("sweeps", sweeps, 2 * BINS)
    started = _start(model, burn_in, chains, seed, starts)
    for chain in started:
        chain.advance(sweeps)
    return _averages(started)


def sample_until(
    model: Bosons,
    density_error: float = 0.015,
    sweeps: int = 256,
    most_sweeps: int = 32000,
    burn_in: int = 120,
    chains: int = 1,
    seed: int = 0,
    follow: Callable[[Averages], None] | None = None,
    starts: int = 1,
) -> Averages:
    """Sample a system until the mean error of the density is below ``density_error``; see ``sample_bosons``.

    The number of sweeps is doubled from ``sweeps`` on. A run ends where the error is small enough and the run has
    ``RELIABLE`` autocorrelation times, without which an error is not reliable. ``follow`` is called after each
    doubling.

    Raises:
        NotReached: ``most_sweeps`` were not enough.
        ValueError: an argument is out of range.
    """
    check_positive("density_error", density_error)
    check_integer("sweeps", sweeps, 2 * BINS)
    check_integer("most_sweeps", most_sweeps, sweeps)
    if follow is not None:
        check_function("follow", follow)
    started = _start(model, burn_in, chains, seed, starts)
    made = 0
    while True:
        wanted = min(max(2 * made, sweeps), most_sweeps)
        for chain in started:
            chain.advance(wanted - made)
        made = wanted
        found = _averages(started)
        if follow is not None:
            follow(found)
        if found.density_error <= density_error and made >= RELIABLE * max(found.tau.values()):
            return found
        if made >= most_sweeps:
            raise NotReached(
                f"most_sweeps: expected a mean error of the density of at most {density_error:g}, got "
                f"{found.density_error:.3g} after {made} sweeps with an autocorrelation time of "
                f"{max(found.tau.values()):.0f}. Allow more sweeps or a larger error; near a transition or in a solid, "
                "raise the temperature",
                found,
            )


def _start(model: Bosons, burn_in: int, chains: int, seed: int, starts: int) -> list[_Chain]:
    check_kind("model", model, Bosons, "system, Bosons(V - mu, beta=8.0)")
    check_integer("burn_in", burn_in, DOUBLINGS + 1)
    check_integer("chains", chains, 1)
    check_integer("seed", seed, 0, high=LARGEST_SEED)
    check_integer("starts", starts, 1)
    started = [_Chain(model, state) for state in streams(seed, chains * starts)]
    for chain in started:
        chain.burn_in(burn_in)
    if starts == 1:
        return started
    return [min(started[i::chains], key=_Chain.trial_energy) for i in range(chains)]


class _Chain:
    """One Markov chain and its records."""

    def __init__(self, model: Bosons, state: Any) -> None:
        self.model, self.state = model, state
        self.sites, self.axes = model.potential.size, len(model.shape)
        self.neighbours, self.potential = model.neighbours, model.potential.ravel()
        self.lines = empty_lines(np.zeros(self.sites, dtype=np.int64), max(ROOM, 8 * self.sites))
        self.worms = 1
        self.bins: list[Floats] = []
        self.bin_length = 1
        self.series: list[Floats] = []
        self.signs = (-1.0) ** np.indices(model.shape).sum(0).ravel()

    def burn_in(self, sweeps: int) -> None:
        """Cool the chain, and set the number of worms of a sweep."""
        part = sweeps // (DOUBLINGS + 1)
        for doubling in range(DOUBLINGS, -1, -1):
            beta = self.model.beta / 2**doubling
            target = self.sites * beta * (part if doubling else sweeps - DOUBLINGS * part)
            path, worms = 0.0, 0
            most = min(100 * target, MOST_WORMS * self.sites * part)
            while path < target and worms < most:
                worms += 10
                path += float(self._make(make_worms, beta, 10))
            if doubling:
                self.lines[0][:] *= 2.0
        self.worms = max(1, round(worms * self.sites * self.model.beta / max(path, 1e-9)))
        self.worms = min(self.worms, 100 * self.sites)

    def trial_energy(self) -> float:
        """Return the mean energy of ``TRIAL`` sweeps, which are not recorded."""
        self.advance(TRIAL)
        energy = float(np.concatenate(self.series)[:, 0].mean())
        self.bins, self.bin_length, self.series = [], 1, []
        return energy

    def advance(self, sweeps: int) -> None:
        """Make and record sweeps; bins that become too many are merged in pairs."""
        while sweeps:
            made = sum(map(len, self.series))
            if made == 2 * BINS * self.bin_length:
                self.bins = [a + b for a, b in zip(self.bins[::2], self.bins[1::2], strict=True)]
                self.bin_length *= 2
            missing = self.bin_length - made % self.bin_length
            part = min(sweeps, missing)
            sums, series = np.zeros((2 + self.axes, self.sites)), np.zeros((part, 3))
            self._make(make_sweeps, self.model.beta, self.worms, self.signs, sums, series)
            if missing == self.bin_length:
                self.bins.append(sums)
            else:
                self.bins[-1] = self.bins[-1] + sums
            self.series.append(series)
            sweeps -= part

    def _make(self, kernel: Any, beta: float, worms: int, *records: Floats) -> Any:
        """Call a kernel; where the room for nodes ends, repeat the call with more room and the same random numbers."""
        couplings = np.array([beta, self.model.hopping, self.model.onsite, self.model.neighbour])
        while True:
            kept, state = enlarged(self.lines, len(self.lines[0])), self.state.copy()
            found = kernel(
                self.lines,
                self.neighbours,
                self.potential,
                couplings,
                self.model.n_max,
                self.state,
                worms,
                *records,
            )
            if found is not False and found >= 0:
                return found
            self.lines, self.state = enlarged(kept, 2 * len(kept[0])), state
            for record in records[1:]:
                record[:] = 0.0

    def means(self) -> Floats:
        """Return the means (bins, 2 + d, sites) of all complete bins."""
        complete = sum(map(len, self.series)) // self.bin_length
        return np.stack(self.bins[:complete]) / self.bin_length


def _averages(chains: list[_Chain]) -> Averages:
    series = np.stack([np.concatenate(chain.series) for chain in chains])
    return averages(chains[0].model, np.stack([chain.means() for chain in chains]), series)
