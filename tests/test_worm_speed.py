"""The worm algorithm has the densities of an independent code, ALPS, that are stored with their errors."""

import importlib
import json

import numpy as np
import pytest

from solvers.lattices import checkerboard, sample_bosons

run = importlib.import_module("experiments.worm_speed.run")
tables = importlib.import_module("experiments.worm_speed.tables")
ROWS = json.loads((run.HERE / "results.json").read_text(encoding="utf-8"))["rows"]
FINISHED = [name for name, row in ROWS.items() if row["alps"]["finished"]]


@pytest.mark.parametrize("name", FINISHED)
def test_densities_are_those_of_alps(name):
    """The stored run, and a short one with another seed on the same sublattice."""
    row = ROWS[name]
    assert row["system"] == run.systems()[name]
    assert np.abs(tables.deviations(row)).max() < 4.5 and abs(tables.energy_deviation(row)) < 4
    assert np.mean(row["alps"]["n_error"]) < 0.03
    runs = (sample_bosons(run.model_of(row["system"]), 256, seed=seed) for seed in range(1, 12))
    signs = checkerboard(np.shape(row["system"]["potential"])).ravel()
    order = signs @ row["alps"]["n"]  # a solid may be on either sublattice
    fresh = next(f for f in runs if abs(order) < 0.2 * len(signs) or order * (signs @ f.n.ravel()) > 0)
    error = np.hypot(fresh.n_error.ravel(), row["alps"]["n_error"])
    assert np.abs((fresh.n.ravel() - row["alps"]["n"]) / error).max() < 5


def test_a_time_follows_from_the_square_of_the_error():
    result = {"seconds": 2.0, "n_error": [0.02, 0.04]}
    assert run.time_to(result, 0.015) == pytest.approx(8.0)
    assert run.time_to(result, 0.03) == pytest.approx(2.0)


def test_there_are_finished_systems():
    assert len(FINISHED) >= 2
