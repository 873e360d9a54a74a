"""The programs as functions: the same results as the command line, errors as exceptions, a light import."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small import ROOT

import qd_pix2pix
from qd_pix2pix import cli
from qd_pix2pix.cli.functions import Outcome, _alone, _as_exceptions
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


def test_measures_that_are_not_defined_are_left_out_of_the_table():
    class OneSample(Outcome):
        measures = {"r2": None, "nmae": 0.25}

    assert (
        OneSample(Path("run"), Path("best.ckpt"), ())._repr_html_()
        == "<p></p><table><tr><td>nmae</td><td>0.25</td></tr></table>"
    )


def test_a_training_beside_another_one_is_refused():
    with _alone(), pytest.raises(ValueError, match="train: another training runs in this process"):
        qd_pix2pix.train("model=regressor")
    with pytest.raises(ValueError, match="modle: no such option"):  # it has ended
        qd_pix2pix.train("modle=regressor")


def test_a_run_keeps_its_folders_of_options(tmp_path, monkeypatch, small_store, regressor_words):
    (tmp_path / "conf/experiment").mkdir(parents=True)
    (tmp_path / "conf/experiment/mine.yaml").write_text("# @package _global_\nseed: 77\n")
    words = [f"hydra.searchpath=['file://{tmp_path}/conf']", "experiment=mine", *regressor_words]
    given = [*words, f"hydra.run.dir='{tmp_path}/run'"]
    kept = []
    monkeypatch.setattr(training, "train", lambda config, run, overrides: kept.append((config["seed"], overrides)))
    qd_pix2pix.train(*given)
    monkeypatch.setattr(sys, "argv", ["train.py", *given])
    cli.train()
    assert kept == [(77, words)] * 2


def test_an_interrupt_is_a_keyboard_interrupt():
    with pytest.raises(KeyboardInterrupt), _as_exceptions():
        raise SystemExit(130)


def test_the_import_is_light():
    code = "import sys, qd_pix2pix; print({'torch', 'numpy', 'hydra', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
