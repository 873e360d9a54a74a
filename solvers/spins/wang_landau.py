"""Density of states of the Ising model, log g(E) or log g(E, m), by the algorithm of Wang and Landau.

F. Wang and D. P. Landau, Phys. Rev. Lett. 86, 2050 (2001). A walker flips random spins, accepts with probability
min(1, g(a) / g(b)) from cell a to cell b, and adds log f to log g of the cell in which it then is. log f starts at 1
and halves whenever the histogram of visits is flat: its minimum over the visited cells is above ``flatness`` times its
mean.

With this schedule alone the error does not vanish. Once log f falls below 1 / t, with t the proposals per visited
cell, log f = 1 / t without tests of flatness (R. E. Belardinelli and V. D. Pereyra, J. Chem. Phys. 127, 184105 (2007)),
until log f reaches ``final``. The error then falls with the root of t.

Independent walkers give the mean and its standard error, which is larger for few of them: see ``few_values``. g(E) is
normalised to 2^(L^2) configurations; g(E, m) at each magnetisation to the number of configurations that have it, a
binomial coefficient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from scipy.special import gammaln

from solvers.checks import check_flag, check_integer, check_number
from solvers.spins.autocorrelation import few_values
from solvers.spins.chains import check_run, in_threads, start_spins
from solvers.spins.ising import Floats, Integers, levels
from solvers.spins.random_numbers import next_below, next_unit, streams

CHECKED_EVERY = 100
"""Proposals per cell between two tests of flatness."""
LARGEST_SIDE = 32
"""Beyond it, one walker over the whole range of energies needs days."""


@dataclass(frozen=True)
class DensityOfStates:
    """An estimate of log g; the cells are (levels,), or (levels, L^2 + 1) with the magnetisation.

    Attributes:
        energies: the levels (J), ascending, (levels,).
        magnetisations: mean spins -1 ... 1 in steps of 2 / L^2, (L^2 + 1,), or None for log g(E).
        log_g: the natural logarithm of the number of configurations; -inf where no walker has been.
        error: standard error of ``log_g`` from the scatter of the walkers; NaN where fewer than two have been.
        proposals: proposed flips of each walker, (walkers,).
    """

    energies: Integers
    magnetisations: Floats | None
    log_g: Floats
    error: Floats
    proposals: Integers


def estimate_log_g(
    side: int,
    with_magnetisation: bool = False,
    walkers: int = 4,
    final: float = 1e-6,
    flatness: float = 0.8,
    seed: int = 0,
    threads: int | None = None,
) -> DensityOfStates:
    """Estimate the density of states of an even ``side``.

    Args:
        side: L, even, at most 32.
        with_magnetisation: log g(E, m) instead of log g(E).
        walkers: independent walkers over the whole range.
        final: log f at which a walker stops: it then has made 1 / final proposals per cell.
        flatness: smallest count in the histogram, relative to the mean, at which log f halves.
        seed: whole number; a walker depends on it and on its own number only.
        threads: walkers at once, by default as many as cores.

    Raises:
        ValueError: an argument is out of range.
    """
    check_run(side, 1, 1, seed, threads, walkers=(walkers, 1))
    check_integer("side", side, 2, high=LARGEST_SIDE)
    check_flag("with_magnetisation", with_magnetisation)
    check_number("final", final, 1e-12, 0.1)
    check_number("flatness", flatness, 0.1, 0.99)
    spins, states = start_spins("random", walkers, side, seed), streams(seed, walkers)
    shape = (walkers, side**2 + 1, side**2 + 1 if with_magnetisation else 1)
    log_g, proposals = np.full(shape, -np.inf), np.zeros(walkers, dtype=np.int64)

    def run(a: int, b: int) -> None:
        for i in range(a, b):
            proposals[i] = _walk(spins[i], states[i], float(final), float(flatness), log_g[i])

    in_threads(run, walkers, threads)
    energies = levels(side)
    found = log_g[:, (energies + 2 * side**2) // 4]
    n, ups = side**2, np.arange(side**2 + 1)
    if with_magnetisation:
        log, error = _mean(found, gammaln(n + 1) - gammaln(ups + 1) - gammaln(n - ups + 1))
    else:
        log, error = _mean(found[:, :, 0], n * math.log(2))
    m = np.linspace(-1, 1, side**2 + 1) if with_magnetisation else None
    return DensityOfStates(energies, m, log, error, proposals)


def _mean(log_g: Floats, log_total: float | Floats) -> tuple[Floats, Floats]:
    """Return the mean over the walkers, and its standard error.

    The sum over the levels, axis 1 of ``log_g`` (walkers, levels, ...), is normalised to exp(``log_total``) (...).
    """
    walkers = _normalised(log_g, 1)
    there = np.isfinite(walkers)
    count = there.sum(axis=0)
    mean = np.where(there, walkers, 0.0).sum(axis=0) / np.maximum(count, 1)
    squares = np.where(there, (np.where(there, walkers, 0.0) - mean) ** 2, 0.0).sum(axis=0)
    enough = np.maximum(count, 2)
    error = np.where(count > 1, few_values(enough) * np.sqrt(squares / (enough * (enough - 1))), np.nan)
    return _normalised(np.where(count > 0, mean, -np.inf), 0) + log_total, error


def _normalised(log_g: Floats, axis: int) -> Floats:
    """Return ``log_g`` with the sum 1 along ``axis``; -inf stays where there is nothing."""
    there = np.isfinite(log_g)
    total = np.logaddexp.reduce(log_g, axis=axis, keepdims=True)
    return np.where(there, log_g - np.where(np.isfinite(total), total, 0.0), -np.inf)


@njit(cache=True, nogil=True)
def _flat(visits: Any, log_g: Any, flatness: float) -> bool:
    """Whether the least visited of the cells that have ever been visited is above ``flatness`` times the mean."""
    least, total, cells = np.inf, 0.0, 0
    for i in range(visits.shape[0]):
        for j in range(visits.shape[1]):
            if log_g[i, j] > -np.inf:
                least = min(least, visits[i, j])
                total += visits[i, j]
                cells += 1
    return least > flatness * total / cells


@njit(cache=True, nogil=True)
def _walk(spins: Any, state: Any, final: float, flatness: float, log_g: Any) -> int:
    """Fill ``log_g`` (L^2 + 1, 1 or L^2 + 1) by one walker, and return its proposals."""
    side, n = spins.shape[0], spins.size
    i: Any = 0
    up: Any = 0  # the cell: E = 4 i - 2 n, and the number of up spins
    for x in range(side):
        for y in range(side):
            s = np.int64(spins[x, y])
            i += 2 - s * (spins[x - 1, y] + spins[x, y - 1])
            up += (s + 1) // 2
    i //= 4
    narrow = log_g.shape[1] == 1
    j: Any = 0 if narrow else up
    visits = np.zeros(log_g.shape)
    log_g[i, j], cells, log_f, by_time, made = 0.0, 1, 1.0, False, 0
    while log_f > final:
        for _ in range(CHECKED_EVERY * cells):
            site = next_below(state, n)
            x, y = site // side, site % side
            around = spins[x - 1, y] + spins[(x + 1) % side, y] + spins[x, y - 1] + spins[x, (y + 1) % side]
            s = np.int64(spins[x, y])
            a, b = i + s * around // 2, 0 if narrow else j - s
            new = log_g[a, b] == -np.inf
            if new or log_g[i, j] >= log_g[a, b] or next_unit(state) < math.exp(log_g[i, j] - log_g[a, b]):
                spins[x, y] = -spins[x, y]
                if new:
                    log_g[a, b], cells = log_g[i, j], cells + 1
                i, j = a, b
            made += 1
            if by_time:
                log_f = cells / made
            log_g[i, j] += log_f
            visits[i, j] += 1
        if not by_time and _flat(visits, log_g, flatness):
            log_f /= 2
            visits[:] = 0
            by_time = log_f < cells / made
    return made
