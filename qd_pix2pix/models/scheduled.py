"""Training with one optimiser whose rate rises, then falls to zero along a cosine."""

from __future__ import annotations

from typing import cast

from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.lr_scheduler import LambdaLR

from qd_pix2pix.models.base import Model, OptimizerFactory, build_optimizer
from qd_pix2pix.models.schedules import warmup_cosine


class Scheduled(Model):
    """A model with attributes ``optimizer``, a factory, and ``warmup``, the fraction of the training with rising rate.

    The fraction is of the steps or of ``trainer.max_time``, whichever ends first.
    """

    optimizer: OptimizerFactory
    warmup: float

    def check(self) -> None:
        """Evaluate the network on a sample of zeros, and build an optimiser."""
        super().check()
        build_optimizer(self.optimizer, self.network.parameters())

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return the optimiser with the schedule of its learning rate."""
        optimizer = build_optimizer(self.optimizer, self.network.parameters(), self.may_fuse())
        schedule = LambdaLR(optimizer, lambda step: self.rate(self.progress(step)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_start(self) -> None:
        """Set the learning rate of the next step; that of the checkpoint is wrong if the run was extended."""
        super().on_train_start()
        schedule = cast(LambdaLR, self.lr_schedulers())
        rate = self.rate(self.progress(schedule.last_epoch))
        for group, full in zip(schedule.optimizer.param_groups, schedule.base_lrs, strict=True):
            group["lr"] = full * rate

    def rate(self, progress: float) -> float:
        """Return the learning rate as a fraction of its full value."""
        return warmup_cosine(progress, self.warmup)
