"""The worm algorithm has the averages of a diagonalisation, within its own error bars, and these are right."""

import numpy as np
import pytest

from solvers.lattices import (
    Bosons,
    HardCore,
    NotReached,
    checkerboard,
    exact_bosons,
    sample_bosons,
    sample_until,
    worm,
    worm_averages,
)
from solvers.spins import exact_heisenberg


def system(shape, seed=0, **others):
    return Bosons(np.random.default_rng(seed).uniform(-3, 1, shape), **{"beta": 1.5, **others})


def deviations(found, exact):
    """Deviations of all averages, in standard errors."""
    parts = []
    for name in ("n", "variance", "products", "energy", "number"):
        error = np.maximum(getattr(found, f"{name}_error"), 1e-12)
        parts.append(np.ravel((getattr(found, name) - getattr(exact, name)) / error))
    return np.concatenate(parts)


@pytest.mark.parametrize(
    "model",
    [
        system((4,), n_max=1),
        system((4,), n_max=2, onsite=3.0, neighbour=-0.5),
        system((2, 2), n_max=3, onsite=4.0, neighbour=1.0),
        system((3, 3), n_max=1, neighbour=2.0),
        system((2, 3), n_max=1, neighbour=3.0, hopping=0.3, beta=6.0),
    ],
    ids=lambda m: f"{m.shape} n_max {m.n_max}",
)
def test_averages_are_exact(model):
    found = sample_bosons(model, 1200, chains=2, seed=1)
    assert np.abs(deviations(found, exact_bosons(model))).max() < 4.5
    assert found.density_error < 0.03 * model.n_max
    assert found.energy_error < 0.08 * np.ptp(model.potential) * model.n_max


def test_worms_that_hardly_travel_do_not_keep_the_burn_in_going(monkeypatch):
    """Fields of 10^6 t at beta = 10^3: a head travels 10^-6 along imaginary time, and the sites are empty or full."""
    made, make = [], worm._Chain._make

    def counted(chain, kernel, beta, worms, *records):
        made.append(0 if records else worms)
        return make(chain, kernel, beta, worms, *records)

    monkeypatch.setattr(worm._Chain, "_make", counted)
    fields = 1e6 * np.random.default_rng(0).uniform(-1, 1, (2, 3))
    found = sample_bosons(Bosons(fields, beta=1e3), 32, burn_in=6)
    assert (found.n == (fields < 0)).all()
    assert sum(made) <= 6 * worm.MOST_WORMS * fields.size


def test_errors_are_those_of_repeated_runs():
    """The mean of the squared deviations, in units of the errors, is 1."""
    model = system((2, 2), seed=3, neighbour=2.0)
    exact = exact_bosons(model)
    runs = [sample_bosons(model, 256, seed=seed) for seed in range(20)]
    squares = np.mean([((run.n - exact.n) / run.n_error) ** 2 for run in runs])
    assert 0.6 < squares < 1.6
    spread = np.std([run.n for run in runs], axis=0).mean()
    assert np.mean([run.density_error for run in runs]) == pytest.approx(spread, rel=0.3)


@pytest.mark.parametrize(("bins", "times", "stated"), [(16, 50, 1.3), (32, 50, 1.5), (16, 200, 1.1), (32, 200, 1.1)])
def test_errors_of_bins_are_as_small_as_the_module_states(bins, times, stated):
    """Of series with one relaxation time, whose mean is 0, and which start in equilibrium."""
    tau, rng = 5.0, np.random.default_rng(1)
    sweeps = -(-int(times * tau) // bins) * bins
    decay = np.exp(-1 / tau)
    series = rng.normal(size=(3000, sweeps))
    for t in range(1, sweeps):
        series[:, t] = decay * series[:, t - 1] + np.sqrt(1 - decay**2) * series[:, t]
    z = [mean / error for mean, error in (worm_averages._mean_error(one[None], bins) for one in series)]
    x = tau / (sweeps / bins)
    formula = np.sqrt((bins - 1) / (bins - 3) / (1 - x * (1 - np.exp(-1 / x))))
    found = np.sqrt(np.mean(np.square(z)))
    assert found == pytest.approx(formula, rel=0.09) and found == pytest.approx(stated, abs=0.07)


@pytest.mark.slow
def test_chains_in_different_domains_disagree():
    """A solid on either sublattice: the mean of four chains is off by 1/4, and by symmetry <n> is 1/2."""
    model = Bosons(np.full((6, 6), -12.0), 8.0, neighbour=6.0)
    alone = [sample_bosons(model, 64, seed=seed) for seed in range(8)]
    assert all(np.ptp(run.n) > 0.8 and run.n_error.max() < 0.1 for run in alone)
    runs = [sample_bosons(model, 64, chains=4, seed=seed) for seed in range(6)]
    parted = [run for run in runs if 0.1 < np.ptp(run.n) < 0.8]
    assert parted
    for run in parted:
        assert (np.abs(run.n - 0.5) < 2 * run.n_error).all()
        assert (np.abs(run.products - run.products.mean()) < 4 * run.products_error).all()
    with pytest.raises(worm.NotReached):
        sample_until(model, 0.01, 64, 64, chains=4, seed=runs.index(parted[0]))


@pytest.mark.slow
def test_chains_of_higher_energy_are_left_out():
    """Some chains are cooled into the wrong domain of a lattice without symmetry, 1.2 t above the right one."""
    ensemble, rng = HardCore(8.0, (0.0, 6.0), 1.0, (0.1, 10.0), (0.0, 1.0)), np.random.default_rng([8, 100])
    model = [ensemble.sample(rng, 8) for _ in range(100)][99]
    alone = [sample_bosons(model, 256, seed=seed) for seed in range(4)]
    energies = np.array([run.energy for run in alone])
    lowest = alone[energies.argmin()]
    assert (np.abs([run.n - lowest.n for run in alone]).mean((1, 2)) > 0.5).sum() > 1
    found = sample_bosons(model, 256, chains=4, seed=0)
    assert found.bins < 4 * lowest.bins and np.abs(found.n - lowest.n).mean() < 0.02
    assert found.energy == pytest.approx(lowest.energy, abs=4 * (found.energy_error + lowest.energy_error))


@pytest.mark.slow
def test_several_starts_avoid_domains_of_higher_energy():
    """A staggered field of 0.02 t prefers one checkerboard: single chains freeze in either, or in domains."""
    signs = checkerboard((6, 6))
    model = Bosons(-12.0 - 0.02 * signs, 8.0, neighbour=6.0)
    alone = [(sample_bosons(model, 64, seed=seed).n * signs).mean() for seed in range(12)]
    best = [(sample_bosons(model, 64, seed=seed, starts=6).n * signs).mean() for seed in range(12)]
    assert min(alone) < -0.4
    assert np.mean(best) > np.mean(alone) + 0.2


def test_one_start_is_the_first_of_several():
    model = system((3, 4), neighbour=2.0)
    one, two = (worm._start(model, 12, 2, 5, starts) for starts in (1, 2))
    many = worm._start(model, 12, 4, 5, 1)
    assert [chain.worms for chain in one] == [chain.worms for chain in many[:2]]
    assert {chain.worms for chain in two} <= {chain.worms for chain in many}


def test_states_that_few_runs_record_are_within_the_errors():
    """A Mott insulator whose holes have a probability of 0.0025: most runs of 256 sweeps have none."""
    model = Bosons(np.full((2, 2), -1.0), 10.0, onsite=40.0, n_max=2, hopping=0.1)
    exact = exact_bosons(model)
    runs = [sample_until(model, seed=seed) for seed in range(40)]
    assert sum(abs(run.number - 4) < 1e-9 for run in runs) > 15
    for name in ("n", "variance", "products", "energy", "number"):
        errors = np.array([getattr(run, f"{name}_error") for run in runs])
        found = np.array([getattr(run, name) - getattr(exact, name) for run in runs]) / errors
        assert 0.05 < np.sqrt((found**2).mean()) < 1.5 and np.abs(found).max() < 4.5, name
    assert all(run.density_error <= 0.015 for run in runs)


def test_a_site_that_is_always_empty_has_an_unknown_error():
    """The others fluctuate. 1 / n of n records is the least error of a constant; at n = 64 it is above the limit."""
    model = Bosons(np.array([-1.0, 0.0, 0.5, 400.0]), 1.0, hopping=0.0)
    found = sample_bosons(model, 256)
    assert found.n[3] == 0 and 1 / 256 <= found.n_error[3] < 4 / 256 and found.variance_error[3] == found.n_error[3]
    empty = Bosons(np.full((2, 2), 400.0), 1.0, hopping=0.0)
    assert sample_until(empty, 0.01, 64).sweeps == 128


def test_a_full_lattice_reaches_its_error():
    """No record differs from another; the rounding of the mean energy is no autocorrelation."""
    potential = np.random.default_rng(0).normal(size=(4, 4)) - 30
    found = sample_until(Bosons(potential, beta=8.0, neighbour=3.0), density_error=0.02, most_sweeps=512)
    assert (found.n == 1).all() and found.tau["energy"] == 0.5 and found.density_error < 0.01
    assert found.energy == pytest.approx(potential.sum() + 3 * 32) and found.energy_error < 0.01


def test_without_hopping_sites_are_independent():
    model = Bosons(np.array([-1.0, 0.0, 0.5, 2.0]), 1.0, n_max=1, hopping=0.0)
    found = sample_bosons(model, 2000)
    expected = 1 / (1 + np.exp(model.potential))
    assert np.abs((found.n - expected) / found.n_error).max() < 4
    np.testing.assert_allclose(found.variance, found.n * (1 - found.n), atol=1e-12)


def test_particles_and_holes_are_symmetric():
    """n -> 1 - n maps V_i - mu to -(V_i - mu) - z V, and leaves the half-filled lattice at mu = z V / 2 as it is."""
    shape, v = (4, 4), 1.5
    half = sample_bosons(Bosons(np.full(shape, -2 * v), 2.0, neighbour=v), 400)
    assert half.number == pytest.approx(8, abs=4 * half.number_error) and half.number_error < 0.3
    field = np.random.default_rng(1).uniform(-2, 2, shape)
    a, b = (sample_bosons(Bosons(f, 2.0, neighbour=v), 400) for f in (field, -field - 4 * v))
    error = np.hypot(a.n_error, b.n_error)
    assert np.abs((a.n + b.n - 1) / error).max() < 4.5 and error.mean() < 0.05


def test_a_solid_has_the_checkerboard():
    found = sample_bosons(Bosons(np.full((6, 6), -12.0), 4.0, neighbour=6.0), 64)
    assert abs((found.n * checkerboard((6, 6))).sum()) > 0.8 * 18
    assert found.n.mean() == pytest.approx(0.5, abs=0.01)


def test_a_chain_depends_on_its_seed_only(monkeypatch):
    model = system((3, 3), beta=4.0)
    one = sample_bosons(model, 200, seed=5)
    assert not np.array_equal(one.n, sample_bosons(model, 200, seed=6).n)
    monkeypatch.setattr(worm, "ROOM", 16)  # kinks do not fit: repeated with more room
    again = sample_bosons(model, 200, seed=5)
    np.testing.assert_array_equal(one.n, again.n)
    assert one.tau == again.tau


def test_sampling_continues_until_the_error_is_reached():
    model, seen = system((3, 3), beta=2.0), []
    found = sample_until(model, 0.01, 64, 8192, follow=seen.append)
    assert found.density_error <= 0.01 and found.sweeps == 64 * 2 ** (len(seen) - 1) and len(seen) > 1
    assert seen[0].density_error > 0.01
    with pytest.raises(NotReached, match="most_sweeps: expected a mean error of the density of at most 0.001") as error:
        sample_until(model, 0.001, 64, 128)
    assert error.value.averages.sweeps == 128 and error.value.averages.density_error > 0.001


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"potential": np.zeros((1, 4)), "beta": 1.0}, "potential: expected at least 2 sites"),
        ({"potential": np.full((2, 2), np.nan), "beta": 1.0}, "potential"),
        ({"potential": np.zeros((2, 2)), "beta": 0.0}, "beta"),
        ({"potential": np.zeros((2, 2)), "beta": 1.0, "n_max": 0}, "n_max"),
        ({"potential": np.zeros((2, 2)), "beta": 1.0, "hopping": -1.0}, "hopping"),
        ({"potential": np.zeros((2, 2)), "beta": 1.0, "neighbour": "1"}, "neighbour"),
    ],
)
def test_bad_systems(arguments, message):
    with pytest.raises(ValueError, match=message):
        Bosons(**arguments)


def test_bad_runs():
    model = system((2, 2))
    for name, value in (("sweeps", 3), ("burn_in", 1), ("chains", 0), ("seed", -1), ("starts", 0)):
        with pytest.raises(ValueError, match=name):
            sample_bosons(model, **{name: value})
    with pytest.raises(ValueError, match="density_error"):
        sample_until(model, 0.0)
    with pytest.raises(ValueError, match="follow: expected a function, got 'x'"):
        sample_until(model, follow="x")
    for sample in (sample_bosons, sample_until):
        with pytest.raises(ValueError, match="model: expected a system, Bosons"):
            sample(model.potential)


@pytest.mark.slow
def test_4_x_4_sites_are_exact():
    """V = 2 t at half filling is the Heisenberg antiferromagnet with J = 2 t, turned on one sublattice."""
    exact = exact_heisenberg(4, 0.5)
    found = sample_bosons(Bosons(np.full((4, 4), -4.0), 1.0, neighbour=2.0), 8000, chains=2)
    energy = found.energy + 2.0 * 32 / 4
    assert abs(energy - 2 * exact.energy) < 4 * found.energy_error and found.energy_error < 0.06
    products = found.products - 0.25
    assert np.abs((products - exact.correlations[0, 1]) / found.products_error).max() < 4.5
