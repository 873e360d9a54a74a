"""What every system keeps: one parametrised file over all that are exported; a new system is found by itself."""

import functools
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from small import ROOT, configuration

from qd_pix2pix import systems
from qd_pix2pix.data.shard import check_columns
from qd_pix2pix.schema import Schema
from qd_pix2pix.systems import Recipe, complete, make_recipe

SYSTEMS = {
    name: found
    for name in systems.__all__
    if isinstance(found := getattr(systems, name), type) and issubclass(found, Recipe) and found is not Recipe
}
SIZES = ["data.train=5", "data.val=2", "data.test=2", "data.shard_size=2"]
SMALLER = {
    "FermionChains": ["data.sites=8"],
    "QuantumDots": ["potential=double_gaussian", "data.grid.n=16", "data.grid.extent=24.0", "solver.n_orbitals=4"],
    "BoseHubbard": [
        "data.side=4",
        "data.ensemble.beta=2.0",
        "data.sweeps=64",
        "data.burn_in=64",
        "data.density_error=0.1",
    ],
    "ScaledDots": [
        "potential=universal",
        "data.n=16",
        "solver.n_orbitals=4",
        "data.n_electrons=[1,2,3]",
        "data.weights=null",
        "data.coupling=[1.0,5.0]",
    ],
    "TaughtDots": [
        "potential=universal",
        "data.teacher.weights=universal-fast",
        "solver.n_orbitals=4",
        "data.n_electrons=[1,2,3]",
        "data.weights=null",
        "data.coupling=[1.0,5.0]",
    ],
}
"""What makes the samples of a system quick to have; none is needed."""
every_system = pytest.mark.parametrize("system", SYSTEMS)


def group_of(system):
    """Name of the file in conf/data that describes a system."""
    for path in sorted((ROOT / "conf" / "data").glob("*.yaml")):
        if str(yaml.safe_load(path.read_text())["_target_"]).rpartition(".")[2] == system:
            return path.stem
    raise AssertionError(f"conf/data has no file for {system}")


@functools.cache
def pairs():
    """Words of pairs in a file: potentials, and densities of two electrons in 24 nm."""
    rng = np.random.default_rng(0)
    V = rng.normal(size=(16, 8, 8))
    density = np.exp(-V) / np.exp(-V).mean((1, 2), keepdims=True) * 2 / 24.0**2
    path = Path(tempfile.mkdtemp(prefix="pairs")) / "pairs.npz"
    np.savez(path, V=V, n_int=density, energy=rng.normal(size=16))
    return [f"data.path='{path}'", "data.n_electrons=2", "data.extent=24", "data.m_eff=0.067", "data.eps_r=12.9"]


def config_of(system):
    smaller = pairs() if system == "Pairs" else SMALLER.get(system, [])
    return complete(configuration("generate", f"data={group_of(system)}", *SIZES, *smaller)["data"])


@pytest.fixture(scope="module")
def made():
    """Recipe and four samples of each system."""
    recipes = {system: make_recipe(config_of(system), only_rooms=True) for system in SYSTEMS}
    return {system: (recipe, recipe.columns("train", range(4))) for system, recipe in recipes.items()}


def stored(recipe, columns):
    """As a file keeps them."""
    return {c.name: np.asarray(columns[c.name]).astype(c.dtype) for c in recipe.schema.columns if c.role != "key"}


def test_systems_are_found():
    assert "QuantumDots" in SYSTEMS


@every_system
def test_the_schema_survives_a_file(made, system):
    schema = made[system][0].schema
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
    empty = [name for name in ("system", "sample", "family", "summary") if not getattr(schema, name)]
    assert not empty, f"pages and model cards show {', '.join(empty)} of the schema"
    assert all(c.description for c in (*schema.columns, *schema.conditions)), "a column without a description"
    assert schema.hard_by is None or schema[schema.hard_by].role == "scalar"
    assert all(schema[c.integral].role == "condition" for c in schema.columns if c.integral)
    assert all(schema[side].role == "condition" for side in schema.domain.sides)


@every_system
def test_columns_are_those_of_the_schema(made, system):
    recipe, columns = made[system]
    check_columns(columns | {"sample": np.arange(4)}, recipe.schema)
    for column in recipe.schema.of_role("field", "scalar", "class", "counts", "condition"):
        assert np.isfinite(columns[column.name]).all(), column.name


@every_system
def test_laws_hold(made, system):
    recipe, columns = made[system]
    recipe.laws(columns)
    recipe.laws(stored(recipe, columns))


def broken_laws(recipe, columns):
    """Columns that leave a bound, are no class, hold another integral or NaN; and the name of the broken one."""
    for column in recipe.schema.columns:
        values = np.array(columns[column.name], dtype=np.float64)
        step = max(1.0, np.abs(values[np.isfinite(values)]).max(initial=0.0))
        low, high = (0, column.classes - 1) if column.role == "class" else (column.low, column.high)
        for bound, sign in ((low, -1), (high, 1)):
            if bound is not None:
                broken = values.copy()
                broken.reshape(len(values), -1)[2, 0] = bound + sign * step
                yield column.name, columns | {column.name: broken}
        if column.integral:
            yield column.name, columns | {column.name: values * 1.01}
        if column.role == "field":
            broken = values.copy()
            broken.reshape(len(values), -1)[2, 0] = np.nan
            yield column.name, columns | {column.name: broken}


@every_system
def test_laws_fail_on_broken_columns(made, system):
    recipe, columns = made[system]
    cases = list(broken_laws(recipe, columns))
    assert cases
    for name, broken in cases:
        with pytest.raises(ValueError, match=f"^{name} "):
            recipe.laws(broken)


@every_system
def test_samples_do_not_depend_on_the_shard(made, system):
    recipe, columns = made[system]
    alone = recipe.columns("train", range(2, 3))
    for column in recipe.schema.columns:
        one, other = alone[column.name][0], columns[column.name][2]
        if column.name in recipe.SOLVABLE:
            np.testing.assert_array_equal(one, other)
        elif column.role in column.LEARNED:
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9, err_msg=column.name)


@every_system
def test_the_same_recipe_gives_the_same_bits_and_splits_give_others(made, system):
    recipe, columns = made[system]
    again = make_recipe(config_of(system)).columns("train", range(4))
    assert all(np.array_equal(again[name], values, equal_nan=True) for name, values in columns.items())
    other = recipe.columns("val", range(2))
    first = recipe.schema.of_role("field", "scalar")[0].name
    assert not any(np.array_equal(other[first][i], columns[first][j]) for i in range(2) for j in range(4))


@every_system
def test_random_streams_are_of_seed_split_and_number(made, system):
    recipe = made[system][0]
    drawn = {(s, i): recipe.random(s, i).random() for s in ("train", "val", "test") for i in range(3)}
    assert len(set(drawn.values())) == 9 and drawn["val", 1] == recipe.random("val", 1).random()


@every_system
def test_given_samples_are_solved_as_drawn_ones(made, system):
    recipe, columns = made[system]
    given = {name: columns[name] for name in recipe.SOLVABLE}
    if not given:
        with pytest.raises(ValueError, match="no solver for given samples; use verify=false"):
            recipe.solve({})
        return
    solved = recipe.solve(given, [f"sample {i}" for i in range(4)])
    assert solved.keys() | given.keys() == columns.keys()
    assert all(np.array_equal(solved[name], columns[name], equal_nan=True) for name in solved)


@every_system
def test_ranges_change_conditions_or_points_and_not_the_configuration(made, system):
    recipe, config = made[system][0], config_of(system)
    for option, (kinds, example) in recipe.RANGES.items():
        values = yaml.safe_load(example)
        assert all(type(value) in kinds for value in values)
        found = [make_recipe(recipe.vary(config, option, value)).schema for value in values]
        changed = [schema.domain.shape if option in recipe.SIZES else str(schema.constants) for schema in found]
        assert len(set(changed)) == len(values), option
        assert option in recipe.SIZES or all(schema.columns == recipe.schema.columns for schema in found)
    assert set(recipe.SIZES) <= set(recipe.RANGES)
    assert config == config_of(system), "the configuration itself was changed"


@every_system
def test_a_recipe_of_given_samples_has_their_shape_and_conditions(made, system):
    recipe, config = made[system][0], config_of(system)
    schema = recipe.schema
    same = make_recipe(recipe.of_samples(config, schema.domain.shape, schema.constants)).schema
    assert (same.domain, same.constants) == (schema.domain, schema.constants)
    assert config == config_of(system), "the configuration itself was changed"
