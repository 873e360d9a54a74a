"""Step wells of experiments/chain: their potentials, references, and the steps of a sweep."""

import json

import numpy as np
import pytest

from experiments.chain import transfer
from experiments.chain.dmrg import FILE, INTERACTION, levels_below
from experiments.chain.wells import SETS, Well
from solvers.lattices import fermion_maps, ground_energies, ground_states

REFERENCES = json.loads(FILE.read_text(encoding="utf-8"))


def test_wells_lie_between_empty_sites():
    well = Well(20, 4, -1.0, 3.0)
    assert well.potential.tolist() == [3.0] * 8 + [-1.0] * 4 + [3.0] * 8
    assert well.part == slice(0, 20) and Well(48, 6, -1.0, 3.0).part == slice(13, 35)
    assert levels_below(well.potential) == 3, "a box has -1 - 2 cos(k pi / 5)"


def test_references_belong_to_the_wells():
    for name, wells in SETS.items():
        assert [Well(**reference["well"]) for reference in REFERENCES[name]] == wells()
        for reference in REFERENCES[name]:
            assert sum(reference["density"]) == pytest.approx(reference["particles"], abs=1e-5)
            energies = {int(n): e for n, e in reference["energies"].items()}
            assert min(energies, key=energies.get) == reference["particles"], "a neighbouring N is lower"


def test_references_are_those_of_the_solver():
    """DMRG of open chains of 22 and more sites, against rings of 14 with fewer sites of the barrier."""
    some = [r for r in REFERENCES["wells"] + REFERENCES["depths"][::9] if r["well"]["width"] <= 9][:5]
    for reference in some:
        known = reference["well"]
        ring = Well(14, known["width"], known["inside"], known["outside"]).potential[None]
        energies = ground_energies(ring, INTERACTION)[0]
        assert energies.argmin() == reference["particles"]
        density = fermion_maps(ground_states(ring, INTERACTION, reference["particles"]))["density"][0]
        first = (known["sites"] - 14) // 2
        middle = np.array(reference["density"])[first : first + 14]
        np.testing.assert_allclose(density, middle, atol=0.02)


def test_steps_are_found_and_compared():
    assert transfer.steps([0.2, 0.9, 1.2, 1.8, 3.1]) == {1: 1, 2: 3, 3: 4}
    found = {
        "particles": [1, 1, 2, 2, 3],
        "predicted_particles": [1.1, 1.3, 1.2, 1.8, 2.6],
        "mean_field_particles": [1, 2, 2, 2, 2],
    }
    assert transfer.step_distances(found) == {"network": {2: 1, 3: 0}, "hartree_fock": {2: -1, 3: None}}
