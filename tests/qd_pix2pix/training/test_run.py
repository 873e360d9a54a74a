"""Runs: resume after a kill, also by its words; logs; checkpoints that run no strangers' code."""

import csv
import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from small import ROOT, configuration, start, wait_until

from qd_pix2pix.reports.history import read_history
from qd_pix2pix.training.checkpoint import WholeFileIO, check_targets, load_model
from qd_pix2pix.training.loggers import WholeLog
from qd_pix2pix.training.run import train

LOSSES = ["train/d_real", "train/d_fake", "train/g_adversarial", "train/g_reconstruction"]


def losses(run):
    history = read_history(run)
    return {name: dict(zip(*(a.tolist() for a in history[name]), strict=True)) for name in [*LOSSES, "val/r2"]}


def program(*words):
    return [sys.executable, str(ROOT / "train.py"), *words]


def test_killed_program_goes_on_in_its_own_folder(small_words, tmp_path):
    words = [
        *small_words,
        "trainer.max_steps=60",
        "trainer.max_epochs=10",
        "checkpoint_every=5",
        "trainer.val_check_interval=30",
    ]
    run, undisturbed = tmp_path / "run", tmp_path / "undisturbed"
    train(configuration("train", *words), undisturbed)
    process = start(program(*words, f"hydra.run.dir={run}"), cwd=tmp_path)
    last = run / "checkpoints" / "last.ckpt"
    wait_until(last.exists, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    saved = torch.load(last, weights_only=True)["global_step"]
    assert saved < 60, "killed too late to test anything"
    # only the checkpoint is named: the words of the run are found in its folder
    done = subprocess.run(program(f"ckpt_path={last}"), cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert losses(run) == losses(undisturbed)
    assert (run / "test" / "report.html").exists()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("network.channels=8", "model.network.channels=8 .was 4."),
        ("mapping=nint_to_V", "mapping.source=n_int"),
        ("data.seed=5", r"seed=5 \(was 0\)"),
        ("loader.batch_size=3", "loader.batch_size"),
    ],
)
def test_a_run_goes_on_as_what_it_began(small_run, small_words, word, said):
    last = small_run / "checkpoints" / "last.ckpt"
    with pytest.raises(ValueError, match=said):
        train(configuration("train", *small_words, word, f"ckpt_path={last}"), small_run)


def test_weights_alone_are_no_place_to_go_on_from(small_run, small_words):
    best = small_run / "checkpoints" / "best.ckpt"
    with pytest.raises(ValueError, match="last.ckpt"):
        train(configuration("train", *small_words, f"ckpt_path={best}"), small_run)


def test_a_moved_run_keeps_its_best(small_words, tmp_path):
    words = [*small_words, "model.optimizer.lr=1e-3"]
    train(configuration("train", *words), tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "moved")
    last = tmp_path / "moved" / "checkpoints" / "last.ckpt"
    train(configuration("train", *words, f"ckpt_path={last}", "trainer.max_steps=12"), tmp_path / "moved")
    steps, r2 = read_history(tmp_path / "moved")["val/r2"]
    best = load_model(tmp_path / "moved" / "checkpoints" / "best.ckpt")
    assert best.card["step"] == steps[r2.argmax()]


def test_a_failed_resume_leaves_the_words_of_the_run(small_words, tmp_path):
    run = tmp_path / "run"
    done = subprocess.run(program(*small_words, f"hydra.run.dir={run}"), capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    words = (run / "words.json").read_text()
    last = f"ckpt_path={run / 'checkpoints' / 'last.ckpt'}"
    assert subprocess.run(program(last, "network.channels=8"), capture_output=True, cwd=tmp_path).returncode == 2
    assert (run / "words.json").read_text() == words
    assert subprocess.run(program(last), capture_output=True, cwd=tmp_path).returncode == 0


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeFileIO().save_checkpoint({"step": 1}, path)

    def cut_short(content, file):
        file.write(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", cut_short)
    with pytest.raises(OSError, match="No space"):
        WholeFileIO().save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}


def test_a_resume_clears_what_a_kill_left(small_words, tmp_path):
    train(configuration("train", *small_words), tmp_path)
    (tmp_path / "checkpoints" / ".last.ckpt.123.tmp").write_bytes(b"half of it")
    last = tmp_path / "checkpoints" / "last.ckpt"
    train(configuration("train", *small_words, f"ckpt_path={last}", "trainer.max_steps=7"), tmp_path)
    assert sorted(p.name for p in last.parent.iterdir()) == ["best.ckpt", "last.ckpt"]


def test_interrupt_leaves_a_usable_state(small_words, tmp_path):
    words = [*small_words, "trainer.max_steps=5000", "trainer.max_epochs=1000", "checkpoint_every=5"]
    run = tmp_path / "run"
    process = start(program(*words, f"hydra.run.dir={run}"), cwd=tmp_path)
    last = run / "checkpoints" / "last.ckpt"
    wait_until(last.exists, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert load_model(last).card["step"] >= 5
    assert max(read_history(run)["train/d_real"][0]) >= 5


def test_a_folder_holds_one_run(small_run, small_words):
    with pytest.raises(ValueError, match="ckpt_path"):
        train(configuration("train", *small_words), small_run)


def test_a_folder_without_a_checkpoint_is_free_again(small_words, tmp_path):
    """As a kill leaves it while the dataset is made."""
    (tmp_path / "checkpoints").mkdir()
    assert train(configuration("train", *small_words), tmp_path).is_file()


def test_two_processes_do_not_share_a_folder(small_words, tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(ValueError, match="another process"):
        train(configuration("train", *small_words), tmp_path)


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
def test_a_run_in_another_precision(small_words, tmp_path, precision):
    best = train(configuration("train", *small_words, f"trainer.precision={precision}"), tmp_path)
    assert load_model(best).dtype == torch.float32


def test_csv_log_has_losses_and_measures(small_run):
    history = read_history(small_run)
    assert history["train/g_adversarial"][0].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["val/r2"][0].tolist() == [3, 6]
    for name in ("ssim", "mssim", "l1", "l2", "linf", "nmae", "charge_error"):
        assert np.isfinite(history[f"val/{name}"][1]).all()


def test_later_versions_replace_what_they_did_again(tmp_path):
    for version, rows in {0: [(0, 1.0), (1, 2.0), (2, 3.0)], 1: [(2, 30.0), (3, 40.0)]}.items():
        folder = tmp_path / "csv" / f"version_{version}"
        folder.mkdir(parents=True)
        with (folder / "metrics.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("epoch", "step", "loss"), *((0, *row) for row in rows)])
    (tmp_path / "csv" / "version_2").mkdir()
    (tmp_path / "csv" / "version_2" / "metrics.csv").write_text("epoch,step,loss\n")  # killed before the first line
    steps, values = read_history(tmp_path)["loss"]
    assert (steps.tolist(), values.tolist()) == ([1, 2, 3, 4], [1.0, 2.0, 30.0, 40.0])


def test_new_columns_of_the_log_cost_no_line_where_a_kill_comes_between(tmp_path, monkeypatch):
    log = WholeLog(tmp_path, name="csv")
    log.log_metrics({"train/d_real": 0.5}, step=0)
    log.save()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: 1 / 0)  # the last moment at which the old file is there alone
        log.log_metrics({"val/r2": 0.25}, step=0)
        with pytest.raises(ZeroDivisionError):
            log.save()
    assert read_history(tmp_path)["train/d_real"][1].tolist() == [0.5]


def test_new_columns_of_the_log_keep_the_lines_before(tmp_path):
    log = WholeLog(tmp_path, name="csv")
    for step, line in enumerate([{"train/d_real": 0.5}, {"val/r2": 0.25}, {"train/d_real": 0.75}]):
        log.log_metrics(line, step=step)
        log.save()
    history = read_history(tmp_path)
    assert [a.tolist() for a in history["train/d_real"]] == [[1, 3], [0.5, 0.75]]
    assert [a.tolist() for a in history["val/r2"]] == [[2], [0.25]]


def test_checkpoint_stands_for_itself(small_run, small_store):
    model = load_model(small_run / "checkpoints" / "best.ckpt")
    assert model.mapping.ranges["V"] == (small_store.statistics["V"]["min"], small_store.statistics["V"]["max"])
    assert model.card["recipes"] == [small_store.recipe]
    assert model.card["datasets"] == [small_store.name]
    assert not model.training


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("evil-was-here"),)


def test_no_pickle_from_strangers_runs(small_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = torch.load(small_run / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save(good | {"extra": Evil()}, "bad.ckpt")
    Path("worse.ckpt").write_bytes(pickle.dumps(Evil()))
    for name in ("bad.ckpt", "worse.ckpt"):
        with pytest.raises(ValueError, match=name):
            load_model(name)
    assert not Path("evil-was-here").exists()


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "qd_pix2pix.evaluation.evaluate.generate",
        "qd_pix2pix.data.store.os.system",
        "torch.optim.adam.torch.load",
        "builtins.eval",
        "qd_pix2pix.data.store.Store",
        "qd_pix2pix.training.callbacks.BestCheckpoint",
        "qd_pix2pix.data.launchers.LocalLauncher",
        "torch.nn.modules.module.warnings.warn",
        "torch.optim.lr_scheduler.LambdaLR",
        "solvers.quantum_dots.single_particle.np.load",
        "solvers.nothing",
        ["os.system"],
    ],
)
def test_a_card_cannot_ask_for_other_code(target):
    with pytest.raises(ValueError, match="not loaded"):
        check_targets({"model": [{"inner": {"_target_": target}}]})


@pytest.mark.parametrize("text", ["${a}", "x${oc.env:HOME}", {"${a}": 1}, [["${a}"]]])
def test_a_card_cannot_ask_for_interpolations(text):
    with pytest.raises(ValueError, match="not loaded"):
        check_targets({"model": [{"inner": text}]})


def test_the_projects_own_configurations_are_trusted(small_words):
    config = configuration("train", *small_words)
    check_targets([config["model"], config["mapping"], config["data"]])


def test_checkpoint_errors_are_clear(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.ckpt"):
        load_model(tmp_path / "nothing.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="not written by train.py"):
        load_model(tmp_path / "other.ckpt")
    (tmp_path / "half.ckpt").write_bytes((tmp_path / "other.ckpt").read_bytes()[:200])
    with pytest.raises(ValueError, match="damaged"):
        load_model(tmp_path / "half.ckpt")


def test_wandb_offline_keeps_its_run_over_a_resume(small_words, tmp_path):
    import wandb

    words = [*small_words, "logger=wandb"]
    train(configuration("train", *words), tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    train(configuration("train", *words, "trainer.max_steps=8", f"ckpt_path={last}"), tmp_path)
    runs = sorted((tmp_path / "wandb").glob("offline-run-*"))
    identity = (tmp_path / "wandb-id").read_text()
    assert runs and all(run.name.endswith(identity) for run in runs)
    images = [image for run in runs for image in run.rglob("*.png")]
    assert images, "no panels were logged"
    measured = json.loads((tmp_path / "test" / "metrics.json").read_text())["measures"]
    assert wandb.run.summary["test/r2"] == measured["r2"]
    assert wandb.run.summary["test/nmae"] == measured["nmae"]["mean"]


def test_tensorboard_gets_losses_measures_and_images(small_words, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(configuration("train", *small_words, "logger=tensorboard"), tmp_path)
    events = EventAccumulator(str(next((tmp_path / "tensorboard").rglob("events*")).parent)).Reload().Tags()
    assert {"train/d_real", "val/r2"} <= set(events["scalars"])
    assert set(events["images"]) == {"val/dots", "val/evolution"}


def test_the_seed_decides(small_words, tmp_path):
    def final(name, *words):
        best = train(configuration("train", *small_words, *words), tmp_path / name)
        return json.dumps(read_history(best.parent.parent)["train/g_adversarial"][1].tolist())

    assert final("a") == final("b") != final("c", "seed=1")
