"""Averages of predictions over shifts of the given field that change no answer, and over particles and holes.

At all chemical potentials from E(N) - E(N - 1) to E(N + 1) - E(N) the maps of N particles are the same. A network that
is trained with ``loader.shift`` learns this approximately: near an end it mixes N with N + 1. Predictions at shifted
fields are averaged where the sum of the target is nearly the same whole number: the more, the smaller the error. Where
the exchange of particles and holes is a symmetry, predictions of the holes count as well; if they have another N, the
one that is farther from the next N is chosen. A network of energies (``mapping.counter``) replaces this choice on
samples of about its training's sizes, if some of these predictions have the N with the lowest energy.

The norms of a network remove a constant field, so that it does not see which one it is. A ripple is added to flat
fields, and the maps are averaged over the sites, which are equal there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qd_pix2pix.inference.counting import counted
from qd_pix2pix.predictor import Predictor

SIZES = (0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.7, 2.0)
"""Sizes of the shifts, in the unit of the field, the hopping of chains."""
SHIFTS = (0.0, *(sign * size for size in SIZES for sign in (1.0, -1.0)))
"""Shifts in this unit."""
FAR, SMALLEST = 2 * SIZES[-1], 0.01
"""More than the largest shift, and less than the distance of two shifts."""
TOLERANCE = 0.02
"""Largest distance of the sum of the target from the whole number."""
STRANGE = 0.25
"""Distance from the whole number from which on a prediction is remarked upon."""
FLAT, RIPPLE = 1e-6, 0.01
"""Largest range of a flat field, and the standard deviation of the ripple on it."""


def on_plateau(predictor: Predictor, columns: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the maps (B, *points) by name; where no sum is nearly whole, those without a shift.

    Args:
        predictor: the predictor, of fields only.
        columns: sources (B, *points) and conditions (B,) by name.
    """
    symmetry = predictor.symmetry
    flat, columns = _rippled(predictor, columns)
    images = [0, symmetry.group.order] if symmetry.flips(columns) else [0]
    many = _shifted(predictor, columns)
    # the flip is its own inverse
    found = [symmetry.act(predictor(symmetry.act(many, image)), image, many) for image in images]
    maps = {  # (B, images, shifts, ...)
        name: torch.stack([each[name].reshape(-1, len(SHIFTS), *each[name].shape[1:]) for each in found], 1)
        for name in found[0]
    }
    weights = _weights(maps[predictor.target.name].flatten(3).sum(3), predictor, columns)
    mean = {name: torch.einsum("bis,bis...->b...", weights.to(values.dtype), values) for name, values in maps.items()}
    return {name: _level(values, flat) if values.ndim > 1 else values for name, values in mean.items()}


def not_whole(predictor: Predictor, found: Mapping[str, Any]) -> list[str]:
    """Return a remark on predictions (S, ...) by name whose number of particles is not whole, arrays or tensors."""
    if not predictor.shifted:
        return []
    values = found[predictor.target.name]
    maps = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, dtype=np.float64)
    sums = maps.reshape(len(maps), -1).sum(1)
    strange = np.abs(sums - sums.round()) > STRANGE
    if not strange.any():
        return []
    of = f"{np.count_nonzero(strange)} of {predictor.schema.count(len(sums))}"
    return [f"the number of particles of {of} is not whole, such as {sums[strange][0]:.2f}"]


def _rippled(predictor: Predictor, columns: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return which samples have flat sources (B,), and the columns with a ripple on these."""
    sources = [columns[name] for name in predictor.mapping.sources]
    ranges = [s.amax(tuple(range(1, s.ndim))) - s.amin(tuple(range(1, s.ndim))) for s in sources]
    flat = (torch.stack(ranges) <= FLAT).all(0)
    first = sources[0]
    drawn = np.random.default_rng(0).standard_normal(tuple(first.shape[1:]))  # a constant of exported programs
    ripple = RIPPLE * torch.from_numpy(drawn - drawn.mean()).to(first)
    where = flat.reshape(-1, *[1] * (first.ndim - 1))
    name = predictor.mapping.sources[0]
    return flat, columns | {name: torch.where(where, first + ripple, first)}


def _level(values: Tensor, flat: Tensor) -> Tensor:
    """Return maps (B, *points), those of ``flat`` samples averaged over the points."""
    points = tuple(range(1, values.ndim))
    return torch.where(flat.reshape(-1, *[1] * len(points)), values.mean(points, keepdim=True), values)


def _shifted(predictor: Predictor, columns: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the columns of all shifts of all samples, (B * shifts, ...)."""
    many = {}
    for name, values in columns.items():
        repeated = values[:, None].expand(-1, len(SHIFTS), *values.shape[1:])
        if name in predictor.mapping.sources:
            repeated = repeated + torch.tensor(SHIFTS, device=values.device).reshape(-1, *[1] * (values.ndim - 1))
        many[name] = repeated.flatten(0, 1)
    return many


def _weights(sums: Tensor, predictor: Predictor, columns: dict[str, Tensor]) -> Tensor:
    """Return the weight of each prediction with these sums, (B, images, shifts) both."""
    whole = sums.round()
    sizes = torch.tensor(SHIFTS, device=sums.device).abs()
    margins = torch.where(whole == whole[..., :1], FAR, sizes).amin(2)  # smallest shift to another N
    apart = (sums - whole)[..., 0].abs()  # decides between equal margins, so that no image is preferred
    number = whole[..., 0].gather(1, (margins - SMALLEST * apart).argmax(1, keepdim=True))
    if predictor.counts(columns[predictor.mapping.sources[0]].shape[1]):
        lowest = counted(predictor, columns, number[:, 0])[:, None]
        found = ((sums - lowest[..., None]).abs() < TOLERANCE).flatten(1).any(1, keepdim=True)
        number = torch.where(found, lowest, number)
    weights = ((sums - number[..., None]).abs() < TOLERANCE).to(sums.dtype)
    unshifted = torch.zeros_like(weights)
    unshifted[..., 0] = (whole[..., 0] == number).to(sums.dtype)
    weights = torch.where(weights.sum((1, 2), keepdim=True) > 0, weights, unshifted)
    return weights / weights.sum((1, 2), keepdim=True)
