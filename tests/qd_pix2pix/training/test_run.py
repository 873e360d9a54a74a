"""Runs: resume after a kill, also by its words; logs; checkpoints that run no strangers' code."""

import csv
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from small import ROOT, configuration, start, wait_until

from qd_pix2pix.files import sha256
from qd_pix2pix.inference.weights import load_predictor, read_checkpoint
from qd_pix2pix.provenance import read_overrides
from qd_pix2pix.reports.history import read_history, read_reference, read_snapshots
from qd_pix2pix.training.checkpoint import WholeFileIO
from qd_pix2pix.training.loggers import WholeLog
from qd_pix2pix.training.run import train

LOSSES = ["train/d_real", "train/d_fake", "train/g_adversarial", "train/g_reconstruction"]


def losses(run):
    history = read_history(run)
    return {name: dict(zip(*(a.tolist() for a in history[name]), strict=True)) for name in [*LOSSES, "val/r2"]}


def program(*words):
    return [sys.executable, str(ROOT / "train.py"), *words]


@pytest.mark.slow
def test_killed_program_goes_on_in_its_own_folder(small_words, train_only, tmp_path):
    words = [
        *small_words,
        "trainer.max_steps=60",
        "trainer.max_epochs=10",
        "checkpoint_every=5",
        "trainer.val_check_interval=30",
    ]
    run, undisturbed = tmp_path / "run", tmp_path / "undisturbed"
    train_only(configuration("train", *words), undisturbed)
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
        ("network.channels=8", "network.channels=8 .was 4."),
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


def test_a_moved_run_keeps_its_best(small_words, train_only, tmp_path):
    words = [*small_words, "model.optimizer.lr=1e-3"]
    train_only(configuration("train", *words), tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "moved")
    last = tmp_path / "moved" / "checkpoints" / "last.ckpt"
    train_only(configuration("train", *words, f"ckpt_path={last}", "trainer.max_steps=12"), tmp_path / "moved")
    steps, r2 = read_history(tmp_path / "moved")["val/r2"]
    _, card = load_predictor(tmp_path / "moved" / "checkpoints" / "best.ckpt")
    assert card.step == steps[r2.argmax()]


def test_a_failed_resume_leaves_the_overrides_of_the_run(small_words, train_only, tmp_path):
    train_only(configuration("train", *small_words), tmp_path, small_words)
    kept = read_overrides(tmp_path)
    assert kept == [*small_words, "threads=1"]
    last = f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}"
    with pytest.raises(ValueError, match="network.channels"):
        train_only(configuration("train", *small_words, last, "network.channels=8"), tmp_path, ["network.channels=8"])
    assert read_overrides(tmp_path) == kept
    train_only(configuration("train", *small_words, last), tmp_path, [*small_words, last])
    assert read_overrides(tmp_path) == kept, "the checkpoint is no setting of the run"


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeFileIO().save_checkpoint({"step": 1}, path)

    def cut_short(self, content):
        with self.open("wb") as file:
            file.write(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", cut_short)
    with pytest.raises(OSError, match="No space"):
        WholeFileIO().save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}


def test_a_resume_clears_what_a_kill_left(small_words, train_only, tmp_path):
    train_only(configuration("train", *small_words), tmp_path)
    (tmp_path / "checkpoints" / ".last.ckpt.123.tmp").write_bytes(b"half of it")
    last = tmp_path / "checkpoints" / "last.ckpt"
    train_only(configuration("train", *small_words, f"ckpt_path={last}", "trainer.max_steps=7"), tmp_path)
    assert sorted(p.name for p in last.parent.iterdir()) == ["best.ckpt", "last.ckpt"]


@pytest.mark.slow
def test_interrupt_leaves_a_usable_state(small_words, tmp_path):
    words = [*small_words, "trainer.max_steps=5000", "trainer.max_epochs=1000", "checkpoint_every=5"]
    run = tmp_path / "run"
    process = start(program(*words, f"hydra.run.dir={run}"), cwd=tmp_path)
    last = run / "checkpoints" / "last.ckpt"
    wait_until(last.exists, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    step = load_predictor(last)[1].step
    assert step >= 5
    assert max(read_history(run)["train/d_real"][0]) == step


def test_a_folder_holds_one_run(small_run, small_words):
    with pytest.raises(ValueError, match="ckpt_path"):
        train(configuration("train", *small_words), small_run)


def test_a_folder_without_a_checkpoint_is_free_again(small_words, train_only, tmp_path):
    """As a kill leaves it while the dataset is made."""
    (tmp_path / "checkpoints").mkdir()
    assert train_only(configuration("train", *small_words), tmp_path).is_file()


def test_two_processes_do_not_share_a_folder(small_words, tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(ValueError, match="another process"):
        train(configuration("train", *small_words), tmp_path)


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
def test_a_run_in_another_precision(small_words, train_only, tmp_path, precision):
    best = train_only(configuration("train", *small_words, f"trainer.precision={precision}"), tmp_path)
    predictor, _ = load_predictor(best)
    assert {p.dtype for p in predictor.parameters()} == {torch.float32}


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
    predictor, card = load_predictor(small_run / "checkpoints" / "best.ckpt")
    assert predictor.ranges["V"] == (small_store.statistics["V"]["min"], small_store.statistics["V"]["max"])
    assert card.recipes == [small_store.recipe] and card.datasets == [small_store.name]
    assert card.schema == predictor.schema == small_store.schema
    assert card.parameters == sum(p.numel() for p in predictor.network.parameters()) and card.receptive_field == 70
    assert not predictor.training


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
            load_predictor(name)
    assert not Path("evil-was-here").exists()


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("network", {"_target_": "os.system", "command": "touch evil-was-here"}),
        ("network", {"class": "os.system"}),
        ("network", {"class": "UNet", "norm": {"_target_": "os.system"}}),
        ("network", {"class": "UNet", "norm": "${oc.env:HOME}"}),
        ("network", {"class": "GroupAverage", "network": {"class": "torch.load"}}),
        ("heads", {"density": "qd_pix2pix.mapping.heads.Head"}),
        ("mapping", {"source": "V", "target": "n_int", "_target_": "os.system"}),
        ("mapping", {"source": "${oc.env:HOME}", "target": "n_int"}),
        ("schemas", [{"_target_": "os.system"}]),
    ],
)
def test_a_card_cannot_ask_for_other_code(small_run, tmp_path, monkeypatch, part, content):
    monkeypatch.chdir(tmp_path)
    good = torch.load(small_run / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save(good | {"qd_pix2pix": good["qd_pix2pix"] | {part: content}}, "bad.ckpt")
    with pytest.raises(ValueError, match=r"^(checkpoint|network|model|mapping|schema)"):
        load_predictor("bad.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.ckpt"]


@pytest.mark.parametrize(
    "part", [{"optimizer": '${oc.create:"{_target_: os.system, command: touch evil}"}'}, {"_target_": "os.system"}]
)
def test_what_only_training_reads_of_a_card_is_never_built(small_run, tmp_path, monkeypatch, part):
    """Neither for a prediction nor for a resume, which compares it with its own settings."""
    monkeypatch.chdir(tmp_path)
    good = torch.load(small_run / "checkpoints" / "last.ckpt", weights_only=True)
    card = good["qd_pix2pix"] | {"model": part, "loader": part, "trainer": part, "recipes": [part]}
    torch.save(good | {"qd_pix2pix": card}, "bad.ckpt")
    assert load_predictor("bad.ckpt")[1].model == part
    assert [path.name for path in tmp_path.iterdir()] == ["bad.ckpt"]


def test_a_flipped_bit_of_a_checkpoint_is_found(small_run, tmp_path):
    """In weights, card, counters or names, wherever it is."""
    content = (small_run / "checkpoints" / "last.ckpt").read_bytes()
    rng, unfound = np.random.default_rng(0), []
    whole = {str(k): str(v) for k, v in read_checkpoint(small_run / "checkpoints" / "last.ckpt").items()}
    for place in rng.integers(len(content), size=60):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "flipped.ckpt").write_bytes(changed)
        try:
            found = read_checkpoint(tmp_path / "flipped.ckpt")
        except ValueError as error:
            assert "flipped.ckpt is damaged" in str(error)
            continue
        if {str(k): str(v) for k, v in found.items()} != whole:  # padding and times of the archive are nobody's
            unfound.append(place)
    assert not unfound


def test_a_damaged_checkpoint_is_not_resumed(small_words, train_only, tmp_path):
    train_only(configuration("train", *small_words), tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    with pytest.raises(ValueError, match="last.ckpt is damaged"):
        train_only(configuration("train", *small_words, f"ckpt_path={last}", "trainer.max_steps=8"), tmp_path)


@pytest.mark.parametrize("name", ["recipe.json", "manifest.json"])
def test_a_damaged_record_of_the_data_is_found(small_words, train_only, small_store, tmp_path, name):
    """A flipped bit of what training reads beside the shards: it is made again."""
    root = tmp_path / "data"
    shutil.copytree(small_store.path, root / small_store.path.name)
    path = root / small_store.path.name / name
    content = path.read_bytes()
    digit = next(i for i, letter in enumerate(content) if chr(letter).isdigit())
    path.write_bytes(content[:digit] + bytes([content[digit] ^ 1]) + content[digit + 1 :])
    train_only(configuration("train", *small_words, f"data_root={root}"), tmp_path / "run")
    assert sha256(path) == sha256(small_store.path / name), "it was not written anew, from the shards"


def test_checkpoint_errors_are_clear(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.ckpt"):
        load_predictor(tmp_path / "nothing.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="not written by train.py"):
        load_predictor(tmp_path / "other.ckpt")
    (tmp_path / "half.ckpt").write_bytes((tmp_path / "other.ckpt").read_bytes()[:200])
    with pytest.raises(ValueError, match="damaged"):
        load_predictor(tmp_path / "half.ckpt")


@pytest.mark.slow
def test_wandb_offline_keeps_its_run_over_a_resume(small_words, train_only, train_without_page, tmp_path):
    import wandb

    words = [*small_words, "logger=wandb"]
    train_only(configuration("train", *words), tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    train_without_page(configuration("train", *words, "trainer.max_steps=8", f"ckpt_path={last}"), tmp_path)
    runs = sorted((tmp_path / "wandb").glob("offline-run-*"))
    identity = (tmp_path / "wandb-id").read_text()
    assert runs and all(run.name.endswith(identity) for run in runs)
    images = [image for run in runs for image in run.rglob("*.png")]
    assert images, "no panels were logged"
    measured = json.loads((tmp_path / "test" / "metrics.json").read_text())["measures"]
    assert wandb.run.summary["test/r2"] == measured["r2"]
    assert wandb.run.summary["test/nmae"] == measured["nmae"]["mean"]


@pytest.mark.slow
def test_tensorboard_gets_losses_measures_and_images(small_words, train_only, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train_only(configuration("train", *small_words, "logger=tensorboard"), tmp_path)
    events = EventAccumulator(str(next((tmp_path / "tensorboard").rglob("events*")).parent)).Reload().Tags()
    assert {"train/d_real", "val/r2"} <= set(events["scalars"])
    assert set(events["images"]) == {"val/dots", "val/evolution"}


def test_the_seed_decides(small_words, train_only, tmp_path):
    def final(name, *words):
        best = train_only(configuration("train", *small_words, *words), tmp_path / name)
        return json.dumps(read_history(best.parent.parent)["train/g_adversarial"][1].tolist())

    assert final("a") == final("b") != final("c", "seed=1")


@pytest.mark.parametrize("cut", ["1", "1,7", "1,7,0.5,0.25,3"])
def test_a_line_of_the_log_that_is_cut_is_named(tmp_path, cut):
    """A number with its last digits cut off looks like any other one."""
    path = tmp_path / "csv" / "version_0" / "metrics.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"epoch,step,train/loss,val/r2\n0,6,0.5,\n{cut}\n")
    with pytest.raises(ValueError, match=f"csv: {path} is damaged, a line has another number of columns"):
        read_history(tmp_path)


@pytest.mark.parametrize("size", [0, 60, 200])
def test_a_snapshot_that_is_damaged_is_named(tmp_path, size):
    (tmp_path / "snapshots").mkdir()
    for name, task in (("step-00000006.npy", read_snapshots), ("reference.npy", read_reference)):
        path = tmp_path / "snapshots" / name
        np.save(path, np.zeros((4, 8, 8)))
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(ValueError, match=f"snapshots: {path} is damaged .*; remove it"):
            task(tmp_path)
