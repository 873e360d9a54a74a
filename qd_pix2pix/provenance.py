"""The provenance of a result: its run, the overrides of its training, commit, machine, versions, time."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qd_pix2pix.files import write_text

SHARE = "QD_PIX2PIX_THREADS"
"""Environment variable with the share of the cores that a sweep gives to each of its runs."""
WATCH = 0.5
"""Time in seconds over which the load of the cores is measured."""
PACKAGES = ("numpy", "scipy", "torch", "pytorch-lightning", "h5py")
OVERRIDES = ("overrides.json", "words.json")
"""Names of the file in which a run keeps its overrides; the second one is that of older runs."""


def runs_of(checkpoint: Path) -> tuple[Path, Path]:
    """Return the folders that may be the run of a checkpoint: from its path as given, and with links resolved."""
    return Path(os.path.abspath(checkpoint)).parent.parent, checkpoint.resolve().parent.parent


def write_overrides(run: Path, overrides: Sequence[str]) -> None:
    """Write the overrides of a run to its folder, without the checkpoint from which it was resumed."""
    kept = [word for word in overrides if not word.startswith("ckpt_path=")]
    write_text(run / OVERRIDES[0], json.dumps(kept, indent=1) + "\n")


def read_overrides(run: Path) -> list[str] | None:
    """Return the overrides of a run's training; None where its folder does not hold them."""
    path = next((run / name for name in OVERRIDES if (run / name).is_file()), None)
    return None if path is None else [str(word) for word in json.loads(path.read_text(encoding="utf-8"))]


@cache
def git_commit(folder: Path) -> str:
    """Return the commit of the checkout whose root is ``folder``, with ``+changes`` if it has uncommitted changes.

    The commit is "unknown" for a copy without its own repository, even inside another repository.
    """
    # hooks and worktrees set GIT_DIR and similar variables, which would select another repository
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout.strip()

    try:
        if not os.path.samefile(git("rev-parse", "--show-toplevel"), folder):
            return "unknown"
        commit = git("rev-parse", "--short=12", "HEAD")
        changes = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+changes" if changes else "")


def provenance(accelerator: str = "") -> dict[str, Any]:
    """Return the provenance as plain containers, for ``metrics.json`` and the report."""
    return {
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": git_commit(Path(__file__).parent.parent),
        "hardware": processor() + (f"; {accelerator}" if accelerator else ""),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def available_cores(root: Path = Path("/")) -> int:
    """Return the number of cores that this process may use: its affinity, or the quota of its cgroup if that is less.

    In a container with a quota of two cores the affinity covers all cores of the host; only the files of the cgroup
    hold the quota.

    Args:
        root: root of the file system that holds ``proc`` and ``sys``.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in _quotas(root))]))


def free_cores(root: Path = Path("/")) -> int:
    """Return how many of the available cores other programs leave free, at least 1; the measurement takes ``WATCH``.

    The calling process must be idle meanwhile. On systems without ``proc/stat`` all available cores count as free.

    Args:
        root: root of the file system that holds ``proc`` and ``sys``.
    """
    before = _idle_seconds(root)
    time.sleep(WATCH if before else 0.0)
    now = _idle_seconds(root)
    idle = sum(max(now[core] - before[core], 0.0) for core in before if core in now) / WATCH
    return max(1, min(available_cores(root), round(idle))) if before else available_cores(root)


def _idle_seconds(root: Path) -> dict[int, float]:
    """Return the time in seconds that each core of this process's affinity has been idle."""
    try:
        lines = [line.split() for line in (root / "proc/stat").read_text().splitlines()]
        tick = os.sysconf("SC_CLK_TCK")
        own = os.sched_getaffinity(0)
        cores = {int(f[0][3:]): f for f in lines if f and f[0].startswith("cpu") and f[0] != "cpu"}
        return {core: (int(f[4]) + int(f[5])) / tick for core, f in cores.items() if core in own}  # idle, disk
    except (OSError, AttributeError, ValueError, IndexError):  # not Linux
        return {}


def _quotas(root: Path) -> list[float]:
    """Return the quotas in cores of this process's cgroups (versions 1 and 2) and of all their parents."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # not Linux
        return []
    found = []
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        mount = root / "sys/fs/cgroup" / controllers
        if controllers and "cpu" not in controllers.split(","):
            continue
        if controllers and not mount.is_dir():
            mount = root / "sys/fs/cgroup/cpu"
        own = mount / path.strip("/")
        groups = [own, *(above for above in own.parents if above.is_relative_to(mount))]
        found += [quota for group in groups if (quota := _quota(group)) is not None]
    return found


def _quota(group: Path) -> float | None:
    """Return the quota of one cgroup in cores: ``cpu.max`` of version 2, ``cpu.cfs_quota_us`` of version 1."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            quota, period = (text for name in names for text in (group / name).read_text().split())
            return float(quota) / float(period) if quota not in ("max", "-1") else None
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None


@cache
def processor() -> str:
    """Return the name of the CPU, and the number of cores that may be used."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return f"{name}, {available_cores()} cores"
