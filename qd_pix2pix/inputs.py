"""A user's own fields: read, checked, and compared with what the model has seen in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields import get_field, units_of


def read_input(path: Path, card: dict[str, Any]) -> tuple[NDArray[np.float64], list[str]]:
    """Fields that a user brings (.npy, shape (n, n) or (S, n, n), in the source's unit), and what is odd about them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no array of finite numbers of the grid's shape, or its unit is clearly another one.
    """
    source, grid, length = card["mapping"]["source"], card["recipe"]["grid"], units_of(card["recipe"]).length
    if not path.is_file():
        raise FileNotFoundError(f"input: {path} is not there")
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"input: {path} is no .npy file ({error})") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise ValueError(f"input: expected a .npy array of real numbers, got {getattr(values, 'dtype', 'an archive')}")
    n = grid["n"]
    if values.ndim not in (2, 3) or values.shape[-2:] != (n, n) or values.size == 0:
        raise ValueError(
            f"input: expected shape ({n}, {n}) or (dots, {n}, {n}), a square of {grid['extent']:g} {length} as in "
            f"training; got {values.shape}. Resample the field to this grid (points at (i + 1/2) "
            f"{grid['extent'] / n:.4g} {length})."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"input: {np.count_nonzero(~np.isfinite(values))} values are NaN or infinite")
    values = values.astype(np.float64).reshape(-1, n, n)
    return values, _compare_with_training(values, source, card)


def _compare_with_training(values: NDArray[np.float64], source: str, card: dict[str, Any]) -> list[str]:
    """Say what lies outside the training data; refuse what can only be another unit."""
    seen = card["statistics"][source]
    unit = units_of(card["recipe"]).of(get_field(source).quantity)
    low, high, span = seen["min"], seen["max"], seen["max"] - seen["min"]
    found = _extent(values)
    known = f"{low:.4g} ... {high:.4g} {unit}"
    if max(values.max() - high, low - values.min()) > 20 * span or (0 < np.ptp(values) < span / 200):
        raise ValueError(
            f"input: expected {source} in {unit}, in training {known}; got {found}. Is it in another unit?"
        )
    remarks = []
    slack = 0.02 * span
    if get_field(source).is_density and low - values.min() > slack:
        raise ValueError(f"input: a density is never negative; got {found} {unit}")
    outside = np.array([(v.max() > high + slack) or (v.min() < low - slack) for v in values])
    if outside.any():
        remarks.append(
            f"{outside.sum()} of {len(values)} dots leave the range of {source} in training ({known}): "
            f"{_extent(values[outside])}"
        )
    means = values.mean(axis=(1, 2))
    # the mean of a density is its charge, the same for all dots up to the digits of a file
    slack = 0.1 * (seen["dot_mean_max"] - seen["dot_mean_min"]) + 1e-3 * abs(seen["mean"])
    strange = (means > seen["dot_mean_max"] + slack) | (means < seen["dot_mean_min"] - slack)
    if strange.any():
        remarks.append(
            f"{strange.sum()} of {len(values)} dots have a mean {source} ({_extent(means[strange])} "
            f"{unit}) that no training dot has ({seen['dot_mean_min']:.4g} ... {seen['dot_mean_max']:.4g})"
        )
    return remarks


def _extent(values: NDArray[np.float64]) -> str:
    return f"{values.min():.4g} ... {values.max():.4g}"
