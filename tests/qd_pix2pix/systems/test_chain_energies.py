"""Energies of one fermion more and of one fewer on a ring, against the energies of all numbers."""

import numpy as np
import pytest

from qd_pix2pix.systems import ChainEnergies
from solvers.lattices import RandomChains, ground_energies

POTENTIAL = RandomChains({"white": 0.4, "steps": 0.3, "smooth": 0.3}, (0.5, 10.0))


def recipe(sites):
    return ChainEnergies(
        sites=sites, interaction=2.0, potential=POTENTIAL, seed=0, train=8, val=1, test=1, shard_size=4
    )


@pytest.mark.parametrize("sites", [5, 8])
def test_they_are_differences_of_the_energies_of_all_numbers(sites):
    rings = recipe(sites).columns("train", range(30))
    assert set(rings["particles"]) == set(range(1, sites))
    energies, rows, n = ground_energies(rings["V"], 2.0), np.arange(30), rings["particles"]
    np.testing.assert_allclose(rings["mu_high"], energies[rows, n + 1] - energies[rows, n], atol=1e-8)
    np.testing.assert_allclose(rings["mu_low"], energies[rows, n] - energies[rows, n - 1], atol=1e-8)


def test_any_shards_hold_the_same_rings():
    whole, parts = recipe(6).columns("train", range(6)), [recipe(6).columns("train", range(i, i + 1)) for i in range(6)]
    for name, values in whole.items():
        np.testing.assert_allclose(np.concatenate([part[name] for part in parts]), values, atol=1e-10)


def test_given_rings_are_solved():
    found = recipe(6).solve({"V": np.zeros((2, 6)), "particles": np.array([1.0, 5.0])})
    # one fermion at -2 J cos k = -2 J; two holes leave U of three bonds less than all
    np.testing.assert_allclose(found["mu_low"][0], -2.0, atol=1e-8)
    np.testing.assert_allclose(found["mu_high"][1], 12.0 - (8.0 - 2.0), atol=1e-8)
    with pytest.raises(ValueError, match="particles: expected .* got"):
        recipe(6).solve({"V": np.zeros((1, 6)), "particles": np.array([6])})
    with pytest.raises(ValueError, match="particles: expected whole numbers, got 2.9"):
        recipe(6).solve({"V": np.zeros((1, 6)), "particles": np.array([2.9])})
    with pytest.raises(ValueError, match="particles: expected its values"):
        recipe(6).solve({"V": np.zeros((1, 6))})
