"""A system that the house has never seen, in one file, goes through all of it; ``ring.py`` is that file."""

from contextlib import nullcontext

import numpy as np
import pytest
from ring import YAML
from small import ROOT, configuration

from qd_pix2pix import from_pretrained
from qd_pix2pix.data.generate import check, generate
from qd_pix2pix.data.launchers import LocalLauncher
from qd_pix2pix.evaluation.evaluate import evaluate, save_tested
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.files import sha256
from qd_pix2pix.reports.dataset_page import ensure_dataset_page
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.reports.model_card import write_model_card
from qd_pix2pix.reports.run_page import show
from qd_pix2pix.sweeps.run import sweep
from qd_pix2pix.training.run import train

pytestmark = pytest.mark.slow

NETWORKS = {
    "resnet": ["network=resnet", "network.channels=8", "network.blocks=2"],
    "unet": ["network=equivariant_unet", "network.channels=[2,3]", "network.blocks=[1,1]"],
}


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """Overrides of a run of seconds; the options of the system lie in a folder of the user's."""
    conf = tmp_path_factory.mktemp("my conf")
    (conf / "data").mkdir()
    (conf / "data" / "ring.yaml").write_text(YAML)
    root = tmp_path_factory.mktemp("data")
    mapping = ["mapping.source=spins", "mapping.target=energy", "mapping.also=[magnetisation,ordered]"]
    length = ["trainer.max_epochs=-1", "trainer.max_steps=8", "trainer.val_check_interval=4", "checkpoint_every=2"]
    return [
        f"hydra.searchpath=['file://{conf}']", "data=ring", "model=regressor", *mapping, *length,
        "trainer.log_every_n_steps=1", "trainer.accelerator=cpu", "trainer.precision=32-true", "loader.batch_size=6",
        f"data_root={root}", "launcher.workers=1",
    ]  # fmt: skip


@pytest.fixture(scope="module", params=NETWORKS)
def run(request, words, tmp_path_factory):
    run = tmp_path_factory.mktemp(request.param)
    train(configuration("train", *words, *NETWORKS[request.param]), run)
    return run


class Killed(LocalLauncher):
    """A launcher that is interrupted after its first shard."""

    def open(self):
        def one(function, jobs):
            name = next(iter(jobs))
            yield name, function(*jobs[name])
            raise KeyboardInterrupt

        return nullcontext(one)


def test_generation_goes_on_after_a_kill_with_the_same_bytes(words, tmp_path):
    data = configuration("train", *words)["data"]
    with pytest.raises(KeyboardInterrupt):
        generate(data, tmp_path / "killed", Killed(1))
    killed, whole = (generate(data, tmp_path / name, LocalLauncher(1)) for name in ("killed", "whole"))
    assert check(killed) == {"train": 24, "val": 6, "test": 6}
    files = sorted(path.name for path in whole.glob("*.h5")) + ["manifest.json", "recipe.json"]
    assert len(files) == 7 and all(sha256(killed / name) == sha256(whole / name) for name in files)
    assert "<h2>Rings</h2>" in ensure_dataset_page(whole).read_text()


def test_training_goes_on_after_a_kill_with_the_same_losses(words, run, tmp_path, monkeypatch):
    network = NETWORKS["resnet" if "resnet" in run.name else "unet"]
    with monkeypatch.context() as patch:
        patch.setattr("qd_pix2pix.models.Regressor.validation_step", lambda *_: (_ for _ in ()).throw(RuntimeError))
        with pytest.raises(RuntimeError):
            train(configuration("train", *words, *network), tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    train(configuration("train", *words, *network, f"ckpt_path={last}"), tmp_path)
    undisturbed, resumed = read_history(run), read_history(tmp_path)
    for name in ("train/loss", "train/magnetisation/l1", "train/ordered/likelihood", "val/mae", "val/ordered/accuracy"):
        np.testing.assert_array_equal(undisturbed[name], resumed[name], err_msg=name)


def test_numbers_and_classes_are_measured_and_shown(run):
    record, found = Evaluation.read(run / "test"), Predictions.read(run / "test" / "predictions.h5")
    error = np.abs(found.predicted["energy"] - found.reference["energy"])
    assert record.measures["mae"]["mean"] == pytest.approx(error.mean())
    right = found.predicted["ordered"] == found.reference["ordered"]
    assert record.also["ordered"]["accuracy"]["mean"] == pytest.approx(right.mean())
    page = (run / "test" / "report.html").read_text()
    assert "s → E, m, ordered" in page and "J_0" in page and page.count("<img") >= 4


def test_weights_predict_rings_of_any_size(words, run, tmp_path, capsys):
    checkpoint = run / "checkpoints" / "best.ckpt"
    weights = save_tested(checkpoint, tmp_path / "ring", [run / "test"])
    assert "of rings" in write_model_card(weights, [run / "test"], "").read_text()
    surrogate = from_pretrained(weights)
    spins = np.where(np.random.default_rng(0).random((3, 16)) < 0.5, -1, 1)
    small, large = surrogate.predict(spins), surrogate.predict(np.tile(spins, 2))
    np.testing.assert_allclose(large["energy"], 2 * small["energy"], rtol=1e-4, atol=1e-4)  # extensive
    np.testing.assert_allclose(large["magnetisation"], small["magnetisation"], atol=1e-5)  # intensive
    assert small["ordered"].dtype == np.int64 and set(small["ordered"]) <= {0, 1}
    with pytest.raises(ValueError, match="never below -1"):
        surrogate(2 * spins)


def test_predictions_keep_the_symmetries_on_request(run):
    surrogate = from_pretrained(run / "checkpoints" / "best.ckpt")
    spins = np.where(np.random.default_rng(1).random((2, 16)) < 0.5, -1, 1)
    first, flipped, mirrored = (surrogate.predict(s, symmetrise=True) for s in (spins, -spins, spins[:, ::-1].copy()))
    for other, sign in ((flipped, -1), (mirrored, 1)):
        np.testing.assert_allclose(first["energy"], other["energy"], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(first["magnetisation"], sign * other["magnetisation"], atol=1e-6)


def test_held_out_and_own_rings_are_evaluated(words, run, tmp_path):
    root = next(word.removeprefix("data_root=") for word in words if word.startswith("data_root="))
    config = configuration("evaluate", "launcher.workers=1") | {"data_root": root, "symmetrise": True}
    config["checkpoint"] = str(run / "checkpoints" / "best.ckpt")
    (folder,) = evaluate(config | {"split": "val", "output": str(tmp_path / "val")})
    assert show(folder).is_file() and Evaluation.read(folder).samples == 6
    np.save(tmp_path / "mine.npy", np.ones((2, 16)))
    (folder,) = evaluate(config | {"input": str(tmp_path / "mine.npy"), "output": str(tmp_path / "own")})
    assert "outside the training data" in show(folder).read_text()


@pytest.mark.slow
def test_a_sweep_and_a_range(words, tmp_path, monkeypatch, forked):
    del forked
    monkeypatch.chdir(tmp_path)
    several = [*words, *NETWORKS["resnet"], "seed=0,1", "+range.coupling=[0.5,1.0]", f"sweep.folder={tmp_path}/sweeps"]
    assert sweep(several) == 0
    (page,) = tmp_path.glob("sweeps/*/report.html")
    assert "|error|" in page.read_text()
    (first, *_) = sorted(tmp_path.glob("sweeps/*/*/checkpoints/best.ckpt"))
    surrogate = from_pretrained(first)
    with pytest.raises(ValueError, match="coupling"):
        surrogate(np.ones(16))
    assert np.isfinite(surrogate(np.ones(16), coupling=0.75))


def test_the_system_is_one_short_file():
    assert len((ROOT / "tests" / "ring.py").read_text().splitlines()) <= 60
