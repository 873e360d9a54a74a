"""The number of threads of torch.

Sums over threads are added in another order, so that the number is part of what determines a result. Therefore it is
chosen once, when a run starts, and kept with the run.
"""

from __future__ import annotations

import os

import torch

from qd_pix2pix.provenance import SHARE, available_cores, free_cores
from qd_pix2pix.training.distributed import is_first

OMP = "OMP_NUM_THREADS"
"""Environment variable by which the user sets the threads of all programs; it takes precedence."""


def choose_threads(asked: int | None, processes: int = 1) -> tuple[int, str]:
    """Return the number of threads for each of the processes that train together on this machine, and its reason.

    ``OMP_NUM_THREADS`` takes precedence over ``asked``, and this over the share of a run in a sweep. The default is
    the number of cores that other programs leave free now, but not more than torch itself would use.
    """
    if OMP in os.environ:
        return torch.get_num_threads(), OMP
    if asked is not None:
        return asked, "set for this run"
    if SHARE in os.environ:
        return max(int(os.environ[SHARE]) // processes, 1), "share of a sweep"
    cores, free = available_cores(), free_cores()
    return max(min(free, torch.get_num_threads()) // processes, 1), f"{free} of {cores} cores free"


def set_threads(asked: int | None, processes: int = 1) -> int:
    """Set the number of torch's threads, print and return it; see ``choose_threads``."""
    number, reason = choose_threads(asked, processes)
    torch.set_num_threads(number)
    if is_first():
        each = " in each process" if processes > 1 else ""
        print(f"threads {number}{each} ({reason}); {OMP if OMP in os.environ else 'threads'}=N changes it", flush=True)
    return number
