"""Recipes from plain containers: what is refused, what a stranger's card may name, and ranges of options."""

import sys
from copy import deepcopy
from functools import partial

import pytest
from small import SMALL_DATA, configuration

from qd_pix2pix.files import trusted
from qd_pix2pix.systems import QuantumDots, build, make_recipe, modules_of, recipe_class, recipes_of
from qd_pix2pix.training.settings import check_config
from solvers import Grid, solve

NOTHING = {"n_electrons": None, "material": None, "extent": None}
MASSES = {"gaas": (0.067, 12.9), "si": (0.19, 11.7), "inas": (0.023, 15.15)}


@pytest.fixture(scope="module")
def config():
    return configuration("generate", *SMALL_DATA)["data"]


def test_containers_become_what_they_name():
    found = build({"a": [{"_target_": "solvers.Grid", "n": 8, "extent": 10.0}, 1.5, None], "b": "text"})
    assert found["a"][0] == Grid(8, 10.0) and found["a"][1:] == [1.5, None] and found["b"] == "text"


def test_a_partial_waits_for_its_other_arguments():
    found = build({"_target_": "solvers.solve", "_partial_": True, "n_orbitals": 4})
    assert isinstance(found, partial) and found.func is solve and found.keywords == {"n_orbitals": 4}


def test_a_recipe_is_made_of_its_configuration(config):
    recipe = make_recipe(config, only_rooms=True)
    assert isinstance(recipe, QuantumDots) and recipe.grid == Grid(32, 24.0) and recipe.train == 12


@pytest.mark.parametrize("only_rooms", [False, True])
@pytest.mark.parametrize(
    "name", ["solvers.Grit", "solvers.nowhere.Grid", "Grid", "", "solvers.", ".Grid", "solvers..Grid"]
)
def test_a_name_that_does_not_exist_is_named(name, only_rooms):
    with pytest.raises(ValueError, match="data.grid|checkpoint: its data.grid") as caught:
        build({"grid": {"_target_": name}}, only_rooms=only_rooms)
    assert repr(name) in str(caught.value)


def test_what_cannot_be_called_is_named():
    with pytest.raises(ValueError, match="data: expected a class or function, got 'math.pi', a float"):
        build({"_target_": "math.pi"})


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"n": 8, "extent": 10.0, "side": 3}, "'side'; it takes n, extent"),
        ({"n": 8}, "missing a required argument: 'extent'"),
        ({"side": 3, "_partial_": True}, "'side'; it takes n, extent"),
    ],
)
def test_arguments_that_are_not_taken_are_named(node, said):
    with pytest.raises(ValueError, match=f"data.grid: solvers.Grid: .*{said}"):
        build({"grid": {"_target_": "solvers.Grid"} | node})


def test_a_class_that_refuses_its_arguments_names_them():
    with pytest.raises(ValueError, match="n"):
        build({"_target_": "solvers.Grid", "n": -8, "extent": 10.0})


def test_arguments_without_a_name_are_not_dropped():
    with pytest.raises(ValueError, match="data: expected arguments by name, got _args_"):
        build({"_target_": "builtins.dict", "_args_": [[["a", 1]]]})
    assert build({"_target_": "builtins.dict", "_convert_": "all", "a": 1}) == {"a": 1}


def test_a_function_without_a_signature_can_be_built():
    assert build({"_target_": "builtins.dict", "a": 1}) == {"a": 1}


STRANGERS = [
    {"_target_": "os.system", "command": "exit 1"},
    {"_target_": "builtins.eval", "_partial_": True},
    {"_target_": "solvers_of_a_stranger.run"},
    {"_target_": "qd_pix2pix.systems_of_a_stranger.run"},
    {"_target_": "qd_pix2pix.files.write_text", "path": "x", "text": "x"},
    {"_target_": "qd_pix2pix.training.run.train"},
    # modules and functions of others that the rooms themselves import
    {"_target_": "qd_pix2pix.systems.build.import_module", "name": "this"},
    {"_target_": "qd_pix2pix.systems.build.partial"},
    {"_target_": "qd_pix2pix.systems.quantum_dots.yaml"},
    {"_target_": "qd_pix2pix.systems.quantum_dots.conf_folder"},
    {"_target_": "qd_pix2pix.systems.quantum_dots.deepcopy", "x": 1},
    {"_target_": "solvers.grid.np"},
    # what would build a stranger's object in its turn
    {"_target_": "qd_pix2pix.systems.build", "node": {}},
    {"_target_": "qd_pix2pix.systems.make_recipe", "config": {}},
    {"_target_": "qd_pix2pix.systems.build._find", "name": "os.system", "path": "", "only_rooms": False},
    {"_target_": "qd_pix2pix.systems.quantum_dots._materials"},
]


@pytest.mark.parametrize("node", STRANGERS, ids=lambda node: node["_target_"])
def test_a_card_may_name_nothing_but_the_rooms(config, node):
    for place in ("solver", "potential", "material", "grid"):
        with pytest.raises(ValueError, match=f"checkpoint: its data.{place} names {node['_target_']!r}.*not loaded"):
            make_recipe(config | {place: node}, only_rooms=True)
    with pytest.raises(ValueError, match="checkpoint: .*not loaded"):
        make_recipe(node, only_rooms=True)


def test_a_card_is_searched_to_its_bottom(config):
    deep = config["solver"] | {"n_modes": [[{"a": STRANGERS[0]}]]}
    with pytest.raises(ValueError, match="checkpoint: its data.solver.n_modes.*'os.system'"):
        make_recipe(config | {"solver": deep}, only_rooms=True)


OWN = """
import subprocess
from os import getcwd

from qd_pix2pix.systems import Ising


class Lattices(Ising):
    pass
"""


def test_a_card_may_name_a_system_of_a_trusted_module(tmp_path, monkeypatch):
    (tmp_path / "own_lattices.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    own = configuration("generate", "data=ising")["data"] | {"_target_": "own_lattices.Lattices"}
    assert modules_of([own]) == ("own_lattices",)
    with pytest.raises(ValueError, match="not loaded. If you trust that module, .* trust=own_lattices"):
        make_recipe(own, only_rooms=True)
    assert "own_lattices" not in sys.modules, "the code of a stranger was run"
    with trusted("own_lattices"):
        assert type(make_recipe(own, only_rooms=True)).__name__ == "Lattices"
        for stranger in ("own_lattices.getcwd", "own_lattices.subprocess", "os.getcwd"):
            with pytest.raises(ValueError, match="not loaded"):
                build({"_target_": stranger}, only_rooms=True)
    with pytest.raises(ValueError, match="not loaded"):
        make_recipe(own, only_rooms=True)


def test_the_command_line_may_name_anything(config):
    node = {"_target_": "collections.OrderedDict", "a": 1}
    assert build(node)["a"] == 1


@pytest.mark.parametrize("target", ["solvers.Grid", "solvers.solve", "qd_pix2pix.systems.Recipe", None])
def test_what_is_no_system_is_named(target):
    with pytest.raises(ValueError, match="data"):
        recipe_class({"_target_": target})
    with pytest.raises(ValueError, match="data"):
        make_recipe({"_target_": target, "train": 1, "val": 1, "test": 1})


def test_without_a_range_there_is_the_recipe_alone(config):
    assert recipes_of(config, NOTHING) == [config] and recipes_of(config, {}) == [config]


def test_every_combination_has_a_recipe(config):
    before = deepcopy(config)
    ranges = {"n_electrons": [1, 3], "material": ["gaas", "si"], "extent": [20, 24.0, 30.0]}
    found = recipes_of(config, ranges)
    told = [(r["n_electrons"], r["material"]["m_eff"], r["grid"]["extent"]) for r in found]
    assert sorted(told) == sorted((n, m, side) for n in (1, 3) for m in (0.067, 0.19) for side in (20.0, 24.0, 30.0))
    assert config == before, "the recipe itself was changed"
    for member in found:  # all else is the recipe's
        assert member["solver"] == config["solver"] and member["grid"]["n"] == 32
        member["grid"]["n"] = 7
    assert all(r["grid"]["n"] == 32 for r in recipes_of(config, ranges)), "members share what can be changed"


@pytest.mark.parametrize("name", MASSES)
def test_materials_are_those_of_the_configuration(config, name):
    member = recipes_of(config, NOTHING | {"material": [name]})[0]
    assert member["material"] == configuration("generate", *SMALL_DATA, f"material={name}")["data"]["material"]
    constants = make_recipe(member).schema.constants
    assert (constants["m_eff"], constants["eps_r"]) == MASSES[name]


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ({"n_electrons": []}, r"range.n_electrons.*\[\]"),
        ({"n_electrons": 3}, "range.n_electrons.*list.*3"),
        ({"n_electrons": [1, True]}, "range.n_electrons"),
        ({"n_electrons": [1, 1]}, "range.n_electrons: expected each value once"),
        ({"extent": 30.0}, "range.extent"),
        ({"material": "gaas"}, "range.material"),
        ({"material": ["gaas", "gold"]}, "range.material.*gaas.*si.*'gold'"),
        ({"material": ["../model/regressor"]}, "range.material"),
        ({"material": ["gaas", "vacuum"]}, "range: .*same units"),
        ({"coupling": [1.0]}, "range.coupling: QuantumDots has ranges of n_electrons, material, extent"),
    ],
)
def test_bad_ranges_are_named(config, ranges, said):
    with pytest.raises(ValueError, match=said):
        recipes_of(config, NOTHING | ranges)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("range.n_electrons=[1,0]", "n_electrons"),
        ("range.n_electrons=[1,two]", "n_electrons"),
        ("range.extent=[24.0,-1.0]", "extent"),
        ("range.extent=[far]", "extent"),
        ("range.material=[gaas,vacuum]", "units|hartree"),  # eV and hartree in one scale
    ],
)
def test_bad_members_end_before_any_work(regressor_words, word, said):
    with pytest.raises(Exception, match=said):
        check_config(configuration("train", *regressor_words, word))
