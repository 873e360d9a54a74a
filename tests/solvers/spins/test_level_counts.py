"""Exact numbers of configurations of the levels against enumeration, Kaufman and counting by hand."""

import numpy as np
import pytest
from scipy.special import logsumexp

from solvers.spins import (
    T_C,
    all_configurations,
    density_of_states,
    energies,
    heat_capacity_of_energies,
    kaufman,
    levels,
    log_number_of_states,
)


@pytest.mark.parametrize("side", [2, 4])
def test_small_lattices_are_those_of_enumeration(side):
    energy, log_g = log_number_of_states(side)
    counts = density_of_states(side).sum(axis=1)
    np.testing.assert_array_equal(energy, levels(side)[counts > 0])
    np.testing.assert_allclose(np.exp(log_g), counts[counts > 0], rtol=1e-12)


@pytest.mark.parametrize("side", [6, 8, 16])
def test_the_sum_over_levels_is_kaufmans_partition_function(side):
    t = np.array([0.5, 1.7, T_C, 3.0, 50.0])
    energy, log_g = log_number_of_states(side)
    np.testing.assert_allclose(logsumexp(log_g - energy / t[:, None], axis=1), kaufman(side, t).log_z, rtol=1e-12)
    assert logsumexp(log_g) == pytest.approx(side**2 * np.log(2), rel=1e-14)


@pytest.mark.parametrize("side", [8, 16])
def test_the_first_excitations_are_counted_by_hand(side):
    """8 J: one spin; 12 J: two neighbours; 16 J: two separate spins, three in a row or an angle, a square of four."""
    energy, log_g = log_number_of_states(side)
    n = side**2
    hand = [2, 2 * n, 4 * n, 2 * (n * (n - 5) // 2 + 2 * n + 4 * n + n)]
    np.testing.assert_array_equal(energy[:4] + 2 * n, [0, 8, 12, 16])
    np.testing.assert_allclose(np.exp(log_g[:4]), hand, rtol=1e-12)


def test_true_energies_have_the_exact_heat_capacity():
    spins = all_configurations(4)
    e, t = energies(spins).astype(float), np.array([1.0, 2.0, T_C, 4.0])
    exact = kaufman(4, t).heat_capacity
    np.testing.assert_allclose(heat_capacity_of_energies(e, e, t, 4), exact, atol=1e-12)
    once = np.unique(e)
    np.testing.assert_allclose(heat_capacity_of_energies(once, once + 7.0, t, 4), exact, atol=1e-12)


def test_other_energies_have_another_heat_capacity():
    """Energies times a factor are the lattice at T over the factor."""
    e, t = log_number_of_states(8)[0], np.array([1.5, 2.5])
    np.testing.assert_allclose(
        heat_capacity_of_energies(e, 1.1 * e, t, 8), kaufman(8, t / 1.1).heat_capacity, atol=1e-12
    )


def test_temperatures_of_absent_levels_have_none():
    e = log_number_of_states(8)[0]
    found = heat_capacity_of_energies(e[e < -60], e[e < -60], [0.5, 1.0, 3.0], 8)
    assert np.isfinite(found[0]) and np.isnan(found[-1])


def test_an_absent_level_has_its_exact_energy():
    e, t = log_number_of_states(8)[0], np.array([2.2, T_C, 3.0])
    np.testing.assert_allclose(heat_capacity_of_energies(e[1:], e[1:], t, 8), kaufman(8, t).heat_capacity, atol=1e-12)


def test_one_clear_error():
    with pytest.raises(ValueError, match="side: expected at most 32, got 34"):
        log_number_of_states(34)
    with pytest.raises(ValueError, match="reference: expected energies of the Ising model with 4 x 4 sites"):
        heat_capacity_of_energies([-31.0, 0.0], [0.0, 0.0], [1.0], 4)
