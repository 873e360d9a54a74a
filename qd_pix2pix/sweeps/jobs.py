"""Where the runs of a sweep are done: on this machine one after the other or side by side, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any, Protocol

from qd_pix2pix.provenance import available_cores
from qd_pix2pix.sweeps.ledger import Record
from qd_pix2pix.sweeps.work import Work

THREADS = "OMP_NUM_THREADS"
DEVICES = "CUDA_VISIBLE_DEVICES"


class Jobs(Protocol):
    """A place where the runs of a sweep are trained."""

    def __call__(self, works: Sequence[Work], sweep: Path) -> Iterator[Record]:
        """Train all; each record is given when its run has ended."""

    def at_once(self) -> int:
        """Return the number of runs at a time, as far as it is known."""


@dataclass(frozen=True)
class LocalJobs:
    """The machine of this process: ``parallel`` runs at a time, each with its share of the cores, or a GPU of its own.

    Args:
        parallel: runs at a time; None for one per GPU, or one.
    """

    parallel: int | None = None

    def __call__(self, works: Sequence[Work], sweep: Path) -> Iterator[Record]:
        """See ``Jobs``."""
        places = self.places()
        free: Queue[dict[str, str]] = Queue()
        for place in places:
            free.put(place)

        def do(work: Work) -> Record:
            place = free.get()
            try:
                return work(place)
            finally:
                free.put(place)

        threads = ThreadPoolExecutor(len(places))
        try:
            for future in as_completed([threads.submit(do, work) for work in works]):
                yield future.result()
        finally:
            # without waiting: after Ctrl-C, the caller has yet to stop the trainings that the threads wait for
            threads.shutdown(wait=False, cancel_futures=True)

    def at_once(self) -> int:
        """See ``Jobs``."""
        return len(self.places())

    def places(self) -> list[dict[str, str]]:
        """Return the environment of each of the runs at a time.

        Raises:
            ValueError: ``parallel`` is no positive number.
        """
        gpus = _gpus()
        number = self.parallel if self.parallel is not None else max(len(gpus), 1)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ValueError(f"jobs.parallel: expected a whole number of at least 1, or null; got {number!r}")
        share = {} if THREADS in os.environ else {THREADS: str(max(available_cores() // number, 1))}
        return [share | ({DEVICES: gpus[i % len(gpus)]} if gpus else {}) for i in range(number)]


def _gpus() -> list[str]:
    """Return the names of the GPUs that may be used."""
    if os.environ.get(DEVICES):
        return os.environ[DEVICES].split(",")
    import torch

    return [str(i) for i in range(torch.cuda.device_count())]


@dataclass(frozen=True)
class SubmititJobs:
    """A cluster, by submitit: one job per run; a job that is stopped at its time limit is queued again and resumed.

    Args:
        cluster: slurm; local for processes of this machine.
        parallel: runs at a time, of a search.
        options: of submitit's ``update_parameters``: timeout_min, cpus_per_task, slurm_partition, ...

    Raises:
        ModuleNotFoundError: submitit is not installed.
    """

    cluster: str = "slurm"
    parallel: int = 8
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Meet a library that is not installed, before any work."""
        import submitit  # noqa: F401

    def __call__(self, works: Sequence[Work], sweep: Path) -> Iterator[Record]:
        """See ``Jobs``."""
        import submitit

        executor = submitit.AutoExecutor(sweep / "jobs", cluster=self.cluster)
        executor.update_parameters(**self.options)
        jobs = dict(zip(executor.map_array(ClusterWork(), works), works, strict=True))
        for job in submitit.helpers.as_completed(list(jobs)):
            yield _result_of(job, jobs[job])

    def at_once(self) -> int:
        """See ``Jobs``."""
        return self.parallel


class ClusterWork:
    """The task of one node."""

    def __call__(self, work: Work) -> Record:
        """Train with all cores of the job."""
        cores = os.environ.get("SLURM_CPUS_PER_TASK")
        return work({THREADS: cores} if cores else {})

    def checkpoint(self, work: Work) -> Any:
        """Return the job that submitit queues when this one is about to be stopped: the same, which is resumed."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, work)


def _result_of(job: Any, work: Work) -> Record:
    try:
        return job.result()
    except Exception as error:  # a node that died
        return work.lost((str(error).strip().splitlines() or [type(error).__name__])[-1])
