"""Thermal averages from chains at several temperatures, with errors, and the peak of the heat capacity.

    C(T) = (<E^2> - <E>^2) / (T^2 L^2)

Between the temperatures, averages come from all chains together (A. M. Ferrenberg and R. H. Swendsen, Phys. Rev. Lett.
63, 1195 (1989)): with n_j energies at T_j and free energies f_j = -log Z(T_j),

    p(E, T) ~ e^(-E/T) h(E) / sum_j n_j e^(f_j - E/T_j),   e^(-f_i) = sum_E e^(-E/T_i) h(E) / sum_j n_j e^(f_j - E/T_j)

h(E) is the histogram of all energies. Errors are those of a jackknife over groups of independent chains, and include
the correlation along chains. They are larger for few groups, so that they hold for these too: see ``few_values``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from solvers.checks import check_array, check_integer
from solvers.spins.autocorrelation import few_values
from solvers.spins.exact import COLDEST, HOTTEST
from solvers.spins.ising import Floats

BINS = 4096
"""Bins of the histogram of energies; each is represented by the mean of its energies."""
GROUPS = 16
"""Largest number of groups of chains of the jackknife."""
CONVERGED, ITERATIONS = 1e-9, 50
"""Change of the free energies at which the iteration ends, and its largest number of steps."""


class Averages(NamedTuple):
    """Thermal averages at each temperature, and their standard errors, all of shape (temperatures,).

    Attributes:
        energy, energy_error: mean energy per site (J).
        heat_capacity, heat_capacity_error: heat capacity per site, dE / dT.
        magnetisation, magnetisation_error: mean size of the magnetisation, <|m|>.
    """

    energy: Floats
    energy_error: Floats
    heat_capacity: Floats
    heat_capacity_error: Floats
    magnetisation: Floats
    magnetisation_error: Floats


class Peak(NamedTuple):
    """The maximum of the heat capacity per site: temperature (J), height, and standard errors of both (0 if exact)."""

    temperature: float
    height: float
    temperature_error: float = 0.0
    height_error: float = 0.0


def thermal_averages(energy: Any, magnetisation: Any, temperature: Any, side: int) -> Averages:
    """Return averages of ``energy`` in J and ``magnetisation``, (temperatures, chains, records), of L^2 sites.

    Raises:
        ValueError: the shapes differ, there are fewer than two chains, or values are not finite.
    """
    e, t = _checked(energy, temperature, side)
    m = check_array("magnetisation", magnetisation, e.shape, -1, 1)
    scale, reference = side**2 * t**2, e.mean(axis=(1, 2))
    centred = e - reference[:, None, None]  # squares of deviations lose no digits
    parts = [_jackknife(values) for values in (e, centred, centred**2, np.abs(m))]
    (mean, means), (shift, shifts), (square, squares), (size, sizes) = parts
    return Averages(
        mean / side**2,
        _error(means / side**2),
        (square - shift**2) / scale,
        _error((squares - shifts**2) / scale[:, None]),
        size,
        _error(sizes),
    )


def heat_capacity_peak(energy: Any, temperature: Any, side: int) -> Peak:
    """Return the peak of C(T) from all chains together; ``energy`` (temperatures, chains, records) in J.

    It is sought between the lowest and the highest temperature, which must enclose it.

    Raises:
        ValueError: as in ``thermal_averages``; or the maximum lies at the edge of the temperatures.
    """
    e, t = _checked(energy, temperature, side)
    edges = np.linspace(e.min(), e.max(), BINS + 1)
    place = np.clip(np.searchsorted(edges, e, side="right") - 1, 0, BINS - 1)
    groups = np.arange(e.shape[1]) % min(GROUPS, e.shape[1])
    histograms = [np.bincount(place[:, groups == g].ravel(), minlength=BINS) for g in range(groups.max() + 1)]
    counts = np.bincount(place.ravel(), minlength=BINS)
    found = counts > 0
    middles = np.bincount(place.ravel(), weights=e.ravel(), minlength=BINS)[found] / counts[found]
    share = np.array([(groups != g).mean() for g in range(len(histograms))])
    # d f / d (1 / T) = <E>
    mean, inverse = e.mean(axis=(1, 2)), 1 / t
    slopes = (mean[1:] + mean[:-1]) / 2 * np.diff(inverse)
    whole, free = _peak(counts[found], middles, t, e[0].size, side, np.concatenate([[0.0], np.cumsum(slopes)]))
    others = np.array([
        _peak((counts - histogram)[found], middles, t, e[0].size * part, side, free)[0][:2]
        for histogram, part in zip(histograms, share, strict=True)
    ])  # fmt: skip
    return Peak(*whole[:2], *map(float, _error(others.T)))


def exact_peak(curve: Callable[[float], float], low: float, high: float) -> Peak:
    """Return the largest value of ``curve`` in [``low``, ``high``], such as that of ``kaufman(L, T).heat_capacity``.

    Raises:
        ValueError: it lies at the edge.
    """
    grid = np.linspace(low, high, 201)
    top = int(np.argmax([curve(t) for t in grid]))
    if top in (0, len(grid) - 1):
        raise ValueError(
            f"temperature: expected temperatures on both sides of the peak of the heat capacity; it lies at "
            f"{grid[top]:.4g} J, the edge of {low:.4g} ... {high:.4g} J"
        )
    bounds = (grid[top - 1], grid[top + 1])
    best = minimize_scalar(lambda t: -curve(t), bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return Peak(float(best.x), float(-best.fun))


def _checked(energy: Any, temperature: Any, side: int) -> tuple[Floats, Floats]:
    check_integer("side", side, 2)
    t = check_array("temperature", temperature, ("temperatures",), COLDEST, HOTTEST).astype(np.float64)
    e = check_array("energy", energy, (len(t), "chains", "records")).astype(np.float64)
    if e.shape[1] < 2:
        raise ValueError(f"energy: expected at least 2 independent chains for errors, got {e.shape[1]}")
    return e, t


def _jackknife(values: Floats) -> tuple[Floats, Floats]:
    """Return the means (T,) of ``values`` (T, chains, records), and those without each group of chains, (T, groups)."""
    chains = values.mean(axis=2)
    groups = np.arange(chains.shape[1]) % min(GROUPS, chains.shape[1])
    without = [chains[:, groups != g].mean(axis=1) for g in range(groups.max() + 1)]
    return chains.mean(axis=1), np.stack(without, axis=-1)


def _error(without: Floats) -> Floats:
    """Return the standard errors (...) from estimates (..., groups) without each group."""
    n = without.shape[-1]
    return np.asarray(few_values(n) * np.sqrt((n - 1) * without.var(axis=-1)))


def _peak(counts: Any, e: Floats, t: Floats, n: float, side: int, free: Floats) -> tuple[Peak, Floats]:
    """Return the peak and the free energies, from a histogram ``counts`` of energies ``e``, ``n`` per temperature."""
    free = _free_energies(counts, e, t, n, free)
    with np.errstate(divide="ignore"):
        log_weight = np.log(counts) - logsumexp(free[:, None] - e / t[:, None], axis=0)

    def curve(at: float) -> float:
        log_p = log_weight - e / at
        p = np.exp(log_p - log_p.max())
        p /= p.sum()
        mean = p @ e
        return float(p @ (e - mean) ** 2) / (at * side) ** 2

    return exact_peak(curve, float(t.min()), float(t.max())), free


def _free_energies(counts: Any, e: Floats, t: Floats, n: float, free: Floats) -> Floats:
    """Return the free energies (T,), the first of them 0, by Newton's method.

    They minimise sum_E h(E) log sum_j e^(f_j - E/T_j) - sum_j n f_j, which is convex.
    """
    exponents = e / t[:, None]
    for _ in range(ITERATIONS):
        logs = free[:, None] - exponents
        norm = logsumexp(logs, axis=0)
        p = np.exp(logs - norm)  # of each temperature, given the energy
        slope = (p @ counts - n)[1:]
        hessian = (np.diag(p @ counts) - (p * counts) @ p.T)[1:, 1:]
        step = np.concatenate([[0.0], np.linalg.solve(hessian, -slope)])
        value, scale = counts @ norm - n * free.sum(), 1.0
        while scale > 1e-3 and counts @ logsumexp(logs + scale * step[:, None], axis=0) - n * (
            free + scale * step
        ).sum() > value + 1e-9 * abs(value):
            scale /= 2
        free = free + scale * step
        if np.abs(step).max() < CONVERGED:
            break
    return free
