"""Everything that a user can hand over wrongly is refused by name, before any work."""

import importlib

import numpy as np
import pytest
from analytic import GAAS
from dots import least_memory

from solvers import Grid, Interaction, solve

GRID = Grid(16, 30.0)
V = np.zeros((16, 16))
ONE_BAD = np.zeros((3, 16, 16))
ONE_BAD[1, 2, 3] = np.nan


@pytest.fixture(autouse=True)
def no_work(monkeypatch):
    """A solver that would start to work fails the test."""

    def started(*_arguments):
        raise AssertionError("work was done before the arguments were checked")

    module = importlib.import_module("solvers.quantum_dots.solve")
    monkeypatch.setattr(module, "solve_batch", started)
    monkeypatch.setattr(module.ci, "spin_block", started)


def refused(match, v=V, grid=GRID, n_electrons=2, material=GAAS, **options):
    with pytest.raises(ValueError, match=match):
        solve(v, grid, n_electrons, material, **options)


NOT_POTENTIALS = {
    "nothing": None,
    "number": 0.0,
    "string": "0",
    "empty list": [],
    "line": np.zeros(16),
    "narrow": np.zeros((16, 15)),
    "small": np.zeros((15, 15)),
    "channels last": np.zeros((16, 16, 3)),
    "ragged": [[1.0, 2.0], [1.0]],
    "complex": V + 0j,
    "complex objects": np.full((16, 16), 1j, dtype=object),
    "numbers as words": V.astype(str),
    "numbers as bytes": V.astype(bytes),
    "words": np.full((16, 16), "deep"),
    "array of nothing": np.full((16, 16), None),
    "array of objects": np.full((16, 16), object()),
    "dictionary": {"V": V},
}


@pytest.mark.parametrize("v", NOT_POTENTIALS.values(), ids=NOT_POTENTIALS)
def test_what_is_not_a_potential(v):
    refused("V: expected", v=v)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_potentials_must_be_finite(bad):
    v = V.copy()
    v[3, 4] = bad
    refused("V: expected finite numbers, got 1 ", v=v)


def test_one_bad_system_of_a_batch_is_refused():
    refused("V: expected finite numbers, got 1 ", v=ONE_BAD)


@pytest.mark.parametrize("grid", [16, None, (16, 30.0), {"n": 16, "extent": 30.0}, Grid])
def test_grid_must_be_a_grid(grid):
    refused("grid: expected a Grid", grid=grid)


@pytest.mark.parametrize("material", ["gaas", None, (0.067, 12.9), 0.067])
def test_material_must_be_a_material(material):
    refused("material: expected a Material", material=material)


@pytest.mark.parametrize("n_electrons", [0, -1, 2.5, 2.0, "2", None, True, [2], np.nan])
def test_electrons_are_counted(n_electrons):
    refused("n_electrons: expected a whole number of at least 1", n_electrons=n_electrons)


@pytest.mark.parametrize(("n_electrons", "n_orbitals", "needed"), [(17, 8, 9), (3, 1, 2), (100, 49, 50)])
def test_electrons_must_fit(n_electrons, n_orbitals, needed):
    refused(
        f"n_electrons: expected a whole number in 1 ... {2 * n_orbitals}, got {n_electrons}.* {needed} orbitals",
        n_electrons=n_electrons,
        n_orbitals=n_orbitals,
    )


@pytest.mark.parametrize("n_orbitals", [0, -8, 8.0, 2.5, "8", None, False])
def test_orbitals_are_counted(n_orbitals):
    refused("n_orbitals: expected a whole number of at least 1", n_orbitals=n_orbitals)


def test_orbitals_must_exist_in_the_basis():
    refused(r"n_orbitals: expected a whole number in 1 ... 9, got 10.* 3\^2 sine functions", n_orbitals=10, n_modes=3)
    refused(r"n_orbitals: expected a whole number in 1 ... 64, got 65.* 8\^2 sine functions", n_orbitals=65)


@pytest.mark.parametrize("n_modes", [0, -1, 8.0, "8", True])
def test_modes_are_counted(n_modes):
    refused("n_modes: expected a whole number of at least 1", n_modes=n_modes)


@pytest.mark.parametrize("n_modes", [16, 17, 1000])
def test_modes_must_be_resolved_by_the_grid(n_modes):
    refused("n_modes: expected a whole number in 1 ... 15, got .* The grid has 16 points", n_modes=n_modes)


@pytest.mark.parametrize("memory", [0, -1.0, np.nan, np.inf, "2", None, True])
def test_memory_must_be_a_positive_number(memory):
    refused("memory: expected a positive number", memory=memory)


@pytest.mark.parametrize("name", ["refinements", "n_states", "threads"])
@pytest.mark.parametrize("value", [-1, 2.0, "2", True, [1], np.nan])
def test_the_other_numbers_are_counted(name, value):
    least = 0 if name == "refinements" else 1
    refused(f"{name}: expected a whole number of at least {least}", **{name: value})


@pytest.mark.parametrize("name", ["n_states", "threads"])
def test_no_states_and_no_threads_are_refused(name):
    refused(f"{name}: expected a whole number of at least 1", **{name: 0})


@pytest.mark.parametrize("interaction", [None, "yukawa", 3.0, (10.0, 1.0), Interaction])
def test_interaction_must_be_an_interaction(interaction):
    refused("interaction: expected an Interaction", interaction=interaction)


@pytest.mark.parametrize("screening", [0, -1.0, np.nan, np.inf, True, "5", 1j, [3.0]])
def test_screening_must_be_a_length(screening):
    with pytest.raises(ValueError, match="interaction.screening: expected a positive number"):
        Interaction(screening=screening)


@pytest.mark.parametrize("thickness", [-1.0, np.nan, np.inf, True, "5", None, 1j])
def test_thickness_must_be_a_length(thickness):
    with pytest.raises(ValueError, match="interaction.thickness: expected a number of at least 0"):
        Interaction(thickness=thickness)


@pytest.mark.parametrize("backend", ["torch", "NumPy", "", None, np, 1])
def test_backends_are_known_by_name(backend):
    refused("backend: expected one of auto, numpy, cupy; got", backend=backend)


@pytest.mark.parametrize(("n_electrons", "n_orbitals"), [(8, 40), (100, 60), (10, 14), (4, 63)])
def test_a_space_that_does_not_fit_is_refused(n_electrons, n_orbitals):
    refused(
        rf"n_orbitals: .*N = {n_electrons} in M = {n_orbitals} orbitals.*determinants.*memory = 2\b",
        n_electrons=n_electrons,
        n_orbitals=n_orbitals,
    )


def test_a_batch_that_does_not_fit_even_one_by_one_is_refused():
    refused("memory = 0.0001.*raise memory", v=np.zeros((5, 16, 16)), memory=1e-4)


def test_refinements_need_room_of_their_own():
    """A space that fits, but not with more orbitals, has neither refinements nor an estimate."""
    memory = least_memory(GRID, 4, n_orbitals=12, estimate=False) * 1.01
    refused(
        "n_orbitals: .*N = 4 in M = 12 .*Lower n_orbitals or n_electrons, or raise memory, or estimate=False",
        n_electrons=4,
        n_orbitals=12,
        memory=memory,
    )
    refused(
        "n_orbitals: .*N = 4 in M = 12 .*Lower n_orbitals, refinements or n_electrons, or raise memory",
        n_electrons=4,
        n_orbitals=12,
        refinements=2,
        memory=memory,
    )
