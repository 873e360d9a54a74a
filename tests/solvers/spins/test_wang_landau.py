"""log g by Wang and Landau, compared with enumeration and with exact thermodynamics."""

import math

import numpy as np
import pytest

from solvers.spins import density_of_states, estimate_log_g, kaufman, levels


def test_log_g_of_four_by_four_is_that_of_enumeration():
    found, exact = estimate_log_g(4, seed=1), density_of_states(4).sum(axis=1)
    assert found.energies.tolist() == levels(4).tolist() and found.magnetisations is None
    assert np.abs(np.exp(found.log_g) / exact - 1).max() < 0.02
    assert (np.abs(found.log_g - np.log(exact)) < 6 * found.error + 1e-3).all(), "errors cover the deviations"


def test_log_g_with_magnetisation():
    found, exact = estimate_log_g(4, True, final=1e-5, seed=1), density_of_states(4)
    assert found.log_g.shape == (15, 17) and found.magnetisations.tolist() == np.linspace(-1, 1, 17).tolist()
    there = exact > 0
    assert (np.isfinite(found.log_g) == there).all() and np.isnan(found.error[~there]).all()
    assert np.abs(np.exp(found.log_g[there]) / exact[there] - 1).max() < 0.06


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
