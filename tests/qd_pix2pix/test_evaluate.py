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

from qd_pix2pix.checkpoint import load_model
from qd_pix2pix.evaluate import evaluate
from qd_pix2pix.inputs import read_input
from qd_pix2pix.predictions import Predictions
from solvers import Grid, Material, solve


@pytest.fixture
def settings(small_run, data_root, tmp_path):
    """What conf/evaluate.yaml holds."""
    return {
        "checkpoint": str(small_run / "checkpoints" / "best.ckpt"),
        "split": "test",
        "input": None,
        "verify": False,
        "output": str(tmp_path / "out"),
        "data_root": str(data_root),
        "launcher": {"_target_": "qd_pix2pix.data.launchers.LocalLauncher", "workers": 1},
    }


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
    from qd_pix2pix.history import read_history

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
    monkeypatch.setattr("solvers.ground_state.TRUSTED_RESIDUAL", -1.0)
    with pytest.raises(ValueError, match="dot 0 .*residual"):
        evaluate(settings | {"input": str(own_dots), "verify": True})
    assert not (tmp_path / "out" / "predictions.h5").exists()


def test_inverse_is_verified_by_the_density_of_the_generated_potential(small_words, settings, small_store, tmp_path):
    from small import configuration

    from qd_pix2pix.train import train

    best = train(configuration("train", *small_words, "mapping=nint_to_V"), tmp_path / "inverse")
    density = small_store.split("test").load(["n_int"])["n_int"][:2].astype(np.float64)
    np.save(tmp_path / "wanted.npy", density)
    evaluate(settings | {"checkpoint": str(best), "input": str(tmp_path / "wanted.npy"), "verify": True})
    result = Predictions.read(tmp_path / "out" / "predictions.h5")
    assert result.source_field.name == "V" and result.target_field.name == "n_int"
    solution = solve(result.source, Grid(32, 24.0), 2, Material(0.067, 12.9), n_orbitals=4)
    np.testing.assert_allclose(result.predicted, solution.density, atol=1e-9)
    np.testing.assert_allclose(result.target, density)


def write(tmp_path, values):
    np.save(tmp_path / "x.npy", values)
    return tmp_path / "x.npy"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((16, 16)), r"\(32, 32\)"),
        (np.zeros((2, 2, 32, 32)), "shape"),
        (np.zeros((0, 32, 32)), "shape"),
        (np.full((32, 32), np.nan), "NaN"),
        (np.array([["a"]]), "numbers"),
        (np.array([{"V": 1}], dtype=object), "no .npy file"),
        (np.zeros((32, 32), dtype=complex), "real numbers"),
    ],
)
def test_what_is_no_dot_is_refused(small_run, tmp_path, values, said):
    card = load_model(small_run / "checkpoints" / "best.ckpt").card
    with pytest.raises(ValueError, match=said):
        read_input(write(tmp_path, values), card)


def test_what_is_said_of_a_dot_is_in_the_units_of_training(small_run, small_store, tmp_path):
    card = load_model(small_run / "checkpoints" / "best.ckpt").card
    recipe = card["recipe"] | {"material": {"m_eff": 1.0, "eps_r": 1.0, "units": "bohr, hartree"}}
    with pytest.raises(ValueError, match=r"square of 24 bohr as .* 0\.75 bohr"):
        read_input(write(tmp_path, np.zeros((16, 16))), card | {"recipe": recipe})
    V = small_store.split("test").load(["V"])["V"]
    with pytest.raises(ValueError, match="expected V in hartree, in training .* hartree; got"):
        read_input(write(tmp_path, 1000 * V), card | {"recipe": recipe})
    assert "hartree" in read_input(write(tmp_path, 1.5 * V), card | {"recipe": recipe})[1][0]


@pytest.mark.parametrize("factor", [1000.0, 1 / 1000, 1 / 27.2114 / 10])
def test_another_unit_is_noticed(small_run, small_store, tmp_path, factor):
    card = load_model(small_run / "checkpoints" / "best.ckpt").card
    V = small_store.split("test").load(["V"])["V"]
    with pytest.raises(ValueError, match="another unit"):
        read_input(write(tmp_path, factor * V), card)


def test_dots_like_those_of_training_raise_no_remark(small_run, small_store, tmp_path):
    card = load_model(small_run / "checkpoints" / "best.ckpt").card
    values, remarks = read_input(write(tmp_path, small_store.split("train").load(["V"])["V"]), card)
    assert len(values) == 12 and remarks == []


def test_a_negative_density_is_refused(small_run, small_store, tmp_path):
    card = load_model(small_run / "checkpoints" / "best.ckpt").card | {"mapping": {"source": "n_int", "target": "V"}}
    with pytest.raises(ValueError, match="never negative"):
        read_input(write(tmp_path, -small_store.split("train").load(["n_int"])["n_int"]), card)


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


def test_a_density_of_another_charge_is_told(small_run, small_store, tmp_path):
    card = load_model(small_run / "checkpoints" / "best.ckpt").card
    card = card | {"mapping": {"source": "n_int", "target": "V"}}
    n = small_store.split("train").load(["n_int"])["n_int"]
    assert read_input(write(tmp_path, n), card)[1] == []
    assert "mean n_int" in read_input(write(tmp_path, 0.9 * n), card)[1][0]


def test_dots_outside_the_training_range_are_told(small_run, small_store, tmp_path):
    card = load_model(small_run / "checkpoints" / "best.ckpt").card
    V = small_store.split("train").load(["V"])["V"]
    _, remarks = read_input(write(tmp_path, 1.5 * V), card)
    assert any("leave the range" in r for r in remarks)
    _, remarks = read_input(write(tmp_path, np.broadcast_to(V[:1] * 0.02, (1, 32, 32)) + V.max() * 0.5), card)
    assert remarks


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"split": "tset"}, "train, val, test"),
        ({"checkpoint": None}, "checkpoint"),
        ({"checkpoint": "no.ckpt"}, "no.ckpt"),
        ({"input": "no.npy"}, "no.npy"),
        ({"verify": True}, "verify"),
        ({"output": "/dev/null/x"}, "output"),
    ],
)
def test_wrong_words_are_named(settings, change, said):
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        evaluate(settings | change)
