"""Metropolis sampling with couplings of pairs has Boltzmann averages, exact transitions, and energies without drift."""

import numpy as np
import pytest

from solvers.spins import T_C, ScreenedCoulomb, all_configurations, energies, kaufman, mean_error, sample_pairs

ISING = np.zeros((4, 4))
ISING[[0, 0, 1, -1], [1, -1, 0, 0]] = -1.0
SMALL = np.array([[0.3, -0.4], [0.7, 0.2]]) / 3
"""Couplings of the lattice 2 x 2, of which each displacement is its own opposite."""


def energy_by_pairs(spins, v):
    """Half the sum over all pairs of sites, by a matrix."""
    side = len(v)
    x, y = np.divmod(np.arange(side**2), side)
    matrix = v[(x[:, None] - x) % side, (y[:, None] - y) % side]
    flat = spins.reshape(*spins.shape[:-2], -1).astype(float)
    return np.einsum("...i,ij,...j->...", flat, matrix, flat) / 2


@pytest.mark.slow
@pytest.mark.parametrize("form", ["coulomb", "sinusoidal"])
def test_averages_are_those_of_all_configurations(form):
    model, temperatures = ScreenedCoulomb(form=form), [0.4, 1.0]
    found = sample_pairs(model.couplings(4), temperatures, chains=64, records=300, interval=6, burn_in=200, seed=1)
    every = all_configurations(4)
    energy, m2 = model.energies(every), every.mean(axis=(1, 2)) ** 2
    for i, temperature in enumerate(temperatures):
        weight = np.exp(-(energy - energy.min()) / temperature)
        weight /= weight.sum()
        mean = weight @ energy
        pairs = [
            (found.energy[i], mean),
            ((found.energy[i] - mean) ** 2, weight @ (energy - mean) ** 2),
            (found.magnetisation[i] ** 2, weight @ m2),
        ]
        for values, expected in pairs:
            average, error = mean_error(values)
            assert abs(average - expected) < 4 * error < 0.3 * abs(expected)


def test_transitions_are_those_of_metropolis():
    """The counts of transitions in a sweep of four proposals, compared with the fourth power of the exact matrix."""
    v, temperature, every = SMALL, 0.8, all_configurations(2)
    energy, single = energy_by_pairs(every, v), np.zeros((16, 16))
    for a in range(16):
        for site in range(4):
            single[a, a ^ (1 << site)] = min(1.0, np.exp(-(energy[a ^ (1 << site)] - energy[a]) / temperature)) / 4
        single[a, a] = 1 - single[a].sum()
    exact = np.linalg.matrix_power(single, 4)
    found = sample_pairs(v, temperature, chains=64, records=2000, keep=True, seed=2)
    numbers = (found.configurations.reshape(64, 2000, 4) > 0) @ (1 << np.arange(4))
    counts = np.zeros((16, 16))
    np.add.at(counts, (numbers[:, :-1], numbers[:, 1:]), 1)
    expected = counts.sum(axis=1, keepdims=True) * exact
    freedom = 16 * 15
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert expected.min() > 20 and abs(chi2 - freedom) < 4 * np.sqrt(2 * freedom)
    assert all(len(np.unique(found.energy[numbers == a])) == 1 for a in range(16)), "energies drift"


def recorded(v):
    """Chains of hot spins after many flips, and the bound of rounding errors of a direct sum."""
    found = sample_pairs(v, [[5.0]], chains=3, records=4, interval=200, keep=True, start="up", seed=3)
    assert found.energy.shape == (1, 1, 3, 4) and found.configurations.shape == (1, 1, 3, 4, *v.shape)
    np.testing.assert_array_equal(found.magnetisation, found.configurations.mean(axis=(-1, -2)))
    np.testing.assert_array_equal(found.last, found.configurations[..., -1, :, :])
    return found, 1e-14 * v.size * np.abs(v).sum()


@pytest.mark.parametrize("side", [6, 16])
def test_records_are_those_of_the_configurations_after_many_flips(side):
    model = ScreenedCoulomb(0.2, 20, "sinusoidal", coupling=-2.0)
    found, rounding = recorded(model.couplings(side))
    np.testing.assert_allclose(found.energy, model.energies(found.configurations), rtol=0, atol=rounding)


def test_couplings_need_no_symmetry_but_inversion():
    v = np.random.default_rng(0).normal(size=(8, 8))
    v += np.roll(v[::-1, ::-1], 1, axis=(0, 1))
    found, rounding = recorded(v)
    np.testing.assert_allclose(found.energy, energy_by_pairs(found.configurations, v), rtol=0, atol=rounding)


def test_bonds_give_the_ising_model():
    found = sample_pairs(ISING, T_C, chains=64, records=500, interval=4, burn_in=200, keep=True, seed=4)
    np.testing.assert_array_equal(found.energy, energies(found.configurations))
    mean, error = mean_error(found.energy)
    assert abs(mean - 16 * kaufman(4, T_C).energy) < 4 * error < 1.0


@pytest.mark.parametrize(("v", "temperature"), [(np.zeros((4, 4)), 1.0), (ISING, 1e6)])
def test_spins_without_couplings_are_independent(v, temperature):
    found = sample_pairs(v, temperature, chains=128, records=100, interval=2, seed=5)
    (energy, error), (m2, spread) = mean_error(found.energy), mean_error(found.magnetisation**2)
    assert abs(energy) <= 4 * error and abs(m2 - 1 / 16) < 4 * spread < 0.02
    assert v.any() or not found.energy.any()


def test_a_cold_lattice_remains_in_its_ground_state():
    checkerboard = 1 - 2 * (np.indices((6, 6)).sum(axis=0) % 2)
    model = ScreenedCoulomb()
    found = sample_pairs(model.couplings(6), 0.01, chains=2, interval=50, start=checkerboard)
    assert (found.last == checkerboard).all()
    np.testing.assert_allclose(found.energy, model.energies(checkerboard), rtol=1e-13)


def test_chains_repeat_and_do_not_depend_on_threads_or_other_chains():
    options = {"records": 3, "interval": 2, "keep": True, "seed": 6}
    v = ScreenedCoulomb().couplings(4)
    many = sample_pairs(v, [0.5, 2.0], chains=20, threads=3, **options)
    few = sample_pairs(v, 0.5, chains=7, threads=1, **options)
    np.testing.assert_array_equal(many.configurations[0, :7], few.configurations)
    assert len(np.unique(many.last.reshape(40, 16), axis=0)) > 30
    other = sample_pairs(v, 0.5, chains=7, **options | {"seed": 7})
    assert (other.configurations != few.configurations).any()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("couplings", {"couplings": np.ones((3, 3))}),
        ("couplings", {"couplings": np.ones((4, 2))}),
        ("couplings", {"couplings": np.full((4, 4), np.inf)}),
        ("couplings", {"couplings": np.eye(4)[[0, 2, 1, 3]]}),
        ("couplings", {"couplings": "coulomb"}),
        ("temperature", {"temperature": 0.0}),
        ("temperature", {"temperature": []}),
        ("temperature", {"temperature": [[1.0], [1.0, 2.0]]}),
        ("chains", {"chains": 0}),
        ("records", {"records": 0}),
        ("interval", {"interval": 0}),
        ("burn_in", {"burn_in": -1}),
        ("seed", {"seed": -1}),
        ("keep", {"keep": 1}),
        ("threads", {"threads": 0}),
        ("start", {"start": np.ones((6, 6))}),
    ],
)
def test_bad_arguments_are_refused(name, options):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        sample_pairs(**{"couplings": ISING, "temperature": 1.0, "chains": 2} | options)
