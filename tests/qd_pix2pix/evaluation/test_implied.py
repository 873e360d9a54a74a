"""Curves that the predictions of a split imply: from the recipe to the page."""

from types import SimpleNamespace

import numpy as np
import pytest

from qd_pix2pix.evaluation.evaluate import implied_curves
from qd_pix2pix.reports.implied_panels import implied_panels
from solvers.spins import levels

ISING = {
    "_target_": "qd_pix2pix.systems.Ising", "side": 8, "ensemble": {"_target_": "solvers.spins.RandomSpins"},
    "seed": 0, "train": 1, "val": 1, "test": 1, "shard_size": 1,
}  # fmt: skip


@pytest.fixture
def predictions():
    energy = {"energy": levels(8).astype(float)}
    return SimpleNamespace(reference=energy, predicted=energy)


def test_the_heat_capacity_reaches_the_page(predictions):
    curves = implied_curves(ISING, predictions)
    (panel,) = implied_panels(SimpleNamespace(curves=curves))
    assert "Heat capacity" in str(panel) and "8 × 8 sites" in str(panel)
    assert np.array(curves[0]["predicted"]) == pytest.approx(np.array(curves[0]["exact"]))


@pytest.mark.parametrize("target", ["qd_pix2pix.systems.CoulombSpins", "somewhere.Else", "qd_pix2pix.systems.Nothing"])
def test_other_systems_have_none_and_are_not_built(target, predictions):
    assert implied_curves({"_target_": target}, predictions) == []
