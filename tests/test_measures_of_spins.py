"""Measures of the experiments with spins, for networks whose answers are known."""

import numpy as np
import pytest
from exact_ising import exact_predictor

from experiments.ednn.measure import blur_map, critical, transfer
from experiments.spin_energies.baselines import QUICK, SYSTEMS, best, data, regressors
from experiments.spin_energies.measure import all_lattices, on_all
from experiments.spin_energies.speed import image_sum
from qd_pix2pix.inference.pretrained import Surrogate
from solvers.spins import ScreenedCoulomb, energies, energy_class


@pytest.fixture(scope="module")
def exact():
    return Surrogate(*exact_predictor(), device="cpu")


def test_an_exact_network_has_no_error_on_any_side(exact):
    spins = critical(16, 3)
    assert spins.shape == (3, 16, 16) and (energies(spins) < -1.0 * 256).all()
    found = transfer(exact, 16)
    assert found["lattices"] == 16 and found["max"] < 1e-4


def test_only_the_sites_that_a_network_uses_matter_when_blurred(exact):
    """Its bonds are those to the right and below: the other six neighbours are without effect."""
    spins = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (6, 8, 8))
    found = np.array(blur_map(exact, spins))
    used = np.zeros((3, 3), bool)
    used[1, 1] = used[1, 2] = used[2, 1] = True
    assert (found[used] > 1).all() and (found[~used] < 1e-4).all()


def test_all_lattices_of_4_x_4_are_counted_once():
    spins = all_lattices()
    assert len(np.unique(spins.reshape(-1, 16), axis=0)) == 2**16
    level = energy_class(energies(spins), 4)
    right = on_all(lambda s, batch_size: level)
    assert (right["accuracy"], right["errors"], right["largest"], right["high"], right["levels"]) == (1, 0, 0, 0, 15)
    wrong = level.copy()
    wrong[0] += 2  # all down: E = -32 J, one of 100 lattices or so with |E| > 16 J
    found = on_all(lambda s, batch_size: wrong)
    high = (np.abs(energies(spins)) > 16).sum()
    assert (found["errors"], found["largest"]) == (1, 2) and found["high"] == pytest.approx(1 / high)
    assert found["accuracy"] == 1 - 2**-16


def test_the_sum_over_images_is_the_interaction():
    spins = np.random.default_rng(1).choice(np.array([-1, 1], np.int8), (2, 8, 8))
    short = ScreenedCoulomb(k=0.5, r_cut=64, form="coulomb", coupling=1.0)
    np.testing.assert_allclose(image_sum(spins), short.energies(spins), rtol=1e-10)


@pytest.mark.slow
def test_pairs_are_exact_for_kernel_ridge_regression():
    """With more lattices than products of two spins the polynomial kernel has no error, and the Gaussian one has."""
    splits = data(SYSTEMS["Ising"], QUICK | {"train": 2500, "test": 100})
    kinds = regressors()
    assert best(kinds["kernel ridge, pairs"], splits)["median"] < 1e-3
    assert best(kinds["kernel ridge, Gaussian"][:2], splits)["median"] > 0.01
