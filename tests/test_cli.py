"""The three programs as a user meets them: every wrong word is one clear error that names the choices."""

import subprocess
import sys

import pytest
from small import ROOT


def run(program, *words, cwd):
    command = [sys.executable, str(ROOT / f"{program}.py"), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("program", "word", "choices"),
    [
        ("train", "model=pix3pix", ["pix2pix"]),
        ("train", "mapping=V_to_rho", ["V_to_nint", "nint_to_V"]),
        ("train", "modle=pix2pix", ["Did you mean model?", "mapping"]),
        ("train", "model.discriminator.layer=3", ["Did you mean layers?", "kernel_size"]),
        ("train", "model.network.levels=3", ["write network.levels="]),
        ("train", "seed.x=3", ["single value"]),
        ("train", "trainer.max_step=3", ["Did you mean max_steps?"]),
        ("train", "network.norm=layer", ["instance, batch, none"]),
        ("train", "model.adversarial_loss=wgan", ["bce, least_squares"]),
        ("train", "trainer.precision=17", ["bf16"]),
        ("train", "trainer.gradient_clip_val=1", ["there is no such word"]),
        ("train", "+trainer.gradient_clip_val=1", ["model.gradient_clip"]),
        ("train", "trainer.max_epochs=0", ["at least one step"]),
        ("train", "loader.jitter=10", ["64"]),
        ("train", "loader.batch_size=0", ["at least 1"]),
        ("train", "loader.batch_size=two", ["whole number"]),
        ("train", "loader.symmetry=maybe", ["true or false"]),
        ("train", "loader.cache_gib=-1", ["at least 0"]),
        ("train", "model.optimizer.lr=fast", ["a number"]),
        ("train", "model.gradient_clip=tight", ["positive norm"]),
        ("train", "trainer.max_steps=null", ["trainer.max_steps"]),
        ("train", "trainer.val_check_interval=0", ["trainer.val_check_interval"]),
        ("train", "checkpoint_every=0", ["checkpoint_every"]),
        ("train", "seed=-1", ["seed"]),
        ("train", "data_root=null", ["data_root"]),
        ("train", "network.in_channels=2", ["channels"]),
        ("train", "mapping.also=[n0]", ["mapping.also", "model=regressor"]),
        ("train", "range.n_electrons=[1,2]", ["range", "model=regressor"]),
        ("train", "range.n_electrons=two", ["range.n_electrons", "[1, 2]"]),
        ("train", "model=regressor model.density.loss.l3=1", ["Choices", "likelihood"]),
        ("train", "model=regressor model.density.head=softmax", ["charge, bounded, free"]),
        ("train", "model=regressor range.material=[gaas,gold]", ["gaas, inas, si"]),
        ("train", "model=regressor network.padding=mirror", ["zeros, circular"]),
        ("train", "model=regressor data.grid.n=40", ["multiple of 16"]),
        ("train", "model.optimizer.lr=-1", ["model.optimizer"]),
        ("generate", f"check={ROOT / 'README.md'}", ["no dataset is there"]),
        ("train", "data.grid.n=60", ["multiple of 64"]),
        ("train", "ckpt_path=none.ckpt", ["none.ckpt"]),
        ("generate", "material=gold", ["gaas", "si"]),
        ("generate", "data.n_electrons=two", ["n_electrons"]),
        ("generate", "check=nowhere", ["nowhere"]),
        ("evaluate", "chekpoint=x", ["Did you mean checkpoint?"]),
        ("evaluate", "checkpoint=x", ["x is not there"]),
        ("evaluate", "checkpoint=x.safetensors", ["x.safetensors is not there", "save="]),
    ],
)
def test_wrong_words_are_one_clear_error(tmp_path, program, word, choices):
    done = run(program, *word.split(), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error:") == 1
    for choice in choices:
        assert choice in done.stderr
    assert not (tmp_path / "data").exists(), "work was begun"


def test_help_and_configuration_are_shown(tmp_path):
    done = run("train", "--cfg", "job", "mapping=nint_to_V", cwd=tmp_path)
    assert done.returncode == 0
    assert "source: n_int" in done.stdout


def test_added_words_reach_the_trainer(tmp_path):
    """What Hydra lets a user add is Lightning's to judge."""
    done = run("train", "+trainer.no_such_argument=1", cwd=tmp_path)
    assert done.returncode == 2 and "no_such_argument" in done.stderr
