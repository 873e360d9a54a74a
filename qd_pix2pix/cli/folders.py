"""The folder of a training: named by the time or by the configuration, resumed with its overrides, never shared."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf

from qd_pix2pix.cli.overrides import by_key, check_overrides, quoted, run_folder, value_of
from qd_pix2pix.provenance import read_overrides, runs_of


def resumed(given: Sequence[str]) -> list[str]:
    """Return the overrides of a run that ``ckpt_path=`` resumes: those of its training, updated with the given ones.

    With ``ckpt_path=auto`` the checkpoint is ``last.ckpt`` of the run's own folder. That is ``hydra.run.dir`` if given;
    otherwise its name is the hash of the configuration. Without a checkpoint the run starts there.
    """
    words = by_key(given)
    checkpoint = value_of(words["ckpt_path"]) if "ckpt_path" in words else ""
    if checkpoint == "auto":
        folder = Path(value_of(words["hydra.run.dir"])) if "hydra.run.dir" in words else own_folder(given)
        last = folder / "checkpoints" / "last.ckpt"
        given = [word for word in given if word.partition("=")[0] not in ("ckpt_path", "hydra.run.dir")]
        given.append(f"hydra.run.dir={quoted(folder)}")
        if not last.is_file():
            clear(folder)
            return given
        checkpoint = str(last)
        given.append(f"ckpt_path={quoted(last)}")
        words = by_key(given)
    found = [(run, kept) for run in runs_of(Path(checkpoint)) if (kept := read_overrides(run)) is not None]
    if not checkpoint or not Path(checkpoint).is_file() or not found:
        return list(given)
    run, kept = found[0]
    where = [] if "hydra.run.dir" in words else [f"hydra.run.dir={quoted(run)}"]
    return [*(word for word in kept if word.partition("=")[0] not in words), *where, *given]


def own_folder(given: Sequence[str]) -> Path:
    """Return the folder of a run named by the hash of its configuration, the same for the same command."""
    from qd_pix2pix.sweeps.plan import run_key

    config = check_overrides("train", given)
    parent = run_folder(config).parent
    plain: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]))
    return parent / run_key(plain)


def clear(run: Path) -> None:
    """Remove ``best.ckpt`` of a run that was killed before its first ``last.ckpt``: it cannot be resumed."""
    best = run / "checkpoints" / "best.ckpt"
    if not best.is_file() or int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", 0))) > 0:
        return
    try:
        with FileLock(run / ".lock", timeout=0):
            best.unlink(missing_ok=True)
    except Timeout:
        raise ValueError(f"hydra.run.dir: another process is training in {run}") from None


def claimed(config: DictConfig, given: Sequence[str]) -> list[str]:
    """Create the run's folder, and return the override that names it; folders named by the time are never shared.

    Raises:
        ValueError: the folder is not writable.
    """
    folder = run_folder(config)
    try:
        if "hydra.run.dir" in by_key(given):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return []
        _refuse_one_folder_each(config)
        for number in itertools.count(1):
            own = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
            try:
                own.mkdir(parents=True)
                return [f"hydra.run.dir={quoted(own)}"]
            except FileExistsError:
                continue
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(
            f"hydra.run.dir: no run can be written to {folder} ({reason}); choose another folder"
        ) from None
    raise AssertionError


def _refuse_one_folder_each(config: DictConfig) -> None:
    """Raise ValueError where torchrun or srun has started several processes of one run, each with its own folder."""
    if "TORCHELASTIC_RUN_ID" not in os.environ and int(os.environ.get("SLURM_NTASKS", 1)) < 2:
        return
    from qd_pix2pix.training.distributed import world_size  # imports torch

    if world_size(OmegaConf.to_container(config.trainer)) > 1:  # type: ignore[arg-type]
        raise ValueError(
            "hydra.run.dir: several processes need one folder; give hydra.run.dir=FOLDER or ckpt_path=auto"
        )
