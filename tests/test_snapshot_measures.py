"""The stored observables of snapshots are those of other snapshots; the program and its tables run."""

import importlib
import json

import numpy as np
import pytest

from solvers.spins import exact_heisenberg

measure = importlib.import_module("experiments.snapshots.measure")
tables = importlib.import_module("experiments.snapshots.tables")
STORED = json.loads((measure.HERE / "results.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["strings", "sprinkled"])
def test_stored_observables_are_those_of_fresh_snapshots(kind):
    """Of another split and smaller lattices: 12 x 12 sites hold the disc."""
    options = measure.CURVES[kind] | {"side": 12}
    recipe = measure.recipe(600, [0.2], **options)
    found = measure.observables(recipe.columns("val", range(600))["occupation"])
    (stored,) = [row for row in STORED["curves"][kind] if abs(row["doping"] - 0.2) < 0.01]
    for name in tables.OBSERVABLES:
        (a, da), (b, db) = found[name], stored[name]
        assert abs(a - b) < 4 * np.hypot(da, db), name


def test_stored_averages_are_exact():
    deviations = [
        (case[name][0] - case[name][2]) / case[name][1]
        for case in STORED["accuracy"]
        for name in ("E / N", *measure.DISTANCES)
    ]
    assert len(deviations) == 16 and np.abs(deviations).max() < 4
    assert all(case["E / N"][1] < 0.003 * abs(case["E / N"][2]) for case in STORED["accuracy"])


@pytest.mark.slow
def test_stored_exact_averages_are_those_of_the_diagonalisation():
    for case in STORED["accuracy"]:
        exact = exact_heisenberg(4, case["temperature"])
        assert case["E / N"][2] == pytest.approx(exact.energy / 16)
        assert case["C_s(√2)"][2] == pytest.approx(4 * exact.correlations[1, 1])


def test_twenty_thousand_snapshots_take_less_than_five_minutes():
    (rate,) = [case["per_second"] for case in STORED["speed"] if case["side"] == 16]
    assert 20_000 / rate < 300
    assert all(2 * case["tau_energy"] < 10 for case in STORED["speed"]), "t_corr of the recipe"


@pytest.mark.slow
def test_the_program_runs_on_few_snapshots_and_writes_nothing(capsys):
    kept = (measure.HERE / "results.json").read_bytes()
    measure.main(["quick"])
    rows = [line.rsplit(" ", len(measure.DOPINGS)) for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == list(measure.CURVES)
    assert all(float(row[1]) > float(row[-1]) for row in rows), "holes weaken the correlations"
    assert (measure.HERE / "results.json").read_bytes() == kept


def test_tables_name_the_smallest_and_the_largest_difference():
    def row(doping, values):
        return {"doping": doping} | {name: [v, 0.3] for name, v in zip(tables.OBSERVABLES, values, strict=True)}

    curves = {
        "strings": [row(0.0, [1, 1, 1, 1]), row(0.1, [1, 2, 3, 4])],
        "sprinkled": [row(0.0, [1, 1, 1, 1]), row(0.1, [2, 4, 6, 8])],
        "strings, 32 × 32": [row(0.0, [9, 9, 1, 1]), row(0.1, [9, 9, 3, 6])],
    }
    assert tables.closest(curves, 0.05, 1.0, [*tables.OBSERVABLES]) == pytest.approx(1 / (0.3 * 2**0.5))
    assert tables.closest(curves, 0.05, 1.0, ["count"]) == pytest.approx(3 / (0.3 * 2**0.5))
    assert tables.largest_change(curves) == pytest.approx(2 / (0.3 * 2**0.5))
    assert tables.with_error(0.12345, 0.0012) == "0.1235 ± 0.0012" and tables.with_error(1.0, 0.0) == "1"
