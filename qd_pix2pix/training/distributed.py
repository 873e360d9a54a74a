"""Training in several processes, one per device, each with its share of every batch (trainer=ddp)."""

from __future__ import annotations

import os
from typing import Any

import torch
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.rank_zero import rank_zero_only

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
        self.threads = torch.get_num_threads()

    def setup_environment(self) -> None:
        """Set threads and filters of messages again, since a spawned process does not inherit them."""
        torch.set_num_threads(self.threads)
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


def is_first() -> bool:
    """Return True in the only process that writes; see ``settle_rank``."""
    return int(rank_zero_only.rank) == 0  # type: ignore[attr-defined]


def check_devices(trainer: dict[str, Any], parallel: str) -> None:
    """Refuse several devices without a strategy, and GPUs that are not there, before Lightning does.

    Args:
        trainer: configuration of the trainer.
        parallel: overrides that add a strategy.

    Raises:
        ValueError: the machine has fewer GPUs, or the strategy is missing; the message has the overrides to use.
    """
    number, gpus, accelerator = world_size(trainer), torch.cuda.device_count(), trainer.get("accelerator")
    devices, here = trainer["devices"], number // trainer.get("num_nodes", 1)
    on_gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and gpus > 0)
    if on_gpu and not gpus and not torch.backends.mps.is_available():
        raise ValueError(
            f"trainer.accelerator: got {accelerator}, but torch finds no GPU here; use trainer.accelerator=cpu, or "
            "install the torch of your CUDA version (nvidia-smi shows it)"
        )
    if on_gpu and gpus and here > gpus:
        raise ValueError(
            f"trainer.devices: expected at most {gpus}, the number of GPUs here; got {devices!r}. Use "
            f"trainer.devices={gpus}, or trainer.accelerator=cpu"
        )
    if number > 1 and not isinstance(trainer.get("strategy"), dict):
        chosen = str(devices).replace(" ", "")
        cores = "" if on_gpu else f". For {here} cores of a CPU one process is enough: threads={here}"
        raise ValueError(
            f"trainer.devices: expected 1 without a strategy for several processes, got {devices!r}; use {parallel} "
            f"trainer.devices={chosen}{cores}"
        )


def processes_here(trainer: dict[str, Any]) -> int:
    """Return the number of processes of a training that share the cores of this one."""
    if started_elsewhere() and "SLURM_CPUS_PER_TASK" in os.environ:
        return 1
    return world_size(trainer) // trainer.get("num_nodes", 1)


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
