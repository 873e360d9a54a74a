"""Schedules of the learning rate, as fractions of the full rate."""

from __future__ import annotations

import math


def warmup_cosine(progress: float, warmup: float) -> float:
    """Return the fraction of the full rate after ``progress`` (0 ... 1) of the training.

    It rises linearly over the fraction ``warmup`` of the training, then falls to zero along a cosine.
    """
    if progress < warmup:
        return max(progress / warmup, 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / max(1 - warmup, 1e-9)))
