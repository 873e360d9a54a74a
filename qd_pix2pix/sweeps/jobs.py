"""Execution of a sweep's runs: on this machine, in sequence or in parallel, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any, Protocol

from qd_pix2pix.provenance import SHARE, free_cores
from qd_pix2pix.sweeps.ledger import Record
from qd_pix2pix.sweeps.work import Work

DEVICES = "CUDA_VISIBLE_DEVICES"


class Jobs(Protocol):
    """The interface of classes that train the runs of a sweep."""

    def __call__(self, works: Sequence[Work], sweep: Path) -> Iterator[Record]:
        """Train all runs; yield each record when its run has ended."""

    def at_once(self) -> int:
        """Return the number of parallel runs, as far as it is known."""


@dataclass(frozen=True)
class LocalJobs:
    """Execution on this machine: ``parallel`` runs at a time, each with its share of the cores, or its own GPU.

    Args:
        parallel: number of parallel runs; None for one per GPU, or one without a GPU.
    """

    parallel: int | None = None

    def __call__(self, works: Sequence[Work], sweep: Path) -> Iterator[Record]:
        """Implement ``Jobs``."""
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
            # without waiting: after Ctrl-C, the caller still has to stop the trainings for which the threads wait
            threads.shutdown(wait=False, cancel_futures=True)

    def at_once(self) -> int:
        """Implement ``Jobs``."""
        return len(self.places())

    def places(self) -> list[dict[str, str]]:
        """Return the environment variables of each of the parallel runs.

        Raises:
            ValueError: ``parallel`` is not a positive integer.
        """
        gpus = _gpus()
        number = self.parallel if self.parallel is not None else max(len(gpus), 1)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ValueError(f"jobs.parallel: expected a whole number of at least 1, or null; got {number!r}")
        share = {SHARE: str(max(free_cores() // number, 1))}
        return [share | ({DEVICES: gpus[i % len(gpus)]} if gpus else {}) for i in range(number)]


def _gpus() -> list[str]:
    """Return the names of the available GPUs."""
    if os.environ.get(DEVICES):
        return os.environ[DEVICES].split(",")
    import torch

    return [str(i) for i in range(torch.cuda.device_count())]


@dataclass(frozen=True)
class SubmititJobs:
    """Execution on a cluster by submitit, one job per run; a job stopped at its time limit is requeued and resumed.

    Args:
        cluster: slurm, or local for processes of this machine.
        parallel: number of parallel runs of a search.
        options: options of submitit's ``update_parameters``: timeout_min, cpus_per_task, slurm_partition, ...

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
        """Implement ``Jobs``."""
        import submitit

        executor = submitit.AutoExecutor(sweep / "jobs", cluster=self.cluster)
        executor.update_parameters(**self.options)
        jobs = dict(zip(executor.map_array(ClusterWork(), works), works, strict=True))
        for job in submitit.helpers.as_completed(list(jobs)):
            yield _result_of(job, jobs[job])

    def at_once(self) -> int:
        """Implement ``Jobs``."""
        return self.parallel


class ClusterWork:
    """The task of one job on a cluster."""

    def __call__(self, work: Work) -> Record:
        """Train with all cores of the job."""
        cores = os.environ.get("SLURM_CPUS_PER_TASK")
        return work({SHARE: cores} if cores else {})

    def checkpoint(self, work: Work) -> Any:
        """Return the job that submitit requeues before this one is stopped: the same, which is resumed."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, work)


def _result_of(job: Any, work: Work) -> Record:
    try:
        return job.result()
    except Exception as error:  # the node failed
        return work.lost((str(error).strip().splitlines() or [type(error).__name__])[-1])
