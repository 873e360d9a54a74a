"""Averages of predictions over shifts of the given field that change no answer.

At all chemical potentials from E(N) - E(N - 1) to E(N + 1) - E(N) the maps of N particles are the same. A network that
is trained with ``loader.shift`` learns this approximately: near an end it mixes N with N + 1. Predictions at shifted
fields are averaged where the sum of the target is nearly the same whole number: the more, the smaller the error.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qd_pix2pix.predictor import Predictor

SIZES = (0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.7, 2.0)
"""Sizes of the shifts, in the unit of the field, the hopping of chains."""
SHIFTS = (0.0, *(sign * size for size in SIZES for sign in (1.0, -1.0)))
"""Shifts in this unit."""
TOLERANCE = 0.02
"""Largest distance of the sum of the target from the whole number."""


def on_plateau(predictor: Predictor, columns: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the maps (B, *points) by name; where no sum is nearly whole, those without a shift.

    Args:
        predictor: the predictor, of fields only.
        columns: sources (B, *points) and conditions (B,) by name.
    """
    many = {}
    for name, values in columns.items():  # (B, shifts, ...), then one batch
        repeated = values[:, None].expand(-1, len(SHIFTS), *values.shape[1:])
        if name in predictor.mapping.sources:
            repeated = repeated + torch.tensor(SHIFTS, device=values.device).reshape(-1, *[1] * (values.ndim - 1))
        many[name] = repeated.flatten(0, 1)
    found = {name: values.reshape(-1, len(SHIFTS), *values.shape[1:]) for name, values in predictor(many).items()}
    sums = found[predictor.target.name].flatten(2).sum(2)
    weights = ((sums - sums[:, :1].round()).abs() < TOLERANCE).to(sums.dtype)
    unshifted = torch.eye(len(SHIFTS), dtype=weights.dtype, device=weights.device)[0]
    weights = torch.where(weights.sum(1, keepdim=True) > 0, weights, unshifted)
    weights = weights / weights.sum(1, keepdim=True)
    return {name: torch.einsum("bs,bs...->b...", weights.to(values.dtype), values) for name, values in found.items()}
