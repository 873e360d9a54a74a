"""The cores that a process may use, by the files of its cgroup."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qd_pix2pix import provenance
from qd_pix2pix.provenance import available_cores
from qd_pix2pix.sweeps.jobs import LocalJobs


@pytest.fixture
def host(monkeypatch):
    """A host of eighty cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(80)))


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 80),  # no Linux
        ({"proc/self/cgroup": "0::/\n"}, 80),  # the root of the host has no quota
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 80),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "10000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "nonsense\n"}, 80),
        (  # the group above has less
            {
                "proc/self/cgroup": "0::/slurm/job_3/step_0\n",
                "sys/fs/cgroup/slurm/job_3/step_0/cpu.max": "max 100000\n",
                "sys/fs/cgroup/slurm/job_3/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/slurm/cpu.max": "3200000 100000\n",
            },
            4,
        ),
        (  # version 1
            {
                "proc/self/cgroup": "7:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/docker/a/cpu.max": "100000 100000\n",
            },
            3,
        ),
        (  # version 1 in a container, which sees its own group as the root
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/a\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "500000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            5,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            80,
        ),
    ],
)
def test_a_quota_bounds_the_cores(host, tmp_path, files, cores):
    write(tmp_path, files)
    assert available_cores(tmp_path) == cores


def test_affinity_bounds_the_quota(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5})
    write(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"})
    assert available_cores(tmp_path) == 1


def ticks(root, idle):
    """The counters of three cores: user, nice, system, idle, disk, ...; idle ones count ``idle`` ticks."""
    cores = [f"cpu{i} 500 0 10 {1000 + count} 7 0 0 0 0 0" for i, count in enumerate(idle)]
    write(root, {"proc/stat": "\n".join(["cpu  1 2 3 4 5 6 7 8 9 0", *cores, "intr 5 6"])})


# of 100 ticks a second, watched for half of one
@pytest.mark.parametrize(
    ("own", "idle", "quota", "free"),
    [
        ({0, 1, 2}, (50, 50, 50), "max", 3),
        ({0, 1, 2}, (50, 4, 48), "max", 2),
        ({0, 1, 2}, (30, 0, 0), "max", 1),
        ({0, 1, 2}, (0, 0, 0), "max", 1),
        ({1}, (50, 50, 50), "max", 1),
        ({1, 2}, (0, 50, 50), "max", 2),  # the busy core is not one of ours
        ({0, 1, 2}, (50, 50, 0), "100000", 1),
    ],
)
def test_busy_cores_are_not_free(monkeypatch, tmp_path, own, idle, quota, free):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: own)
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    monkeypatch.setattr(provenance.time, "sleep", lambda _: ticks(tmp_path, idle))
    write(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": f"{quota} 100000\n"})
    ticks(tmp_path, (0, 0, 0))
    assert provenance.free_cores(tmp_path) == free


def test_without_counters_all_cores_are_free(host, tmp_path):
    assert provenance.free_cores(tmp_path) == 80


def test_a_busy_neighbour_is_seen():
    """A process that occupies the only core of the measurement, and then ends."""
    core = min(os.sched_getaffinity(0))
    asked = f"import os; os.sched_setaffinity(0, {{{core}}}); print(flush=True)\nwhile True: pass"
    neighbour = subprocess.Popen([sys.executable, "-c", asked], stdout=subprocess.PIPE)
    try:
        neighbour.stdout.readline()
        before = provenance._idle_seconds(Path("/"))[core]
        time.sleep(0.3)
        assert provenance._idle_seconds(Path("/"))[core] - before < 0.1
    finally:
        neighbour.kill()
        neighbour.communicate()


def test_workers_and_runs_have_no_more(monkeypatch):
    """One function for all."""
    from qd_pix2pix.data import launchers

    monkeypatch.setattr("qd_pix2pix.data.launchers.available_cores", lambda: 2)
    asked = []
    monkeypatch.setattr(launchers, "ProcessPoolExecutor", lambda workers, *_, **__: asked.append(workers) or 1 / 0)
    with pytest.raises(ZeroDivisionError), launchers.LocalLauncher().open():
        pass
    assert asked == [2]
    monkeypatch.setattr("qd_pix2pix.sweeps.jobs.free_cores", lambda: 5)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [place["QD_PIX2PIX_THREADS"] for place in LocalJobs(2).places()] == ["2", "2"]
