"""Where a result comes from: its run, the overrides it was trained with, commit, hardware, versions, time."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qd_pix2pix.files import write_text
from qd_pix2pix.hardware import processor

PACKAGES = ("numpy", "scipy", "torch", "pytorch-lightning", "h5py")
OVERRIDES = ("overrides.json", "words.json")
"""File of a run that keeps its overrides; the second name is that of older runs."""


def runs_of(checkpoint: Path) -> tuple[Path, Path]:
    """Return the folders that may be the run of a checkpoint: as it is named, and behind links."""
    return Path(os.path.abspath(checkpoint)).parent.parent, checkpoint.resolve().parent.parent


def write_overrides(run: Path, overrides: Sequence[str]) -> None:
    """Keep the overrides of a run in its folder, without the checkpoint that it was resumed from."""
    kept = [word for word in overrides if not word.startswith("ckpt_path=")]
    write_text(run / OVERRIDES[0], json.dumps(kept, indent=1) + "\n")


def read_overrides(run: Path) -> list[str] | None:
    """Return the overrides that a run was trained with; None where its folder does not hold them."""
    path = next((run / name for name in OVERRIDES if (run / name).is_file()), None)
    return None if path is None else [str(word) for word in json.loads(path.read_text(encoding="utf-8"))]


@cache
def git_commit(folder: Path) -> str:
    """Return the commit of the checkout that ``folder`` is the root of, with ``+changes`` where it is not clean.

    It is "unknown" for a copy without a repository of its own, also where that lies inside another repository.
    """
    # hooks and worktrees set GIT_DIR and the like, which would answer for another repository
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
    """Return plain containers for ``metrics.json`` and the report."""
    return {
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": git_commit(Path(__file__).parent.parent),
        "hardware": processor() + (f"; {accelerator}" if accelerator else ""),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }
