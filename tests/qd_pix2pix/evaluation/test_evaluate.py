"""Evaluation of splits and of a user's own dots, and the page that shows it."""

import base64
import json
import re
import struct

import h5py
import numpy as np
import pytest
import torch
import xarray
from small import SMALL_DATA, configuration, evaluation

from qd_pix2pix.data.generate import make_recipe
from qd_pix2pix.evaluation.evaluate import evaluate
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.training.checkpoint import load_model
from solvers import Grid, Material, solve


@pytest.fixture
def settings(small_run, data_root, tmp_path):
    return evaluation(small_run, data_root, tmp_path / "out")


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
        predicted, target = (file[name][...].astype(np.float64) for name in ("predicted", "target"))
    exact = small_store.split("test").load(["n_int"])["n_int"]
    np.testing.assert_allclose(target, exact, rtol=1e-6)
    cell = (24.0 / 32) ** 2
    displaced = np.abs(predicted - exact).sum((1, 2)) * cell / 2
    assert record["measures"]["nmae"]["mean"] == pytest.approx(displaced.mean(), rel=1e-5)
    ss_res, ss_tot = ((exact - predicted) ** 2).sum(), ((exact - exact.mean(0)) ** 2).sum()
    assert record["measures"]["r2"] == pytest.approx(1 - ss_res / ss_tot, rel=1e-4)
    assert record["dots"] == 5


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
        assert data.predicted.dims == ("sample", "x", "y")
        assert (data.source.units, data.predicted.units) == ("eV", "nm^-2")


def images(page):
    for content in re.findall(r'src="data:image/png;base64,([^"]+)"', page):
        data = base64.b64decode(content)
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        yield struct.unpack(">II", data[16:24])


def test_report_stands_alone_and_tells_all(settings):
    page = evaluate(settings).read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page), "it points outside itself"
    assert len(list(images(page))) >= 7
    for part in ("R²", "NMAE", "SSIM", "Provenance", "commit", "RandomDoubleGaussian-N2-", "24 nm"):
        assert part in page


def test_own_dots_are_predicted_without_the_dataset(settings, own_dots, tmp_path):
    page = evaluate(settings | {"input": str(own_dots), "data_root": "/nowhere"})
    result = Predictions.read(tmp_path / "out" / "predictions.h5")
    model = load_model(settings["checkpoint"])
    V = torch.as_tensor(np.load(own_dots), dtype=torch.float32)
    np.testing.assert_allclose(result.predicted, model(V[:, None])[:, 0].detach(), atol=1e-6)
    assert result.target is None and not result.measures
    assert "my_dots.npy" in page.read_text()


def test_verify_solves_them_too(settings, own_dots, tmp_path):
    evaluate(settings | {"input": str(own_dots), "verify": True})
    result = Predictions.read(tmp_path / "out" / "predictions.h5")
    solution = solve(np.load(own_dots), Grid(32, 24.0), 2, Material(0.067, 12.9), n_orbitals=4)
    np.testing.assert_allclose(result.target, solution.density, atol=1e-9)
    np.testing.assert_allclose(result.gap, solution.gap, atol=1e-9)
    assert set(result.measures) >= {"nmae", "ssim"}


def test_what_the_solver_did_not_solve_is_not_called_exact(settings, own_dots, tmp_path, monkeypatch):
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
    result = Predictions.read(tmp_path / "out" / "predictions.h5")
    assert result.source_field.name == "V" and result.target_field.name == "n_int"
    solution = solve(result.source, Grid(32, 24.0), 2, Material(0.067, 12.9), n_orbitals=4)
    np.testing.assert_allclose(result.predicted, solution.density, atol=1e-9)
    np.testing.assert_allclose(result.target, density)


def test_a_prediction_without_its_charge_is_told(settings, own_dots, tmp_path, capsys):
    """After six steps the network is far from any charge."""
    page = evaluate(settings | {"input": str(own_dots)}).read_text()
    predicted = Predictions.read(tmp_path / "out" / "predictions.h5").predicted
    charge = predicted.sum((1, 2)) * (24.0 / 32) ** 2
    assert np.abs(charge - 2).min() > 0.2, "no longer a bad network: choose another"
    assert "3 of 3 predicted densities hold" in capsys.readouterr().out
    assert "instead of 2" in page


def test_own_dots_do_not_replace_the_held_out_ones(settings, small_run, small_store, tmp_path):
    np.save(tmp_path / "test.npy", small_store.split("test").load(["V"])["V"][:1])
    before = (small_run / "test" / "metrics.json").read_bytes()
    page = evaluate(settings | {"input": str(tmp_path / "test.npy"), "output": None})
    assert page.parent == small_run / "own" / "test"
    assert (small_run / "test" / "metrics.json").read_bytes() == before


def test_a_larger_square_is_predicted_and_verified(settings, regressor_run, tmp_path, capsys):
    """Twice the points with the same spacing; the solver finds the exact answer in the larger square."""
    larger = configuration("generate", *SMALL_DATA, "data.grid.n=64", "data.grid.extent=48.0")["data"]
    V = np.stack([make_recipe(larger).draw("test", i) for i in range(2)])
    np.save(tmp_path / "large.npy", V)
    change = {"checkpoint": best(regressor_run), "input": str(tmp_path / "large.npy"), "verify": True}
    page = evaluate(settings | change).read_text()
    result = Predictions.read(tmp_path / "out" / "predictions.h5")
    solution = solve(V, Grid(64, 48.0), 2, Material(0.067, 12.9), n_orbitals=4)
    np.testing.assert_allclose(result.target, solution.density, atol=1e-9)
    np.testing.assert_allclose(result.also["energy"][1], solution.energy, atol=1e-9)
    np.testing.assert_allclose(result.also["gap"][1], solution.gap, atol=1e-9)
    np.testing.assert_allclose(result.also["n0"][1], solution.density_noninteracting, atol=1e-9)
    np.testing.assert_allclose(result.predicted.mean((1, 2)) * 48.0**2, 2, rtol=1e-6)
    assert result.extent == 48.0
    remark = "the square has a side of 48 nm, in training 24"
    assert f"note: {remark}" in capsys.readouterr().out and remark in page


def test_further_outputs_are_in_the_file_the_record_and_the_page(settings, regressor_run, small_store, tmp_path):
    page = evaluate(settings | {"checkpoint": best(regressor_run)}).read_text()
    exact = small_store.split("test").load(["n0", "energy", "gap"])
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["also"]
    with h5py.File(tmp_path / "out" / "predictions.h5") as file:
        units = {name: file[f"also/{name}/predicted"].attrs["units"] for name in exact}
        predicted = {name: file[f"also/{name}/predicted"][...].astype(np.float64) for name in exact}
        for name, values in exact.items():
            np.testing.assert_allclose(file[f"also/{name}/exact"][...], values, rtol=1e-6)
    assert units == {"n0": "nm^-2", "energy": "eV", "gap": "eV"}
    for name in ("energy", "gap"):
        error = np.abs(predicted[name] - exact[name])
        assert found[name]["error"]["mean"] == pytest.approx(error.mean(), rel=1e-5)
        assert found[name]["error"]["median"] == pytest.approx(np.median(error), rel=1e-5)
        explained = 1 - (error**2).sum() / ((exact[name] - exact[name].mean()) ** 2).sum()
        assert found[name]["r2"] == pytest.approx(explained, rel=1e-5)
    displaced = np.abs(predicted["n0"] - exact["n0"]).sum((1, 2)) * (24.0 / 32) ** 2 / 2
    assert found["n0"]["nmae"]["mean"] == pytest.approx(displaced.mean(), rel=1e-5)
    rows = re.findall(r"<tr><td>((?:n₀|E|ΔE), [^<]*)</td>", page)
    assert rows == ["n₀, NMAE", "E, |error|", "ΔE, |error|"]
    energy = 1e3 * found["energy"]["error"]["mean"]
    assert f"{energy:.3g} meV" in page


def test_validation_of_further_outputs_equals_evaluation(settings, regressor_run, tmp_path):
    from qd_pix2pix.reports.history import read_history

    evaluate(settings | {"checkpoint": best(regressor_run), "split": "val"})
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    history = read_history(regressor_run)
    step = int(history["val/r2"][1].argmax())
    assert record["measures"]["nmae"]["mean"] == pytest.approx(history["val/nmae"][1][step], rel=1e-3)
    assert record["also"]["n0"]["nmae"]["mean"] == pytest.approx(history["val/n0/nmae"][1][step], rel=1e-3)
    for name in ("energy", "gap"):
        mean = record["also"][name]["error"]["mean"]
        assert mean == pytest.approx(history[f"val/{name}/mae"][1][step], rel=1e-3)


def test_a_range_has_a_folder_for_each_member(settings, range_run, small_store, single_store, tmp_path):
    evaluate(settings | {"checkpoint": best(range_run)})
    folders = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert folders == ["n_electrons=1", "n_electrons=2"] == sorted(p.name for p in (range_run / "test").iterdir())
    for n_electrons, store in ((1, single_store), (2, small_store)):
        folder = tmp_path / "out" / f"n_electrons={n_electrons}"
        assert json.loads((folder / "metrics.json").read_text())["recipe"]["n_electrons"] == n_electrons
        result = Predictions.read(folder / "predictions.h5")
        np.testing.assert_array_equal(result.target, store.split("test").load(["n_int"])["n_int"])
        np.testing.assert_allclose(result.predicted.mean((1, 2)) * 24.0**2, n_electrons, rtol=1e-6)
        assert (folder / "report.html").stat().st_size > 50_000


@pytest.mark.parametrize("n_electrons", [1, 2, 3])
def test_own_dots_have_the_electrons_that_are_said(settings, range_run, own_dots, tmp_path, capsys, n_electrons):
    conditions = {"n_electrons": n_electrons}
    evaluate(settings | {"checkpoint": best(range_run), "input": str(own_dots), "conditions": conditions})
    predicted = Predictions.read(tmp_path / "out" / "predictions.h5").predicted
    np.testing.assert_allclose(predicted.mean((1, 2)) * 24.0**2, n_electrons, rtol=1e-6)
    assert ("n_electrons is 3, in training 1 ... 2" in capsys.readouterr().out) == (n_electrons == 3)


def test_a_file_that_is_asked_for_is_written_or_refused(settings, own_dots, tmp_path):
    """The measures of a card are those of a split; with a user's own dots there are none."""
    save = tmp_path / "weights.safetensors"
    try:
        evaluate(settings | {"input": str(own_dots), "save": str(save)})
    except ValueError as error:
        assert "save" in str(error)
    else:
        assert save.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"split": "tset"}, "train, val, test"),
        ({"checkpoint": None}, "checkpoint"),
        ({"checkpoint": "no.ckpt"}, "no.ckpt"),
        ({"input": "no.npy"}, "no.npy"),
        ({"verify": True}, "verify"),
        ({"conditions": {"n_electrons": 2}}, "n_electrons: .*input="),
        ({"conditions": {"material": "gaas"}}, "material: .*input="),
        ({"conditions": {"extent": 24.0}}, "extent: .*input="),
        ({"conditions": {"coupling": 0.5}}, "coupling: no such option or condition"),
        ({"output": "/dev/null/x"}, "output"),
    ],
)
def test_wrong_words_are_named(settings, change, said):
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        evaluate(settings | change)
