"""Exact resume: killed or interrupted anywhere, and again, a run is one that was never disturbed: log and weights."""

import csv
import errno
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning import Callback
from small import SHORT, configuration, generator_words

from qd_pix2pix.cli.errors import first_cause
from qd_pix2pix.data.sampler import seed_of
from qd_pix2pix.models import Model, Pix2Pix
from qd_pix2pix.provenance import read_overrides, runs_of
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.training import run as training
from qd_pix2pix.training.callbacks import LastCheckpoint

LENGTH = ["trainer.max_steps=16", "trainer.val_check_interval=4", "checkpoint_every=4"]
CLOCK = "train/dots_per_second"


pytestmark = pytest.mark.usefixtures("without_evaluation")


class Stop(Exception):
    pass


@pytest.fixture(scope="module")
def pix2pix(small_words):
    """12 dots in batches of 3: four batches an epoch, that end where validations and checkpoints come."""
    words = [*small_words, "network.dropout=0.5", "loader.symmetry=true", "loader.jitter=36", "loader.batch_size=3"]
    return [*words, *LENGTH]


@pytest.fixture(scope="module")
def regressor(regressor_words):
    """12 dots in batches of 5: three batches an epoch, the last of two."""
    words = [*regressor_words, "mapping=V_to_all", "loader.symmetry=true", "loader.jitter=36", "loader.batch_size=5"]
    return [*words, *LENGTH, "trainer.log_every_n_steps=2", "model.warmup=0.3"]


def generator_of(option, data_root):
    """24 lattices in batches of 8: three batches an epoch; the generator of a RUGAN makes each fifth step."""
    fifth = ["model.critic_steps=5"] if option == "rugan" else []
    start = [*SHORT, f"data_root={data_root}", "launcher.workers=1"]
    return [*generator_words(option), *start, *fifth, *LENGTH]


def train(run, words, *more):
    last = run / "checkpoints" / "last.ckpt"
    resuming = [f"ckpt_path={last}"] if last.exists() else []
    training.train(configuration("train", *words, *more, *resuming), run)


def killed(run, words, step, where="on_train_batch_start"):
    """Train until the hook is called in this step; an exception is as hard an end as Python knows."""
    owner = LastCheckpoint if where == "after_the_checkpoint" else Model
    name = "_save_topk_checkpoint" if where == "after_the_checkpoint" else where
    before = getattr(owner, name)

    def stop(self, *args):
        before(self, *args)
        if self.trainer.global_step == step:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, stop)
        with pytest.raises(Stop):
            train(run, words)


@pytest.fixture(scope="module")
def undisturbed(pix2pix, regressor, data_root, tmp_path_factory, without_evaluation):
    """Function of the model's name: its words, and the folder of a run of 16 steps."""
    made = {}

    def run(name):
        words = {"pix2pix": pix2pix, "regressor": regressor}.get(name) or generator_of(name, data_root)
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            train(made[name], words)
        return words, made[name]

    return run


def log(run):
    """Every quantity of the log by step, joined over the starts of the run."""
    history = read_history(run)
    return {name: dict(zip(*(a.tolist() for a in history[name]), strict=True)) for name in history if name != CLOCK}


def epochs(run):
    """The column of the epoch by step, in all starts of a run: each has told the same."""
    rows = [row for path in run.glob("csv/version_*/metrics.csv") for row in csv.DictReader(path.open(newline=""))]
    told = {(int(row["step"]), row["epoch"]) for row in rows}
    assert len(dict(told)) == len(told)
    return dict(told)


def final(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def tensors(content):
    if torch.is_tensor(content):
        return [content]
    values = content.values() if isinstance(content, dict) else content if isinstance(content, (list, tuple)) else ()
    return [tensor for value in values for tensor in tensors(value)]


def assert_same(run, other):
    assert log(run) == log(other)
    assert epochs(run) == epochs(other)
    one, two = final(run), final(other)
    assert one["global_step"] == two["global_step"]
    for part in ("state_dict", "optimizer_states"):
        pairs = list(zip(tensors(one[part]), tensors(two[part]), strict=True))
        assert len(pairs) > 10 and all(torch.equal(a, b) for a, b in pairs)
    assert one["lr_schedulers"] == two["lr_schedulers"]
    best = [torch.load(r / "checkpoints" / "best.ckpt", weights_only=True) for r in (run, other)]
    assert best[0]["global_step"] == best[1]["global_step"] and best[0]["epoch"] == best[1]["epoch"]


def test_an_undisturbed_run_tells_its_epochs(undisturbed):
    _, run = undisturbed("pix2pix")
    assert epochs(run) == {step: str(step // 4) for step in range(16)}
    assert log(run)["train/d_real"].keys() == set(range(1, 17)) and log(run)["val/r2"].keys() == {4, 8, 12, 16}
    _, run = undisturbed("regressor")
    assert epochs(run) == {step - 1: str((step - 1) // 3) for step in range(2, 17, 2)}


# last.ckpt comes every 4 steps: killed in 4 + 1, 8 + 1 and so on, each start begins at an epoch's end of pix2pix
@pytest.mark.slow
@pytest.mark.parametrize("model", ["pix2pix", "regressor"])
@pytest.mark.parametrize("steps", [[5, 9, 13], [4, 7, 8], [3, 12, 15]])
def test_killed_three_times(undisturbed, tmp_path, model, steps):
    words, whole = undisturbed(model)
    for step in steps:
        killed(tmp_path, words, step)
    train(tmp_path, words)
    assert_same(tmp_path, whole)


# step 8: the fourth of five of the critic, and the middle of the training, where a GAN changes its loss
@pytest.mark.parametrize("model", ["rugan", "flow", pytest.param("gan", marks=pytest.mark.slow)])
@pytest.mark.parametrize("steps", [[9], pytest.param([4, 7, 14], marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_generator_that_was_killed(undisturbed, tmp_path, model, steps):
    words, whole = undisturbed(model)
    for step in steps:
        killed(tmp_path, words, step)
    assert final(tmp_path)["global_step"] == steps[-1] - steps[-1] % 4 - (4 if steps[-1] % 4 == 0 else 0)
    train(tmp_path, words)
    assert_same(tmp_path, whole)


@pytest.mark.slow  # 32 starts; the steps that matter most are in the tests around it
@pytest.mark.parametrize("model", ["pix2pix", "regressor"])
def test_killed_in_every_step(undisturbed, tmp_path, model):
    """A checkpoint in every step: each step of the run, first and last of an epoch, is the first after a resume."""
    words, whole = undisturbed(model)
    words = [*words, "checkpoint_every=1"]
    for step in range(1, 16):
        killed(tmp_path, words, step)
        assert final(tmp_path)["global_step"] == step
    train(tmp_path, words)
    assert_same(tmp_path, whole)


# an epoch, a validation, a checkpoint and, of 16, the training end with these steps
@pytest.mark.parametrize("where", ["on_train_batch_end", "on_validation_start", "on_validation_end"])
@pytest.mark.parametrize("step", [8, 16])
@pytest.mark.slow
def test_killed_around_a_boundary(undisturbed, tmp_path, where, step):
    words, whole = undisturbed("pix2pix")
    killed(tmp_path, words, step, where)
    assert final(tmp_path)["global_step"] == (step if where == "on_validation_end" else step - 4)
    train(tmp_path, words)
    assert_same(tmp_path, whole)


class Interrupt(Callback):
    """Ctrl-C in a step: by the signal, or by what the signal's handler calls."""

    def __init__(self, step, by):
        self.step, self.by = step, by

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.step:
            last = next(c for c in trainer.callbacks if isinstance(c, LastCheckpoint))
            signal.raise_signal(signal.SIGINT) if self.by == "signal" else last.interrupt()


def interrupted(run, words, step, by="signal"):
    before, handler = training.own_callbacks, signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stopped:
            patch.setattr(training, "own_callbacks", lambda config: [*before(config), Interrupt(step, by)])
            train(run, words)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "not as it was before"
    finally:
        signal.signal(signal.SIGINT, handler)
    assert stopped.value.code == 130


# before the first checkpoint, in the step of a checkpoint and a validation, and in an epoch's last and first step
@pytest.mark.parametrize(("model", "steps"), [("pix2pix", [0, 7, 8]), ("regressor", [1, 3, 15])])
@pytest.mark.parametrize("by", ["signal", pytest.param("call", marks=pytest.mark.slow)])
def test_interrupted(undisturbed, tmp_path, capsys, model, steps, by):
    """Ctrl-C waits for the step that is under way, and keeps it: nothing is lost, nothing done twice."""
    words, whole = undisturbed(model)
    for step in steps:
        interrupted(tmp_path, [*words, "checkpoint_every=400"], step, by)
        assert final(tmp_path)["global_step"] == step + 1
        told = capsys.readouterr().out
        assert f"stopped at step {step + 1}; resume with ckpt_path={tmp_path}" in told
    train(tmp_path, words)
    assert_same(tmp_path, whole)


def test_a_second_ctrl_c_does_not_wait(pix2pix, tmp_path, capsys):
    class Twice(Interrupt):
        def on_train_batch_start(self, trainer, *_):
            signal.raise_signal(signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
            twice = Twice(0, "signal")
            patch.setattr(training, "own_callbacks", lambda config: [twice, Twice(0, "signal")])
            train(tmp_path, pix2pix)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert "stopped at step 0; no step was finished" in capsys.readouterr().out
    assert not (tmp_path / "checkpoints" / "last.ckpt").exists()


def test_a_run_goes_on_behind_a_link(undisturbed, tmp_path):
    """Checkpoints on another disk: the run stays where it is named."""
    words, whole = undisturbed("pix2pix")
    run, disk = tmp_path / "run", tmp_path / "scratch" / "elsewhere"
    killed(run, words, 6)
    disk.parent.mkdir()
    (run / "checkpoints").rename(disk)
    (run / "checkpoints").symlink_to(disk)
    assert read_overrides(runs_of(run / "checkpoints" / "last.ckpt")[0]) is not None
    train(run, words)
    assert (run / "checkpoints").is_symlink() and not (tmp_path / "csv").exists()
    assert_same(run, whole)


def test_a_full_disk_leaves_the_previous_checkpoint(undisturbed, tmp_path, monkeypatch):
    """The checkpoint of step 8 is cut short; the error has the command that resumes from step 4."""
    words, whole = undisturbed("pix2pix")
    write, last = Path.write_bytes, tmp_path / "checkpoints" / "last.ckpt"

    def full(path, content):
        if ".last.ckpt." in path.name and last.exists():
            write(path, bytes(content)[:1000])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError) as caught:
            train(tmp_path, words)
    text = first_cause(caught.value)
    assert text.startswith(f"{last}: No space left on device; what was there before is kept")
    assert f"resume with ckpt_path={last}. " in text and text.endswith("make room first")
    assert final(tmp_path)["global_step"] == 4 and not list(last.parent.glob(".*"))
    train(tmp_path, words)
    assert_same(tmp_path, whole)


class Minutes(Callback):
    """A clock of one minute per step."""

    def __init__(self):
        self.now = 0.0

    def on_train_batch_start(self, *_):
        self.now += 60.0


# pix2pix has four batches an epoch, and a validation every four: 3 and 5 lie within an epoch, 12 ends one and has both
@pytest.mark.parametrize(
    ("model", "seconds", "starts"),
    [
        ("pix2pix", 179.0, [(5, 3), (7, 6), (13, 12)]),
        pytest.param("pix2pix", 241.0, [(7, 5), (11, 10)], marks=pytest.mark.slow),
        pytest.param("regressor", 121.0, [(4, 3), (7, 6), (13, 12)], marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_killed_after_a_checkpoint_by_time(undisturbed, tmp_path, monkeypatch, model, seconds, starts):
    """Each start is killed before a step and leaves the checkpoint of an earlier step, which only its age explains."""
    words, whole = undisturbed(model)
    words = [*words, "checkpoint_every=400", f"checkpoint_seconds={seconds}"]
    before = training.own_callbacks
    for step, kept in starts:
        clock = Minutes()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LastCheckpoint, "clock", lambda self, clock=clock: clock.now)
            patch.setattr(training, "own_callbacks", lambda config, clock=clock: [clock, *before(config)])
            killed(tmp_path, words, step)
        assert final(tmp_path)["global_step"] == kept
    train(tmp_path, words)
    assert_same(tmp_path, whole)


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_process_decides_when_a_checkpoint_is_old(tmp_path, rank, old):
    """The own clock of another process shows the opposite; between the steps of the log nobody is asked."""
    asked = []

    def broadcast(own):
        asked.append(own)
        return own if rank == 0 else old

    last = LastCheckpoint(tmp_path, "last", every_n_train_steps=400, seconds=120.0)
    last.clock = lambda: 121.0 if old == (rank == 0) else 119.0
    trainer = SimpleNamespace(world_size=2, global_step=20, log_every_n_steps=10)
    trainer.strategy = SimpleNamespace(broadcast=broadcast)
    assert last._is_old(trainer) is old and asked == [old == (rank == 0)]
    trainer.global_step = 21
    assert last._is_old(trainer) is False and len(asked) == 1


@pytest.mark.parametrize("model", ["pix2pix", "regressor"])
@pytest.mark.parametrize("checkpoint_every", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_killed_before_the_line_of_the_log(undisturbed, tmp_path, model, checkpoint_every):
    """The checkpoint is written, its line of the log is not."""
    words, whole = undisturbed(model)
    words = [*words, f"checkpoint_every={checkpoint_every}"]
    for step in (6, 12):
        killed(tmp_path, words, step, "after_the_checkpoint")
        assert final(tmp_path)["global_step"] == step
    train(tmp_path, words, "checkpoint_every=4")
    assert_same(tmp_path, whole)


def test_killed_before_the_last_line(undisturbed, tmp_path, pix2pix):
    """No step is left: the line is all that a resume makes up for."""
    _, whole = undisturbed("pix2pix")
    words = [*pix2pix, "trainer.max_steps=7", "trainer.val_check_interval=4"]
    killed(tmp_path, [*words, "checkpoint_every=7"], 7, "after_the_checkpoint")
    train(tmp_path, [*words, "checkpoint_every=7"])
    assert log(tmp_path)["train/d_real"] == {s: v for s, v in log(whole)["train/d_real"].items() if s <= 7}
    assert epochs(tmp_path) == {step: str(step // 4) for step in range(7)}


@pytest.mark.parametrize(
    "ends", [("trainer.max_steps={}", 4), pytest.param(("trainer.max_epochs={}", 1), marks=pytest.mark.slow)]
)
def test_a_finished_run_is_made_longer(undisturbed, tmp_path, ends):
    """Twice from an epoch's end, by steps and by epochs."""
    words, whole = undisturbed("pix2pix")
    word, unit = ends
    bounds = [] if "steps" in word else ["trainer.max_steps=-1"]
    for epoch in (1, 2, 4):
        train(tmp_path, words, *bounds, word.format(epoch * unit))
        assert final(tmp_path)["global_step"] == 4 * epoch
        train(tmp_path, words, *bounds, word.format(epoch * unit))  # nothing is left to do
    assert_same(tmp_path, whole)


def test_epochs_end_a_run_that_was_killed(undisturbed, tmp_path):
    words, whole = undisturbed("pix2pix")
    words = [*words, "trainer.max_steps=-1", "trainer.max_epochs=4"]
    for step in (5, 10, 13):
        killed(tmp_path, words, step)
    train(tmp_path, words)
    assert_same(tmp_path, whole)


def test_a_longer_run_has_the_rates_of_its_length(undisturbed, regressor, tmp_path):
    """A learning rate depends on the step and the length alone, from the first step after the resume."""
    _, whole = undisturbed("regressor")
    train(tmp_path, regressor, "trainer.max_steps=8")
    train(tmp_path, regressor, "trainer.log_every_n_steps=1")
    rates, expected = log(tmp_path)["train/rate"], log(whole)["train/rate"]
    assert [rates[step] for step in range(10, 17, 2)] == [expected[step] for step in range(10, 17, 2)]
    assert rates[8] < rates[10] < rates[9] < expected[8], "the first step had the rate of the shorter run"


def test_what_is_dropped_depends_on_the_step(undisturbed, tmp_path):
    """Not on what else was drawn before."""
    words, whole = undisturbed("pix2pix")
    original = Pix2Pix.on_validation_epoch_end

    def draw(self):
        torch.rand(3)
        original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pix2Pix, "on_validation_epoch_end", draw)
        train(tmp_path, words)
    assert_same(tmp_path, whole)


def test_seeds_are_the_same_everywhere_and_all_different():
    assert seed_of(0, 1) == 5836529245451711556
    seeds = [seed_of(*numbers) for numbers in [(0,), (0, 0, 1), (1, 0), (0, 1), (1, 2, 3), (2, 1, 3), (2**32 - 1, 7)]]
    assert len(set(seeds)) == len(seeds) and all(0 <= seed < 2**63 for seed in seeds)
