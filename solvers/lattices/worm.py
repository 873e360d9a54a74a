"""Averages of the extended Bose-Hubbard model by a continuous-time worm algorithm, with error bars.

The moves and their balance are in ``worm_kernels``. There is no error of a time step and no truncation except n_max.
A sweep is the number of worms whose heads travel sites * beta along imaginary time on average; the number is measured
in the burn-in and fixed afterwards. Averages over imaginary time are recorded once a sweep.

A chain starts at 2^-5 beta, where it equilibrates fast. beta is doubled five times: world lines stretched along
imaginary time are a configuration of the colder system. Thus solids without defects grow.

Errors are those of bins (batch means): each chain has ``BINS`` to 2 ``BINS`` bins, whose length doubles in longer
runs. Bins are longer than the autocorrelation time only in runs of at least ``RELIABLE`` such
times; ``Averages.tau`` states them.

These errors are somewhat small, and are not corrected, since stored datasets contain them. The standard deviation of
(average - exact) / error, from B bins of length b in all, is near

    sqrt((B - 1) / (B - 3) / (1 - x (1 - exp(-1 / x)))),    x = tau / b

First, few bins make it that of Student's t: 1.03 for 32 bins, 1.07 for 16. Second, neighbouring bins are correlated:
with a single relaxation time it is 1.3 (B = 16) to 1.5 (B = 32) after ``RELIABLE`` times tau, and 1.1 after 200.
Fast components bring it closer to 1.

What a run has not recorded has no known error. [H, N] = 0, and each record has one whole number N. If K of n
independent records have another N than most, the share of other N has the error (K + 1)^(1/2) / n, that of a Poisson
distribution, and each <n_i> may change by this share. With K < ``RARE`` this is the least error of all averages, as
bins with such records are too few. A constant average, such as <n_i> of a site that is always empty, has the least
error 1 / n, with n = records / 2 tau.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.checks import check_function, check_integer, check_kind, check_positive
from solvers.lattices.bosons import Bosons, Floats
from solvers.lattices.worm_kernels import make_sweeps, make_worms
from solvers.lattices.worm_lines import empty_lines, enlarged
from solvers.spins.autocorrelation import autocorrelation_time
from solvers.spins.random_numbers import streams

BINS = 16
"""Fewest bins of a chain in a long run."""
RELIABLE = 50
"""Autocorrelation times of a run whose errors are reliable: bins then have at least 1.5 of them."""
DOUBLINGS = 5
"""How often beta is doubled in the burn-in."""
RARE = 10
"""Records of other N from which the errors of bins contain them."""
CONSTANT = 1e-12
"""Error of bins, up to rounding, of an average that is the same in all of them."""
ROOM = 4096
"""Nodes for which a chain has room at first."""
LARGEST_SEED = 2**64 - 1


class NotReached(ValueError):
    """The limit of sweeps was met before the requested error; ``averages`` holds what was found."""

    def __init__(self, message: str, averages: Averages) -> None:
        super().__init__(message)
        self.averages = averages


@dataclass(frozen=True)
class Averages:
    """Thermal averages and their standard errors; d is the number of axes.

    No error is below that of events that n independent records cannot show, about 1 / n; see the module.

    Attributes:
        n, n_error: <n_i>, (L,) or (L, L').
        variance, variance_error: <n_i^2> - <n_i>^2.
        products, products_error: <n_i n_j> with the neighbour in the positive direction, (d, L) or (d, L, L').
        energy, energy_error: <H>, with -mu N.
        number, number_error: <N>.
        sweeps: sweeps of each chain after the burn-in.
        bins: bins of all chains, from which the errors follow.
        tau: integrated autocorrelation times in sweeps of "energy", "number" and "staggered" (the density on one
            sublattice minus that on the other).
    """

    n: Floats
    n_error: Floats
    variance: Floats
    variance_error: Floats
    products: Floats
    products_error: Floats
    energy: float
    energy_error: float
    number: float
    number_error: float
    sweeps: int
    bins: int
    tau: dict[str, float]

    @property
    def density_error(self) -> float:
        """Return the mean error of n over the sites."""
        return float(self.n_error.mean())


def sample_bosons(model: Bosons, sweeps: int = 2000, burn_in: int = 120, chains: int = 1, seed: int = 0) -> Averages:
    """Sample a system for a fixed number of sweeps.

    Args:
        model: the system.
        sweeps: sweeps of each chain, at least 2 ``BINS``.
        burn_in: sweeps before, distributed over the temperatures of the start.
        chains: independent chains, each with its own start.
        seed: whole number; a chain depends on it and on the number of the chain only.

    Raises:
        ValueError: an argument is out of range.
    """
    check_integer("sweeps", sweeps, 2 * BINS)
    started = _start(model, burn_in, chains, seed)
    for chain in started:
        chain.advance(sweeps)
    return _averages(model, started)


def sample_until(
    model: Bosons,
    density_error: float = 0.015,
    sweeps: int = 256,
    most_sweeps: int = 32000,
    burn_in: int = 120,
    chains: int = 1,
    seed: int = 0,
    follow: Callable[[Averages], None] | None = None,
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
    started = _start(model, burn_in, chains, seed)
    made = 0
    while True:
        wanted = min(max(2 * made, sweeps), most_sweeps)
        for chain in started:
            chain.advance(wanted - made)
        made = wanted
        found = _averages(model, started)
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


def _start(model: Bosons, burn_in: int, chains: int, seed: int) -> list[_Chain]:
    check_kind("model", model, Bosons, "system, Bosons(V - mu, beta=8.0)")
    check_integer("burn_in", burn_in, DOUBLINGS + 1)
    check_integer("chains", chains, 1)
    check_integer("seed", seed, 0, high=LARGEST_SEED)
    started = [_Chain(model, state) for state in streams(seed, chains)]
    for chain in started:
        chain.burn_in(burn_in)
    return started


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
            while path < target and worms < 100 * target:
                worms += 10
                path += float(self._make(make_worms, beta, 10))
            if doubling:
                self.lines[0][:] *= 2.0
        self.worms = max(1, round(worms * self.sites * self.model.beta / max(path, 1e-9)))
        self.worms = min(self.worms, 100 * self.sites)

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


def _averages(model: Bosons, chains: list[_Chain]) -> Averages:
    bins = np.concatenate([chain.means() for chain in chains])
    series = np.stack([np.concatenate(chain.series) for chain in chains])
    names = ("energy", "number", "staggered")
    tau = {name: autocorrelation_time(series[..., i]) for i, name in enumerate(names)}
    count = len(bins)
    mean, error = bins.mean(0), bins.std(0) / np.sqrt(count - 1)
    others = (bins.sum(0) - bins) / (count - 1)  # jackknife
    variances = others[:, 1] - others[:, 0] ** 2
    variance_error = variances.std(0) * np.sqrt(count - 1)
    (energy, energy_error), (number, number_error) = (_mean_error(series[..., i], count) for i in (0, 1))
    shape, axes = model.shape, len(model.shape)
    unseen, rare = _least_shares(series[..., 1], tau)
    error[:2], variance_error = (_at_least(e, unseen, rare) for e in (error[:2], variance_error))
    error[2:] = _at_least(error[2:], unseen, rare, max(1.0, float(mean[0].max())))  # a boson less: n_j of its neighbour
    excitation = np.log(series[..., 1].size * model.potential.size) / model.beta  # n exp(-beta E) sites = 1
    energy_error = float(_at_least(energy_error, unseen, rare, excitation))
    number_error = float(_at_least(number_error, unseen, rare))
    return Averages(
        mean[0].reshape(shape),
        error[0].reshape(shape),
        (mean[1] - mean[0] ** 2).reshape(shape),
        variance_error.reshape(shape),
        mean[2:].reshape(axes, *shape),
        error[2:].reshape(axes, *shape),
        energy,
        energy_error,
        number,
        number_error,
        series.shape[1],
        count,
        tau,
    )


def _least_shares(numbers: Floats, tau: dict[str, float]) -> tuple[float, float]:
    """Return the least share of events that no record has, and that of N other than in most records.

    The second one is 0 where N fluctuates in many records, ``numbers`` (chains, sweeps).
    """
    _, counts = np.unique(numbers.round(), return_counts=True)
    others = numbers.size - int(counts.max())
    independent = numbers.size / (2 * max(tau["energy"], tau["number"], 0.5))
    rare = min(1.0, np.sqrt(others + 1) / independent) if others < RARE else 0.0
    return min(1.0, 1 / independent), rare


def _at_least(error: Any, unseen: float, rare: float, change: float = 1.0) -> Any:
    """Return errors of bins, or where they are smaller those of unrecorded events.

    Args:
        error: errors of bins.
        unseen: least share of events that no record has.
        rare: that of N other than in most records.
        change: change of the average by one event.
    """
    return np.maximum(error, change * np.where(np.asarray(error) < CONSTANT, max(unseen, rare), rare))


def _mean_error(series: Floats, bins: int) -> tuple[float, float]:
    """Return the mean of ``series`` (chains, sweeps) and its error from bins."""
    each = bins // len(series)
    length = series.shape[1] // each
    means = series[:, : each * length].reshape(len(series) * each, length).mean(1)
    return float(series.mean()), float(means.std() / np.sqrt(len(means) - 1))
