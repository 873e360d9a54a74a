"""The length of a training in steps, from its limits and the number of training samples of each shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qd_pix2pix.data.sampler import n_batches
from qd_pix2pix.systems import Recipe
from qd_pix2pix.training.distributed import world_size
from solvers.checks import check_integer

NO_END = 10**9
"""Number of steps of a run that is limited by ``trainer.max_time`` only."""


def training_sizes(recipes: Sequence[Recipe]) -> list[int]:
    """Return the number of training samples of each shape; a batch has samples of one shape."""
    found: dict[tuple[int, ...], int] = {}
    for recipe in recipes:
        shape = tuple(recipe.schema.domain.shape)
        found[shape] = found.get(shape, 0) + recipe.train
    return list(found.values())


def total_steps(config: Mapping[str, Any], sizes: Sequence[int]) -> int:
    """Return the number of steps of the training, from the number of training samples of each shape.

    Raises:
        ValueError: the training has no end or no step.
    """
    trainer, batch = config["trainer"], config["loader"]["batch_size"]
    for name in ("max_epochs", "max_steps"):
        if trainer[name] is not None:
            check_integer(f"trainer.{name}", trainer[name], -1)
    check_integer("loader.batch_size", batch, 1)
    epochs, steps = (-1 if trainer[name] is None else trainer[name] for name in ("max_epochs", "max_steps"))
    per_epoch = n_batches(sizes, batch * world_size(trainer))
    if trainer["max_time"] is not None and steps < 0 and epochs < 0:
        return NO_END
    bounds = []
    if epochs >= 0:
        bounds.append(per_epoch * epochs)
    if steps >= 0:
        bounds.append(steps)
    if not bounds or min(bounds) < 1:
        raise ValueError(f"trainer.max_epochs, trainer.max_steps: expected at least one step, got {epochs} and {steps}")
    return min(bounds)
