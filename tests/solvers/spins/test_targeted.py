"""Targeted sampling: targets are reached, the rule is that of the source, and data sets are flat in energy."""

import numpy as np
import pytest

from solvers.spins import density_of_states, energies, levels, sample_targeted, targeted_dataset


def test_every_level_of_four_by_four_is_reached():
    targets = np.repeat(levels(4), 40)
    found = sample_targeted(4, targets, chains=len(targets), records=1, t_corr=2000, seed=1)
    reached = (found.energy[:, 0] == targets).reshape(15, 40).mean(axis=1)
    assert (reached > 0.5).all(), dict(zip(levels(4).tolist(), reached.tolist(), strict=True))
    assert (found.energy == energies(found.configurations)).all()


def test_a_run_never_moves_away_with_the_kt_of_the_source():
    found = sample_targeted(8, -60.0, chains=20, records=300, t_corr=1, kt=0.1, seed=2)
    distance = np.abs(found.energy + 60)
    assert (np.diff(distance, axis=1) <= 0).all() and (distance[:, -1] == 0).all()


def test_stationary_probabilities_are_those_of_the_printed_rule():
    """2 x 2 has energies -8, 0, 8 with g = 2, 12, 2. The chain of the rule has a matrix of 16 states, with kT = 100."""
    kt, target = 100.0, -8.0
    spins = [np.array([1 if i >> b & 1 else -1 for b in range(4)]).reshape(2, 2) for i in range(16)]
    e = energies(np.array(spins))
    chain = np.zeros((16, 16))
    for i in range(16):
        for b in range(4):
            j = i ^ 1 << b
            nearer = abs(e[j] - target) < abs(e[i] - target)
            chain[i, j] = (1.0 if nearer else np.exp(-((e[j] - e[i]) ** 2) / kt)) / 4
        chain[i, i] = 1 - chain[i].sum()
    stationary = np.linalg.matrix_power(chain, 4096)[0]
    found = sample_targeted(2, target, chains=50, records=2000, t_corr=20, kt=kt, burn_in=100, seed=3).energy
    for level in (-8, 0, 8):
        assert np.mean(found == level) == pytest.approx(stationary[e == level].sum(), abs=0.01)


@pytest.mark.parametrize(("side", "per_level"), [(2, 5), (4, 60), (6, 12)])
def test_data_sets_are_flat_in_energy(side, per_level):
    found = targeted_dataset(side, per_level, seed=4)
    assert found.shape == (side**2 - 1, per_level, side, side) and found.dtype == np.int8
    assert (energies(found) == levels(side)[:, None]).all()
    assert (found == targeted_dataset(side, per_level, seed=4, threads=1)).all()


def test_a_larger_kt_finds_more_configurations_of_a_level():
    level = 2  # the third of 4 x 4, which has 64 configurations
    assert density_of_states(4).sum(axis=1)[level] == 64

    def distinct(kt):
        return len(np.unique(targeted_dataset(4, 200, kt=(kt, kt))[level].reshape(200, 16), axis=0))

    assert distinct(0.01) < 40 < distinct(16.0)


def test_runs_repeat_and_do_not_depend_on_threads():
    one, three = (sample_targeted(4, -16, chains=9, records=3, seed=7, threads=n) for n in (1, 3))
    assert (one.configurations == three.configurations).all()
    assert (one.configurations[:4] == sample_targeted(4, -16, chains=4, records=3, seed=7).configurations).all()
    assert (one.configurations != sample_targeted(4, -16, chains=9, records=3, seed=8).configurations).any()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("side", {"side": 5}),
        ("target", {"target": np.nan}),
        ("target", {"target": [0.0, 1.0, 2.0]}),
        ("t_corr", {"t_corr": 0}),
        ("kt", {"kt": 0.0}),
        ("start", {"start": np.full((4, 4), 2)}),
    ],
)
def test_bad_arguments_are_refused(name, options):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        sample_targeted(**{"side": 4, "target": 0.0, "chains": 2} | options)


@pytest.mark.parametrize(
    ("name", "options"),
    [("side", {"side": 3}), ("per_level", {"per_level": 0}), ("t_corr", {"t_corr": 0}), ("kt", {"kt": 0.1})],
)
def test_bad_arguments_of_data_sets_are_refused(name, options):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        targeted_dataset(**{"side": 4, "per_level": 2} | options)


def test_levels_that_stay_empty_are_an_error(monkeypatch):
    from solvers.spins import targeted

    monkeypatch.setattr(targeted, "MAX_PASSES", 1)
    with pytest.raises(RuntimeError, match=r"per_level: the levels .* are not full after 1 passes"):
        targeted_dataset(4, 5000)
