"""Processes and files of points: what is left of a run that ends at any time."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from analytic import GAAS
from small import ROOT

from solvers import Grid
from solvers.quantum_dots.exchange_points import ExchangeTask
from solvers.quantum_dots.gate_points import Cache, Point, Task
from solvers.quantum_dots.worker_processes import workers

SCRIPT = """
import os, sys, time
from solvers.quantum_dots.worker_processes import workers
if __name__ == "__main__":
    with workers(2) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 60)
        time.sleep(60)
"""
POINT = Point(np.zeros(3), np.zeros(3), np.zeros((3, 2)))


def alive(pid):
    """Whether a process runs; one that ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the processes of Linux")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent(sent, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in the background of a script
    )
    worker = int(parent.stdout.readline())
    parent.send_signal(sent)
    parent.wait(10)
    end = time.monotonic() + 10
    while alive(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(worker)


def test_a_worker_that_is_killed_is_one_error():
    with pytest.raises(ChildProcessError, match=r"processes: .*killed, or out of memory.*now 2"), workers(2) as pool:
        pool.submit(signal.raise_signal, signal.SIGKILL).result()


def test_a_disk_that_is_full_leaves_no_file(tmp_path, monkeypatch):
    cache = Cache(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left") as caught:
        cache.put("a", POINT)
    assert caught.value.filename == str(tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_others_may_read_results_where_the_umask_lets_them(tmp_path):
    """A folder of a group was computed anew by each of its users."""
    before = os.umask(0o022)
    try:
        Cache(tmp_path).put("a", POINT)
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644 and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("change", [{"energies": [0.0]}, {"energies": 1.0}, {"charges": None}, {"errors": ["a"]}])
def test_a_file_with_arrays_of_another_shape_is_damaged(tmp_path, change):
    """Energies of the empty dots alone would be a diagram without electrons."""
    cache, shapes = Cache(tmp_path), tuple(values.shape for values in POINT)
    cache.put("a", POINT)
    assert cache.get("a", shapes) is not None
    path = tmp_path / "a.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert cache.get("a", shapes) is None


def test_results_have_the_shapes_that_their_tasks_state():
    grid = Grid(16, 80.0)
    well, nearest = 1e-4 * grid.from_middle()[0][:, None] ** 2 * np.ones(grid.shape), np.zeros(grid.shape, dtype=int)
    few = {"n_orbitals": 4, "refinements": 0}
    for task in (Task(grid, GAAS, 2, nearest, 3, few), ExchangeTask(grid, GAAS, nearest, 3, few)):
        (found,) = task.solve(well[None])
        assert tuple(values.shape for values in found) == task.shapes


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="a folder in which nobody can write")
def test_a_folder_that_is_read_only_is_named():
    with pytest.raises(ValueError, match="^cache: expected a folder that can be made and written to, got /proc"):
        Cache("/proc/self")
