"""Launchers of shard generation: processes of this machine, or the workers of a dask scheduler on several machines.

A launcher opens a ``Map``, which calls a function with each job's arguments on a worker and yields each result when it
is complete. The result is determined by the function alone, so that it does not depend on the launcher.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import pickle
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import h5py
import numpy as np
import scipy

from qd_pix2pix.provenance import available_cores

Map = Callable[[Callable[..., Any], Mapping[str, tuple[Any, ...]]], Iterator[tuple[str, Any]]]
"""A map from a function and the arguments of each named job to names and results, in the order of completion."""
CONNECT_WITHIN = 10.0
"""Time limit in seconds for an answer of a scheduler."""
GUARD = (
    'put what the script does below a line `if __name__ == "__main__":`. Each worker imports the script, so it must '
    "be a file, too, not standard input"
)
"""Advice for a script that its workers cannot import."""
DEAF_TO_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class Launcher(Protocol):
    """The interface of launchers, which run the jobs of ``generate``."""

    def check(self) -> None:
        """Detect errors of the settings before any calculation.

        Raises:
            ValueError: a setting is invalid, or the file or scheduler that it names is missing.
        """

    def open(self) -> AbstractContextManager[Map]:
        """Start workers, or connect to them; after an exception within the context all unfinished jobs are cancelled.

        Raises:
            BrokenExecutor: on exit, if workers have died; the message lists remedies.
        """


@dataclass(frozen=True)
class LocalLauncher:
    """The launcher of processes on this machine.

    Attributes:
        workers: number of processes; by default one per available core.
    """

    workers: int | None = None

    def check(self) -> None:
        """Raise ValueError for an invalid number of workers."""
        _check_workers(self.workers)

    @contextmanager
    def open(self) -> Iterator[Map]:
        """Start a pool of spawned processes; raise BrokenExecutor where one of them was killed or did not start."""
        check_main_guard()
        workers = self.workers or available_cores()
        # spawned, not forked: torch and its threads may already run in this process
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
            try:
                yield partial(_map, pool.submit, as_completed)
            except BaseException as error:
                processes = list((pool._processes or {}).values())
                _stop(pool)
                if isinstance(error, BrokenProcessPool):
                    raise BrokenExecutor(_why_broken(processes, workers)) from None
                raise


@dataclass(frozen=True)
class DaskLauncher:
    """The launcher for workers of a dask scheduler; a shard whose worker dies is reassigned.

    Attributes:
        scheduler: address (``tcp://host:port``), or path of the JSON file that a running scheduler wrote; by default a
            separate cluster is started on this machine.
        workers: number of processes of the separate cluster; by default one per available core.
    """

    scheduler: str | None = None
    workers: int | None = None

    def check(self) -> None:
        """Raise ValueError for invalid settings, where dask is not installed, and where no scheduler answers."""
        _check_workers(self.workers)
        _import_distributed()
        if self.scheduler is None:
            return
        if self.workers is not None:
            raise ValueError(
                f"launcher.workers: the workers of launcher.scheduler={self.scheduler} are started with it; "
                f"leave out one of the two (got workers={self.workers})"
            )
        address = self._address()
        try:
            # on a separate thread: in a notebook this one already has an event loop
            with _quiet(), ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, _ask(address)).result()
        except (OSError, ValueError) as error:
            named = "" if address == self.scheduler else f", the address in {self.scheduler},"
            raise ValueError(
                f"launcher.scheduler: no dask scheduler answers at {address}{named} within {CONNECT_WITHIN:g} s "
                f"({str(error) or 'timed out'}). Is it running, and can it be reached from this machine?"
            ) from None

    @contextmanager
    def open(self) -> Iterator[Map]:
        """Connect to the scheduler; raise BrokenExecutor if workers die on one shard, or if the connection is lost."""
        distributed = _import_distributed()
        with _quiet(), ExitStack() as stack:
            address = self._address() if self.scheduler else stack.enter_context(self._own_cluster()).scheduler_address
            client = stack.enter_context(distributed.Client(address, set_as_default=False))
            if self.scheduler:
                workers = len(client.nthreads())
                print(f"dask scheduler {address}, workers: {workers or 'none yet, waiting for them'}", flush=True)

            def submit(function: Callable[..., Any], *arguments: Any) -> Any:
                call = pickle.dumps(_Call(_compute, (_versions(), function, *arguments)))
                # not pure: results and errors of other runs are never reused
                return client.submit(pickle.loads, call, pure=False)

            with _told(address):
                yield partial(_map, submit, partial(distributed.as_completed, loop=client.loop))

    def _address(self) -> str:
        """Return the scheduler's address, as given or from its file."""
        given = str(self.scheduler)
        if "://" in given:
            return given
        try:
            return str(json.loads(Path(given).read_text())["address"])
        except (OSError, ValueError, KeyError, TypeError):
            raise ValueError(
                "launcher.scheduler: expected an address, such as tcp://host:8786, or the JSON file that a running "
                f"scheduler wrote; got {given!r}, which is neither"
            ) from None

    def _own_cluster(self) -> AbstractContextManager[Any]:
        # no memory limit: dask would pause a worker near the limit, and with it the run
        return _import_distributed().LocalCluster(
            n_workers=self.workers or available_cores(),
            threads_per_worker=1,
            memory_limit=None,
            dashboard_address=":0",  # None would request port 8787, with a warning if it is in use
            silence_logs=logging.CRITICAL,
            preload=DEAF_TO_CTRL_C,
        )


def _map(
    submit: Callable[..., Any],
    as_completed: Callable[..., Any],
    function: Callable[..., Any],
    jobs: Mapping[str, tuple[Any, ...]],
) -> Iterator[tuple[str, Any]]:
    """Run jobs as a ``Map``, by the two functions that ``concurrent.futures`` and dask share."""
    futures = {submit(function, *arguments): name for name, arguments in jobs.items()}
    for future in as_completed(futures):
        yield futures[future], future.result()


def check_main_guard() -> None:
    """Refuse to start workers from a worker that is importing its parent's script.

    Such a script has no guard: each worker executes it again, and would wait for the lock that its parent holds.

    Raises:
        RuntimeError: the script has no guard; the message describes it.
    """
    # the flag by which multiprocessing itself marks a child that is importing __main__
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(f"a worker imports the script that started it, which has no guard; {GUARD}")


def _why_broken(processes: Sequence[BaseProcess], workers: int) -> str:
    """Return why a pool broke, from the exit of its processes: by a signal, or by an error before they started."""
    deadline = time.monotonic() + 5.0
    while any(process.exitcode is None for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)
    # a broken pool ends its other processes by SIGTERM; an exception in a job is a result, not an exit status
    own = [process.exitcode for process in processes if (process.exitcode or 0) > 0]
    if own:
        return f"launcher: a worker process ended before it began (exit status {own[0]}); {GUARD}"
    return (
        "launcher.workers: a worker process was ended from outside (killed, or out of memory). "
        f"Fewer workers (now {workers}) need less memory"
    )


def _check_workers(workers: int | None) -> None:
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ValueError(
            f"launcher.workers: expected a number of processes of at least 1, or null for one per core; got {workers}"
        )


def _stop(pool: ProcessPoolExecutor) -> None:
    """Stop the workers at once; their present shards are recomputed by the next run."""
    for process in list((pool._processes or {}).values()):
        process.terminate()
    pool.shutdown(wait=False, cancel_futures=True)


def _start_worker() -> None:
    """Let a worker ignore Ctrl-C, which the parent handles, and end with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            wait([parent.sentinel])
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


def _import_distributed() -> ModuleType:
    try:
        import distributed
    except ImportError as error:
        raise ValueError(
            f"launcher=dask: it needs packages that are not installed ({error}); in the project's folder, "
            "pip install -c constraints.txt -e '.[cluster]' installs them"
        ) from None
    return distributed


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Convert errors of a scheduler and its workers into errors that name the setting and a remedy."""
    distributed = _import_distributed()
    try:
        yield
    except ImportError as error:
        raise ValueError(
            f"launcher.scheduler: a worker of {address} lacks a package ({error}); install there what is installed here"
        ) from None
    except distributed.KilledWorker as error:
        raise BrokenExecutor(
            f"launcher: {error.allowed_failures + 1} workers were ended from outside (killed, or out of memory) while "
            "they had the same shard. Fewer workers on a machine leave more memory to each"
        ) from None
    except (distributed.CancelledError, distributed.comm.CommClosedError):
        raise BrokenExecutor(f"launcher.scheduler: the connection to {address} was lost") from None


async def _ask(address: str) -> None:
    """Raise OSError or ValueError where no scheduler answers; a Client would wait forever for another server."""
    distributed = _import_distributed()
    options = distributed.Security().get_connection_args("client")
    async with asyncio.timeout(CONNECT_WITHIN), distributed.rpc(address, connection_args=options) as server:
        kind = (await server.identity())["type"]
        if kind != "Scheduler":
            raise ValueError(f"there is a {kind}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress dask's log and its table of versions; relevant errors are raised by this project."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mismatched versions found")
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _versions() -> dict[str, str]:
    """Return the versions of the packages on which the bits of a shard depend."""
    return {module.__name__: module.__version__ for module in (np, scipy, h5py)}


@dataclass(frozen=True)
class _Call:
    """A call that is executed where it is unpickled.

    Dask itself then transfers only bytes: the scheduler requires no package of this project, and a worker without one
    returns the error. An argument that cannot be unpickled would end this worker and, after it, all others.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def _compute(versions: dict[str, str], function: Callable[..., Any], *args: Any) -> Any:
    """Call ``function`` on a worker whose packages have the versions of the calling process."""
    if _versions() != versions:
        raise ValueError(
            f"launcher.scheduler: worker on {socket.gethostname()} has {_versions()}, but this process {versions}; "
            "other versions make other bits. Install the same ones"
        )
    return function(*args)
