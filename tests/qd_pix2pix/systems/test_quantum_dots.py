"""Quantum dots as a system: settings, schema, labels, and the laws of their columns."""

import numpy as np
import pytest
from small import SMALL_DATA, configuration

from qd_pix2pix.systems import QuantumDots, make_recipe
from qd_pix2pix.systems.quantum_dots import presets
from solvers import Grid, Material

WORDS = [*SMALL_DATA, "data.grid.n=16"]


def recipe(*words):
    return make_recipe(configuration("generate", *WORDS, *words)["data"])


@pytest.fixture(scope="module")
def columns():
    return recipe().columns("train", range(3))


def test_the_schema_tells_domain_conditions_and_units():
    schema = recipe("data.n_electrons=3").schema
    assert schema.domain.shape == (16, 16) and schema.domain.symmetry == "square" and not schema.domain.flip
    assert schema.constants == {"n_electrons": 3.0, "m_eff": 0.067, "eps_r": 12.9, "extent": 24.0}
    assert schema.units == {"length": "nm", "energy": "eV", "density": "nm^-2"}
    assert schema.unit(schema["n_int"]) == "nm^-2" and schema.unit(schema["extent"]) == "nm"
    assert schema["n_int"].kind == "density" and schema["n_int"].integral == "n_electrons"
    assert schema.presets["material"]["si"] == {"m_eff": 0.19, "eps_r": 11.7}
    assert "N = 3, 24 nm × 24 nm" in schema.summary and schema.family == "RandomDoubleGaussian"


def test_units_are_those_of_the_material():
    schema = recipe("material=vacuum").schema
    assert schema.units == {"length": "bohr", "energy": "hartree", "density": "bohr^-2"}
    assert schema.presets["material"] == presets("bohr, hartree") == {"vacuum": {"m_eff": 1.0, "eps_r": 1.0}}


def test_names_begin_with_family_and_electrons():
    assert recipe("data.n_electrons=3").name == "RandomDoubleGaussian-N3"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_electrons": 0}, "data.n_electrons"),
        ({"n_electrons": 2.5}, "data.n_electrons"),
        ({"grid": 5}, "data.grid: expected a grid, such as grid=.*; got 5"),
        ({"material": 5}, "data.material: expected a material, such as material=.*; got 5"),
        ({"potential": 5}, "data.potential: expected a family of potentials, got 5"),
        ({"solver": None}, "data.solver: expected a preset, such as preset=paper; got None"),
        ({"train": 0}, "data.train"),
        ({"val": 0}, "data.val"),
        ({"test": -1}, "data.test"),
        ({"shard_size": 0}, "data.shard_size"),
        ({"seed": -1}, "data.seed"),
        ({"seed": 0.5}, "data.seed"),
    ],
)
def test_bad_settings_are_named(changes, said):
    with pytest.raises(ValueError, match=said):
        QuantumDots(**{**vars(recipe()), **changes})


@pytest.mark.parametrize("word", ["solver.n_orbitals=40000", "data.n_electrons=9", "potential.width=[5,1]"])
def test_the_rehearsal_meets_what_only_work_can_show(word):
    with pytest.raises(ValueError, match=word.partition("=")[0].rpartition(".")[2]):
        recipe(word).rehearse()


def test_labels_are_the_solvers(small_store):
    made = make_recipe(small_store.recipe)
    row = small_store.split("val").read(3, ["V", "n_int", "n0", "energy", "gap", "spin"])
    np.testing.assert_array_equal(row["V"], made.draw("val", 3))
    solution = made.solver(row["V"], Grid(32, 24.0), n_electrons=2, material=Material(0.067, 12.9))
    np.testing.assert_allclose(row["n_int"], solution.density, atol=1e-9)
    np.testing.assert_allclose(row["n0"], solution.density_noninteracting, atol=1e-9)
    assert row["energy"] == pytest.approx(float(solution.energy), abs=1e-9)
    assert row["gap"] == pytest.approx(float(solution.gap), abs=1e-9)
    assert row["spin"] == pytest.approx(float(solution.spins[0]), abs=1e-6)


def test_splits_do_not_share_potentials_and_seeds_differ():
    made, other = recipe(), recipe("data.seed=1")
    drawn = [made.draw("train", 0), made.draw("train", 1), made.draw("val", 0), made.draw("test", 0)]
    drawn.append(other.draw("train", 0))
    assert len({v.tobytes() for v in drawn}) == 5


def test_seeds_beyond_the_whole_floats_give_other_potentials():
    one, other = (recipe(f"data.seed={2**53 + i}").draw("train", 0) for i in (0, 1))
    assert not np.array_equal(one, other)


def test_every_n_and_material_sees_the_same_potentials():
    first, second = recipe(), recipe("data.n_electrons=3", "material=si", "preset=converged")
    np.testing.assert_array_equal(first.draw("train", 7), second.draw("train", 7))


def test_a_bad_solution_is_never_stored(monkeypatch):
    monkeypatch.setattr("solvers.quantum_dots.ground_state.TRUSTED_RESIDUAL", -1.0)
    with pytest.raises(ValueError, match="train 1 .*neither stored nor shown"):
        recipe().columns("train", range(1, 3))


def test_an_energy_is_the_sum_of_its_parts(columns):
    made = recipe()
    made.laws(columns)
    with pytest.raises(ValueError, match="energy is not the sum of kinetic, confinement and interaction"):
        made.laws(columns | {"energy": columns["energy"] * [1, 1.001, 1]})


@pytest.mark.parametrize("name", ["n0", "n_int"])
def test_a_density_holds_the_electrons(columns, name):
    broken = columns[name].copy()
    broken[1] *= 1.01
    with pytest.raises(ValueError, match=f"{name} holds 2.02 instead of n_electrons = 2"):
        recipe().laws(columns | {name: broken})
