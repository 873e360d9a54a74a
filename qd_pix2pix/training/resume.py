"""Bit-exact resume: all state that depends on the progress of a training is a function of its step alone.

In all models a step is a batch. Lightning's own counters of epochs and batches are insufficient: they miss an epoch if
a checkpoint is written in the hook of its last batch.
"""

from __future__ import annotations

import pytorch_lightning as pl

from qd_pix2pix.data.sampler import place_of


class Place(pl.Callback):
    """The callback that sets Lightning's counters from the step when a training starts or is resumed.

    The counters determine ``trainer.current_epoch``, the bound ``max_epochs``, the step of the log and the next
    validation.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Set the counters: here Lightning has read the checkpoint, and the first batch is not loaded yet."""
        step, (epoch, batches) = trainer.global_step, place_of(trainer)
        loop, inner = trainer.fit_loop, trainer.fit_loop.epoch_loop
        midway = batches > 0
        for epochs in (loop.epoch_progress.total, loop.epoch_progress.current):
            epochs.ready = epochs.started = epoch + midway  # type: ignore[attr-defined]
            epochs.processed = epochs.completed = epoch  # type: ignore[attr-defined]
        for counted, done in ((inner.batch_progress.total, step), (inner.batch_progress.current, batches)):
            counted.ready = counted.started = counted.processed = done  # type: ignore[attr-defined]
            # midway, Lightning treats the last batch as one whose hook is incomplete, and completes it; otherwise it
            # would repeat the rest of that batch's step and count it twice
            counted.completed = done - midway
        inner.batch_progress.is_last_batch = False
        inner._batches_that_stepped = step - midway
        inner.val_loop.batch_progress.reset()
        loop._restarting = midway  # its setter gives True wherever max_steps is set
        inner.restarting = midway
        loop.update_restart_stage()
