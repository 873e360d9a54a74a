"""Training in several processes, one per device, each with its share of every batch (trainer=ddp)."""

from __future__ import annotations

import os
from typing import Any

import torch
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from qd_pix2pix.provenance import available_cores
from qd_pix2pix.training.loggers import quiet
from solvers.checks import check_integer

RANKS = (
    *("RANK", "LOCAL_RANK", "JSM_NAMESPACE_RANK", "TORCHELASTIC_RUN_ID"),
    *("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS"),
)
"""Environment variables from which Lightning infers that a process is one of several."""


class DataParallel(DDPStrategy):
    """The data-parallel strategy of Lightning, for processes started by Lightning, torchrun or srun.

    Processes are spawned rather than started by the command line: the name of a run's folder contains the time, so that
    each process would create its own folder.
    """

    def __init__(self) -> None:
        start_method: Any = "popen" if started_elsewhere() else "spawn"
        # in pix2pix each optimiser's step leaves the other network without gradients
        super().__init__(find_unused_parameters=True, start_method=start_method)

    def setup_environment(self) -> None:
        """Set the filters of messages again, since a spawned process does not inherit them."""
        quiet()
        super().setup_environment()


def started_elsewhere() -> bool:
    """Return True in one of several processes started by torchrun or srun."""
    return "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("SLURM_NTASKS", 1)) > 1


def settle_rank(trainer: dict[str, Any]) -> None:
    """Set the rank of a process that trains alone to 0, whatever ``RANK`` or ``SLURM_PROCID`` is in its environment.

    Lightning reads the rank and the number of Slurm tasks from there when it is imported. With four runs under
    ``srun -n 4`` each process is the first of its own run; loggers and checkpoints depend on that rank.

    Args:
        trainer: configuration of the trainer.
    """
    if world_size(trainer) == 1:
        rank_zero_only.rank = 0  # type: ignore[attr-defined]
        for name in RANKS:
            os.environ.pop(name, None)


def limit_threads() -> None:
    """Limit torch to the cores that may be used, unless the user has set a number; torch ignores quotas."""
    if "OMP_NUM_THREADS" not in os.environ and torch.get_num_threads() > available_cores():
        torch.set_num_threads(available_cores())


def is_first() -> bool:
    """Return True in the only process that writes; see ``settle_rank``."""
    return int(rank_zero_only.rank) == 0  # type: ignore[attr-defined]


def world_size(trainer: dict[str, Any]) -> int:
    """Return the number of processes that a configuration of the trainer requests.

    Raises:
        ValueError: the number is not a positive integer.
    """
    devices = trainer["devices"]
    if devices in ("auto", -1, "-1"):
        devices = torch.cuda.device_count() or 1
    if isinstance(devices, str) and "," in devices:
        devices = devices.strip("[]").split(",")
    elif isinstance(devices, str) and devices.isdecimal():
        devices = int(devices)
    here = len(devices) if isinstance(devices, list) else devices
    if isinstance(here, bool) or not isinstance(here, int) or here < 1:
        raise ValueError(f"trainer.devices: expected a number of devices, a list of them, or auto; got {devices!r}")
    nodes = trainer.get("num_nodes", 1)
    check_integer("trainer.num_nodes", nodes, 1)
    return here * nodes
