"""Logs that a kill leaves whole; Weights & Biases offline where there is no key, in the same run after a resume."""

from __future__ import annotations

import csv
import io
import netrc
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter, rank_zero_experiment

from qd_pix2pix.files import write_text

HOST = "https://api.wandb.ai"


class WholeWriter(ExperimentWriter):
    """Lightning's, which writes the file anew when there are new columns; here a kill meanwhile costs no line."""

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        path, text = Path(self.metrics_file_path), io.StringIO(newline="")
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        writer = csv.DictWriter(text, fieldnames=fieldnames)
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, text.getvalue())


class WholeLog(CSVLogger):
    """Lightning's CSV log with the writer above."""

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The writer of this log."""
        if self._experiment is None:
            self._experiment = WholeWriter(log_dir=self.log_dir)
        return self._experiment


def has_wandb_key() -> bool:
    """True where W&B could log in without asking: key in the environment or in the netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", HOST)).hostname or ""
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def wandb_logger(
    save_dir: Path, project: str, offline: bool | None = None, tags: Sequence[str] = (), **options: Any
) -> WandbLogger:
    """A W&B logger whose run belongs to the folder ``save_dir``.

    Args:
        save_dir: folder of the run; it keeps the id, so that a resumed run goes on in the same W&B run.
        project: W&B project.
        offline: write to disk only; None decides by whether there is a key. ``wandb sync`` uploads later.
        tags: of the run; of a class its name, of what is null nothing.
        options: of ``WandbLogger`` and ``wandb.init``: entity, group, name, ...
    """
    id_file = Path(save_dir) / "wandb-id"
    if not id_file.exists():
        id_file.parent.mkdir(parents=True, exist_ok=True)
        id_file.write_text(uuid.uuid4().hex[:12])
    if offline is None:
        offline = os.environ.get("WANDB_MODE") == "offline" or not has_wandb_key()
    return WandbLogger(
        project=project,
        save_dir=save_dir,
        offline=offline,
        id=id_file.read_text().strip(),
        resume="allow",
        tags=[str(tag).rsplit(".", 1)[-1] for tag in tags if tag],
        **options,
    )


def log_test(loggers: Sequence[Logger], measures: Mapping[str, float]) -> None:
    """Put measures of the test split into the summary of W&B's run, as ``test/r2``.

    The run is that of this process: where training was spawned, Lightning's logger no longer knows it here.
    """
    if not any(isinstance(logger, WandbLogger) for logger in loggers):
        return
    import wandb  # costs a second

    if wandb.run:
        wandb.run.summary.update({f"test/{name}": value for name, value in measures.items()})
