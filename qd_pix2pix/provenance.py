"""Where a result comes from: commit, hardware, versions, time."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "scipy", "torch", "pytorch-lightning", "h5py")


def git_commit(folder: Path) -> str:
    """Commit of the checkout that holds ``folder``, with ``+changes`` where it is not clean; or "unknown"."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        changes = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+changes" if changes else "")


def processor() -> str:
    """Name of the CPU, and the cores that may be used."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"


def provenance(accelerator: str = "") -> dict[str, Any]:
    """Plain containers for ``metrics.json`` and the report."""
    return {
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": git_commit(Path(__file__).parent),
        "hardware": processor() + (f"; {accelerator}" if accelerator else ""),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }
