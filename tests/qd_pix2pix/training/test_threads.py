"""The number of torch's threads: whose choice it is, that it is stated, and that a run keeps it."""

import os
import subprocess
import sys

import pytest
import torch
from small import ROOT, call, configuration

from qd_pix2pix.cli.folders import resumed
from qd_pix2pix.provenance import SHARE, read_overrides
from qd_pix2pix.training import threads
from qd_pix2pix.training.distributed import DataParallel, processes_here
from qd_pix2pix.training.threads import OMP, choose_threads, set_threads


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Eight cores, five of them free; the number of this process is restored."""
    before = torch.get_num_threads()
    for name in (OMP, SHARE):
        monkeypatch.setenv(name, "x")  # so that it is restored
        monkeypatch.delenv(name)
    monkeypatch.setattr(threads, "available_cores", lambda: 8)
    monkeypatch.setattr(threads, "free_cores", lambda: 5)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("environment", "asked", "processes", "number"),
    [
        ({}, None, 1, 5),
        ({}, None, 2, 2),
        ({}, None, 6, 1),
        ({}, 7, 1, 7),
        ({}, 3, 2, 3),
        ({SHARE: "4"}, None, 1, 4),
        ({SHARE: "4"}, None, 2, 2),
        ({SHARE: "4"}, 6, 1, 6),  # kept with the run, or on the command line of the sweep
        ({OMP: "8"}, 2, 1, 8),
        ({OMP: "8", SHARE: "4"}, None, 1, 8),
    ],
)
def test_whose_choice_it_is(monkeypatch, environment, asked, processes, number):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert choose_threads(asked, processes)[0] == number


def test_torch_has_fewer_where_cores_are_halves(monkeypatch):
    """Torch counts physical cores; of eight that are free to it, four are."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert choose_threads(None)[0] == 4


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "threads 5 (5 of 8 cores free); threads=N changes it"),
        ({SHARE: "1"}, "threads 1 (share of a sweep); threads=N changes it"),
        ({OMP: "8"}, "threads 8 (OMP_NUM_THREADS); OMP_NUM_THREADS=N changes it"),
    ],
)
def test_one_line_states_it(monkeypatch, capsys, environment, line):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    set_threads(None)
    assert capsys.readouterr().out == f"{line}\n"


def test_processes_that_have_their_own_cores(monkeypatch):
    """With srun each process counts its own cores; those that Lightning starts share them."""
    trainer = {"devices": 4, "num_nodes": 2}
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    assert processes_here(trainer) == 4
    monkeypatch.setenv("SLURM_NTASKS", "8")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert processes_here(trainer) == 1


def test_spawned_processes_have_the_threads_of_their_parent(monkeypatch):
    strategy = DataParallel()
    monkeypatch.undo()
    torch.set_num_threads(1)
    monkeypatch.setattr("pytorch_lightning.strategies.DDPStrategy.setup_environment", lambda self: None)
    strategy.setup_environment()
    assert torch.get_num_threads() == 8


def test_a_resumed_run_keeps_its_threads(regressor_words, small_store, train_only, tmp_path, monkeypatch):
    """The load has changed meanwhile, and other numbers of threads give other bits."""
    del small_store
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setattr(threads, "free_cores", lambda: 1)
    train_only(configuration("train", *regressor_words), tmp_path, regressor_words)
    assert read_overrides(tmp_path) == [*regressor_words, "threads=1"]
    monkeypatch.setattr(threads, "free_cores", lambda: pytest.fail("the run has its number"))
    words = resumed([f"ckpt_path={tmp_path / 'checkpoints/last.ckpt'}", "trainer.max_steps=7"])
    given = [word for word in words if not word.startswith("hydra.")]
    train_only(configuration("train", *given), tmp_path, words)
    assert asked == [1, 1] and read_overrides(tmp_path)[-1] == "threads=1"
    train_only(configuration("train", *given, "trainer.max_steps=8", "threads=2"), tmp_path, words)
    assert asked == [1, 1, 2] and read_overrides(tmp_path)[-1] == "threads=2"


@pytest.mark.parametrize("program", ["train", "evaluate"])
def test_a_number_that_is_none_is_one_error(program):
    given = ["checkpoint=x"] if program == "evaluate" else []
    done = call(program, "threads=0", *given)
    assert done.returncode == 2 and "error: threads: expected a whole number of at least 1" in done.stderr


SHOW = """
import os, sys
from qd_pix2pix import cli
cli.guarded(lambda: None)
assert "torch" not in sys.modules, "OpenMP has read its settings"
print(os.environ.get("GOMP_SPINCOUNT"), os.environ.get("OMP_WAIT_POLICY"))
"""


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({}, "10000 None"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "None ACTIVE"),
        ({"GOMP_SPINCOUNT": "7"}, "7 None"),
    ],
)
def test_threads_sleep_soon_unless_the_user_has_chosen(own, found):
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    environment = {name: value for name, value in os.environ.items() if name not in names} | own
    done = subprocess.run([sys.executable, "-c", SHOW], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == found, done.stderr
