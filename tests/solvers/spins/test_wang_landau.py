"""log g by Wang and Landau, compared with enumeration and with exact thermodynamics."""

import math

import numpy as np
import pytest

from solvers.spins import density_of_states, estimate_log_g, kaufman, levels


@pytest.mark.slow
def test_log_g_of_four_by_four_is_that_of_enumeration():
    found, exact = estimate_log_g(4, seed=1), density_of_states(4).sum(axis=1)
    assert found.energies.tolist() == levels(4).tolist() and found.magnetisations is None
    assert np.abs(np.exp(found.log_g) / exact - 1).max() < 0.02
    assert (np.abs(found.log_g - np.log(exact)) < 6 * found.error + 1e-3).all(), "errors cover the deviations"


@pytest.mark.slow
def test_log_g_with_magnetisation():
    found, exact = estimate_log_g(4, True, final=1e-5, seed=1), density_of_states(4)
    assert found.log_g.shape == (15, 17) and found.magnetisations.tolist() == np.linspace(-1, 1, 17).tolist()
    there = exact > 0
    assert (np.isfinite(found.log_g) == there).all() and np.isnan(found.error[~there]).all()
    assert np.abs(np.exp(found.log_g[there]) / exact[there] - 1).max() < 0.06


def by_transfer(side):
    """g(E, m) of enumeration, (L^2 + 1, L^2 + 1), with all multiples of 4 as levels.

    The partition function is the trace of a power of the transfer matrix, and a polynomial in two variables: that of
    half the number of antiparallel bonds, and that of the spins up. Its values at roots of unity give the coefficients.
    """
    n, rows = side**2, (np.arange(2**side)[:, None] >> np.arange(side)) & 1
    bonds = (rows[:, None] != rows).sum(axis=2) + (rows != np.roll(rows, 1, axis=1)).sum(axis=1)
    root = np.exp(-2j * np.pi * np.arange(n + 1) / (n + 1))
    half = np.exp(-1j * np.pi * np.arange(n + 1) / (n + 1))
    values = np.empty((n + 1, n + 1), dtype=complex)
    for i, x in enumerate(half):
        matrices = x**bonds * root[:, None, None] ** rows.sum(axis=1)
        values[i] = np.trace(np.linalg.matrix_power(matrices, side), axis1=1, axis2=2)
    return np.rint(np.fft.ifft2(values).real)


@pytest.mark.slow
def test_six_by_six_is_that_of_the_transfer_matrix():
    np.testing.assert_array_equal(np.delete(by_transfer(4), [1, 15], axis=0), density_of_states(4))
    exact = np.delete(by_transfer(6), [1, 35], axis=0)
    found = estimate_log_g(6, True, walkers=2, final=1e-4, seed=1)
    there = exact > 0
    assert (
        exact.sum() == 2**36
        and np.isfinite(found.log_g[there]).mean() > 0.99
        and not np.isfinite(found.log_g[~there]).any()
    )
    both = there & np.isfinite(found.error)
    difference = found.log_g[both] - np.log(exact[both])
    assert np.sqrt(np.mean(difference**2)) < 0.05
    assert np.mean(np.abs(difference) < 4 * found.error[both] + 0.01) > 0.8


def test_every_magnetisation_has_its_binomial_coefficient():
    found = estimate_log_g(4, True, walkers=2, final=1e-2, seed=1)
    np.testing.assert_allclose(np.exp(found.log_g).sum(axis=0), [math.comb(16, k) for k in range(17)], rtol=1e-10)
    assert not np.isnan(found.log_g).any()


def test_two_by_two():
    found = estimate_log_g(2, True, walkers=2, final=1e-5, seed=1)
    np.testing.assert_allclose(np.exp(found.log_g), density_of_states(2), rtol=0.05)


def test_eight_by_eight_has_kaufmans_energy():
    found = estimate_log_g(8, walkers=2, final=1e-5, seed=1)
    assert found.log_g.shape == (63,) and np.isfinite(found.log_g).all()
    assert np.logaddexp.reduce(found.log_g) == pytest.approx(64 * math.log(2))
    assert found.log_g[0] == pytest.approx(math.log(2), abs=0.4), "two ground states"
    for temperature in (1.5, 2.3, 5.0):
        weight = found.log_g - found.energies / temperature
        weight = np.exp(weight - weight.max())
        energy = (weight * found.energies).sum() / weight.sum() / 64
        assert energy == pytest.approx(float(kaufman(8, temperature).energy), abs=0.02)


def test_walkers_repeat_and_do_not_depend_on_threads():
    one, two, other = (estimate_log_g(4, walkers=3, final=1e-3, seed=s, threads=t) for s, t in ((1, 1), (1, 3), (2, 3)))
    assert (one.log_g == two.log_g).all() and (one.proposals == two.proposals).all()
    assert (one.log_g != other.log_g).any()


def test_one_walker_has_no_error():
    found = estimate_log_g(2, walkers=1, final=1e-2)
    assert np.isnan(found.error).all() and np.isfinite(found.log_g).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("side", {"side": 3}),
        ("side", {"side": 34}),
        ("walkers", {"walkers": 0}),
        ("final", {"final": 0.0}),
        ("flatness", {"flatness": 1.0}),
        ("with_magnetisation", {"with_magnetisation": "yes"}),
        ("seed", {"seed": 1.5}),
    ],
)
def test_bad_arguments_are_refused(name, options):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        estimate_log_g(**{"side": 4} | options)
