"""Processes that solve points of gate space; none of them outlives the process that started it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

PATIENCE = 5.0
"""Seconds to wait for the end of a worker."""


@contextmanager
def workers(processes: int) -> Iterator[Executor | None]:
    """Return an executor of so many processes, or None for one; an error or Ctrl-C stops them at once.

    Raises:
        ChildProcessError: a process was killed, or did not start.
    """
    if processes == 1:
        yield None
        return
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_follow_parent)
    try:
        yield pool
    except BaseException as error:
        started = list((pool._processes or {}).values())
        for process in started:
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise ChildProcessError(_why_broken(started, processes)) from None
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _why_broken(started: Sequence[BaseProcess], processes: int) -> str:
    """Return why a pool broke, from the exit of its processes: by a signal, or by an error before they started."""
    for process in started:
        process.join(PATIENCE)
    if any((process.exitcode or 0) > 0 for process in started):
        return (
            "processes: a worker process ended before it began. Put what the script does below a line "
            '`if __name__ == "__main__":`; each worker imports the script'
        )
    return (
        "processes: a worker process was ended from outside (killed, or out of memory). Points that are done are kept "
        f"where there is a cache; fewer processes (now {processes}) need less memory"
    )


def _follow_parent() -> None:
    """Let a worker ignore Ctrl-C, which its parent handles, and end with its parent, also where that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            wait([parent.sentinel])
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
