"""The programs as functions: the same results as the command line, errors as exceptions, a light import."""

import subprocess
import sys

import numpy as np
import pytest
from small import ROOT

import qd_pix2pix
from qd_pix2pix.cli.functions import Outcome, _as_exceptions
from qd_pix2pix.provenance import read_overrides
from qd_pix2pix.reports import run_page
from qd_pix2pix.training import run as training


@pytest.fixture(scope="module")
def trained(regressor_words, small_store, tmp_path_factory):
    run = tmp_path_factory.mktemp("functions") / "a run, of two steps"
    words = [*regressor_words, "trainer.max_steps=2", "trainer.val_check_interval=2", f"hydra.run.dir='{run}'"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "show", lambda *_: None)
        return qd_pix2pix.train(*words)


def test_a_training_returns_its_run(trained, regressor_words):
    assert trained.path.name == "a run, of two steps"
    assert trained.checkpoint == trained.path / "checkpoints" / "best.ckpt"
    assert 0 < trained.measures["nmae"] < 2 and trained.measures["charge_error"] < 1e-5
    assert read_overrides(trained.path)[: len(regressor_words)] == list(regressor_words)
    (predictions,) = trained.predictions
    assert predictions.predicted["n_int"].shape == (5, 32, 32)
    nmae = np.abs(predictions.predicted["n_int"] - predictions.reference["n_int"]).sum((1, 2)) * (24 / 32) ** 2 / 2
    assert trained.measures["nmae"] == pytest.approx(nmae.mean(), rel=1e-5)


def test_an_evaluation_returns_its_measures(trained, data_root, tmp_path, monkeypatch):
    pages = []
    monkeypatch.setattr(run_page, "show", lambda folder, run: pages.append((folder / "report.html", run)))
    out = tmp_path / "val"
    found = qd_pix2pix.evaluate(trained.checkpoint, "split=val", f"data_root={data_root}", f"output='{out}'")
    assert isinstance(found, Outcome) and found.path == out
    assert pages == [(found.reports[0], trained.path)]
    assert found.evaluations[0].split == "val" and "nmae" in found._repr_html_()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["modle=regressor"], "modle: no such option.*model"),
        (["model=nope"], "nope"),
        (["seed=0,1"], "several values are a sweep"),
        (["-m", "seed=0,1"], "expected overrides such as"),
        ([{"seed": 1}], "expected overrides such as"),
        (["model=regressor", "network.channels=[2]"], "blocks"),
        (["ckpt_path=nowhere.ckpt"], "nowhere.ckpt is not there"),
    ],
)
def test_errors_are_exceptions(words, message, tmp_path, monkeypatch, data_root):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, OSError), match=message):
        qd_pix2pix.train(*words, f"data_root={data_root}") if isinstance(words[0], str) else qd_pix2pix.train(*words)


def test_errors_of_an_evaluation_are_exceptions(trained):
    with pytest.raises(FileNotFoundError, match="expected a file, or one of bose-hubbard, .* got 'nowhere'"):
        qd_pix2pix.evaluate("nowhere")
    with pytest.raises(ValueError, match="split: expected one of train, val, test"):
        qd_pix2pix.evaluate(trained.checkpoint, "split=all")


def test_an_interrupt_is_a_keyboard_interrupt():
    with pytest.raises(KeyboardInterrupt), _as_exceptions():
        raise SystemExit(130)


def test_the_import_is_light():
    code = "import sys, qd_pix2pix; print({'torch', 'numpy', 'hydra', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
