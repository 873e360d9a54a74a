"""Exact resume: whatever depends on the progress of a training is a function of its step alone.

A step is a batch, in all models. Lightning's own counters of epochs and batches are not enough: they miss
an epoch where a checkpoint is written in the hook of its last batch.
"""

from __future__ import annotations

import pytorch_lightning as pl

from qd_pix2pix.data.sampler import place_of


class Place(pl.Callback):
    """Sets Lightning's counters from the step when a training begins or goes on.

    ``trainer.current_epoch``, the bound ``max_epochs``, the step of the log and the next validation follow from them.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning has read the checkpoint and drawn its conclusions; the first batch is not yet asked for."""
        step, (epoch, batches) = trainer.global_step, place_of(trainer)
        loop, inner = trainer.fit_loop, trainer.fit_loop.epoch_loop
        midway = batches > 0
        for epochs in (loop.epoch_progress.total, loop.epoch_progress.current):
            epochs.ready = epochs.started = epoch + midway  # type: ignore[attr-defined]
            epochs.processed = epochs.completed = epoch  # type: ignore[attr-defined]
        for counted, done in ((inner.batch_progress.total, step), (inner.batch_progress.current, batches)):
            counted.ready = counted.started = counted.processed = done  # type: ignore[attr-defined]
            # midway, Lightning takes the last batch for one whose hook was not yet left, and completes it; as one that
            # was left, it would run the rest of that batch's step again, and count it twice
            counted.completed = done - midway
        inner.batch_progress.is_last_batch = False
        inner._batches_that_stepped = step - midway
        inner.val_loop.batch_progress.reset()
        loop._restarting = midway  # its setter says True wherever max_steps is set
        inner.restarting = midway
        loop.update_restart_stage()
