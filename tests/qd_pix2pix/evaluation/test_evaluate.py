"""Evaluation of splits and of a user's own samples, and the pages that show it."""

import base64
import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import xarray
from small import SMALL_DATA, configuration, evaluation

from qd_pix2pix.evaluation.evaluate import evaluate as evaluate_all
from qd_pix2pix.evaluation.evaluate import run_of
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.evaluation.verification import Verification
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.reports.run_page import show, write_run_page
from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems import make_recipe
from solvers import Grid, Material, solve


@pytest.fixture
def settings(small_run, data_root, tmp_path):
    return evaluation(small_run, data_root, tmp_path / "out")


def evaluate(settings):
    """As the program does: results, then the page, which is returned."""
    run = None if settings["input"] else run_of(Path(settings["checkpoint"] or ""))
    return [show(folder, run) for folder in evaluate_all(settings)][-1]


def best(run):
    return str(run / "checkpoints" / "best.ckpt")


@pytest.fixture
def own_dots(small_store, tmp_path):
    V = small_store.split("test").load(["V"])["V"][:3]
    path = tmp_path / "my_dots.npy"
    np.save(path, V)
    return path


def test_measures_are_in_physical_units(settings, small_store, tmp_path):
    evaluate(settings)
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    with h5py.File(tmp_path / "out" / "predictions.h5") as file:
        names = ("predicted/n_int", "reference/n_int")
        predicted, target = (file[name][...].astype(np.float64) for name in names)
    exact = small_store.split("test").load(["n_int"])["n_int"]
    np.testing.assert_allclose(target, exact, rtol=1e-6)
    cell = (24.0 / 32) ** 2
    displaced = np.abs(predicted - exact).sum((1, 2)) * cell / 2
    assert record["measures"]["nmae"]["mean"] == pytest.approx(displaced.mean(), rel=1e-5)
    ss_res, ss_tot = ((exact - predicted) ** 2).sum(), ((exact - exact.mean(0)) ** 2).sum()
    assert record["measures"]["r2"] == pytest.approx(1 - ss_res / ss_tot, rel=1e-4)
    assert record["samples"] == 5


def test_validation_while_training_equals_evaluation(settings, small_run):
    from qd_pix2pix.reports.history import read_history

    page = evaluate(settings | {"split": "val"})
    record = json.loads((page.parent / "metrics.json").read_text())
    history = read_history(small_run)
    best = max(range(len(history["val/r2"][1])), key=lambda i: history["val/r2"][1][i])
    assert record["measures"]["r2"] == pytest.approx(history["val/r2"][1][best], rel=1e-3)
    assert record["measures"]["mssim"]["mean"] == pytest.approx(history["val/mssim"][1][best], rel=1e-3, abs=1e-5)


def test_predictions_open_in_xarray(settings, tmp_path):
    evaluate(settings)
    with xarray.open_dataset(tmp_path / "out" / "predictions.h5", engine="h5netcdf") as data:
        assert data.sample.size == 5 and data.x.units == "nm"
    for group, name, unit in (("predicted", "n_int", "nm^-2"), ("given", "V", "eV"), ("reference", "n_int", "nm^-2")):
        with xarray.open_dataset(tmp_path / "out" / "predictions.h5", engine="h5netcdf", group=group) as data:
            assert data[name].dims == ("sample", "x", "y") and data[name].units == unit


def flipped(path, names, count):
    """Flip one bit in the stored values of the named arrays, again and again; the file is whole afterwards."""
    content, rng = path.read_bytes(), np.random.default_rng(0)
    with h5py.File(path) as file:
        chunks = [(name, file[name].id.get_chunk_info(0)) for name in names]
    for _ in range(count):
        name, chunk = chunks[rng.integers(len(chunks))]
        place, bit = chunk.byte_offset + int(rng.integers(chunk.size)), int(rng.integers(8))
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        yield name, place
    path.write_bytes(content)


@pytest.mark.parametrize("what", ["values", "anywhere"])
def test_one_flipped_bit_in_the_predictions_is_found(settings, tmp_path, what):
    evaluate_all(settings)
    path = tmp_path / "out" / "predictions.h5"
    whole = Predictions.read(path)
    names = ("given/V", "predicted/n_int", "reference/n_int", "conditions/extent", "measures/n_int/nmae", "hard_by")
    if what == "values":
        for name, place in flipped(path, names, 40):
            with pytest.raises(ValueError, match=r"predictions: .*predictions\.h5 is damaged"):
                Predictions.read(path)
                raise AssertionError((name, place))
        return
    content, rng = path.read_bytes(), np.random.default_rng(1)
    for place in rng.integers(0, len(content), 60):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:  # holes and unused entries of the file hold nothing
            found = Predictions.read(path)
        except ValueError as error:
            assert "predictions.h5 is damaged" in str(error)
        else:
            assert same(found, whole), place


def same(found, whole):
    """Whether two predictions hold the same."""

    def flat(p):
        measures = {f"{n} {m}": v for n, found in p.measures.items() for m, v in found.items()}
        groups = {
            "given": p.given,
            "predicted": p.predicted,
            "reference": p.reference,
            "of": p.conditions,
            "m": measures,
        }
        values = {f"{g} {n}": v for g, group in groups.items() for n, v in group.items()}
        return values | {"sample": p.sample, "hard_by": p.hard_by}

    a, b = flat(found), flat(whole)
    is_same = found.schema == whole.schema and a.keys() == b.keys()
    return is_same and all(np.array_equal(a[name], b[name]) for name in a)


def test_one_changed_letter_in_the_record_is_found(settings, tmp_path):
    evaluate_all(settings)
    path = tmp_path / "out" / "metrics.json"
    content, rng = path.read_bytes(), np.random.default_rng(0)
    whole = Evaluation.read(path.parent)
    for place in rng.integers(0, len(content), 150):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(7))
        path.write_bytes(damaged)
        try:
            found = Evaluation.read(path.parent)
        except ValueError as error:
            assert "metrics.json is damaged" in str(error)
        else:  # a space between two values
            assert found == whole


WIRES = Schema(
    "wires", "wire",
    (
        Column("V", "field", "f8", "energy", "V", "potential"),
        Column("n", "field", "f8", "density", "n", "density", 0.0, integral="N"),
        Column("energy", "scalar", "f8", "energy", "E", "energy"),
        Column("phase", "class", "i8", None, "", "phase", classes=3),
        Column("nodes", "counts", "i8", None, "", "nodes of the ground state", 0.0),
    ),
    Domain(("x",), (16,), ("L",), "walls", "line"),
    (Column("N", "condition"), Column("L", "condition", quantity="length")),
    {"N": 2.0, "L": 8.0},
    {"length": "nm", "energy": "eV", "density": "nm^-1"},
)  # fmt: skip


def wire_results(folder, outputs, record, size=12):
    """Results of samples in one dimension with these outputs, as an evaluation writes them."""
    rng = np.random.default_rng(0)
    reference = {
        "n": rng.uniform(size=(size, 16)), "energy": rng.normal(size=size), "phase": np.arange(size) % 3,
        "nodes": rng.integers(0, 4, size),
    }  # fmt: skip
    predicted = {"n": reference["n"] * 1.1, "energy": reference["energy"] + 0.1, "phase": np.arange(size) * 2 % 3}
    predicted["nodes"] = reference["nodes"] + 0.2
    from qd_pix2pix.evaluation.measures import Context, sample_measures, summarise

    measures, summaries = {}, {}
    for name in outputs:
        kind = WIRES[name].kind
        measures[name] = sample_measures(kind, predicted[name], reference[name], Context(1.0, 0.25))
        summaries[name] = summarise(kind, predicted[name], reference[name], measures[name])
    constants = {name: np.full(size, value) for name, value in WIRES.constants.items()}
    Predictions(
        WIRES, ("V",), outputs, {"V": rng.normal(size=(size, 16))}, {n: predicted[n] for n in outputs},
        np.arange(size), constants, {n: reference[n] for n in outputs}, None, measures,
    ).write(folder / "predictions.h5")  # fmt: skip
    card = record.model | {"schemas": [WIRES.to_dict()], "recipes": [{"train": 1}]}
    card["mapping"] = {"source": "V", "target": outputs[0], "also": list(outputs[1:])}
    Evaluation(
        "wires", size, "wires of the test split", "x.ckpt", summaries[outputs[0]],
        {n: summaries[n] for n in outputs[1:]}, WIRES.to_dict(), {}, card, record.provenance,
    ).write(folder)  # fmt: skip
    return write_run_page(folder).read_text()


@pytest.mark.parametrize(
    ("outputs", "parts", "pictures"),
    [
        (("n",), ("Typical wires by NMAE", "Worst wires", "|∫n − N| / N"), 4),
        (
            ("energy", "nodes"),
            ("<td>|error|</td>", "nodes, |error|", "100 meV", "<figcaption>Worst wires by |error|: potential."),
            7,
        ),
        (
            ("phase", "n"),
            ("accuracy", "n, NMAE", "n of the typical wire", "<figcaption>Confusion matrix of phase", "Misclassified"),
            4,
        ),
        (
            ("nodes", "phase", "energy"),
            ("exact", "100 %", "phase, accuracy", "E, |error|", "<figcaption>Absolute error of E"),
            8,
        ),
    ],
)
def test_numbers_classes_and_fields_of_one_dimension_have_pages(small_run, tmp_path, outputs, parts, pictures):
    page = wire_results(tmp_path, outputs, Evaluation.read(small_run / "test"))
    back = Predictions.read(tmp_path / "predictions.h5")
    assert back.schema == WIRES and back.outputs == outputs and back.target == WIRES[outputs[0]]
    assert (back.predicted["phase"].dtype.kind == "i") if "phase" in outputs else True
    assert len(list(images(page))) == pictures
    for part in parts:
        assert part in page, part


def images(page):
    for content in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page):
        data = base64.b64decode(content)
        assert data.startswith(b"<?xml") and data.rstrip().endswith(b"</svg>")
        yield data


def test_report_stands_alone_and_tells_all(settings):
    page = evaluate(settings).read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page), "it points outside itself"
    assert len(list(images(page))) >= 7
    for part in ("R²", "NMAE", "SSIM", "Provenance", "commit", "RandomDoubleGaussian-N2-", "24 nm"):
        assert part in page


def test_own_dots_are_predicted_without_the_dataset(settings, own_dots, tmp_path):
    page = evaluate(settings | {"input": str(own_dots), "data_root": "/nowhere"})
    result = Predictions.read(tmp_path / "out" / "predictions.h5")
    predictor, _ = load_predictor(settings["checkpoint"])
    V = torch.as_tensor(np.load(own_dots), dtype=torch.float32)
    with torch.no_grad():
        np.testing.assert_allclose(result.predicted["n_int"], predictor({"V": V})["n_int"], atol=1e-6)
    assert not result.reference and not result.measures
    assert "my_dots.npy" in page.read_text()


def test_verify_solves_them_too(settings, own_dots, tmp_path):
    evaluate(settings | {"input": str(own_dots), "verify": True})
    result = Predictions.read(tmp_path / "out" / "predictions.h5")
    solution = solve(np.load(own_dots), Grid(32, 24.0), 2, Material(0.067, 12.9), n_orbitals=4)
    np.testing.assert_allclose(result.reference["n_int"], solution.density, atol=1e-9)
    np.testing.assert_allclose(result.hard_by, solution.gap, atol=1e-9)
    assert set(result.measures["n_int"]) >= {"nmae", "ssim"}


def test_what_the_solver_did_not_solve_is_no_reference(settings, own_dots, tmp_path, monkeypatch):
    monkeypatch.setattr("solvers.quantum_dots.ground_state.TRUSTED_RESIDUAL", -1.0)
    with pytest.raises(ValueError, match="dot 0 .*residual"):
        evaluate(settings | {"input": str(own_dots), "verify": True})
    assert not (tmp_path / "out" / "predictions.h5").exists()


def test_inverse_is_verified_by_the_density_of_the_generated_potential(small_words, settings, small_store, tmp_path):
    from qd_pix2pix.training.run import train

    checkpoint = train(configuration("train", *small_words, "mapping=nint_to_V"), tmp_path / "inverse")
    density = small_store.split("test").load(["n_int"])["n_int"][:2].astype(np.float64)
    np.save(tmp_path / "wanted.npy", density)
    evaluate(settings | {"checkpoint": str(checkpoint), "input": str(tmp_path / "wanted.npy"), "verify": True})
    out = tmp_path / "out"
    proposed = Predictions.read(out / "predictions.h5").predicted["V"]
    found = Verification.read(out)
    assert found.names == ("V", "n_int") and found.column.name == "n_int"
    solution = solve(proposed, Grid(32, 24.0), 2, Material(0.067, 12.9), n_orbitals=4)
    np.testing.assert_array_equal(found.proposed, proposed)
    np.testing.assert_array_equal(found.given, density)
    np.testing.assert_allclose(found.reference, solution.density, atol=1e-9)
    displaced = np.abs(solution.density - density).sum((1, 2)) * (24.0 / 32) ** 2 / 2
    np.testing.assert_allclose(found.measures["nmae"], displaced, rtol=1e-6)
    summary = Evaluation.read(out).verification
    assert summary["nmae"]["mean"] == pytest.approx(displaced.mean()) and "r2" in summary
    page = (out / "report.html").read_text()
    assert "Verified by the solver" in page and "<td>n_int: NMAE</td>" in page and "n_int: R²" in page
    assert "test split of the training" not in page  # it has no errors of verified densities
    assert "Typical and worst proposals by NMAE, solved." in page and "n<sub>int</sub> → V" in page
    for name, bit in flipped(out / "verification.h5", ("proposed", "reference", "measures/nmae"), 20):
        with pytest.raises(ValueError, match=r"verification: .*verification\.h5 is damaged"):
            Verification.read(out)
            raise AssertionError((name, bit))


def test_a_prediction_without_its_charge_is_told(settings, own_dots, tmp_path, capsys):
    """After six steps the network is far from any charge."""
    page = evaluate(settings | {"input": str(own_dots)}).read_text()
    predicted = Predictions.read(tmp_path / "out" / "predictions.h5").predicted["n_int"]
    charge = predicted.sum((1, 2)) * (24.0 / 32) ** 2
    assert np.abs(charge - 2).min() > 0.2, "no longer a bad network: choose another"
    assert "n_int of 3 of 3 dots holds" in capsys.readouterr().out
    assert "instead of n_electrons = 2" in page


def test_a_refused_file_leaves_no_folder(settings, tmp_path):
    np.save(tmp_path / "bad.npy", np.full((2, 16, 16), np.nan))
    with pytest.raises(ValueError, match="NaN or infinite"):
        evaluate(settings | {"input": str(tmp_path / "bad.npy"), "output": str(tmp_path / "out")})
    assert not (tmp_path / "out").exists()


def test_own_dots_do_not_replace_the_held_out_ones(settings, small_run, small_store, tmp_path):
    np.save(tmp_path / "test.npy", small_store.split("test").load(["V"])["V"][:1])
    before = (small_run / "test" / "metrics.json").read_bytes()
    page = evaluate(settings | {"input": str(tmp_path / "test.npy"), "output": None})
    assert page.parent == small_run / "own" / "test"
    assert (small_run / "test" / "metrics.json").read_bytes() == before


def test_a_larger_square_is_predicted_and_verified(settings, regressor_run, tmp_path, capsys):
    """Twice the points with the same spacing; the solver finds the exact answer in the larger square."""
    larger = configuration("generate", *SMALL_DATA, "data.grid.n=64", "data.grid.extent=48.0")["data"]
    recipe = make_recipe(larger)
    V = np.stack([recipe.draw("test", i) for i in range(2)])
    np.save(tmp_path / "large.npy", V)
    change = {"checkpoint": best(regressor_run), "input": str(tmp_path / "large.npy"), "verify": True}
    page = evaluate(settings | change).read_text()
    result = Predictions.read(tmp_path / "out" / "predictions.h5")
    solution = solve(V, Grid(64, 48.0), 2, Material(0.067, 12.9), n_orbitals=4)
    np.testing.assert_allclose(result.reference["n_int"], solution.density, atol=1e-9)
    np.testing.assert_allclose(result.reference["energy"], solution.energy, atol=1e-9)
    np.testing.assert_allclose(result.reference["gap"], solution.gap, atol=1e-9)
    np.testing.assert_allclose(result.reference["n0"], solution.density_noninteracting, atol=1e-9)
    np.testing.assert_allclose(result.predicted["n_int"].mean((1, 2)) * 48.0**2, 2, rtol=1e-6)
    assert result.of_sample(0)["extent"] == 48.0
    remark = "extent is 48 nm, in training 24"
    assert f"note: {remark}" in capsys.readouterr().out and remark in page


def test_further_outputs_are_in_the_file_the_record_and_the_page(settings, regressor_run, small_store, tmp_path):
    page = evaluate(settings | {"checkpoint": best(regressor_run)}).read_text()
    exact = small_store.split("test").load(["n0", "energy", "gap"])
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["also"]
    with h5py.File(tmp_path / "out" / "predictions.h5") as file:
        units = {name: file[f"predicted/{name}"].attrs["units"] for name in exact}
        predicted = {name: file[f"predicted/{name}"][...].astype(np.float64) for name in exact}
        for name, values in exact.items():
            np.testing.assert_allclose(file[f"reference/{name}"][...], values, rtol=1e-6)
    assert units == {"n0": "nm^-2", "energy": "eV", "gap": "eV"}
    for name in ("energy", "gap"):
        error = np.abs(predicted[name] - exact[name])
        assert found[name]["mae"]["mean"] == pytest.approx(error.mean(), rel=1e-5)
        assert found[name]["mae"]["median"] == pytest.approx(np.median(error), rel=1e-5)
        explained = 1 - (error**2).sum() / ((exact[name] - exact[name].mean()) ** 2).sum()
        assert found[name]["r2"] == pytest.approx(explained, rel=1e-5)
    displaced = np.abs(predicted["n0"] - exact["n0"]).sum((1, 2)) * (24.0 / 32) ** 2 / 2
    assert found["n0"]["nmae"]["mean"] == pytest.approx(displaced.mean(), rel=1e-5)
    rows = re.findall(r"<tr><td>((?:n₀|E|ΔE), [^<]*)</td>", page)
    assert rows == ["n₀, NMAE", "E, |error|", "ΔE, |error|"]
    energy = 1e3 * found["energy"]["mae"]["mean"]
    assert f"{energy:.3g} meV" in page


@pytest.mark.slow
def test_validation_of_further_outputs_equals_evaluation(settings, regressor_run, tmp_path):
    from qd_pix2pix.reports.history import read_history

    evaluate(settings | {"checkpoint": best(regressor_run), "split": "val"})
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    history = read_history(regressor_run)
    step = int(history["val/r2"][1].argmax())
    assert record["measures"]["nmae"]["mean"] == pytest.approx(history["val/nmae"][1][step], rel=1e-3)
    assert record["also"]["n0"]["nmae"]["mean"] == pytest.approx(history["val/n0/nmae"][1][step], rel=1e-3)
    for name in ("energy", "gap"):
        mean = record["also"][name]["mae"]["mean"]
        assert mean == pytest.approx(history[f"val/{name}/mae"][1][step], rel=1e-3)


@pytest.mark.slow
def test_a_range_has_a_folder_for_each_member(settings, range_run, small_store, single_store, tmp_path):
    evaluate(settings | {"checkpoint": best(range_run)})
    folders = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert folders == ["n_electrons=1", "n_electrons=2"] == sorted(p.name for p in (range_run / "test").iterdir())
    for n_electrons, store in ((1, single_store), (2, small_store)):
        folder = tmp_path / "out" / f"n_electrons={n_electrons}"
        assert json.loads((folder / "metrics.json").read_text())["recipe"]["n_electrons"] == n_electrons
        result = Predictions.read(folder / "predictions.h5")
        np.testing.assert_array_equal(result.reference["n_int"], store.split("test").load(["n_int"])["n_int"])
        np.testing.assert_allclose(result.predicted["n_int"].mean((1, 2)) * 24.0**2, n_electrons, rtol=1e-6)
        assert (folder / "report.html").stat().st_size > 50_000


@pytest.mark.parametrize("n_electrons", [1, 2, 3])
def test_own_dots_have_the_electrons_that_are_said(settings, range_run, own_dots, tmp_path, capsys, n_electrons):
    given = {"input": str(own_dots), "conditions": {"n_electrons": n_electrons}}
    evaluate(settings | {"checkpoint": best(range_run)} | given)
    predicted = Predictions.read(tmp_path / "out" / "predictions.h5").predicted["n_int"]
    np.testing.assert_allclose(predicted.mean((1, 2)) * 24.0**2, n_electrons, rtol=1e-6)
    assert ("n_electrons is 3, in training 1 ... 2" in capsys.readouterr().out) == (n_electrons == 3)


def test_weights_are_not_saved_with_measures_of_own_samples(settings, own_dots, tmp_path):
    """The measures of a card are those of a split; with a user's own samples there are none."""
    with pytest.raises(ValueError, match="save: a model card lists the measures of held-out samples"):
        evaluate(settings | {"input": str(own_dots), "save": str(tmp_path / "weights.safetensors")})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "tset"}, "train, val, test"),
        ({"checkpoint": None}, "checkpoint"),
        ({"checkpoint": "no.ckpt"}, "no.ckpt"),
        ({"input": "no.npy"}, "no.npy"),
        ({"verify": True}, "verify"),
        ({"conditions": {"n_electrons": 2}}, "n_electrons: .*input="),
        ({"unit": "meV"}, "unit: .*input="),
        ({"resample": False}, "resample: .*input="),
        ({"conditions": {"material": "gaas"}}, "material: .*input="),
        ({"device": "nope"}, "device: expected cpu"),
        ({"output": "/dev/null/x"}, "output"),
    ],
)
def test_wrong_settings_are_named(settings, change, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        evaluate(settings | change)
