"""The progress of the running trainings of a sweep: the last line of each log, beside the bar of the sweep."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

TAIL = 4096
"""Bytes at the end of a log that contain its last line."""
WIDTH = 72
"""Characters of a line that are shown."""
SECONDS = (1.0, 30.0)
"""Time between two updates on a terminal, and in a file."""
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def last_line(log: Path) -> str:
    """Return the last line of a log, shortened; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - TAIL, 0))
            text = CONTROL.sub("", file.read().decode(errors="replace"))
    except OSError:
        return ""
    lines = [line.strip() for line in re.split(r"[\r\n]", text) if line.strip()]
    return lines[-1][:WIDTH] if lines else ""


@contextmanager
def watched(bar: tqdm, logs: Callable[[], Sequence[Path]]) -> Iterator[None]:
    """Show the last lines of the ``logs`` of the running trainings beside a bar while the block runs."""
    over = threading.Event()
    pause = SECONDS[0] if sys.stderr.isatty() else SECONDS[1]

    def refresh() -> None:
        while not over.wait(pause):
            bar.set_postfix_str(" | ".join(filter(None, map(last_line, logs()))))

    thread = threading.Thread(target=refresh, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        bar.set_postfix_str("", refresh=False)
