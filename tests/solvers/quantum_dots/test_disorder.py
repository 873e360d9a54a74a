"""Random fields: band limit and spectrum by a cosine transform, and the standard deviation of many draws."""

import numpy as np
import pytest
import scipy.stats
from scipy.fft import dctn

from solvers import Grid
from solvers.quantum_dots.potentials import Disorder, RandomDisorder

GRID = Grid(32, 30.0)


def spectrum(v):
    """Coefficients of cosines, (n, n), from the values at the points."""
    n = len(v)
    half = np.where(np.arange(n) > 0, 1.0, 0.5)
    return dctn(v, type=2) / n**2 * np.outer(half, half)


def drawn(n, **settings):
    rng, family = np.random.default_rng(4), RandomDisorder(**settings)
    return [family.sample(rng, GRID) for _ in range(n)]


@pytest.mark.parametrize("n", [16, 33])
def test_the_coefficients_are_those_of_a_cosine_transform(n):
    c = np.random.default_rng(0).normal(size=(5, 5))
    found = spectrum(Disorder(c)(Grid(n, 7.0)))
    np.testing.assert_allclose(found[:5, :5], c, atol=1e-12)
    found[:5, :5] = 0
    np.testing.assert_allclose(found, 0, atol=1e-12)


def test_fields_have_a_round_band_limit_and_no_mean():
    p = np.arange(32)
    for dot in drawn(20, modes=(6, 6)):
        found = np.abs(spectrum(dot(GRID)))
        beyond = np.add.outer(p**2, p**2) > 36
        assert found[beyond].max() < 1e-12 and found[0, 0] < 1e-12
        assert (found[~beyond].ravel()[1:] > 0).all()


def test_the_number_of_modes_is_uniform():
    values, counts = np.unique([len(dot.coefficients) - 1 for dot in drawn(400, modes=(3, 6))], return_counts=True)
    assert values.tolist() == [3, 4, 5, 6] and scipy.stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("exponent", [0.0, 2.0])
def test_the_mean_square_is_that_of_the_standard_deviation(exponent):
    squares = np.array([np.mean(dot(GRID) ** 2) for dot in drawn(1000, std=(0.3, 0.3), exponent=exponent)])
    assert abs(squares.mean() - 0.09) < 4 * squares.std() / np.sqrt(1000)
    assert squares.std() / np.sqrt(1000) < 0.05 * 0.09


def test_variances_follow_the_spectrum():
    c = np.array([dot.coefficients for dot in drawn(2000, modes=(5, 5), std=(1.0, 1.0), exponent=1.5)])
    variance = (c**2).mean(axis=0)
    for p, q in ((1, 0), (0, 2), (2, 2), (3, 4)):
        assert variance[p, q] / variance[0, 1] == pytest.approx((p**2 + q**2) ** -1.5, rel=0.2)
    assert scipy.stats.kstest(c[:, 1, 2] / c[:, 1, 2].std(), "norm").pvalue > 1e-3
