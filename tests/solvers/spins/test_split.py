"""Splits by the hash of a configuration."""

import hashlib

import numpy as np
import pytest

from solvers.spins import all_configurations, leading_bits, random_spins, split_of


def test_bits_are_the_first_three_hexadecimal_digits_of_the_bytes():
    spins = np.array([[1, -1], [-1, -1]])
    digest = hashlib.sha3_512(b"\x01\xff\xff\xff").hexdigest()
    assert leading_bits(spins) == int(digest[:3], 16)
    assert leading_bits(spins.astype(np.float32)) == leading_bits(np.asfortranarray(spins)) == leading_bits(spins)
    assert leading_bits(spins.T) == int(hashlib.sha3_512(b"\x01\xff\xff\xff").hexdigest()[:3], 16)
    assert leading_bits(-spins) == int(hashlib.sha3_512(b"\xff\x01\x01\x01").hexdigest()[:3], 16)


def test_bits_are_uniform():
    bits = leading_bits(all_configurations(4))
    counts = np.bincount(bits, minlength=4096)
    chi2 = ((counts - 16) ** 2 / 16).sum()
    assert abs(chi2 - 4095) < 4 * np.sqrt(2 * 4095)


def test_shares_and_edges():
    spins = random_spins(np.random.default_rng(0), 3000, 8).reshape(3, 1000, 8, 8)
    bits = leading_bits(spins)
    found = split_of(spins, (410, 2048))
    assert found.shape == (3, 1000)
    assert (found == np.where(bits < 410, 0, np.where(bits < 2048, 1, 2))).all()
    assert np.mean(found == 0) == pytest.approx(0.1, abs=0.02)
    assert (split_of(spins, 0) == 1).all() and (split_of(spins, 4096) == 0).all()
    edge = int(bits[0, 0])
    assert (split_of(spins[0, 0], edge), split_of(spins[0, 0], edge + 1)) == (1, 0)


def test_duplicates_fall_into_one_set():
    spins = random_spins(np.random.default_rng(1), 2000, 2)
    sets = split_of(spins, 2048)
    kinds = [{*sets[(spins == c).all(axis=(1, 2))].tolist()} for c in all_configurations(2)]
    assert all(len(kind) == 1 for kind in kinds) and {0} in kinds and {1} in kinds


@pytest.mark.parametrize("thresholds", [-1, 4097, 0.1, (100, 50), (), [0.5], None])
def test_bad_thresholds_are_refused(thresholds):
    with pytest.raises(ValueError, match="^thresholds: expected "):
        split_of(np.ones((2, 2)), thresholds)


def test_bad_spins_are_refused():
    with pytest.raises(ValueError, match="^configurations: expected spins"):
        split_of(np.zeros((2, 2)), 5)
