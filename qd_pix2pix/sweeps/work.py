"""A run of a sweep as a process: the training program with the run's overrides, started or resumed, and recorded."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from qd_pix2pix.cli.overrides import quoted
from qd_pix2pix.reports.study import FAILED, FINISHED, STARTED
from qd_pix2pix.sweeps.ledger import Record, read_record, write_record

COMMAND = (sys.executable, "-m", "qd_pix2pix.cli", "train")
"""Command of the training program; it works in any folder, also for a package installed from a wheel."""
LOG = "log.txt"
INTERRUPTED = 130
"""Exit status of a training that was ended by Ctrl-C and will be resumed."""

_children: dict[subprocess.Popen[bytes], Path] = {}
"""The trainings started by this process, and their logs."""
_guard = threading.Condition()
_stopping = threading.Event()


@dataclass(frozen=True)
class Work:
    """The work of a run, which any process with access to its folder can execute.

    Attributes:
        folder: absolute path of the run's folder.
        here: absolute path of the folder to which relative paths of the overrides refer.
        key, overrides, point, config: see ``plan.Run``; ``config`` in dotted names.
    """

    folder: Path
    here: Path
    key: str
    overrides: tuple[str, ...]
    point: dict[str, str]
    config: dict[str, Any]

    def __call__(self, environment: Mapping[str, str] | None = None) -> Record:
        """Train unless the run is finished; return its record. Wait for another process that trains this run."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _alone(self.folder / ".sweep.lock") as lock:
                return self._do(environment or {}, lock)
        except OSError as error:  # a full disk: the record on it is unchanged, and the next start resumes the run
            return self.lost(str(error))

    def lost(self, error: str) -> Record:
        """Return the record of a failed run that cannot be written."""
        return replace(self._asked(Record(self.key, FAILED)), error=error)

    def _asked(self, record: Record) -> Record:
        return replace(record, key=self.key, overrides=self.overrides, point=self.point, config=self.config)

    def _do(self, environment: Mapping[str, str], lock: int) -> Record:
        before = read_record(self.folder)
        if before and before.state == FINISHED:
            record = self._asked(before)  # there may be new axes
            write_record(self.folder, record)
            return record
        record = replace(
            self._asked(Record(self.key, STARTED)),
            host=socket.gethostname(),
            began=datetime.now().astimezone().isoformat(timespec="seconds"),
            seconds=before.seconds if before else 0.0,
        )
        write_record(self.folder, record)
        log = self.folder / LOG
        began, seen = time.monotonic(), log.stat().st_size if log.is_file() else 0
        with self._training(environment, lock) as code:
            record = replace(record, seconds=record.seconds + time.monotonic() - began)
            if code == 0:
                record = record.with_results(self.folder)
            elif code != INTERRUPTED and not _stopping.is_set():
                record = replace(record, state=FAILED, error=reason(log, code, seen))
            write_record(self.folder, record)
        return record

    @contextmanager
    def _training(self, environment: Mapping[str, str], lock: int) -> Iterator[int]:
        """Train and yield the exit status; ``stop`` waits until the caller has recorded it."""
        overrides = [*self.overrides, "ckpt_path=auto", f"hydra.run.dir={quoted(self.folder)}"]
        with (self.folder / LOG).open("ab") as log, _guard:
            _go_on()
            child = subprocess.Popen(
                [*COMMAND, *overrides],
                cwd=self.here,
                env=_same_package({**os.environ, **environment}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_listen,
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C reaches it only once, through ``stop``
            )
            _children[child] = self.folder / LOG
        try:
            yield child.wait()
        finally:
            with _guard:
                _children.pop(child, None)
                _guard.notify_all()


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    """Acquire the lock and yield its descriptor; a child that inherits it keeps the lock if this process is killed.

    A ``FileLock`` cannot be inherited by a child. The umask determines who else may acquire the lock: in a shared
    sweep, the group.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                _go_on()
                time.sleep(0.2)
        yield lock
    finally:
        os.close(lock)


def _same_package(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment in which a training imports the package of this process, also from a checkout."""
    root = Path(__file__).parents[2]
    if root.name in ("site-packages", "dist-packages"):
        return environment
    paths = [str(root), *filter(None, [environment.get("PYTHONPATH")])]
    return environment | {"PYTHONPATH": os.pathsep.join(paths)}


def _go_on() -> None:
    if _stopping.is_set():
        raise InterruptedError("stopped before it began")


def _listen() -> None:
    """Restore the reaction to Ctrl-C, which is ignored in the background of a script."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stop(number: int) -> None:
    """Send a signal to the trainings of this process, wait until their end is recorded, and start no others."""
    with _guard:
        _stopping.set()
        for child in _children:
            child.send_signal(number)
        _guard.wait_for(lambda: not _children)


def running_logs() -> list[Path]:
    """Return the logs of the trainings that this process has started and that are running."""
    with _guard:
        return list(_children.values())


def reason(log: Path, code: int, start: int = 0) -> str:
    """Return why a training failed: its last error after byte ``start`` of the log, or the signal that ended it."""
    if code < 0:
        return f"killed by signal {-code}" + (" (out of memory?)" if code == -9 else "")
    text = log.read_bytes()[start:][-20000:].decode(errors="replace").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    said = [line for line in lines if "error: " in line]  # a progress bar may precede it
    return said[-1].partition("error: ")[2] if said else (lines[-1] if lines else f"exit status {code}")
