"""Averages of the chains of a worm algorithm, and their standard errors.

Errors are those of bins (batch means): each chain has ``worm.BINS`` to twice as many bins, whose length doubles in
longer runs. Bins are longer than the autocorrelation time only in runs of at least ``worm.RELIABLE`` such times;
``Averages.tau`` states them.

These errors are somewhat small, and are not corrected, since stored datasets contain them. The standard deviation of
(average - exact) / error, from B bins of length b in all, is near

    sqrt((B - 1) / (B - 3) / (1 - x (1 - exp(-1 / x)))),    x = tau / b

First, few bins make it that of Student's t: 1.03 for 32 bins, 1.07 for 16. Second, neighbouring bins are correlated:
with a single relaxation time it is 1.3 (B = 16) to 1.5 (B = 32) after ``worm.RELIABLE`` tau, and 1.1 after 200.
Fast components bring it closer to 1.

What a run has not recorded has no known error. [H, N] = 0, and each record has one whole number N. If K of n
independent records have another N than most, the share of other N has the error (K + 1)^(1/2) / n, that of a Poisson
distribution, and each <n_i> may change by this share. With K < ``RARE`` this is the least error of all averages, as
bins with such records are too few. A constant average, such as <n_i> of a site that is always empty, has the least
error 1 / n, with n = records / 2 tau.

A chain may stay in the domains of a solid in which it was cooled. Its own bins do not show this, other chains do. Those
with an energy above the lowest one by more than its error and ``WARM`` temperatures have next to no weight in
equilibrium, and are left out. Where the means of the others differ by more than their bins explain, all errors are
those of the means of chains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from solvers.lattices.bosons import Bosons, Floats
from solvers.spins.autocorrelation import autocorrelation_time, few_values

RARE = 10
"""Records of other N from which the errors of bins contain them."""
CONSTANT = 1e-12
"""Error of bins, up to rounding, of an average that is the same in all of them."""
SIGNIFICANT = 0.999
"""Quantile of the spread of chains that agree, from which on they disagree."""
HIGHER = 3.0
"""Standard errors by which the energy of a chain is certainly above that of another one."""
WARM = 4.0
"""Temperatures by which it is to be higher besides: the entropies of two phases differ by less."""
TOO_SMALL = 1.5
"""Factor by which errors of bins may be too small in a short run."""


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
        bins: bins of the chains that are not left out, from which the errors follow.
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


def averages(model: Bosons, bins: Floats, series: Floats) -> Averages:
    """Return the averages of a system.

    Args:
        model: the system.
        bins: means of n_i, n_i^2 and n_i n_j of each complete bin (chains, bins, 2 + d, sites).
        series: energy, number and staggered number of each sweep (chains, sweeps, 3).
    """
    kept = _in_equilibrium(series[..., 0], bins.shape[1], model.beta)
    bins, series = bins[kept], series[kept]
    means, bins = bins.mean(1), bins.reshape(-1, *bins.shape[2:])
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
    if _disagree(means[:, 0], error[0]):
        error = np.maximum(error, _spread(means))
        variance_error = np.maximum(variance_error, _spread(means[:, 1] - means[:, 0] ** 2))
        energy_error, number_error = (
            max(each, float(_spread(series[..., i].mean(1)))) for i, each in enumerate((energy_error, number_error))
        )
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


def _in_equilibrium(energies: Floats, bins: int, beta: float) -> NDArray[np.bool_]:
    """Return which chains count, from their ``energies`` (chains, sweeps) in so many ``bins``."""
    found = [_mean_error(chain[None], bins) for chain in energies]
    means, errors = (np.array(values) for values in zip(*found, strict=True))
    lowest = means.argmin()
    kept: NDArray[np.bool_] = means - means[lowest] <= HIGHER * np.hypot(errors, errors[lowest]) + WARM / beta
    return kept


def _disagree(n: Floats, error: Floats) -> bool:
    """Return True if the means of chains, n (chains, sites), differ by more than the errors of their bins explain.

    All sites may move together, so that the mean square over them has as few degrees of freedom as one site.
    """
    if len(n) == 1:
        return False
    ratio = float((n.var(0, ddof=1) / len(n)).mean() / max((error**2).mean(), CONSTANT**2))
    return ratio > TOO_SMALL**2 * chi2.ppf(SIGNIFICANT, len(n) - 1) / (len(n) - 1)


def _spread(means: Floats) -> Floats:
    """Return the standard error of the mean of few chains with these means (chains, ...)."""
    found: Floats = few_values(len(means)) * means.std(0, ddof=1) / np.sqrt(len(means))
    return found


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
