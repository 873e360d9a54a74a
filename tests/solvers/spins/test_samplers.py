"""Metropolis and Wolff averages are Kaufman's; chains repeat, and do not depend on threads or on one another."""

import numpy as np
import pytest

from solvers.spins import (
    T_C,
    autocorrelation_time,
    energies,
    kaufman,
    magnetisation,
    mean_error,
    sample_metropolis,
    sample_wolff,
)

SAMPLERS = {"metropolis": sample_metropolis, "wolff": sample_wolff}


def deviations(energy, side, temperature):
    """Deviations of mean energy and heat capacity from Kaufman's, in standard errors."""
    exact = kaufman(side, temperature)
    mean, error = mean_error(energy)
    squares = (energy - side**2 * exact.energy) ** 2
    variance, variance_error = mean_error(squares)
    expected = exact.heat_capacity * temperature**2 * side**2
    return (mean - side**2 * exact.energy) / error, (variance - expected) / variance_error


@pytest.mark.parametrize("temperature", [1.0, 1.8, T_C, 3.0, 10.0])
@pytest.mark.parametrize("side", [2, 4, 16])
def test_metropolis_has_exact_averages(side, temperature):
    found = sample_metropolis(side, temperature, chains=128, records=1500, burn_in=300, start="up", seed=side)
    assert np.abs(deviations(found.energy, side, temperature)).max() < 4


@pytest.mark.parametrize("temperature", [1.0, 1.8, T_C, 3.0])
@pytest.mark.parametrize("side", [2, 4, 16])
def test_wolff_has_exact_averages(side, temperature):
    interval = 1 if temperature < 2.5 else side
    found = sample_wolff(side, temperature, 16, 2000, interval, burn_in=100 * interval, seed=side + 1)
    assert np.abs(deviations(found.energy, side, temperature)).max() < 4


def test_both_agree_on_the_magnetisation():
    metropolis = sample_metropolis(8, 2.4, chains=128, records=2000, burn_in=300, seed=5)
    wolff = sample_wolff(8, 2.4, chains=16, records=4000, burn_in=100, seed=6)
    (a, da), (b, db) = (mean_error(np.abs(c.magnetisation)) for c in (metropolis, wolff))
    assert abs(a - b) < 4 * np.hypot(da, db) and max(da, db) < 0.01
    mean, error = mean_error(wolff.magnetisation)
    assert abs(mean) < 4 * error


def test_clusters_decorrelate_faster_than_single_flips_at_t_c():
    wolff = sample_wolff(32, T_C, chains=8, records=2000, burn_in=200, seed=1)
    metropolis = sample_metropolis(32, T_C, chains=64, records=2000, burn_in=500, seed=1)
    assert 3 * autocorrelation_time(np.abs(wolff.magnetisation)) < autocorrelation_time(
        np.abs(metropolis.magnetisation)
    )


def test_stripes_are_left():
    """Diagonal stripes of period 4 have dE = 0 everywhere: a flip of every site in turn never leaves their class."""
    stripes = np.where(np.add.outer(np.arange(8), np.arange(8)) % 4 < 2, 1, -1)
    found = sample_metropolis(8, 2.0, chains=64, records=1, interval=100, start=stripes, keep=True)
    assert (found.energy < -40).mean() > 0.9 and energies(stripes) == 0


@pytest.mark.parametrize("name", SAMPLERS)
def test_records_are_those_of_the_configurations(name):
    found = SAMPLERS[name](6, 2.5, chains=70, records=4, interval=2, keep=True, seed=3)
    assert found.configurations.shape == (70, 4, 6, 6) and found.configurations.dtype == np.int8
    assert (found.energy == energies(found.configurations)).all()
    assert (found.magnetisation == magnetisation(found.configurations)).all()
    assert (found.last == found.configurations[:, -1]).all()
    assert len(np.unique(found.last.reshape(70, 36), axis=0)) > 60, "chains differ"
    assert SAMPLERS[name](6, 2.5, chains=2).configurations is None


@pytest.mark.parametrize("name", SAMPLERS)
def test_chains_repeat_and_do_not_depend_on_threads_or_other_chains(name):
    options = {"records": 3, "interval": 2, "keep": True, "seed": 11}
    all_, few, one = (
        SAMPLERS[name](4, 2.5, chains=chains, threads=threads, **options)
        for chains, threads in ((200, None), (7, 3), (200, 1))
    )
    assert (all_.configurations == one.configurations).all()
    assert (all_.configurations[:7] == few.configurations).all()
    other = SAMPLERS[name](4, 2.5, chains=7, **options | {"seed": 12})
    assert (other.configurations != few.configurations).any()


def test_a_start_is_kept_and_not_overwritten():
    start = np.ones((3, 4, 4), dtype=np.int8)
    start[1] = -1
    for sample in SAMPLERS.values():
        found = sample(4, 0.1, chains=3, start=start)
        assert (np.abs(found.magnetisation) == 1).all(), "nothing is excited at T = 0.1"
    assert (sample_metropolis(4, 0.1, chains=3, start=start).last == start).all() and (start[1] == -1).all()


def test_temperatures_may_be_an_array():
    found = sample_metropolis(4, [[1.0], [4.0]], chains=70, records=300, burn_in=100)
    assert found.energy.shape == (2, 1, 70, 300) and found.last.shape == (2, 1, 70, 4, 4)
    for i, temperature in enumerate((1.0, 4.0)):
        assert np.abs(deviations(found.energy[i, 0], 4, temperature)).max() < 4
    alone = sample_metropolis(4, 1.0, chains=70, records=300, burn_in=100)
    assert (alone.energy == found.energy[0, 0]).all()


BAD = [
    ("side", {"side": 3}),
    ("side", {"side": 0}),
    ("side", {"side": 4.0}),
    ("temperature", {"temperature": 0.0}),
    ("temperature", {"temperature": np.nan}),
    ("temperature", {"temperature": "cold"}),
    ("temperature", {"temperature": []}),
    ("chains", {"chains": 0}),
    ("records", {"records": 0}),
    ("interval", {"interval": 0}),
    ("burn_in", {"burn_in": -1}),
    ("seed", {"seed": -1}),
    ("seed", {"seed": 2**64}),
    ("keep", {"keep": 1}),
    ("threads", {"threads": 0}),
    ("start", {"start": "down"}),
    ("start", {"start": np.zeros((4, 4))}),
    ("start", {"start": np.ones((6, 6))}),
    ("start", {"start": np.ones((4, 5))}),
]


@pytest.mark.parametrize(("name", "options"), BAD)
def test_bad_arguments_are_refused(name, options):
    for sample in SAMPLERS.values():
        with pytest.raises(ValueError, match=f"^{name}: expected "):
            sample(**{"side": 4, "temperature": 2.0, "chains": 2} | options)
