"""Training in several processes: one per device, each with its share of every batch (trainer=ddp)."""

from __future__ import annotations

import os
from typing import Any

import torch
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from qd_pix2pix.cli import quiet


class DataParallel(DDPStrategy):
    """Lightning's data parallel strategy, for processes that it starts, or that torchrun or srun has started.

    Processes are spawned, not started by the command line again: with the time of day in a run's folder, each would
    have a folder of its own.
    """

    def __init__(self) -> None:
        start_method: Any = "popen" if started_elsewhere() else "spawn"
        # each optimiser's step of pix2pix leaves the other network without gradients
        super().__init__(find_unused_parameters=True, start_method=start_method)

    def setup_environment(self) -> None:
        """A spawned process knows nothing of the first one's filters."""
        quiet()
        super().setup_environment()


def started_elsewhere() -> bool:
    """True in one of several processes of torchrun or srun."""
    return "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("SLURM_NTASKS", 1)) > 1


def is_first() -> bool:
    """True in the one process that writes."""
    return int(rank_zero_only.rank) == 0  # type: ignore[attr-defined]


def world_size(trainer: dict[str, Any]) -> int:
    """Processes that a configuration of the trainer asks for."""
    devices = trainer["devices"]
    if devices in ("auto", -1, "-1"):
        devices = torch.cuda.device_count() or 1
    if isinstance(devices, str):
        devices = devices.strip("[]").split(",") if "," in devices else int(devices)
    here = len(devices) if isinstance(devices, list) else devices
    return here * trainer.get("num_nodes", 1)
