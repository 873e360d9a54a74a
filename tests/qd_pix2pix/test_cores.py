"""The cores that a process may use, by the files of its cgroup."""

import os

import pytest

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


def test_workers_runs_and_torch_have_no_more(monkeypatch):
    """One function for all; torch, which knows of no quota, is told."""
    import torch

    from qd_pix2pix.data import launchers
    from qd_pix2pix.training import distributed

    for module in ("qd_pix2pix.sweeps.jobs", "qd_pix2pix.data.launchers", "qd_pix2pix.training.distributed"):
        monkeypatch.setattr(f"{module}.available_cores", lambda: 2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert LocalJobs(1).places()[0]["OMP_NUM_THREADS"] == "2"
    asked = []
    monkeypatch.setattr(launchers, "ProcessPoolExecutor", lambda workers, *_, **__: asked.append(workers) or 1 / 0)
    with pytest.raises(ZeroDivisionError), launchers.LocalLauncher().open():
        pass
    assert asked == [2]
    threads = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 80)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    distributed.limit_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    distributed.limit_threads()
    assert threads == [2]
