"""Calibrated estimates cover their part of new samples, whatever the network has learned of each kind."""

import numpy as np
import pytest

from qd_pix2pix.mapping.calibration import SAMPLES, calibrate


def kinds(seed, samples):
    """Return ratios and features of two kinds; the errors of the second one are three times as large as estimated."""
    rng = np.random.default_rng(seed)
    second = rng.random(samples) < 0.4
    ratios = np.exp(rng.normal(size=samples)) * np.where(second, 3.0, 1.0)
    features = np.stack([second + 0.1 * rng.normal(size=samples), rng.normal(size=samples), np.ones(samples)], 1)
    return ratios, features, second


def covered(ratios, features, slopes, factor):
    return ratios <= factor * np.exp(features @ slopes)


def test_each_kind_is_covered():
    slopes, factor = calibrate(*kinds(0, 4000)[:2], 0.9)
    assert slopes[0] == pytest.approx(np.log(3), rel=0.1) and abs(slopes[1]) < 0.1 and slopes[2] == 0
    ratios, features, second = kinds(1, 20000)
    inside = covered(ratios, features, slopes, factor)
    for kind in (second, ~second):
        assert inside[kind].mean() == pytest.approx(0.9, abs=0.015)
    alone = covered(ratios, features, np.zeros(3), calibrate(*kinds(0, 20)[:2], 0.9)[1])
    assert alone[~second].mean() - alone[second].mean() > 0.1, "one factor covers the kinds by different parts"


def test_few_samples_give_one_factor():
    assert SAMPLES == 25
    ratios, features, _ = kinds(2, 74)
    slopes, factor = calibrate(ratios, features, 0.8)
    assert not slopes.any()
    assert factor == pytest.approx(np.sort(ratios)[60 - 1]), "ceil(0.8 (74 + 1)) = 60"


def test_the_factor_of_twenty_samples_is_the_largest_but_one():
    """ceil(0.9 (20 + 1)) = 19 samples are covered."""
    assert calibrate(np.arange(1.0, 21.0), np.zeros((20, 1)), 0.9)[1] == pytest.approx(19)


def test_a_training_that_diverges_gives_one_factor():
    ratios, features, _ = kinds(3, 400)
    for bad in (np.inf, np.nan):
        slopes, factor = calibrate(np.where(np.arange(400) == 7, bad, ratios), features, 0.9)
        assert not slopes.any() and np.isfinite(factor)
    features[5] = np.nan
    assert np.isfinite(calibrate(ratios, features, 0.9)[1])


def test_a_large_split_is_covered_too():
    ratios, features, _ = kinds(4, 100_000)
    slopes, factor = calibrate(ratios, features, 0.9)
    assert covered(ratios, features, slopes, factor).mean() == pytest.approx(0.9, abs=1e-4)
    assert slopes[0] == pytest.approx(np.log(3), rel=0.1)
