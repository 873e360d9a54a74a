"""Calibration of estimated errors on samples that took no part in the training.

A network learns the size of its errors on samples that it fits more closely than new ones, and some families more than
others. The ratios r of true errors to estimates on the validation split show by how much: with features f of a sample
(``Predictor.evidence``),

    log r <= b . f + c    for a part q of all samples,

b by quantile regression (Koenker and Bassett 1978), c such that the part is right whatever b is (conformal prediction:
Romano, Patterson, Candes 2019). Estimates are multiplied by exp(b . f + c).

On samples unlike those of the split such a regression does not hold, but two networks still differ from each other: the
estimate of their mean is the larger one of the regression and of two standard deviations of both predictions, times
another factor of this kind (``inference.error_bars``).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import eye_array, hstack

SAMPLES = 25
"""Fewest samples for each coefficient; with fewer ones all estimates are multiplied by the same number."""
MOST_SAMPLES = 4000
"""Most samples of the regression, which then takes a second; c counts all of them."""
LARGEST_SLOPE = 3.0
"""Largest change of a logarithm per standard deviation of a feature."""


def calibrate(ratios: NDArray, features: NDArray, quantile: float) -> tuple[NDArray[np.float64], float]:
    """Return the coefficients b (k,) and the factor exp(c) of estimates.

    Args:
        ratios: true error over estimate (S,), positive; b is 0 where one is not finite, in a training that diverges.
        features: features of the samples (S, k).
        quantile: part of the samples whose error is at most the calibrated estimate.
    """
    logarithm = np.log(np.asarray(ratios, dtype=np.float64))
    values = np.asarray(features, dtype=np.float64)
    slopes = np.zeros(values.shape[1])
    spread = values.std(0)
    used = np.flatnonzero(spread > 1e-6)
    finite = np.isfinite(logarithm).all() and np.isfinite(values).all()
    if finite and len(used) and len(values) >= SAMPLES * (len(used) + 1):
        scaled = ((values[:, used] - values[:, used].mean(0)) / spread[used])[:MOST_SAMPLES]
        slopes[used] = _regress(logarithm[:MOST_SAMPLES], scaled, quantile) / spread[used]
    return slopes, conformal(logarithm - values @ slopes if slopes.any() else logarithm, quantile)


def conformal(logarithms: NDArray, quantile: float) -> float:
    """Return the factor of estimates that covers this part of samples, from log(true error / estimate) (S,) of them."""
    place = min(len(logarithms), math.ceil((len(logarithms) + 1) * quantile)) - 1
    return float(np.exp(np.sort(logarithms)[place]))


def _regress(target: NDArray, scaled: NDArray, quantile: float) -> NDArray[np.float64]:
    """Return b (k,) that minimises sum_s max(q u, (q - 1) u), u = target - b . scaled - c, as a linear program."""
    samples, k = scaled.shape
    cost = np.concatenate([np.zeros(k + 1), np.full(samples, quantile), np.full(samples, 1 - quantile)])
    eye = eye_array(samples)
    equations = hstack([scaled, np.ones((samples, 1)), eye, -eye], format="csc")
    bounds = [(-LARGEST_SLOPE, LARGEST_SLOPE)] * k + [(None, None)] + [(0, None)] * (2 * samples)
    return np.asarray(linprog(cost, A_eq=equations, b_eq=target, bounds=bounds).x[:k])
