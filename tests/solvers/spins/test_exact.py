"""Kaufman's torus against enumeration and Onsager's infinite lattice."""

import numpy as np
import pytest

from solvers.spins import T_C, density_of_states, kaufman, levels, onsager_energy


@pytest.mark.parametrize("side", [2, 4])
@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0, 2.0, T_C, 2.5, 5.0, 100.0])
def test_small_tori_are_those_of_enumeration(side, temperature):
    g, e = density_of_states(side).sum(axis=1), levels(side)
    weight = g * np.exp(-(e - e[0]) / temperature)
    mean = (weight * e).sum() / weight.sum()
    capacity = (weight * (e - mean) ** 2).sum() / weight.sum() / temperature**2
    found = kaufman(side, temperature)
    assert found.energy == pytest.approx(mean / side**2, abs=1e-12)
    assert found.heat_capacity == pytest.approx(capacity / side**2, abs=1e-12)
    assert found.log_z == pytest.approx(np.log(weight.sum()) - e[0] / temperature, rel=1e-13)


def test_the_critical_temperature_is_onsagers():
    assert pytest.approx(2.269185314213022, abs=1e-15) == T_C
    assert onsager_energy(T_C) == pytest.approx(-np.sqrt(2), abs=1e-12)
    around = onsager_energy([T_C * (1 - 1e-7), T_C * (1 + 1e-7)])
    assert np.abs(around + np.sqrt(2)).max() < 1e-5 and around[0] < around[1]


def test_the_energy_at_t_c_approaches_minus_root_two():
    """Ferdinand and Fisher: E_L(T_c) + sqrt 2 = -2 / L times a ratio of theta functions, C grows as 0.4945 log L."""
    n = np.arange(-20, 21)
    theta = [
        np.sum(np.exp(-np.pi * (n + 0.5) ** 2)),
        np.sum(np.exp(-np.pi * n**2)),
        np.sum((-1.0) ** n * np.exp(-np.pi * n**2)),
    ]
    limit = -2 * np.prod(theta) / np.sum(theta)
    sides = np.array([16, 32, 64, 128])
    found = [kaufman(int(side), T_C) for side in sides]
    energy = np.array([f.energy for f in found]) + np.sqrt(2)
    np.testing.assert_allclose(energy * sides, limit, atol=1e-3)
    assert energy[-1] * 128 == pytest.approx(limit, abs=2e-5)
    capacity = np.array([f.heat_capacity for f in found])
    rest = np.diff(capacity) - 8 / np.pi * np.log(1 + np.sqrt(2)) ** 2 / 4 * np.log(2)
    assert abs(rest[-1]) < 2e-3
    np.testing.assert_allclose(rest[:-1] / rest[1:], 2, atol=0.05, err_msg="corrections of 1 / L")


@pytest.mark.parametrize("temperature", [0.5, 1.5, 2.1, 2.5, 4.0, 50.0])
def test_large_tori_are_infinite_away_from_t_c(temperature):
    assert kaufman(128, temperature).energy == pytest.approx(float(onsager_energy(temperature)), abs=1e-6)


@pytest.mark.parametrize("side", [4, 32, 128])
def test_heat_capacity_is_the_derivative_of_the_energy(side):
    t = np.array([1.3, 2.0, T_C, 2.4, 6.0])
    h = 1e-4
    slope = (kaufman(side, t + h).energy - kaufman(side, t - h).energy) / (2 * h)
    np.testing.assert_allclose(kaufman(side, t).heat_capacity, slope, rtol=2e-5)


def test_limits_of_low_and_high_temperature():
    cold, hot = kaufman(128, 0.01), kaufman(128, 1e6)
    assert cold.energy == -2 and 0 <= cold.heat_capacity < 1e-12
    assert cold.log_z == pytest.approx(2 * 128**2 * 100 + np.log(2), rel=1e-13)
    assert hot.energy == pytest.approx(-2e-6, abs=1e-9) and hot.log_z == pytest.approx(128**2 * np.log(2), rel=1e-9)


def test_temperatures_may_be_arrays():
    found = kaufman(4, [[1.0, 2.0, 3.0]])
    assert found.energy.shape == found.heat_capacity.shape == (1, 3)
    assert found.energy[0, 1] == kaufman(4, 2.0).energy
    assert (np.diff(found.energy[0]) > 0).all()


@pytest.mark.parametrize("side", [0, 1, 5, 4.0])
def test_odd_and_small_sides_are_refused(side):
    with pytest.raises(ValueError, match="^side: expected "):
        kaufman(side, 1.0)


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan, np.inf, [1.0, 0.0], "cold"])
def test_what_is_no_temperature_is_refused(temperature):
    for function in (lambda t: kaufman(4, t), onsager_energy):
        with pytest.raises(ValueError, match="^temperature: expected "):
            function(temperature)
