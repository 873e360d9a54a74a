"""Autocorrelation times of series with known ones."""

import numpy as np
import pytest

from solvers.spins import autocorrelation_time, mean_error


def autoregressive(a, chains, n, seed=0):
    """x_t = a x_{t-1} + noise: rho(t) = a^t, tau = 1/2 + a / (1 - a)."""
    rng = np.random.default_rng(seed)
    x = np.zeros((chains, n))
    x[:, 0] = rng.standard_normal(chains) / np.sqrt(1 - a**2)
    for t in range(1, n):
        x[:, t] = a * x[:, t - 1] + rng.standard_normal(chains)
    return x


@pytest.mark.slow
@pytest.mark.parametrize("a", [0.0, 0.5, 0.9, 0.97, -0.5])
def test_tau_of_an_autoregressive_series(a):
    expected = 0.5 + a / (1 - a)
    assert autocorrelation_time(autoregressive(a, 20, 10_000)) == pytest.approx(expected, rel=0.1)
    assert autocorrelation_time(autoregressive(a, 1, 100_000)[0]) == pytest.approx(expected, rel=0.15)


def test_errors_cover_the_mean():
    """Deviations of 400 means of zero, in units of their errors, have unit variance."""
    scores = [np.divide(*mean_error(x)) for x in autoregressive(0.8, 400, 2000)]
    assert np.std(scores) == pytest.approx(1, abs=0.15) and abs(np.mean(scores)) < 4 / np.sqrt(400)


def test_constant_series_have_no_correlation():
    assert autocorrelation_time(np.full(10, 3.0)) == 0.5
    assert mean_error(np.full((2, 10), 3.0)) == (3.0, 0.0)


@pytest.mark.parametrize("series", [[1.0], 3.0, np.zeros((2, 1)), np.zeros((2, 2, 2)), [1.0, np.nan], "series"])
def test_what_is_no_series_is_refused(series):
    for function in (autocorrelation_time, mean_error):
        with pytest.raises(ValueError, match="^series: expected "):
            function(series)
    with pytest.raises(ValueError, match="^window: expected "):
        autocorrelation_time([1.0, 2.0], 0)


@pytest.mark.parametrize("value", [0.1, -867.9117363448527, 1e9 / 3])
def test_rounding_of_a_mean_is_no_correlation(value):
    """The mean of equal numbers differs from them in its last digits."""
    for n in (300, 2048, 8000):
        series = np.full((1, n), value)
        assert autocorrelation_time(series) == 0.5 and mean_error(series)[1] == 0.0
