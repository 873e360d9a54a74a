"""Where shards are made: in processes of this machine, or by the workers of a dask scheduler on many.

A launcher opens a ``Map``: it calls a function with each job's arguments, somewhere, and hands over each result when it
is there. What is computed is the function's business alone, so no launcher changes a bit.
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
"""A function, and the arguments of each named job -> names and results, in the order in which they are done."""
CONNECT_WITHIN = 10.0
"""Seconds in which a scheduler must answer."""
GUARD = (
    'put what the script does below a line `if __name__ == "__main__":`. Each worker imports the script, so it must '
    "be a file, too, not standard input"
)
"""What a script needs whose workers cannot import it."""
DEAF_TO_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class Launcher(Protocol):
    """What ``generate`` makes shards with."""

    def check(self) -> None:
        """Meet what would go wrong, before any work.

        Raises:
            ValueError: a setting is bad, or what it names is not there.
        """

    def open(self) -> AbstractContextManager[Map]:
        """Start workers, or connect to them; leaving it by an exception drops all work that is not done.

        Raises:
            BrokenExecutor: when left, if workers were lost; the text says what to change.
        """


@dataclass(frozen=True)
class LocalLauncher:
    """Processes of this machine.

    Attributes:
        workers: their number; by default one per core that may be used.
    """

    workers: int | None = None

    def check(self) -> None:
        """Raise ValueError for a number of workers that is none."""
        _check_workers(self.workers)

    @contextmanager
    def open(self) -> Iterator[Map]:
        """Start a pool of spawned processes; BrokenExecutor where one of them was killed or never began."""
        check_main_guard()
        workers = self.workers or available_cores()
        # spawned, not forked: torch and its threads may already live in this process
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
    """Workers of a dask scheduler; a shard whose worker dies is given to another one.

    Attributes:
        scheduler: address (``tcp://host:port``), or path of the JSON file that a running scheduler wrote; by default a
            cluster of its own is started on this machine.
        workers: processes of its own cluster; by default one per core that may be used.
    """

    scheduler: str | None = None
    workers: int | None = None

    def check(self) -> None:
        """Raise ValueError for bad settings, where dask is not installed, and where no scheduler answers."""
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
            # on a thread of its own: where a notebook calls, this one already has an event loop
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
        """A client of the scheduler; BrokenExecutor where workers die on one shard, or the scheduler goes away."""
        distributed = _import_distributed()
        with _quiet(), ExitStack() as stack:
            address = self._address() if self.scheduler else stack.enter_context(self._own_cluster()).scheduler_address
            client = stack.enter_context(distributed.Client(address, set_as_default=False))
            if self.scheduler:
                workers = len(client.nthreads())
                print(f"dask scheduler {address}, workers: {workers or 'none yet, waiting for them'}", flush=True)

            def submit(function: Callable[..., Any], *arguments: Any) -> Any:
                call = pickle.dumps(_Call(_compute, (_versions(), function, *arguments)))
                # not pure: a result of another run, or its error, is never taken for ours
                return client.submit(pickle.loads, call, pure=False)

            with _told(address):
                yield partial(_map, submit, partial(distributed.as_completed, loop=client.loop))

    def _address(self) -> str:
        """The scheduler's address, given or read from its file."""
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
        # no limit of memory: dask would pause a worker that comes near it, and with it the run
        return _import_distributed().LocalCluster(
            n_workers=self.workers or available_cores(),
            threads_per_worker=1,
            memory_limit=None,
            dashboard_address=":0",  # None would still ask for port 8787, and complain where it is taken
            silence_logs=logging.CRITICAL,
            preload=DEAF_TO_CTRL_C,
        )


def _map(
    submit: Callable[..., Any],
    as_completed: Callable[..., Any],
    function: Callable[..., Any],
    jobs: Mapping[str, tuple[Any, ...]],
) -> Iterator[tuple[str, Any]]:
    """A ``Map`` by the two functions that ``concurrent.futures`` and dask share."""
    futures = {submit(function, *arguments): name for name, arguments in jobs.items()}
    for future in as_completed(futures):
        yield futures[future], future.result()


def check_main_guard() -> None:
    """Refuse to start workers from a worker that is only just importing its parent's script.

    Such a script has no guard: each worker runs it again, and would wait for the lock that its parent holds.

    Raises:
        RuntimeError: names the guard.
    """
    # the mark by which multiprocessing itself knows that __main__ is being imported in a child
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(f"a worker imports the script that started it, which has no guard; {GUARD}")


def _why_broken(processes: Sequence[BaseProcess], workers: int) -> str:
    """Return why a pool broke, from how its processes ended: by a signal, or by themselves before they began."""
    deadline = time.monotonic() + 5.0
    while any(process.exitcode is None for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)
    # a pool that breaks ends the others by SIGTERM; what a worker raises comes back as a result, not as a status
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
    """End the workers at once: what they are doing is done again next time."""
    for process in list((pool._processes or {}).values()):
        process.terminate()
    pool.shutdown(wait=False, cancel_futures=True)


def _start_worker() -> None:
    """Ctrl-C is the parent's business; a worker does not outlive its parent."""
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
    """What can happen to a scheduler and its workers, in the user's words."""
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
    """Raise OSError or ValueError where no scheduler answers; a Client would wait for ever where a stranger listens."""
    distributed = _import_distributed()
    options = distributed.Security().get_connection_args("client")
    async with asyncio.timeout(CONNECT_WITHIN), distributed.rpc(address, connection_args=options) as server:
        kind = (await server.identity())["type"]
        if kind != "Scheduler":
            raise ValueError(f"there is a {kind}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without dask's log, and its table of versions: what concerns the user comes as an error of ours."""
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
    """Of the packages that make the bits of a shard."""
    return {module.__name__: module.__version__ for module in (np, scipy, h5py)}


@dataclass(frozen=True)
class _Call:
    """A call that is made where it is unpickled.

    So dask itself carries nothing but bytes: the scheduler needs no package of ours, and a worker that lacks one gives
    back the error; of an argument that it cannot unpickle it would die, and all others after it.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def _compute(versions: dict[str, str], function: Callable[..., Any], *args: Any) -> Any:
    """Call ``function`` on a worker, where that has the packages of the process that asks."""
    if _versions() != versions:
        raise ValueError(
            f"launcher.scheduler: worker on {socket.gethostname()} has {_versions()}, but this process {versions}; "
            "other versions make other bits. Install the same ones"
        )
    return function(*args)
