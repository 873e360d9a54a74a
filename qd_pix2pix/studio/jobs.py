"""Long calculations in processes of their own, so that cancelling one stops it at once; a bounded number at a time.

The executors of the standard library and of NiceGUI cannot stop a call that runs.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from qd_pix2pix.provenance import available_cores
from qd_pix2pix.studio.dot import Dot
from qd_pix2pix.studio.work import TASKS

MOST_WAITING = 8
"""Calculations that may wait for a process."""
POLL = 0.03
"""Seconds between two looks for messages of a process."""
Listener = Callable[[float, str, Any], object]


def execute(pipe: Connection, task: str, dot: Dot, options: dict[str, Any]) -> None:
    """Run a task of ``work.TASKS`` in this process and send its reports and its result."""

    def report(share: float, text: str, part: Any = None) -> None:
        pipe.send(("report", share, text, part))

    try:
        pipe.send(("result", TASKS[task](dot, report, **options)))
    except BrokenPipeError:  # the studio has ended
        sys.exit(1)
    except ValueError as error:
        pipe.send(("error", str(error)))
    except MemoryError:
        pipe.send(("error", "memory: expected a dot that fits into the memory of this machine; use fewer points"))
    except Exception as error:
        pipe.send(("error", f"the calculation failed: {type(error).__name__}: {error}"))


class Jobs:
    """At most ``limit`` calculations at a time, of all windows together; further ones wait.

    Args:
        limit: number of processes; by default the available cores, at most 4.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit or max(1, min(available_cores(), 4))
        self.free = asyncio.Semaphore(self.limit)
        self.waiting = 0
        methods = multiprocessing.get_all_start_methods()
        self.context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:  # a process then starts without importing the solver
            self.context.set_forkserver_preload(["qd_pix2pix.studio.work"])

    async def warm(self) -> None:
        """Start one process that does nothing, after which others start fast."""
        process = self.context.Process(target=int, daemon=True)
        await asyncio.to_thread(process.start)
        await asyncio.to_thread(process.join)

    async def run(self, task: str, dot: Dot, listener: Listener, **options: Any) -> Any:
        """Return the result of a task; cancelling this coroutine kills its process.

        Args:
            task: a name of ``work.TASKS``.
            dot: the dot.
            listener: called with share, text and part of each report.
            options: further arguments of the task.

        Raises:
            ValueError: the input is not valid, the calculation failed, or too many are waiting.
        """
        if self.free.locked() and self.waiting >= MOST_WAITING:
            raise ValueError(f"studio: {self.waiting} calculations are waiting already; cancel some, or try later")
        self.waiting += 1
        try:
            if self.free.locked():
                listener(0.0, "waiting for a free core", None)
            await self.free.acquire()
        finally:
            self.waiting -= 1
        try:
            return await self._watched(task, dot, listener, options)
        finally:
            self.free.release()

    async def _watched(self, task: str, dot: Dot, listener: Listener, options: dict[str, Any]) -> Any:
        here, there = self.context.Pipe(duplex=False)
        process = self.context.Process(target=execute, args=(there, task, dot, options), daemon=True)
        try:
            process.start()
            there.close()
            while True:
                while here.poll():
                    kind, *content = here.recv()
                    if kind == "result":
                        return content[0]
                    if kind == "error":
                        raise ValueError(content[0])
                    listener(*content)
                if not process.is_alive() and not here.poll():
                    raise ValueError("the calculation ended without a result; was there enough memory?")
                await asyncio.sleep(POLL)
        except EOFError:
            raise ValueError("the calculation ended without a result; was there enough memory?") from None
        finally:
            _end(process)
            here.close()


def _end(process: Any) -> None:
    """End a process, by force where it does not follow."""
    if process.pid is None:
        return
    process.join(0.05)
    if process.is_alive():
        process.terminate()
        process.join(1.0)
    if process.is_alive():
        process.kill()
        process.join(1.0)
