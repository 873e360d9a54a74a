"""Lattices of spins: energies by hand, splits by hash, levels equally often."""

import numpy as np
import pytest

from qd_pix2pix.evaluation.verify import recipe_of_samples
from qd_pix2pix.systems import CoulombSpins, Ising, Potts, make_recipe
from solvers.spins import (
    FlatSpins,
    RandomAngles,
    RandomSpins,
    ScreenedCoulomb,
    ThermalSpins,
    kaufman,
    leading_bits,
    levels,
)

SIZES = {"seed": 3, "train": 6, "val": 3, "test": 3, "shard_size": 3}


def ising(side=4, ensemble=None, **more):
    return Ising(**SIZES | {"side": side, "ensemble": ensemble or RandomSpins()} | more)


def test_energies_are_sums_over_bonds():
    columns = ising(6).columns("train", range(3))
    for spins, energy, m in zip(columns["spins"], columns["energy"], columns["magnetisation"], strict=True):
        bonds = sum(
            int(spins[i, j]) * (int(spins[(i + 1) % 6, j]) + int(spins[i, (j + 1) % 6]))
            for i in range(6)
            for j in range(6)
        )
        assert energy == -bonds and m == pytest.approx(spins.sum() / 36)
    assert (levels(6)[columns["level"]] == columns["energy"]).all()


def test_splits_are_those_of_the_hash():
    recipe = ising(shares=[0.5, 0.25, 0.25])
    for split, low, high in (("train", 0, 2048), ("val", 2048, 3072), ("test", 3072, 4096)):
        bits = leading_bits(recipe.columns(split, range(20))["spins"])
        assert ((bits >= low) & (bits < high)).all()


def test_levels_are_drawn_equally_often():
    drawn = ising(ensemble=FlatSpins(), shares=[0.98, 0.01, 0.01]).columns("train", range(300))["level"]
    counts = np.bincount(drawn, minlength=15)
    assert counts.sum() == 300 and (counts[1:-1] > 5).all() and counts.max() < 50


def test_thermal_spins_are_ordered_when_cold():
    cold, hot = (ising(8, ThermalSpins([t, t])).columns("train", range(40))["energy"].mean() / 64 for t in (1.0, 20.0))
    assert cold == pytest.approx(-1.997, abs=0.02)  # Onsager: -1.9972 at T = 1
    assert hot == pytest.approx(-2 * np.tanh(1 / 20), abs=0.05)  # the first order in 1 / T


def test_lattices_of_coulomb_and_potts():
    spins = CoulombSpins(**SIZES, side=4, ensemble=RandomSpins(), interaction=ScreenedCoulomb()).columns(
        "val", range(2)
    )
    np.testing.assert_array_equal(spins["energy"], ScreenedCoulomb().energies(spins["spins"]))
    recipe = Potts(**SIZES, side=4, ensemble=RandomAngles())
    angles = recipe.columns("test", range(2))
    a = angles["angles"]
    bonds = np.cos(a - np.roll(a, 1, 1)) + np.cos(a - np.roll(a, 1, 2))
    np.testing.assert_allclose(angles["energy"], bonds.sum((1, 2)))
    assert not recipe.schema.domain.flip and ising().schema.domain.flip


def test_large_lattices_have_no_classes():
    assert "level" not in ising(32).columns("train", range(1))
    assert "level" not in [c.name for c in ising(32).schema.columns]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": 5}, "data.side: expected an even number"),
        ({"side": 0}, "data.side: expected"),
        ({"ensemble": 3}, "data.ensemble: expected a distribution"),
        ({"shares": [0.5, 0.5]}, "data.shares: expected three positive numbers"),
        ({"shares": [0.5, 0.4, 0.2]}, "data.shares: expected three positive numbers"),
    ],
)
def test_bad_settings_get_one_clear_error(change, message):
    with pytest.raises(ValueError, match=message):
        ising(**change)


def test_a_split_without_configurations_is_an_error(monkeypatch):
    monkeypatch.setattr("qd_pix2pix.systems.spins.ATTEMPTS", 50)

    class Up:
        def sample(self, rng, side):
            return np.ones((side, side), dtype=np.int8)

    recipe = ising(ensemble=Up())
    found = {split: None for split in ("train", "val", "test")}
    for split in found:
        try:
            recipe.columns(split, range(1))
        except ValueError as error:
            found[split] = str(error)
    assert sum(message is None for message in found.values()) == 1  # the one configuration is in one split
    assert all("data.shares" in message for message in found.values() if message)


def test_predicted_energies_have_a_heat_capacity():
    """Energies that are right have the exact one; without the levels that matter there is none."""
    e = levels(8).astype(float)
    (curve,) = ising(8).curves({"energy": e}, {"energy": e})
    np.testing.assert_allclose(curve.predicted, curve.exact, atol=1e-12)
    assert curve.exact[curve.x.index(1.0)] == pytest.approx(float(kaufman(8, 1.0).heat_capacity))
    warm = ising(8).curves({"energy": e[e < -80]}, {"energy": e[e < -80]})[0].predicted
    assert warm[0] is not None and warm[-1] is None
    assert not ising(8).curves({"energy": e[60:]}, {"energy": e[60:]}), "hot levels alone"
    assert not ising(32).curves({"energy": e}, {"energy": e}), "too large"
    assert not ising(8).curves({"level": e}, {"level": e})
    assert not ising(8).curves({"energy": e}, {"energy": np.where(e == 0, np.nan, e)}), "a training that diverged"


def test_lattices_of_a_user_have_the_levels_of_their_side():
    config = {"_target_": "qd_pix2pix.systems.Ising", "side": 8, "ensemble": {"_target_": "solvers.spins.RandomSpins"}}
    config |= {"seed": 0, "train": 1, "val": 1, "test": 1, "shard_size": 1}
    cold = np.ones((2, 16, 16), np.int8)
    recipe = make_recipe(recipe_of_samples(config, (16, 16), {}))
    found = recipe.solve({"spins": cold})
    assert found["energy"].tolist() == [-512, -512] and found["level"].tolist() == [0, 0]
    assert recipe.curves({"energy": levels(16)}, {"energy": levels(16)})
    with pytest.raises(ValueError, match="data.side: expected an even number of sites, got 7"):
        make_recipe(recipe_of_samples(config, (7, 7), {}))
