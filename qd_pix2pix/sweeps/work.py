"""One run of a sweep as a process: the training program with the run's overrides, started or resumed, and recorded."""

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
"""The training program; it works in any folder, also where the package was installed from a wheel."""
LOG = "log.txt"
INTERRUPTED = 130
"""Exit status of a training that Ctrl-C ended; it is resumed next time."""

_children: set[subprocess.Popen[bytes]] = set()
"""Trainings of this process."""
_guard = threading.Condition()
_stopping = threading.Event()


@dataclass(frozen=True)
class Work:
    """A run, ready to be done by any process that sees its folder.

    Attributes:
        folder: of the run, absolute.
        here: folder in which relative paths of the overrides begin, absolute.
        key, overrides, point, config: see ``plan.Run``; ``config`` in dotted names.
    """

    folder: Path
    here: Path
    key: str
    overrides: tuple[str, ...]
    point: dict[str, str]
    config: dict[str, Any]

    def __call__(self, environment: Mapping[str, str] | None = None) -> Record:
        """Train, unless that is done; returns the record. Another process that trains this run is waited for."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _alone(self.folder / ".sweep.lock") as lock:
                return self._do(environment or {}, lock)
        except OSError as error:  # a full disk: the record on it stays as it was, and the run is taken up next time
            return self.lost(str(error))

    def lost(self, error: str) -> Record:
        """Return the record of a run of which nothing can be written."""
        return replace(self._asked(Record(self.key, FAILED)), error=error)

    def _asked(self, record: Record) -> Record:
        return replace(record, key=self.key, overrides=self.overrides, point=self.point, config=self.config)

    def _do(self, environment: Mapping[str, str], lock: int) -> Record:
        before = read_record(self.folder)
        if before and before.state == FINISHED:
            record = self._asked(before)  # axes may have been added
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
        """Train, and give the exit status; ``stop`` waits until the caller has recorded it."""
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
                start_new_session=True,  # Ctrl-C reaches it through ``stop`` alone, once
            )
            _children.add(child)
        try:
            yield child.wait()
        finally:
            with _guard:
                _children.discard(child)
                _guard.notify_all()


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    """Wait for the lock, then hold it; a child that is given the descriptor holds it too, also when we are killed.

    That a child shares it is why this is no ``FileLock``. The umask alone decides who else may take it: in a shared
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
    """Let the training import the package of this process, also from a checkout that is not installed."""
    root = Path(__file__).parents[2]
    if root.name in ("site-packages", "dist-packages"):
        return environment
    paths = [str(root), *filter(None, [environment.get("PYTHONPATH")])]
    return environment | {"PYTHONPATH": os.pathsep.join(paths)}


def _go_on() -> None:
    if _stopping.is_set():
        raise InterruptedError("stopped before it began")


def _listen() -> None:
    """React to Ctrl-C, also in the background of a script, where it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stop(number: int) -> None:
    """Pass a signal on to the trainings of this process, and wait until their end is recorded; no other begins."""
    with _guard:
        _stopping.set()
        for child in _children:
            child.send_signal(number)
        _guard.wait_for(lambda: not _children)


def reason(log: Path, code: int, start: int = 0) -> str:
    """Return why a training failed: its last error behind ``start`` of the log, or the signal that ended it."""
    if code < 0:
        return f"killed by signal {-code}" + (" (out of memory?)" if code == -9 else "")
    text = log.read_bytes()[start:][-20000:].decode(errors="replace").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    said = [line for line in lines if "error: " in line]  # a progress bar may stand before it
    return said[-1].partition("error: ")[2] if said else (lines[-1] if lines else f"exit status {code}")
