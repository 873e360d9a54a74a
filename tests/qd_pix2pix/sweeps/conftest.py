"""Trainings of sweeps are forked from a process that has imported torch once."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from small import ROOT, wait_until

from qd_pix2pix.sweeps import work

ZYGOTE = ROOT / "tests" / "zygote.py"


@pytest.fixture(scope="session")
def zygote():
    """The command that stands for the training program."""
    with tempfile.TemporaryDirectory(prefix="zygote") as folder:  # the name of a socket is short
        path = Path(folder) / "s"
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, str(ZYGOTE), str(path)], env=environment, stdin=subprocess.DEVNULL)
        try:
            wait_until(path.exists, process)
            yield (sys.executable, str(ZYGOTE), str(path))
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def forked(zygote, monkeypatch):
    """Sweeps of this process fork their trainings."""
    monkeypatch.setattr(work, "COMMAND", zygote)


@pytest.fixture(scope="module")
def forked_here(zygote):
    """The same, for fixtures of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "COMMAND", zygote)
        yield
