"""A training that diverges ends with one sentence; its last checkpoint stays, with finite weights."""

import math

import pytest
import torch
from small import SHORT, call, configuration, generator_words

from qd_pix2pix.models import Diverged, Model

SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("pix2pix", "gan")]
EVERY = ["regressor", "rugan", "flow", *SLOW]


@pytest.fixture
def words_of(small_words, regressor_words, data_root):
    def words(option):
        own = {"pix2pix": small_words, "regressor": regressor_words}.get(option)
        start = [*SHORT, f"data_root={data_root}", "launcher.workers=1"]
        return [*(own or [*generator_words(option), *start]), "checkpoint_every=1", "trainer.precision=32-true"]

    return words


def finite(path):
    content = torch.load(path, weights_only=True)
    assert all(torch.isfinite(values).all() for values in content["state_dict"].values())
    return content["global_step"]


def poisoned(owner, hook, step):
    """A patch that makes a weight NaN when the hook is called in this step, the first is 0."""
    before = getattr(owner, hook)

    def spoil(self, *args):
        before(self, *args)
        if self.global_step == step:
            next(self.network.parameters()).data.fill_(math.nan)

    patch = pytest.MonkeyPatch()
    patch.setattr(owner, hook, spoil)
    return patch


@pytest.mark.parametrize("option", EVERY)
def test_a_loss_that_is_not_a_number_ends_the_training(words_of, train_only, tmp_path, option):
    patch = poisoned(Model, "on_train_batch_start", 4)
    last = tmp_path / "checkpoints" / "last.ckpt"
    with pytest.raises(Diverged) as stopped:
        try:
            train_only(configuration("train", *words_of(option)), tmp_path)
        finally:
            patch.undo()
    assert str(stopped.value).startswith("model: the training diverged, train/")
    assert f" is nan in step 5; {last} is its last good checkpoint. Start again with a lower" in str(stopped.value)
    assert finite(last) == 4 and finite(last.with_name("best.ckpt")) == 3


def test_the_last_step_counts_too(words_of, train_only, tmp_path):
    """No loss follows it: the weights are seen when they are to be kept."""
    patch = poisoned(Model, "on_train_batch_end", 6)
    with pytest.raises(Diverged, match=r"diverged, predictor\.network\.\S+ is not finite in step 6; .*last good"):
        try:
            train_only(configuration("train", *words_of("flow")), tmp_path)
        finally:
            patch.undo()
    assert finite(tmp_path / "checkpoints" / "last.ckpt") == 5


def test_the_program_ends_with_one_line(words_of, tmp_path):
    """Adam at a rate of 1e30: the weights of the first step are finite, the losses of the second are not."""
    words = [*words_of("rugan"), "model.optimizer.lr=1e30", f"hydra.run.dir={tmp_path / 'run'}"]
    done = call("train", *words, cwd=tmp_path)
    line = [text for text in done.stderr.splitlines() if text.startswith("error: ")]
    assert done.returncode == 1 and len(line) == 1 and "Traceback" not in done.stderr + done.stdout
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert f" in step 2; {last} is its last good checkpoint" in line[0] and "lower model.optimizer.lr" in line[0]
    assert "trainer.precision" not in line[0], "it is 32-true already"
    assert finite(last) == 1
