"""Integrated autocorrelation time of a stationary series, and the statistical error of its mean.

    tau = 1/2 + sum_{t=1}^W rho(t),   error of the mean = sqrt(2 tau var / n)

The window W is the smallest one with W >= 5 max(tau(W), 1) (Madras and Sokal, J. Stat. Phys. 50, 109 (1988)): the tail
beyond it is noise. Independent values have tau = 1/2, anticorrelated ones less.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from scipy.special import ndtr, stdtrit

from solvers.checks import as_plain, check_array, check_positive
from solvers.spins.ising import Floats


def autocorrelation_time(series: Any, window: float = 5.0) -> float:
    """Return tau of ``series`` (n,), or of several chains (chains, n) with one common mean, in units of its steps.

    A constant series has tau = 1/2. The estimate is reliable for n of at least some hundred tau; the window ends at n.

    Raises:
        ValueError: the series is no array of one or two dimensions with at least two steps, or ``window`` is
            not positive.
    """
    check_positive("window", window)
    values = _series(series)
    rho = _autocorrelation(_deviations(values))
    tau = np.cumsum(rho) - 0.5
    closed = np.arange(len(tau)) >= window * np.maximum(tau, 1.0)
    return float(tau[np.argmax(closed)] if closed.any() else tau[-1])


def mean_error(series: Any) -> tuple[float, float]:
    """Return the mean of ``series`` (n,) or (chains, n), and its standard error with the autocorrelation.

    Raises:
        ValueError: as in ``autocorrelation_time``.
    """
    values = _series(series)
    variance = 2 * autocorrelation_time(values) * np.square(_deviations(values)).mean() / values.size
    return float(values.mean()), float(max(variance, 0.0) ** 0.5)


def few_values(n: Any) -> Any:
    """Return the factor (...) of a standard error that is estimated from ``n`` independent values (...), at least 2.

    The estimate is itself uncertain. Times this factor, a quantile of Student's t, it covers the deviation in 68 % of
    all cases, as that of many values does: 1.84 for 2 values, 1.20 for 4, 1.03 for 16.
    """
    return stdtrit(np.asarray(n, dtype=np.float64) - 1, ndtr(1.0))


def _series(series: Any) -> Floats:
    given = as_plain("series", series)
    shape = ("n",) if given.ndim == 1 else ("chains", "n")
    values = np.atleast_2d(check_array("series", given, shape)).astype(np.float64)
    if values.shape[1] < 2:
        raise ValueError(f"series: expected at least 2 steps along the last axis, got {values.shape[1]}")
    return values


def _deviations(values: Floats) -> Floats:
    """Return the deviations from the mean; 0 of equal numbers, whose mean differs from them by rounding."""
    found: Floats = values - values.mean()
    return found if np.ptp(values) else np.zeros_like(values)


def _autocorrelation(deviations: Floats) -> Floats:
    """Return rho(t), (n,), of ``deviations`` (chains, n) from the mean, averaged over the chains; 0 if all vanish."""
    n = deviations.shape[1]
    length = scipy.fft.next_fast_len(2 * n)
    power = (np.abs(scipy.fft.rfft(deviations, length)) ** 2).mean(axis=0)
    covariance = scipy.fft.irfft(power, length)[:n] / n  # divided by n and not by n - t: less noise at large t
    rho = np.zeros(n)
    rho[0] = 1.0
    return covariance / covariance[0] if covariance[0] > 0 else rho
