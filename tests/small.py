"""Overrides for a dataset and a run of seconds, their configuration, programs in this process, sweeps as processes."""

import contextlib
import io
import json
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import psutil
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from qd_pix2pix import cli
from qd_pix2pix.cli.compose import register_resolvers
from qd_pix2pix.cli.overrides import quoted

ROOT = Path(__file__).parent.parent

SMALL_DATA = [
    "potential=double_gaussian",
    "data.grid.n=32",
    "data.grid.extent=24.0",
    "solver.n_orbitals=4",
    "data.train=12",
    "data.val=5",
    "data.test=5",
    "data.shard_size=5",
]
SMALL_NETWORKS = ["network.levels=5", "network.channels=4", "model.discriminator.channels=4"]
SMALL_REGRESSOR = ["model=regressor", "network.channels=[2,3]", "network.blocks=[1,1]"]
SMALL_ISING = ["data=ising", "data.train=24", "data.val=6", "data.test=6", "data.shard_size=12"]
SMALL_GENERATORS = {
    "rugan": ["network.channels=4", "network.blocks=0", "model.critic.channels=[4,4,4]", "model.noise=3"],
    "gan": ["network.channels=[4,4,4,4,4,4]", "model.discriminator.channels=4", "model.discriminator.hidden=8"],
    "flow": ["network.channels=4", "network.blocks=2", "model.steps=4"],
}
SHORT = [
    "trainer.max_steps=6",
    "trainer.val_check_interval=3",
    "trainer.log_every_n_steps=1",
    "trainer.accelerator=cpu",
]


register_resolvers()


def configuration(name, *words):
    """conf/<name>.yaml with these words, as plain containers."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose(name, [*words], return_hydra_config=False)
    return OmegaConf.to_container(config, resolve=True)


def generator_words(option):
    """Words of a generator of conf/model on small Ising lattices."""
    return [*SMALL_ISING, f"model={option}", *SMALL_GENERATORS[option], "loader.batch_size=8"]


def evaluation(run, data_root, output, **changes):
    """Settings of conf/evaluate.yaml for the best checkpoint of a run."""
    given = {"checkpoint": str(run / "checkpoints" / "best.ckpt"), "data_root": str(data_root), "output": str(output)}
    return configuration("evaluate", "launcher.workers=1") | given | changes


def call(program, *words, cwd=None):
    """A program in this process: its exit status, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []  # one of an earlier test may write to a stream that is closed now
    code = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(contextlib.chdir(cwd or Path.cwd()))
        stack.enter_context(mock.patch.object(sys, "argv", [f"{program}.py", *words]))
        try:
            cli.PROGRAMS[program]()
        except SystemExit as end:
            code = end.code or 0
        finally:
            root.handlers[:] = handlers  # Hydra's write to what is redirected here
            root.setLevel(level)
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def start(command, **options):
    """A process that Ctrl-C reaches, also where the tests run in the background, where it would be deaf to it."""

    def listen():
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(command, **{"stderr": subprocess.DEVNULL} | options, preexec_fn=listen)


def wait_until(condition, process, seconds=120):
    """Wait until the process has come so far, and is still there to be killed."""
    deadline = time.time() + seconds
    while not condition():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.time() < deadline
        time.sleep(0.01)


def sweep_command(folder, *words):
    """A sweep whose folder lies in this one."""
    return [sys.executable, str(ROOT / "train.py"), "-m", *words, f"sweep.folder={quoted(folder)}"]


def finish(folder, *words):
    """A sweep in this process, whose folder lies in this one."""
    return call("train", "-m", *words, f"sweep.folder={quoted(folder)}", cwd=folder)


def trainings(folder):
    """Processes that train a run of a sweep in this folder."""
    where = f"hydra.run.dir={quoted(folder)[:-1]}/"
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if any(word.startswith(where) for word in p.info["cmdline"] or [])]


def records(folder):
    """What the runs of the sweep in this folder have written of themselves, and the folders of the runs; by seed."""
    found = {path.parent: json.loads(path.read_text()) for path in sorted(folder.glob("*/*/record.json"))}
    return {record["config"]["seed"]: record | {"run": run} for run, record in found.items()}
