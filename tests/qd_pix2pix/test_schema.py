"""The schema: what it says of columns and domains, what it refuses, and that files keep all of it."""

import json
from dataclasses import replace

import pytest
from schemas import RINGS, with_column

from qd_pix2pix.schema import Column, Domain, Schema, in_percent

SQUARE = Domain(("x", "y"), (4, 8), ("a", "b"), "walls", "rectangle")


def test_a_schema_comes_out_of_a_file_as_it_went_in():
    assert Schema.from_dict(json.loads(json.dumps(RINGS.to_dict()))) == RINGS


@pytest.mark.parametrize("missing", ["columns", "conditions", "domain", "system"])
def test_an_incomplete_schema_is_named(missing):
    content = {key: value for key, value in RINGS.to_dict().items() if key != missing}
    with pytest.raises(ValueError, match=f"schema: .*{missing}"):
        Schema.from_dict(content)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        "text",
        {"columns": 3},
        {"columns": [3]},
        RINGS.to_dict() | {"more": 1},
        RINGS.to_dict() | {"domain": []},
    ],
)
def test_what_is_no_schema_is_named(content):
    with pytest.raises(ValueError, match="schema: incomplete or of another version"):
        Schema.from_dict(content)


def test_a_role_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="schema: n has the role 'density'; expected one of field, scalar"):
        Column("n", "density")


@pytest.mark.parametrize("classes", [0, 1])
def test_a_class_has_two_values_at_least(classes):
    with pytest.raises(ValueError, match=f"phase is a class.*at least 2, got {classes}"):
        Column("phase", "class", classes=classes)


def test_names_are_given_once():
    with pytest.raises(ValueError, match="each column once"):
        replace(RINGS, columns=(*RINGS.columns, RINGS["spins"]))
    with pytest.raises(ValueError, match="each column once"):
        replace(RINGS, conditions=(RINGS["energy"],), constants={"energy": 1.0})


@pytest.mark.parametrize("constants", [{}, {"particles": 3.0, "mass": 1.0}])
def test_every_condition_has_its_constant(constants):
    with pytest.raises(ValueError, match="a constant for each condition"):
        replace(RINGS, constants=constants)


def test_names_inside_a_schema_are_those_of_its_columns():
    with pytest.raises(ValueError, match="sides to name a condition, got 'length'"):
        replace(RINGS, domain=replace(RINGS.domain, sides=("length",)))
    with pytest.raises(ValueError, match="integral to name a condition, got 'energy'"):
        with_column(RINGS, "charge", integral="energy")
    with pytest.raises(ValueError, match="error_of to name a column, got 'gap'"):
        with_column(RINGS, "energy_error", error_of="gap")
    with pytest.raises(ValueError, match="hard_by to name a column, got 'gap'"):
        replace(RINGS, hard_by="gap")
    assert with_column(RINGS, "charge", integral="coupling").hard_by is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"axes": ("x",)}, "points for each axis"),
        ({"axes": (), "shape": ()}, "points for each axis"),
        ({"sides": ("a",)}, "points for each axis"),
        ({"boundary": "open"}, "walls or periodic, got 'open'"),
    ],
)
def test_domains_that_are_none_are_named(changes, said):
    with pytest.raises(ValueError, match=f"schema: .*{said}"):
        replace(SQUARE, **changes)


def test_coordinates_of_walls_are_the_middles_of_cells():
    found = SQUARE.coordinates({"a": 8.0, "b": 4.0})
    assert found == {"x": [1.0, 3.0, 5.0, 7.0], "y": [0.25 + 0.5 * i for i in range(8)]}


def test_coordinates_of_a_periodic_lattice_are_its_sites():
    assert RINGS.domain.coordinates({}) == {"site": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}
    assert RINGS.domain.lengths({}) == (6.0,)


def test_a_resized_domain_keeps_all_else():
    assert SQUARE.resized([2, 3]) == replace(SQUARE, shape=(2, 3))


def test_columns_are_found_by_name_and_role():
    assert RINGS["particles"].symbol == "N" and RINGS["energy"].extensive
    assert [c.name for c in RINGS.of_role("field")] == ["spins", "charge"]
    assert [c.name for c in RINGS.given] == ["particles", "coupling"]
    assert RINGS.error_column("energy").name == "energy_error" and RINGS.error_column("walls") is None


def test_an_unknown_column_is_named_with_those_that_can_be_learned():
    with pytest.raises(ValueError) as caught:
        RINGS["entropy"]
    assert "spin rings have no 'entropy'" in str(caught.value)
    assert str(caught.value).endswith("choose from spins, charge, energy, magnetisation, phase, walls")


def test_the_kind_decides_on_heads_and_measures():
    kinds = {c.name: c.kind for c in RINGS.columns}
    assert kinds["spins"] == "field" and kinds["charge"] == "density"
    assert (kinds["energy"], kinds["phase"], kinds["walls"]) == ("scalar", "class", "counts")


def test_shapes_of_one_sample():
    shapes = {c.name: RINGS.shape(c) for c in RINGS.columns}
    assert shapes["spins"] == (6,) and shapes["energy"] == () and shapes["levels"] == (-1,)


def test_units_and_their_small_ones():
    assert RINGS.unit(RINGS["energy"]) == "eV" and RINGS.unit(RINGS["walls"]) == ""
    assert RINGS.small_unit(RINGS["energy"]) == (1e3, "meV") and RINGS.small_unit(RINGS["walls"]) == (1.0, "")


def test_symbols_are_tex():
    assert RINGS["charge"].tex == r"\rho"
    assert Column("a_b", "scalar").tex == r"\mathrm{a\_b}"


def test_numbers_of_samples_in_words():
    assert [RINGS.count(n) for n in (0, 1, 2)] == ["0 rings", "1 ring", "2 rings"]


def test_a_changed_column_is_another_schema():
    assert with_column(RINGS, "energy", extensive=False) != RINGS


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0123, "1.2 %"),
        (0.994, "99 %"),
        (0.996, "100 %"),
        (1.234, "120 %"),
        (56.7, "5700 %"),
        (4e-7, "4e-05 %"),
        (0, "0 %"),
    ],
)
def test_percents_have_two_digits_and_no_large_powers(share, text):
    assert in_percent(share) == text
