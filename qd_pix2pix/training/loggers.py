"""Loggers that survive a kill; W&B writes offline without a key, and continues its run after a resume."""

from __future__ import annotations

import csv
import io
import logging
import netrc
import os
import ssl
import sys
import threading
import urllib.error
import urllib.request
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter, rank_zero_experiment

from qd_pix2pix.files import write_text

HOST = "https://api.wandb.ai"
ANSWER_WITHIN = 5.0
"""Time limit in seconds for an answer of W&B's server."""
START_WITHIN = 30.0
"""Time limit in seconds for the start of a run on W&B's server."""
OFFLINE = ("offline", "dryrun")
"""Values of ``WANDB_MODE`` with which W&B writes to disk only."""


def quiet() -> None:
    """Suppress Lightning's messages at every start, and its advice that does not apply here."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for text in (
        ".*LeafSpec.*",
        "Using ModelCheckpoint with manual optimization",
        "Checkpoint directory .* exists",
        ".*does not have many workers.*",
        "It is recommended to use .*sync_dist",
    ):
        warnings.filterwarnings("ignore", text)


class WholeWriter(ExperimentWriter):
    """The CSV writer of Lightning, which rewrites the file for new columns; here the rewriting is atomic."""

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        path, text = Path(self.metrics_file_path), io.StringIO(newline="")
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        writer = csv.DictWriter(text, fieldnames=fieldnames)
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, text.getvalue())


class WholeLog(CSVLogger):
    """The CSV logger of Lightning, with the writer above."""

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The writer of this log."""
        if self._experiment is None:
            self._experiment = WholeWriter(log_dir=self.log_dir)
        return self._experiment


def has_wandb_key() -> bool:
    """Return True where W&B can log in without a prompt: with a key in the environment or in the netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(_server()).hostname or ""
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _server() -> str:
    return os.environ.get("WANDB_BASE_URL", HOST)


def server_answers() -> bool:
    """Return True where W&B's server answers within ``ANSWER_WITHIN``, through the proxies of the environment."""
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(_answers()), daemon=True)
    thread.start()
    thread.join(ANSWER_WITHIN + 1)  # a DNS look-up has no time limit of its own
    return bool(found) and found[0]


def _answers() -> bool:
    try:
        with urllib.request.urlopen(_server(), timeout=ANSWER_WITHIN):
            return True
    except urllib.error.HTTPError as error:  # a proxy answers even if the server behind it does not
        return error.code not in (502, 503, 504)
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # W&B uses its own certificates
    except (OSError, ValueError):
        return False


class SteadyWandbLogger(WandbLogger):
    """The W&B logger of Lightning; if the server starts no run, the training continues and the log is on disk."""

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The run of W&B."""
        import wandb

        self._wandb_init.pop("anonymous", None)  # even None is a setting for which W&B issues a warning
        began = WandbLogger.experiment.fget  # type: ignore[attr-defined]
        try:
            return began(self)
        except wandb.errors.Error as error:
            if self._offline:
                raise
            _state_offline(Path(str(self.save_dir)), f"no run begins on {_server()} ({_first_line(error)})")
            wandb.teardown()  # its service holds the run's id
            self._offline = True
            self._wandb_init["mode"] = "offline"  # W&B reads its environment only once
            return began(self)


def _state_offline(folder: Path, reason: str) -> None:
    """Print in one line why a run is written offline, and how it is uploaded later."""
    text = f"logger  W&B: {reason}; the run is written offline, wandb sync {folder}/wandb/offline-* uploads it later"
    print(text, flush=True)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def wandb_logger(
    save_dir: Path, project: str, offline: bool | None = None, tags: Sequence[str] = (), **options: Any
) -> WandbLogger:
    """Return a W&B logger whose run belongs to the folder ``save_dir``.

    Args:
        save_dir: folder of the run; it holds the id, so that a resumed run continues the same W&B run.
        project: W&B project.
        offline: write to disk only. With None this depends on ``WANDB_MODE``; if that is not set, a run is online only
            with a key and a server that answers. ``WANDB_MODE=disabled`` takes precedence.
        tags: tags of the run; a class is shortened to its name, null is omitted.
        options: options of ``WandbLogger`` and ``wandb.init``: entity, group, name, ...
    """
    import wandb  # here, since the import takes a second

    id_file = Path(save_dir) / "wandb-id"
    if not id_file.exists():
        id_file.parent.mkdir(parents=True, exist_ok=True)
        id_file.write_text(uuid.uuid4().hex[:12])
    options.setdefault("settings", wandb.Settings(init_timeout=START_WITHIN))
    to_disk, reason = _is_offline(offline)
    if reason:
        _state_offline(Path(save_dir), reason)
    if to_disk:
        options["mode"] = "offline"
    return SteadyWandbLogger(
        project=project,
        save_dir=save_dir,
        offline=to_disk,
        id=id_file.read_text().strip(),
        resume="allow",
        tags=[str(tag).rsplit(".", 1)[-1] for tag in tags if tag],
        **options,
    )


LIBRARIES: dict[Callable[..., Logger], str] = {wandb_logger: "wandb", TensorBoardLogger: "tensorboard"}
"""Loggers, and the library that each needs; Lightning would report it only when the training starts."""


def check_logger(factory: Callable[..., Logger]) -> None:
    """Meet a library that is not installed, before any work.

    Raises:
        ModuleNotFoundError: names the library.
        ValueError: the factory is none.
    """
    if not callable(factory):
        raise ValueError(f"logger: expected a logger with _partial_: true, got {factory!r}")
    library = LIBRARIES.get(getattr(factory, "func", factory))
    if library:
        import_module(library)


def _is_offline(asked: bool | None) -> tuple[bool, str]:
    """Return whether a run is written to disk only, and the reason where the user has not asked for that."""
    mode = os.environ.get("WANDB_MODE", "")
    if mode == "disabled":
        return False, ""  # not written to disk either; W&B itself reads the mode
    if asked or (asked is None and mode in OFFLINE):
        return True, ""
    online = asked is not None or bool(mode)
    if not has_wandb_key() and not (online and sys.stdin.isatty()):  # on a terminal W&B asks for the key
        return True, "there is no key (wandb login, or WANDB_API_KEY)"
    if not online and not server_answers():
        return True, f"{_server()} does not answer"
    return False, ""


def log_test(loggers: Sequence[Logger], measures: Mapping[str, float | None]) -> None:
    """Add measures of the test split to the summary of W&B's run, as ``test/r2``.

    The run is that of this process: after a spawned training, Lightning's logger does not hold it here.
    """
    if not any(isinstance(logger, WandbLogger) for logger in loggers):
        return
    import wandb

    if wandb.run:
        wandb.run.summary.update({f"test/{name}": value for name, value in measures.items()})
