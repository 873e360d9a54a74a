"""The machine as this process may use it: cores within affinity and quota, name of the CPU."""

from __future__ import annotations

import math
import os
import platform
from functools import cache
from pathlib import Path


def available_cores(root: Path = Path("/")) -> int:
    """Return the number of cores that this process may use: its affinity, or the quota of its cgroup if that is less.

    A container with a quota of two cores sees all cores of its host; only the files of the cgroup hold the quota.

    Args:
        root: of the file system that holds ``proc`` and ``sys``.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> list[float]:
    """Return the quotas in cores of this process' cgroups, of version 1 and 2, and of all groups above them."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux
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
