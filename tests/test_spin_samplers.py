"""The samplers of spins have the averages of an independent package, OpenJij, that are stored with their errors."""

import importlib
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from solvers.spins import ScreenedCoulomb, energy_bounds, kaufman, random_spins
from solvers.spins import energies as ising_energies

independent = importlib.import_module("experiments.spin_samplers.independent")
plane = importlib.import_module("experiments.spin_samplers.plane")
tables = importlib.import_module("experiments.spin_samplers.tables")
STORED = json.loads(independent.FILE.read_text(encoding="utf-8"))
SHORT = {"chains": 64, "records": 200, "interval": 4, "burn_in": 400}


@pytest.mark.parametrize("case", range(len(independent.CASES)), ids=lambda i: str(independent.CASES[i]))
def test_averages_are_those_of_openjij(case):
    """Chains of another seed than the stored ones, and the stored ones."""
    model, temperature = independent.CASES[case]
    theirs, own = (STORED[name]["cases"][case] for name in ("openjij", "own"))
    assert (theirs["model"], theirs["temperature"]) == (own["model"], own["temperature"]) == (model, temperature)
    fresh = independent.by_own(model, temperature, 1, **SHORT)
    for name in tables.QUANTITIES:
        assert abs(tables.deviation(fresh[name], theirs[name])) < 4, name
        assert abs(tables.deviation(own[name], theirs[name])) < 4, name
    assert np.hypot(fresh["energy"][1], theirs["energy"][1]) < 0.01 * abs(theirs["energy"][0])
    if model == "ising":
        exact = [64 * float(kaufman(8, temperature).energy), 0.0]
        assert abs(tables.deviation(theirs["energy"], exact)) < 4 and own["exact_energy"] == pytest.approx(exact)


def test_targets_of_the_plane_are_pairs_in_their_window():
    e, m = plane.targets(np.random.default_rng(0), 8, (1.0, 1.9), 200)
    low, high = energy_bounds(8, m)
    assert len(e) == 200 and (e >= 64).all() and (e <= 1.9 * 64).all() and (np.abs(m) <= 0.2 * 64).all()
    assert (low <= e).all() and (e <= high).all() and len(set(zip(e, m, strict=True))) > 50


def energy_of_pairs(model, spins):
    """Energies of the couplings that the script adds up, of lattices (n, L, L)."""
    flat = spins.reshape(len(spins), -1).astype(float)
    pairs = sum(value * flat[:, i] * flat[:, j] for (i, j), value in independent.couplings(model).items())
    return pairs + 32 * independent.coupling(model, 0, 0)


def test_the_couplings_of_the_script_give_the_energies_of_the_models():
    spins = random_spins(np.random.default_rng(0), 5, 8)
    np.testing.assert_array_equal(energy_of_pairs("ising", spins), ising_energies(spins))
    np.testing.assert_allclose(energy_of_pairs("coulomb", spins), ScreenedCoulomb().energies(spins), rtol=1e-12)


@pytest.mark.parametrize("model", ["ising", "coulomb"])
def test_states_of_the_package_are_read_in_their_order(model, monkeypatch):
    """A package that returns its initial state, with the sites in reverse, and its energy."""
    asked = []

    def sample(pairs, num_reads, seed, schedule, initial_state, sparse):
        asked.append((num_reads, seed, schedule))
        energy = sum(value * initial_state[i] * initial_state[j] for (i, j), value in pairs.items())
        sites = list(range(63, -1, -1))
        record = SimpleNamespace(energy=[energy], sample=np.array([[initial_state[i] for i in sites]]))
        return SimpleNamespace(record=record, variables=sites)

    made = SimpleNamespace(from_ising=lambda fields, pairs, sparse: pairs)
    package = SimpleNamespace(BinaryQuadraticModel=made, SASampler=lambda: SimpleNamespace(sample=sample))
    monkeypatch.setitem(sys.modules, "openjij", package)
    found = independent.by_openjij(model, 0.5, np.array([3, 4]), 70)
    assert asked == [(1, 3, [(2.0, 70)]), (1, 4, [(2.0, 70)])]
    ordered = np.ones((8, 8)) if model == "ising" else independent.signs().reshape(8, 8)
    energy = ising_energies(ordered) if model == "ising" else ScreenedCoulomb().energies(ordered)
    assert found["energy"] == pytest.approx([energy, 0])
    assert found["m2"] == [float(model == "ising"), 0] and found["checkerboard2"] == [float(model == "coulomb"), 0]


def test_a_command_writes_its_part_of_the_file(monkeypatch, tmp_path):
    monkeypatch.setattr(independent, "FILE", tmp_path / "independent.json")
    monkeypatch.setattr(independent, "OWN", {"chains": 2, "records": 2, "interval": 1, "burn_in": 1})
    independent.FILE.write_text('{"openjij": 1, "own": 2}')
    independent.main(["own"])
    found = json.loads(independent.FILE.read_text())
    assert found["openjij"] == 1 and found["own"]["records"] == 2
    assert [(c["model"], c["temperature"]) for c in found["own"]["cases"]] == list(independent.CASES)
