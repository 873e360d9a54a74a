"""A user's own fields: what is refused, what is remarked, and what nothing is said of."""

import numpy as np
import pytest

from qd_pix2pix.inference.inputs import check_fields, compare_with_training, read_fields, recipe_of_dots
from qd_pix2pix.mapping import Mapping
from qd_pix2pix.training.checkpoint import load_model


@pytest.fixture
def model(small_run):
    return load_model(small_run / "checkpoints" / "best.ckpt")


@pytest.fixture
def inverse(model):
    """As if it were asked for the potential of a density."""
    model.mapping = Mapping("n_int", "V").fit(model.card["statistics"])
    return model


@pytest.fixture
def ranged(range_run):
    return load_model(range_run / "checkpoints" / "best.ckpt")


def read(tmp_path, values, model, n_electrons=None, material=None, extent=None):
    """Fields and remarks, as ``evaluate`` comes to them."""
    np.save(tmp_path / "x.npy", values)
    fields = read_fields(tmp_path / "x.npy")
    recipe = recipe_of_dots(model, fields.shape[-1], n_electrons, material, extent)
    return fields, compare_with_training(fields, model, recipe)


def columns(store, name, split="train"):
    return store.split(split).load([name])[name]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((16, 16)), r"\(32, 32\)"),
        (np.zeros((2, 2, 32, 32)), "shape"),
        (np.zeros((0, 32, 32)), "shape"),
        (np.zeros((32, 16)), "shape"),
        (np.full((32, 32), np.nan), "NaN"),
        (np.array([["a"]]), "numbers"),
        (np.array([{"V": 1}], dtype=object), "no .npy file"),
        (np.zeros((32, 32), dtype=complex), "real numbers"),
        (np.zeros((32, 32), dtype=bool), "real numbers"),
    ],
)
def test_what_is_no_dot_is_refused(model, tmp_path, values, said):
    with pytest.raises(ValueError, match=said):
        read(tmp_path, values, model)


@pytest.mark.parametrize("values", [None, [[0.0, 1.0], [2.0, 3.0]], "V"])
def test_what_is_no_array_is_refused(values):
    with pytest.raises(ValueError, match="array of real numbers"):
        check_fields(values)


@pytest.mark.parametrize("dtype", ["f4", "i8", "u1"])
def test_numbers_of_every_kind_become_doubles(dtype):
    fields = check_fields(np.arange(9).reshape(3, 3).astype(dtype))
    assert fields.dtype == np.float64 and fields.shape == (1, 3, 3) and fields[0, 2, 1] == 7.0


def test_what_is_said_of_a_dot_is_in_the_units_of_training(model, small_store, tmp_path):
    recipe = model.card["recipes"][0] | {"material": {"m_eff": 1.0, "eps_r": 1.0, "units": "bohr, hartree"}}
    model.card = model.card | {"recipes": [recipe]}
    with pytest.raises(ValueError, match=r"square of 24 bohr.* 0\.75 bohr"):
        read(tmp_path, np.zeros((16, 16)), model)
    V = columns(small_store, "V", "test")
    with pytest.raises(ValueError, match="expected V in hartree, in training .* hartree; got"):
        read(tmp_path, 1000 * V, model)
    assert "hartree" in read(tmp_path, 1.5 * V, model)[1][0]


@pytest.mark.parametrize("factor", [1000.0, 1 / 1000, 1 / 27.2114 / 10])
def test_another_unit_is_noticed(model, small_store, tmp_path, factor):
    with pytest.raises(ValueError, match="another unit"):
        read(tmp_path, factor * columns(small_store, "V", "test"), model)


def test_dots_like_those_of_training_raise_no_remark(model, small_store, tmp_path):
    values, remarks = read(tmp_path, columns(small_store, "V"), model)
    assert len(values) == 12 and remarks == []


def test_a_negative_density_is_refused(inverse, small_store, tmp_path):
    with pytest.raises(ValueError, match="never negative"):
        read(tmp_path, -columns(small_store, "n_int"), inverse)


def test_a_density_of_another_charge_is_told(inverse, small_store, tmp_path):
    n = columns(small_store, "n_int")
    assert read(tmp_path, n, inverse)[1] == []
    assert "mean n_int" in read(tmp_path, 0.9 * n, inverse)[1][0]


def test_a_density_in_a_larger_square_is_thinner(inverse, small_store, tmp_path):
    """With emptiness around it, it holds the same charge: that is no remark, the size of the square is one."""
    n = np.pad(columns(small_store, "n_int"), ((0, 0), (16, 16), (16, 16)))
    remarks = read(tmp_path, n, inverse)[1]
    assert len(remarks) == 1 and "side of 48 nm, in training 24" in remarks[0]


def test_dots_outside_the_training_range_are_told(model, small_store, tmp_path):
    V = columns(small_store, "V")
    remarks = read(tmp_path, 1.5 * V, model)[1]
    assert any("leave the range" in r for r in remarks)
    assert read(tmp_path, np.broadcast_to(V[:1] * 0.02, (1, 32, 32)) + V.max() * 0.5, model)[1]


def test_more_points_are_a_larger_square(model):
    recipe = recipe_of_dots(model, 64, None, None, None)
    assert recipe["grid"]["n"] == 64 and recipe["grid"]["extent"] == 48.0
    assert model.card["recipes"][0]["grid"] | {"n": 32, "extent": 24.0} == model.card["recipes"][0]["grid"]
    assert recipe_of_dots(model, 64, 2, "gaas", 48.0) == recipe, "said in words it is the same"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"n_electrons": 3}, "n_electrons: .*2 only, got 3"),
        ({"material": "si"}, "m_eff: .*0.067 only, got 0.19"),
        ({"material": "gold"}, "material.*gaas.*gold"),
        ({"extent": 30.0}, r"extent: .*0\.75 nm apart.* 24 nm .*got 30"),
    ],
)
def test_dots_that_the_network_was_not_trained_for_are_refused(model, words, said):
    with pytest.raises(ValueError, match=said):
        recipe_of_dots(model, 32, **({"n_electrons": None, "material": None, "extent": None} | words))


def test_a_range_takes_its_members_and_tells_of_others(ranged, small_store, tmp_path):
    V = columns(small_store, "V")
    for n_electrons in (1, 2):
        assert read(tmp_path, V, ranged, n_electrons)[1] == []
    assert read(tmp_path, V, ranged, 3)[1] == ["n_electrons is 3, in training 1 ... 2"]
    with pytest.raises(ValueError, match="m_eff: .*0.067 only"):
        read(tmp_path, V, ranged, 1, material="si")
    with pytest.raises(ValueError, match="n_electrons: the network was trained for several"):
        read(tmp_path, V, ranged, None)


@pytest.mark.parametrize(
    ("word", "value"),
    [("n_electrons", v) for v in (0, -1, 1.5, "two", True)] + [("extent", v) for v in (0.0, -24.0, "far")],
)
def test_facts_that_no_dot_has_are_named(ranged, word, value):
    """Also by a network that was trained for a range of them."""
    with pytest.raises(ValueError, match=word):
        recipe_of_dots(ranged, 32, **({"n_electrons": None, "material": None, "extent": None} | {word: value}))
