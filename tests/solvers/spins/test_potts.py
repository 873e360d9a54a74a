"""The planar Potts model, compared with loops over bonds and with an integral over all angles."""

import numpy as np
import pytest
from scipy.integrate import quad

from solvers.spins import mean_error, potts_energies, random_angles, sample_potts


@pytest.mark.parametrize("side", [2, 3, 8])
def test_energies_are_those_of_a_loop_over_bonds(side):
    angles = random_angles(np.random.default_rng(side), 4, side)
    expected = np.zeros(4)
    for i, x, y in np.ndindex(4, side, side):
        for other in (angles[i, (x + 1) % side, y], angles[i, x, (y + 1) % side]):
            expected[i] += np.cos(angles[i, x, y] - other)
    np.testing.assert_allclose(potts_energies(angles), expected, rtol=1e-13)
    assert potts_energies(np.full((side, side), 0.3)) == pytest.approx(2 * side**2)


def test_the_mean_of_random_angles():
    """<cos(a - b)> for independent angles is <cos>^2 + <sin>^2 = (2 / pi)^2."""
    angles = random_angles(np.random.default_rng(0), 4000, 8)
    mean, error = mean_error(potts_energies(angles))
    assert angles.min() >= 0 and angles.max() < np.pi
    assert abs(mean - 128 * (2 / np.pi) ** 2) < 4 * error


@pytest.mark.slow
def test_samples_have_the_energy_of_an_integral():
    """2 x 2: opposite corners are independent of each other, given the others: an integral over their difference.

    For the two neighbours of both, c C + s S with C + i S of the corners: Z = int w(d) I(d)^2, with
    I(d) = int_0^pi exp(-4 cos(d / 2) cos(a - m) / T) da, m the mean of the corners.
    """
    temperature, nodes = 1.2, 60
    x, weight = np.polynomial.legendre.leggauss(nodes)
    a, weight = np.pi * (1 + x) / 2, weight * np.pi / 2
    corner = np.cos(a[:, None] - a)  # energy of two bonds each, between a corner and a neighbour
    pair = 2 * (corner[:, None, :] + corner[None, :, :])  # (corner, corner, neighbour)
    boltzmann = np.exp(-pair / temperature)
    single, first = boltzmann @ weight, (pair * boltzmann) @ weight
    both = np.outer(weight, weight)
    expected = 2 * (both * first * single).sum() / (both * single**2).sum()
    found = sample_potts(2, temperature, chains=8, records=4000, burn_in=100, interval=2, seed=3)
    mean, error = mean_error(found.energy)
    assert error < 0.05 and abs(mean - expected) < 4 * error
    assert quad(lambda b: np.exp(-pair_energy(0.1, 0.4, b) / temperature), 0, np.pi)[0] == pytest.approx(
        np.exp(-2 * (np.cos(a - 0.1) + np.cos(a - 0.4)) / temperature) @ weight
    ), "the nodes suffice"


def pair_energy(one, two, neighbour):
    return 2 * (np.cos(neighbour - one) + np.cos(neighbour - two))


def test_records_are_those_of_the_configurations():
    found = sample_potts(4, 0.3, chains=3, records=5, interval=3, keep=True, seed=1)
    assert found.configurations.shape == (3, 5, 4, 4)
    np.testing.assert_allclose(found.energy, potts_energies(found.configurations), atol=1e-12)
    assert (found.last == found.configurations[:, -1]).all()
    assert found.configurations.min() >= 0 and found.configurations.max() < np.pi
    again = sample_potts(4, 0.3, chains=2, records=5, interval=3, seed=1, threads=1)
    assert (again.energy == found.energy[:2]).all() and again.configurations is None
    other = sample_potts(4, 0.3, chains=3, records=5, interval=3, seed=2)
    assert (other.energy != found.energy).all()


def test_low_temperatures_find_the_ground_state():
    """Neighbours at 0 and almost pi: the energy goes to -2 per site."""
    found = sample_potts(4, 0.02, chains=4, records=1, burn_in=3000)
    assert found.energy.min() < -2 * 16 * 0.95


@pytest.mark.parametrize("value", [np.full((4, 4), np.pi), np.full((4, 4), -0.1), np.zeros((4, 3)), np.zeros(4)])
def test_what_is_no_lattice_of_angles_is_refused(value):
    with pytest.raises(ValueError, match="^configurations: expected "):
        potts_energies(value)
    with pytest.raises(ValueError, match="^start: expected "):
        sample_potts(4, 1.0, start=value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("side", {"side": 3}),
        ("temperature", {"temperature": 0.0}),
        ("start", {"start": "up"}),
        ("chains", {"chains": 0}),
    ],
)
def test_bad_arguments_are_refused(name, options):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        sample_potts(**{"side": 4, "temperature": 1.0} | options)
