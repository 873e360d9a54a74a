"""The shipped network of Ising lattices: exact energies of any side, and clear errors."""

import re

import numpy as np
import pytest

from qd_pix2pix import from_pretrained
from qd_pix2pix.inference.stream import stream
from solvers.spins import T_C, energies, sample_metropolis


@pytest.fixture(scope="module")
def ising():
    return from_pretrained("ising-ednn", device="cpu")


def random_spins(*shape):
    return np.random.default_rng(0).choice(np.array([-1, 1], np.int8), shape)


@pytest.mark.parametrize("shape", [(2, 2), (8, 8), (5, 16, 16), (2, 3, 10, 10)])
def test_energies_are_those_of_the_bonds(ising, shape):
    spins = random_spins(*shape)
    found = ising(spins)
    assert found.shape == shape[:-2]
    np.testing.assert_allclose(found, energies(spins), rtol=0, atol=2e-6 * shape[-1] ** 2 + 5e-4)


@pytest.mark.slow
def test_128_sites_near_the_transition_without_training(ising):
    """The paper has 2.055 J, the required accuracy is 0.02 J; each tile has the same small error."""
    spins = sample_metropolis(128, T_C, chains=4, burn_in=400).last.reshape(-1, 128, 128)[:4]
    exact = energies(spins)
    assert np.abs(exact / 128**2).min() > 1.2, "near the transition, not random"
    for s, energy in zip(spins, exact, strict=True):
        assert abs(stream(ising.predictor, s, progress=False).outputs["energy"] - energy) < 0.02


@pytest.mark.parametrize(
    ("spins", "match"),
    [
        (np.zeros((8, 8)), "expected spins of -1 and 1 only, got 0"),
        ((random_spins(8, 8) + 1) / 2, "expected spins of -1 and 1 only, got 0"),
        (0.5 * random_spins(3, 8, 8), "expected spins of -1 and 1 only, got -0.5|got 0.5"),
        (np.full((8, 8), np.nan), "64 values of spins are NaN"),
        (random_spins(8), re.escape("expected shape (..., n_x, n_y), got (8,)")),
        (random_spins(1, 1), "expected periodic sides of at least 2 points"),
        (random_spins(8, 8).astype(str), "real numbers"),
    ],
)
def test_what_is_no_lattice_of_spins_is_one_clear_error(ising, spins, match):
    with pytest.raises(ValueError, match=match):
        ising(spins)


def test_streamed_lattices_are_checked_too(ising):
    spins = random_spins(64, 64)
    spins[40, 3] = 0
    with pytest.raises(ValueError, match="expected spins of -1 and 1 only, got 0"):
        stream(ising.predictor, spins, progress=False)
