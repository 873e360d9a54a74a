"""The texture of fields: numbers that separate steps from slopes and noise, whatever the height of the field.

A network that was trained on potentials of two values is wrong on smooth ones of the same range, without any sign in
its output. Two numbers of each field separate such families:

    level       share of the points within 2 % of the range from the lowest or the highest value
    roughness   mean |difference of neighbours| / range
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEAR = 0.02
"""Distance from an extreme, as a part of the range of a field, up to which a point is at this extreme."""
NAMES = ("level", "roughness")


def texture(fields: NDArray) -> dict[str, NDArray[np.float64]]:
    """Return level and roughness of fields (S, *points), (S,) each; 1 and 0 for a constant field."""
    values = np.asarray(fields, dtype=np.float64)
    axes = tuple(range(1, values.ndim))
    low, high = values.min(axes, keepdims=True), values.max(axes, keepdims=True)
    span = np.where(high > low, high - low, 1.0)
    scaled = (values - low) / span
    level = ((scaled <= NEAR) | (scaled >= 1 - NEAR)).mean(axes)
    steps = [np.abs(np.diff(scaled, axis=axis)).mean(axes) for axis in axes if values.shape[axis] > 1]
    roughness = np.mean(steps, axis=0) if steps else np.zeros(len(values))
    return {"level": np.where((high > low).reshape(-1), level, 1.0), "roughness": roughness}


def extremes(fields: NDArray) -> dict[str, float]:
    """Return the extremes of level and roughness over fields (S, *points): level_min, level_max, ..."""
    found = texture(fields)
    ends = (("min", np.min), ("max", np.max))
    return {f"{name}_{word}": float(pick(found[name])) for name in NAMES for word, pick in ends}
