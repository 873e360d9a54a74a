"""A user's own fields: what is refused, what is remarked, and what raises no remark."""

from dataclasses import replace

import numpy as np
import pytest
from small import SMALL_ISING, configuration, evaluation

from qd_pix2pix.inference.inputs import check_fields, compare_with_training, conditions_of
from qd_pix2pix.inference.own_files import read_samples
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.training.settings import make_card


@pytest.fixture(scope="module")
def trained(small_run):
    """Predictor and card."""
    return load_predictor(small_run / "checkpoints" / "best.ckpt")


@pytest.fixture(scope="module")
def inverse(trained):
    """As if it predicted the potential of a density."""
    card = replace(trained[1], mapping={"source": "n_int", "target": "V", "also": []})
    return Predictor(card), card


@pytest.fixture(scope="module")
def several(trained):
    """As if it were given the potential and the density without interaction."""
    card = replace(trained[1], mapping={"source": ["V", "n0"], "target": "n_int", "also": []})
    return Predictor(card), card


@pytest.fixture(scope="module")
def ranged(range_run):
    return load_predictor(range_run / "checkpoints" / "best.ckpt")


def read(tmp_path, values, trained, **conditions):
    """Fields and remarks, as ``evaluate`` comes to them."""
    predictor, card = trained
    np.save(tmp_path / "x.npy", values)
    (fields,) = read_samples(tmp_path / "x.npy", predictor).fields.values()
    known = conditions_of(predictor, fields.shape[1:], conditions)
    return fields, compare_with_training({predictor.mapping.sources[0]: fields}, card, known)


def columns(store, name, split="train"):
    return store.split(split).load([name])[name]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((16, 16)), r"\(16, 16\).*\(32, 32\)"),
        (np.zeros((2, 2, 32, 32)), "shape"),
        (np.zeros((0, 32, 32)), "shape"),
        (np.zeros((32, 16)), "as many points along x and y"),
        (np.full((32, 32), np.nan), "NaN"),
        (np.array([["a"]]), "numbers"),
        (np.array([{"V": 1}], dtype=object), "holds Python objects"),
        (np.zeros((32, 32), dtype=complex), "real numbers"),
    ],
)
def test_what_is_no_sample_is_refused(trained, tmp_path, values, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, values, trained)


@pytest.mark.parametrize("values", [None, [[0.0, 1.0], [2.0, 3.0]], "V"])
def test_what_is_no_array_is_refused(trained, values):
    with pytest.raises(ValueError, match="V of real numbers"):
        check_fields({"V": values}, trained[0].schema)


@pytest.mark.parametrize("dtype", ["f4", "i8", "u1"])
def test_numbers_of_every_kind_become_doubles(trained, dtype):
    fields = check_fields({"V": np.arange(9).reshape(3, 3).astype(dtype)}, trained[0].schema)["V"]
    assert fields.dtype == np.float64 and fields.shape == (1, 3, 3) and fields[0, 2, 1] == 7.0


def test_masked_points_are_refused(trained):
    values = np.ma.masked_array(np.zeros((4, 4)), np.eye(4))
    with pytest.raises(ValueError, match="V has masked points; fill them"):
        check_fields({"V": values}, trained[0].schema)
    unmasked = check_fields({"V": np.ma.masked_array(np.ones((4, 4)), False)}, trained[0].schema)["V"]
    assert type(unmasked) is np.ndarray and (unmasked == 1).all()


@pytest.mark.parametrize("name", ["dots.png", "dots.xyz", "dots"])
def test_a_file_of_another_kind_is_named_with_what_is_expected(trained, tmp_path, name):
    (tmp_path / name).write_text("0.1,0.2\n0.3,0.4\n")
    with pytest.raises(ValueError, match=rf"expected a file \.npy, \.npz, .*; got .*{name}; convert it first"):
        read_samples(tmp_path / name, trained[0])


def test_a_table_under_the_name_of_an_array_is_refused(trained, tmp_path):
    (tmp_path / "dots.npy").write_text("0.1,0.2\n0.3,0.4\n")
    with pytest.raises(ValueError, match=r"dots\.npy is damaged, or holds Python objects"):
        read_samples(tmp_path / "dots.npy", trained[0])


def test_several_sources_come_in_one_file(several, small_store, tmp_path):
    given = small_store.split("train").load(["V", "n0"])
    np.savez(tmp_path / "dots.npz", **given)
    fields = read_samples(tmp_path / "dots.npz", several[0]).fields
    for name, values in given.items():
        np.testing.assert_array_equal(fields[name], values)
    known = conditions_of(several[0], (32, 32), {})
    assert compare_with_training(fields, several[1], known) == []


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"V": (32, 32)}, r"expected an array named n0; got V \(32, 32\)"),
        ({"U": (32, 32), "n0": (32, 32)}, r"expected an array named V; got U \(32, 32\), n0"),
        ({"V": (2, 32, 32), "n0": (3, 32, 32)}, "sources of the same shape"),
    ],
)
def test_sources_that_do_not_fit_together_are_refused(several, tmp_path, arrays, message):
    np.savez(tmp_path / "dots.npz", **{name: np.zeros(shape) for name, shape in arrays.items()})
    with pytest.raises(ValueError, match=message):
        read_samples(tmp_path / "dots.npz", several[0])


def test_messages_are_in_the_units_of_training(trained, small_store, tmp_path):
    schema = trained[1].schemas[0] | {"units": {"length": "bohr", "energy": "hartree", "density": "bohr^-2"}}
    card = replace(trained[1], schemas=[schema])
    atomic = Predictor(card), card
    with pytest.raises(ValueError, match=r"points 0\.75 bohr apart, 24 bohr for 32 points; got 30"):
        read(tmp_path, np.zeros((32, 32)), atomic, extent=30.0)
    V = columns(small_store, "V", "test")
    with pytest.raises(ValueError, match="expected V in hartree, in training .* hartree; got"):
        read(tmp_path, 1000 * V, atomic)
    assert "hartree" in read(tmp_path, 1.5 * V, atomic)[1][0]


@pytest.mark.parametrize("factor", [1000.0, 1 / 1000, 1 / 27.2114 / 10])
def test_another_unit_is_noticed(trained, small_store, tmp_path, factor):
    with pytest.raises(ValueError, match="another unit"):
        read(tmp_path, factor * columns(small_store, "V", "test"), trained)


def test_samples_like_those_of_training_raise_no_remark(trained, small_store, tmp_path):
    values, remarks = read(tmp_path, columns(small_store, "V"), trained)
    assert len(values) == 12 and remarks == []


def test_a_negative_density_is_refused(inverse, small_store, tmp_path):
    with pytest.raises(ValueError, match="a density is never negative"):
        read(tmp_path, -columns(small_store, "n_int"), inverse)


def test_a_density_of_another_charge_is_remarked(inverse, small_store, tmp_path):
    n = columns(small_store, "n_int")
    assert read(tmp_path, n, inverse)[1] == []
    assert "mean n_int" in read(tmp_path, 0.9 * n, inverse)[1][0]


def test_a_density_in_a_larger_square_is_thinner(inverse, small_store, tmp_path):
    """With emptiness around it, it holds the same charge: that is no remark, the size of the square is one."""
    n = np.pad(columns(small_store, "n_int"), ((0, 0), (16, 16), (16, 16)))
    assert read(tmp_path, n, inverse)[1] == ["extent is 48 nm, in training 24"]


def test_samples_outside_the_training_range_are_remarked(trained, small_store, tmp_path):
    V = columns(small_store, "V")
    remarks = read(tmp_path, 1.5 * V, trained)[1]
    assert any("leave the range of V in training" in r and "of 12 dots" in r for r in remarks)
    (remark,) = read(tmp_path, V[:1] * 0.02 + V.max() * 0.5, trained)[1]
    assert remark.startswith("1 of 1 dot have a mean V")


def test_more_points_are_a_larger_square(trained):
    known = conditions_of(trained[0], (64, 64), {})
    assert known == {"n_electrons": 2.0, "m_eff": 0.067, "eps_r": 12.9, "extent": 48.0}
    given = {"n_electrons": 2, "material": "gaas", "extent": 48.0}
    assert conditions_of(trained[0], (64, 64), given) == known, "given by name it is the same"
    assert trained[0].schema.constants["extent"] == 24.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_electrons": 3}, "n_electrons: .*2 only, got 3"),
        ({"material": "si"}, r"material: .*(m_eff = 0\.067|eps_r = 12\.9) only, got"),
        ({"material": "gold"}, "material.*gaas.*gold"),
        ({"material": ["gaas"]}, "material.*gaas"),
        ({"extent": 30.0}, r"extent: .*0\.75 nm apart.* 24 nm .*got 30"),
        ({"temperature": 4.2}, "temperature: .*no such condition; they have n_electrons, .*material"),
    ],
)
def test_conditions_that_the_network_was_not_trained_for_are_refused(trained, given, message):
    with pytest.raises(ValueError, match=message):
        conditions_of(trained[0], (32, 32), given)


def test_a_range_takes_its_members_and_remarks_on_others(ranged, small_store, tmp_path):
    V = columns(small_store, "V")
    for n_electrons in (1, 2):
        assert read(tmp_path, V, ranged, n_electrons=n_electrons)[1] == []
    assert read(tmp_path, V, ranged, n_electrons=3)[1] == ["n_electrons is 3, in training 1 ... 2"]
    with pytest.raises(ValueError, match="material: the network was trained for"):
        read(tmp_path, V, ranged, n_electrons=1, material="si")
    with pytest.raises(ValueError, match="n_electrons: the network was trained for several"):
        read(tmp_path, V, ranged)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_electrons", v) for v in (0, -1, 1.5, "two", True, [1])]
    + [("extent", v) for v in (0.0, -24.0, "far", np.nan, np.inf)]
    + [("m_eff", v) for v in (0.0, -1, "heavy")],
)
def test_conditions_that_no_sample_has_are_named(ranged, name, value):
    """Also by a network that was trained for a range of them."""
    with pytest.raises(ValueError, match=name):
        conditions_of(ranged[0], (32, 32), {"n_electrons": 1, name: value})


def test_a_bad_file_ends_evaluate_with_one_message(small_run, data_root, tmp_path):
    from qd_pix2pix.evaluation.evaluate import evaluate

    (tmp_path / "dots.csv").write_text("0.1,0.2\n")
    with pytest.raises(ValueError, match="as many points along x and y, got shape"):
        evaluate(evaluation(small_run, data_root, tmp_path / "out", input=str(tmp_path / "dots.csv")))


def test_evaluate_records_units_and_resampling_of_a_file(small_run, data_root, tmp_path, capsys):
    from qd_pix2pix.evaluation.evaluate import evaluate
    from qd_pix2pix.evaluation.record import Evaluation
    from qd_pix2pix.reports.run_page import write_run_page

    x = np.linspace(0, 24.0, 41)
    V = 300 * np.sin(np.pi * x / 24.0)[:, None] * np.sin(np.pi * x / 24.0)
    np.savez(tmp_path / "dots.npz", potential=V, x=x, y=x)
    change = {"input": str(tmp_path / "dots.npz"), "unit": "meV"}
    (folder,) = evaluate(evaluation(small_run, data_root, tmp_path / "out", **change))
    record = Evaluation.read(folder)
    unit, side, resampled = record.notes
    assert (unit, side) == ("potential in meV", "a side of 24 nm between outermost points")
    assert resampled.startswith("resampled from 41 \u00d7 41 to 32 \u00d7 32 points, error of a round trip ")
    assert f"{unit}, {side}, {resampled}" in capsys.readouterr().out
    assert f"The file: {unit}, {side}, {resampled}." in write_run_page(folder).read_text()


def test_levels_are_those_of_a_size(ising_store):
    """An EDNN takes lattices of any size; their levels have other numbers, and energies per site have not."""
    spins = {"spins": np.random.default_rng(0).choice([-1.0, 1.0], (4, 16, 16))}
    for words, remarked in ((["experiment=ising_levels", "network=ednn"], True), (["experiment=ising_energy"], False)):
        card = make_card(configuration("train", *words, *SMALL_ISING), [ising_store])
        said = " ".join(compare_with_training(spins, card, {}))
        assert ("the lattice has 16 × 16 points, in training 8 along each axis" in said) == remarked
