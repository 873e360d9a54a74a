"""Dots in reduced units: they are those of the solver in every unit, and nothing but v, N and lambda matters."""

import numpy as np
import pytest
from small import configuration

from qd_pix2pix.mapping.reduction import Reduction
from qd_pix2pix.systems import QuantumDots, make_recipe
from qd_pix2pix.systems.scaled_dots import fitting_orbitals
from solvers import Grid, Material, solve
from solvers.quantum_dots.configuration_interaction import block_size

SMALL = [
    "data=scaled_dots", "potential=universal", "data.n=16", "solver.n_orbitals=6", "data.n_electrons=[2,3]",
    "data.weights=[0.5,0.5]", "data.coupling=[1.0,8.0]", "data.train=6", "data.val=1", "data.test=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def made():
    """A recipe and four of its dots."""
    recipe = make_recipe(configuration("generate", *SMALL)["data"])
    return recipe, recipe.columns("train", range(4))


@pytest.mark.parametrize("m_eff, eps_r", [(0.067, 12.9), (0.5, 4.0)])
def test_every_material_and_size_gives_the_same_dot(made, m_eff, eps_r):
    recipe, columns = made
    material = Material(m_eff, eps_r)
    energy = {"factor": recipe.schema.reduction["scales"]["energy"]["factor"]}
    for i in range(4):
        extent = float(columns["coupling"][i]) * material.bohr  # nm
        unit = material.hartree * (material.bohr / extent) ** 2  # hbar^2 / (m* L^2), eV
        assert unit == pytest.approx(energy["factor"] / m_eff / extent**2, rel=1e-9)
        n_electrons = int(columns["n_electrons"][i])
        solved = solve(columns["V"][i] * unit, Grid(16, extent), n_electrons, material, n_orbitals=6, refinements=0)
        assert solved.energy == pytest.approx(columns["energy"][i] * unit, rel=1e-6)
        np.testing.assert_allclose(solved.density, columns["n_int"][i] / extent**2, rtol=1e-4, atol=1e-6 / extent**2)


def test_potentials_begin_at_zero_and_conditions_stay_in_their_ranges(made):
    _, columns = made
    assert (columns["V"].min((1, 2)) == 0).all()
    assert set(columns["n_electrons"].tolist()) <= {2, 3}
    assert (columns["coupling"] >= 1).all() and (columns["coupling"] <= 8).all()


def test_the_reduction_is_that_of_the_material():
    schema = make_recipe(configuration("generate", *SMALL)["data"]).schema
    reduction, material = Reduction.of(schema), Material(0.19, 11.7)
    known = {"n_electrons": 2.0, "m_eff": 0.19, "eps_r": 11.7, "extent": 80.0}
    numbers = reduction.network_conditions(schema, known)
    assert numbers == pytest.approx({"n_electrons": 2.0, "coupling": 80.0 / material.bohr})
    assert reduction.scale("energy", known) == pytest.approx(material.hartree * (material.bohr / 80.0) ** 2)
    physical = reduction.physical_schema(schema, known)
    assert physical.unit(physical["energy"]) == "eV" and physical.domain.lengths(physical.constants) == (80.0, 80.0)


def test_given_dots_are_solved_as_dots_in_nm(made):
    recipe, _ = made
    config = configuration("generate", *SMALL)["data"]
    known = {"n_electrons": 3.0, "m_eff": 0.067, "eps_r": 12.9, "extent": 100.0}
    own = make_recipe(recipe.of_samples(config, (24, 24), known))
    assert isinstance(own, QuantumDots)
    assert own.n_electrons == 3 and own.grid == Grid(24, 100.0) and own.material == Material(0.067, 12.9)


@pytest.mark.parametrize("n_electrons, expected", [(2, 14), (4, 14), (5, 12), (6, 10)])
def test_many_electrons_are_solved_in_fewer_orbitals(n_electrons, expected):
    found = fitting_orbitals(14, n_electrons, 15000)
    assert found == expected
    assert block_size(found, n_electrons) <= 15000
    assert found == 14 or block_size(found + 1, n_electrons) > 15000


@pytest.mark.parametrize(
    "word, message",
    [
        ("data.n_electrons=2", "data.n_electrons: expected a list"),
        ("data.weights=[1.0]", "data.weights"),
        ("data.weights=[0.0,0.0]", "data.weights: expected a positive sum"),
        ("data.coupling=[5.0,1.0]", "data.coupling"),
        ("data.coupling=[0.0,1.0]", "data.coupling"),
        ("data.most_determinants=0", "data.most_determinants"),
    ],
)
def test_wrong_settings_are_named(word, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        make_recipe(configuration("generate", *SMALL, word)["data"])


@pytest.mark.parametrize("family", ["random_wells", "mixture", "disorder", "box"])
def test_families_in_nm_are_refused(family):
    """In units of the side and of hbar^2 / (m* L^2) their defaults are empty boxes."""
    words = [word for word in SMALL if not word.startswith("potential=")]
    recipe = make_recipe(configuration("generate", *words, f"potential={family}")["data"])
    with pytest.raises(ValueError, match="data.potential: expected potentials on a square of side 1.*an empty box"):
        recipe.rehearse()
