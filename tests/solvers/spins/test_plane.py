"""Configurations with a given energy and magnetisation: all are equally likely, targets are met, windows are filled."""

import numpy as np
import pytest
from scipy.stats import chi2

from solvers.spins import (
    PlaneSpins,
    all_configurations,
    density_of_states,
    energies,
    energy_bounds,
    levels,
    magnetisation,
    magnetisations,
    sample_metropolis,
    sample_plane,
)


def test_bounds_enclose_all_configurations_of_four_by_four():
    every = all_configurations(4)
    found, total = energies(every), every.sum(axis=(1, 2), dtype=int)
    low, high = energy_bounds(4, total)
    assert (low <= found).all() and (found <= high).all()
    for m in magnetisations(4):  # the highest energy is met, the lowest one to a level
        assert found[total == m].min() - energy_bounds(4, m)[0] in (0, 4)
        assert found[total == m].max() == energy_bounds(4, m)[1]


def test_bounds_by_hand():
    low, high = energy_bounds(16, [[256, -254, 0, 128]])
    assert low.tolist() == [[-512, -504, -448, -512 + 64]]  # none, one spin, two walls of 16, a square of 8 x 8
    assert high.tolist() == [[-512, -504, 512, 0]]


MORE = [(-16, 0), (-32, 16), (-20, 12), (12, 4), (16, 2)]


@pytest.mark.parametrize(("e", "m"), [(32, 0), *(pytest.param(*p, marks=pytest.mark.slow) for p in MORE)])
def test_all_configurations_of_a_pair_are_equally_likely(e, m):
    every = all_configurations(4)
    wanted = every[(energies(every) == e) & (every.sum(axis=(1, 2), dtype=int) == m)].reshape(-1, 16)
    assert len(wanted) == density_of_states(4)[np.searchsorted(levels(4), e), (m + 16) // 2]
    count = 10 * len(wanted)
    found = sample_plane(4, np.full(count, e / 16), np.full(count, m / 16), seed=1).reshape(-1, 16)
    drawn = (found[:, None] == wanted).all(axis=2).sum(axis=0)
    assert drawn.sum() == count, "every run has ended at the target"
    assert chi2.sf(((drawn - 10) ** 2 / 10).sum(), max(len(wanted) - 1, 1)) > 0.001


def correlations(spins):
    """Mean products of second, third and most distant neighbours, (S, 3); E fixes that of the first."""
    pairs = (np.roll(spins, shift, (1, 2)) for shift in ((1, 1), (2, 0), (8, 8)))
    return np.stack([(spins * other).mean(axis=(1, 2), dtype=float) for other in pairs], axis=1)


@pytest.mark.slow
def test_correlations_are_those_of_thermal_lattices_of_the_same_pair():
    """A canonical ensemble at any temperature is uniform on a pair; at T = 3 the level is frequent."""
    run = sample_metropolis(16, 3.0, 128, 300, interval=6, burn_in=1000, seed=2, keep=True)
    there = (run.energy == -208) & (np.abs(run.magnetisation) <= 16 / 256)
    theirs = correlations(run.configurations[there])
    chain = np.nonzero(there)[0]
    pairs = np.random.default_rng(0).choice(run.magnetisation[there], 300)
    spins = sample_plane(16, np.full(300, -208 / 256), pairs, seed=3)
    assert (energies(spins) == -208).all() and (magnetisation(spins) == pairs).all()
    own = correlations(spins)
    sums = np.stack([np.bincount(chain, d) for d in (theirs - theirs.mean(axis=0)).T], axis=1)
    error = np.hypot(np.sqrt((sums**2).sum(axis=0)) / len(theirs), own.std(axis=0) / 300**0.5)
    assert (error < 0.01).all() and len(theirs) > 300
    assert (np.abs(own.mean(axis=0) - theirs.mean(axis=0)) < 4 * error).all()


def test_stripes_lie_in_both_directions():
    """At low energy and m = 0 most lattices have two walls, in one direction as often as in the other."""
    spins = sample_plane(16, np.full(60, -1.625), np.zeros(60), seed=4)
    assert (energies(spins) == -416).all()
    x, y = ((spins * np.roll(spins, 8, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2))
    assert (np.minimum(x, y) < -0.5).mean() > 0.8 and 15 < (x < y).sum() < 45


def test_targets_are_rounded_and_unreachable_ones_give_the_nearest():
    spins = sample_plane(4, [0.1, -1.9, 2.0], [0.01, 0.0, 1.0], seed=5)
    assert energies(spins)[0] == 0 and magnetisation(spins)[0] == 0  # 1.6 J is nearest to 0, and 0.16 to 0
    found = {(int(e), int(m)) for e, m in zip(energies(spins)[1:], spins[1:].sum(axis=(1, 2)), strict=True)}
    g, known = density_of_states(4), levels(4)
    assert g[np.searchsorted(known, -32), 8] == g[np.searchsorted(known, 32), 16] == 0
    assert (-16, 0) in found and len(found) == 2  # two stripes have the lowest energy without magnetisation


def test_runs_repeat_and_do_not_depend_on_threads():
    e, m = np.linspace(-1, 1, 7), np.linspace(-0.2, 0.2, 7)
    one, three = (sample_plane(8, e, m, seed=6, threads=n) for n in (1, 3))
    assert (one == three).all() and (one[:2] == sample_plane(8, e[:2], m[:2], seed=6)).all()
    assert (one != sample_plane(8, e, m, seed=7)).any()


@pytest.mark.slow
def test_windows_are_filled_evenly():
    ensemble, rng = PlaneSpins(energy=[[-1.0, -0.5], [0.5, 1.0]], magnetisation=[-0.25, 0.25]), np.random.default_rng(0)
    spins = np.array([ensemble.sample(rng, 8) for _ in range(400)])
    e, m = energies(spins), spins.sum(axis=(1, 2), dtype=int)
    assert (np.abs(np.abs(e) - 48) <= 16).all() and (np.abs(m) <= 16).all()
    counts = np.histogram2d(e, m, [[-65, -47, -31, 31, 47, 65], [-17, -8, 1, 17]])[0][[0, 1, 3, 4]]
    expected = 400 * np.outer([5, 4, 4, 5], [4, 5, 8]) / 306  # 18 levels, 17 magnetisations
    assert chi2.sf(((counts - expected) ** 2 / expected).sum(), 11) > 0.001


def test_the_whole_plane_has_every_pair_of_two_by_two():
    ensemble, rng = PlaneSpins(), np.random.default_rng(1)
    found = np.array([ensemble.sample(rng, 2) for _ in range(200)])
    pairs = {(int(e), int(m)) for e, m in zip(energies(found), found.sum(axis=(1, 2)), strict=True)}
    assert pairs == {(-8, -4), (-8, 4), (0, -2), (0, 0), (0, 2), (8, 0)}


@pytest.mark.parametrize(
    "windows",
    [
        {"energy": [[-1.99, -1.9]], "magnetisation": [0.0, 0.0]},  # outside the bounds
        {"energy": [[0.01, 0.02]]},  # between two levels
        {"energy": [[-1.0, 1.0]], "magnetisation": [0.01, 0.02]},
    ],
)
def test_windows_without_configurations_are_an_error(windows):
    with pytest.raises(ValueError, match="ensemble.energy: expected windows with configurations of 8 x 8 sites"):
        PlaneSpins(**windows).sample(np.random.default_rng(0), 8)


def test_pairs_without_configurations_end(monkeypatch):
    """Within the bounds, 16 x 16 sites with two walls, one of them with one step, have no configuration with m = 0."""
    monkeypatch.setattr("solvers.spins.ensembles.TARGETS", 2)
    window = PlaneSpins(energy=[[-444 / 256, -444 / 256]], magnetisation=[0.0, 0.0], sweeps=1, attempts=1)
    assert energy_bounds(16, 0)[0] < -444
    with pytest.raises(ValueError, match="ensemble.energy: expected windows with configurations"):
        window.sample(np.random.default_rng(0), 16)


@pytest.mark.parametrize("total", [100, -17, 3, 0.5, "a", None, [0, 18]])
def test_what_is_no_sum_of_spins_has_no_bounds(total):
    with pytest.raises(ValueError, match=r"^total: expected sums of 16 spins, -16, -14 \.\.\. 16, got"):
        energy_bounds(4, total)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("side", {"side": 5}),
        ("energy", {"energy": [2.1]}),
        ("energy", {"energy": 0.0}),
        ("magnetisation", {"magnetisation": [0.0, 0.0]}),
        ("magnetisation", {"magnetisation": [np.nan]}),
        ("sweeps", {"sweeps": 0}),
        ("attempts", {"attempts": 0}),
        ("threads", {"threads": 0}),
    ],
)
def test_bad_arguments_are_refused(name, options):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        sample_plane(**{"side": 4, "energy": [0.0], "magnetisation": [0.0]} | options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("energy", {"energy": []}),
        ("energy", {"energy": [-1.0, 1.0]}),
        ("energy", {"energy": [[1.0, -1.0]]}),
        ("energy", {"energy": [[-2.5, 0.0]]}),
        ("magnetisation", {"magnetisation": [0.0, 1.5]}),
        ("sweeps", {"sweeps": 0}),
        ("attempts", {"attempts": 1.5}),
    ],
)
def test_bad_windows_are_refused(name, options):
    with pytest.raises(ValueError, match=f"^ensemble.{name}: expected "):
        PlaneSpins(**options)
