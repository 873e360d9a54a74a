"""Files with units and coordinates on the way into a network: what is converted, what is resampled, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from qd_pix2pix.inference.inputs import conditions_of
from qd_pix2pix.inference.own_files import Reading, read_samples, with_sides
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.predictor import Predictor

SIDE = 24.0


@pytest.fixture(scope="module")
def trained(small_run):
    return load_predictor(small_run / "checkpoints" / "best.ckpt")[0]


@pytest.fixture(scope="module")
def inverse(small_run):
    card = load_predictor(small_run / "checkpoints" / "best.ckpt")[1]
    return Predictor(replace(card, mapping={"source": "n_int", "target": "V", "also": []}))


@pytest.fixture(scope="module")
def several_sides(small_run):
    """As if it had been trained on squares of 20 and 24 nm."""
    card = load_predictor(small_run / "checkpoints" / "best.ckpt")[1]
    schema = card.schemas[0]
    other = schema | {"constants": schema["constants"] | {"extent": 20.0}}
    network = card.network | {}
    return replace(card, schemas=[other, schema], network=network)


@pytest.fixture(scope="module")
def dot(small_store):
    return small_store.split("test").load(["V"])["V"][0]


def table(path, values, side=SIDE, head="x[nm],y[nm],V[eV]\n", scale=1.0, shift=0.0):
    """A file of points in any order."""
    n = len(values)
    x, y = np.meshgrid((np.arange(n) + 0.5) * side / n, (np.arange(n) + 0.5) * side / n, indexing="ij")
    lines = np.c_[x.ravel() + shift, y.ravel() + shift, scale * values.ravel()][
        np.random.default_rng(0).permutation(n * n)
    ]
    path.write_text(head + "\n".join(",".join(f"{v:.17g}" for v in line) for line in lines))
    return path


def test_points_in_the_units_of_the_file_are_those_of_an_array(trained, dot, tmp_path):
    np.save(tmp_path / "dot.npy", dot)
    plain = read_samples(tmp_path / "dot.npy", trained)
    assert plain.sides == {} and plain.notes == []
    found = read_samples(table(tmp_path / "dot.csv", dot, head="x[nm],y[nm],V[meV]\n", scale=1000.0), trained)
    np.testing.assert_allclose(found.fields["V"], plain.fields["V"], rtol=1e-14)
    assert found.sides == {"extent": SIDE} and found.notes == ["V in meV", "a side of 24 nm from centres of cells"]
    found = read_samples(table(tmp_path / "dot.csv", dot, head="x,y,V\n"), trained)
    np.testing.assert_array_equal(found.fields["V"], plain.fields["V"])


def test_options_replace_the_units_of_the_file(trained, dot, tmp_path):
    path = table(tmp_path / "dot.csv", dot, SIDE / 1000, "x[nm],y[nm],V[meV]\n")
    with pytest.raises(ValueError, match="side of 0.024, in training 24. Is length_unit another one"):
        read_samples(path, trained)
    found = read_samples(path, trained, Reading(unit="eV", length_unit="um"))
    np.testing.assert_array_equal(found.fields["V"][0], dot)
    with pytest.raises(ValueError, match="unit: expected eV, meV, J, hartree; got 'nm'$"):
        read_samples(path, trained, Reading(unit="nm", length_unit="um"))
    strange = table(tmp_path / "strange.csv", dot, head="x[nm],y[nm],V[1/nm]\n")
    with pytest.raises(ValueError, match=r"got '1/nm' in .*strange.csv, which unit=UNIT replaces"):
        read_samples(strange, trained)


def test_columns_are_selected_and_other_quantities_are_not_taken(trained, inverse, dot, tmp_path):
    table(tmp_path / "U.csv", dot, head="x,y,U\n")
    assert read_samples(tmp_path / "U.csv", trained).fields["V"].shape == (1, 32, 32)
    assert read_samples(tmp_path / "U.csv", trained, Reading(column="u")).fields["V"].shape == (1, 32, 32)
    with pytest.raises(ValueError, match=r"column: .* they are U \(32, 32\); got 'W' in .*U.csv"):
        read_samples(tmp_path / "U.csv", trained, Reading(column="W"))
    table(tmp_path / "V.csv", dot)
    with pytest.raises(ValueError, match=r"expected an array named n_int; got V \(32, 32\). Give column=NAME"):
        read_samples(tmp_path / "V.csv", inverse)


def test_densities_in_other_units(inverse, small_store, tmp_path):
    density = small_store.split("test").load(["n_int"])["n_int"][0].astype(float)
    path = table(tmp_path / "n.csv", density, head="x[nm],y[nm],n_int[cm^-2]\n", scale=1e14)
    np.testing.assert_allclose(read_samples(path, inverse).fields["n_int"][0], density, rtol=1e-12)


def test_other_numbers_of_points_are_resampled_and_the_error_is_stated(trained, tmp_path):
    def smooth(n):
        x = (np.arange(n) + 0.5) / n
        return 0.2 * np.sin(np.pi * x)[:, None] * np.sin(2 * np.pi * x)

    found = read_samples(table(tmp_path / "dot.csv", smooth(50)), trained)
    assert np.abs(found.fields["V"][0] - smooth(32)).max() < 1e-3
    assert "resampled from 50 \u00d7 50 to 32 \u00d7 32 points, error of a round trip" in found.notes[1]
    with pytest.raises(ValueError, match=r"input: .*dot.csv has 50 × 50 cells instead of 32 × 32"):
        read_samples(tmp_path / "dot.csv", trained, Reading(resample=False))
    assert read_samples(table(tmp_path / "large.csv", smooth(48), 36.0), trained).fields["V"].shape == (1, 48, 48)


def test_the_side_of_the_file_is_a_condition_where_it_varies(several_sides, dot, tmp_path):
    predictor = Predictor(several_sides)
    own = read_samples(table(tmp_path / "dot.csv", dot[:, :], 22.0), predictor)
    assert own.sides == {"extent": 22.0} and own.fields["V"].shape == (1, 32, 32)
    assert conditions_of(predictor, (32, 32), with_sides(predictor, {}, own.sides))["extent"] == 22.0
    table(tmp_path / "around.csv", dot, 22.0, shift=-11.0)
    around = read_samples(tmp_path / "around.csv", predictor)
    assert (
        around.sides["extent"] == pytest.approx(22 * 31 / 32)
        and "with points=centres the side along x would be 22 nm" in (around.notes[0])
    )
    assert read_samples(tmp_path / "around.csv", predictor, Reading(points="centres")).sides == {"extent": 22.0}
    with pytest.raises(ValueError, match="extent: the coordinates of the file give 22 nm; got 24"):
        with_sides(predictor, {"extent": 24}, own.sides)
    assert with_sides(predictor, {"extent": np.float32(22.0)}, own.sides) == {"extent": 22.0}


@pytest.mark.parametrize("option", [{"length_unit": "nm"}, {"points": "nodes"}, {"resample": True}])
def test_options_of_coordinates_need_coordinates(trained, dot, tmp_path, option):
    np.save(tmp_path / "dot.npy", dot)
    with pytest.raises(ValueError, match=f"{next(iter(option))}: .*no coordinates x and y"):
        read_samples(tmp_path / "dot.npy", trained, Reading(**option))


def test_values_that_are_not_finite_are_counted(trained, dot, tmp_path):
    broken = dot.copy()
    broken[3, 4:6] = np.nan
    np.save(tmp_path / "dot.npy", broken)
    for path in (table(tmp_path / "dot.csv", broken), tmp_path / "dot.npy"):
        message = rf"{path.name}: 2 values of \w+ are NaN or infinite; write what is there, such as a high step"
        with pytest.raises(ValueError, match=message):
            read_samples(path, trained)
