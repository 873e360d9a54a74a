"""Whole runs of the regressor: the schedule, an end by the clock, the machine's precision."""

import platform
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small import SMALL_REGRESSOR, configuration

from qd_pix2pix.inference.export import export
from qd_pix2pix.inference.weights import load_predictor, save_weights
from qd_pix2pix.networks.blocks import multiplies_bf16
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.training import settings
from qd_pix2pix.training.run import train
from qd_pix2pix.training.settings import check_config, make_card

LOGGED = ("train/loss", "train/rate", "train/l1", "train/n0/l1", "train/energy/l1", "val/r2", "val/gap/mae")


@pytest.fixture(scope="module")
def whole_words(regressor_words):
    """12 dots in batches of 5: three batches an epoch, the last of two; last.ckpt every four batches."""
    words = [*regressor_words, "mapping=V_to_all", "loader.symmetry=true", "loader.jitter=36", "loader.batch_size=5"]
    return [*words, "trainer.max_steps=11", "trainer.val_check_interval=4", "checkpoint_every=4", "model.warmup=0.3"]


@pytest.fixture(scope="module")
def undisturbed(whole_words, train_only, tmp_path_factory):
    run = tmp_path_factory.mktemp("undisturbed")
    train_only(configuration("train", *whole_words), run)
    return run


def logged(run):
    history = read_history(run)
    return {name: dict(zip(*(a.tolist() for a in history[name]), strict=True)) for name in LOGGED}


def test_a_run_ends_with_a_small_rate_and_a_validation(undisturbed):
    """The last validation comes where the training ends, or a few steps before."""
    rates = list(logged(undisturbed)["train/rate"].values())
    assert rates[-1] < 0.06 * max(rates) and rates[0] < 0.01 * max(rates)
    assert max(logged(undisturbed)["val/r2"]) >= 9


@pytest.fixture(scope="module")
def timed(regressor_words, train_without_page, tmp_path_factory):
    """A run of three seconds that nothing else ends, shorter than what lies between two validations."""
    run = tmp_path_factory.mktemp("timed")
    words = [*regressor_words, "trainer.max_steps=-1", "trainer.max_epochs=-1", "trainer.max_time=00:00:00:03"]
    config = configuration("train", *words, "trainer.val_check_interval=100000", "checkpoint_every=100000")
    train_without_page(config, run)
    return run


def test_the_clock_ends_a_run_and_anneals_it(timed):
    steps, rates = read_history(timed)["train/rate"]
    assert steps[-1] > 20
    assert rates.max() == pytest.approx(2e-3, rel=0.05) and rates[-1] < 0.05 * rates.max()
    top = int(rates.argmax())
    assert (np.diff(rates[top:]) <= 0).all() and (np.diff(rates[: top + 1]) >= 0).all()


def test_the_clock_ends_a_run_with_a_validation(timed):
    """Whatever lies between two validations, what was learned last is judged, and may be the best."""
    history = read_history(timed)
    assert history["val/r2"][0][-1] == history["train/rate"][0][-1]
    assert (timed / "checkpoints" / "best.ckpt").is_file()
    assert (timed / "test" / "metrics.json").is_file()
    _, card = load_predictor(timed / "checkpoints" / "last.ckpt")
    assert card.step == history["train/rate"][0][-1], "what the clock ended is not resumable"


def test_steps_end_a_run_before_its_time(regressor_words, train_only, tmp_path):
    train_only(configuration("train", *regressor_words, "trainer.max_time=00:01:00:00"), tmp_path)
    steps, rates = read_history(tmp_path)["train/rate"]
    assert steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert rates[-1] < 0.1 * rates.max(), "the schedule waited for the clock"


@pytest.mark.parametrize("value", ["soon", "99", True, 30, 0.5, ["00:00:30:00"], {"hours": "two"}, {"days": 1, "x": 2}])
def test_what_is_no_time_is_named(regressor_words, value):
    config = configuration("train", *regressor_words, "trainer.max_steps=-1", "trainer.max_epochs=-1")
    config["trainer"]["max_time"] = value
    with pytest.raises(ValueError, match="trainer.max_time: expected days:hours:minutes:seconds, as 00:00:30:00"):
        check_config(config)


@pytest.mark.parametrize("value", ["00:00:00:00", {"seconds": 0}, {"minutes": -1}])
def test_a_time_without_a_step_is_refused(regressor_words, value):
    config = configuration("train", *regressor_words, "trainer.max_steps=-1", "trainer.max_epochs=-1")
    config["trainer"]["max_time"] = value
    with pytest.raises(ValueError, match=r"trainer\.max_time: .* which ends before the first step"):
        check_config(config)


@pytest.mark.parametrize("value", ["00:00:30:00", {"minutes": 30}])
def test_a_time_is_an_end(regressor_words, value):
    config = configuration("train", *regressor_words, "trainer.max_steps=null", "trainer.max_epochs=null")
    config["trainer"]["max_time"] = value
    check_config(config)


def test_without_any_end_there_is_no_run(regressor_words):
    with pytest.raises(ValueError, match="trainer.max_epochs, trainer.max_steps"):
        check_config(configuration("train", *regressor_words, "trainer.max_steps=-1", "trainer.max_epochs=-1"))


@pytest.mark.parametrize(("fast", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_precision_is_what_suits_the_machine(regressor_words, small_store, monkeypatch, fast, precision):
    monkeypatch.setattr(settings, "multiplies_bf16", lambda device: fast)
    for word, expected in (("auto", precision), ("64-true", "64-true"), ("32-true", "32-true")):
        config = configuration("train", *regressor_words, f"trainer.precision={word}")
        assert make_card(config, [small_store]).trainer["precision"] == expected


@pytest.mark.skipif(platform.machine() != "x86_64", reason="about the units of a CPU")
@pytest.mark.skipif(platform.system() != "Linux", reason="Linux lists them")
def test_the_processor_says_whether_it_multiplies_bfloat16():
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")).split()
    assert multiplies_bf16("cpu") == bool({"amx_tile", "avx512_bf16"} & set(flags))


def test_the_machine_decides_for_one_of_two(regressor_words, train_only, tmp_path, capsys):
    best = train_only(configuration("train", *regressor_words, "trainer.precision=auto"), tmp_path)
    precision = load_predictor(best)[1].trainer["precision"]
    assert precision in ("32-true", "bf16-mixed")
    assert precision in capsys.readouterr().out
    assert read_history(tmp_path)["val/charge_error"][1].max() < 1e-6


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.density.loss.l1=2.0", r"model.density.loss.l1=2.0 \(was 1.0\)"),
        ("model.warmup=0.5", "model.warmup=0.5"),
        ("mapping.also=[n0]", "mapping.also"),
        ("range.n_electrons=[1,2]", "recipes"),
    ],
)
def test_a_run_goes_on_as_what_it_began(regressor_run, regressor_words, word, said):
    last = regressor_run / "checkpoints" / "last.ckpt"
    words = [*regressor_words, "network.equivariant=false", "mapping=V_to_all", word, f"ckpt_path={last}"]
    with pytest.raises(ValueError, match=said):
        train(configuration("train", *words), regressor_run)


def test_averages_over_the_symmetries_are_asked_for_in_training_too(
    regressor_run, regressor_words, train_without_page, tmp_path
):
    from qd_pix2pix.evaluation.predictions import Predictions

    shutil.copytree(regressor_run, tmp_path / "run")
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    words = [*regressor_words, "network.equivariant=false", "mapping=V_to_all", f"ckpt_path={last}", "symmetrise=true"]
    train_without_page(configuration("train", *words), tmp_path / "run")
    plain, averaged = (Predictions.read(run / "test" / "predictions.h5") for run in (regressor_run, tmp_path / "run"))
    of_averaged, of_plain = (found.measures["n_int"]["equivariance_error"] for found in (averaged, plain))
    assert of_averaged.max() < 1e-6 < of_plain.min()


def test_an_fno_trains_evaluates_and_is_saved_like_all_others(regressor_words, train_without_page, tmp_path):
    """Its weights are complex: for the optimiser, for the checkpoint, for the file of weights."""
    kept = [word for word in regressor_words if word not in SMALL_REGRESSOR]
    words = [*kept, "model=regressor", "network=fno", "network.modes=4", "network.channels=4", "network.layers=2"]
    best = train_without_page(configuration("train", *words), tmp_path)
    predictor, card = load_predictor(best)
    assert any(p.is_complex() for p in predictor.network.parameters())
    assert (tmp_path / "test" / "metrics.json").is_file()
    save_weights(tmp_path / "fno.safetensors", predictor, card)
    again, _ = load_predictor(tmp_path / "fno.safetensors")
    assert max(export(predictor, card, tmp_path / "fno.pt2").values()) < 1e-4
    pairs = zip(again.network.parameters(), predictor.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
