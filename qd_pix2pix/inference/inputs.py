"""A user's own fields: read, checked, and compared with what the model has seen in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qd_pix2pix.mapping.conditions import CONDITIONS, facts_of, recipes_of
from qd_pix2pix.models import FieldModel
from qd_pix2pix.schema import units_of

FACTS = {"n_electrons": {"n_electrons"}, "material": {"m_eff", "eps_r"}, "extent": {"extent"}}
"""Which of a dot's facts a user's word fixes."""


def read_fields(path: Path) -> NDArray[np.float64]:
    """Fields that a user brings (.npy, shape (n, n) or (S, n, n)), as (S, n, n).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no array of finite numbers, or of another shape.
    """
    if not path.is_file():
        raise FileNotFoundError(f"input: {path} is not there")
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"input: {path} is no .npy file ({error})") from None
    return check_fields(values)


def check_fields(values: Any) -> NDArray[np.float64]:
    """(n, n) or (S, n, n) -> (S, n, n) of finite numbers.

    Raises:
        ValueError: it is none of these.
    """
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise ValueError(f"input: expected an array of real numbers, got {getattr(values, 'dtype', type(values))}")
    if values.ndim not in (2, 3) or values.shape[-2] != values.shape[-1] or values.size == 0:
        raise ValueError(f"input: expected shape (n, n) or (dots, n, n), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"input: {np.count_nonzero(~np.isfinite(values))} values are NaN or infinite")
    return values.astype(np.float64).reshape(-1, *values.shape[-2:])


def recipe_of_dots(
    model: FieldModel, n: int, n_electrons: int | None, material: str | None, extent: float | None
) -> dict[str, Any]:
    """What is known of a user's dots: the recipe of training, with what the user says.

    Args:
        model: what shall predict them.
        n: points per side. On more points than in training, with the same spacing, the square is larger.
        n_electrons, material, extent: None for those of training, where that was of one kind; a model that was trained
            for a range has to be told.

    Raises:
        ValueError: the model does not take such dots.
    """
    if n_electrons is not None and (type(n_electrons) is not int or n_electrons < 1):
        raise ValueError(f"n_electrons: expected a whole number of at least 1, got {n_electrons!r}")
    if extent is not None and not (type(extent) in (int, float) and extent > 0):
        raise ValueError(f"extent: expected a length above 0, got {extent!r}")
    usual = model.card["recipes"][0]
    grid = usual["grid"]
    dx = grid["extent"] / grid["n"]
    words: dict[str, Any] = {"n_electrons": n_electrons, "material": material, "extent": extent}
    for word, facts in FACTS.items():
        if words[word] is None and not facts.isdisjoint(model.conditions.names):
            raise ValueError(f"{word}: the network was trained for several; say which your dots have, {word}=...")
    asked: dict[str, Any] = {word: None if value is None else [value] for word, value in words.items()}
    recipe = recipes_of(usual, asked)[0]
    if extent is None:
        recipe["grid"]["extent"] = float(dx * n)
    recipe["grid"]["n"] = n
    lengths = units_of(usual).length
    if extent is not None and "extent" not in model.conditions.names and not np.isclose(extent, dx * n):
        raise ValueError(
            f"extent: the network knows points {dx:.4g} {lengths} apart, which makes {dx * n:g} {lengths} of {n} "
            f"points; got {extent:g}. Resample the field, or train with range.extent=[...]"
        )
    told, known = facts_of(recipe), facts_of(usual)
    for i, name in enumerate(CONDITIONS[:3]):
        if told[i] != known[i] and name not in model.conditions.names:
            raise ValueError(f"{name}: the network was trained for {known[i]:g} only, got {told[i]:g}")
    try:
        with torch.no_grad():
            model(torch.zeros(1, 1, n, n))
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"input: the network does not take fields of ({n}, {n}) points ({error}); in training they had "
            f"({grid['n']}, {grid['n']}), a square of {grid['extent']:g} {lengths}. Resample the field to this grid "
            f"(points at (i + 1/2) {dx:.4g} {lengths})."
        ) from None
    return recipe


def compare_with_training(values: NDArray[np.float64], model: FieldModel, recipe: dict[str, Any]) -> list[str]:
    """Say what lies outside the training data; refuse what can only be another unit.

    Raises:
        ValueError: the unit is clearly another one, or a density is negative.
    """
    source = model.mapping.source
    seen, usual = dict(model.card["statistics"][source.name]), model.card["recipes"]
    unit = units_of(recipe).of(source.quantity)
    remarks = []
    sides = sorted({r["grid"]["extent"] for r in usual})
    side = recipe["grid"]["extent"]
    if not sides[0] <= side <= sides[-1]:
        known = " ... ".join(f"{s:g}" for s in sorted({sides[0], sides[-1]}))
        remarks.append(f"the square has a side of {side:g} {units_of(recipe).length}, in training {known}")
    for i, name in enumerate(CONDITIONS[:3]):
        facts = sorted(facts_of(r)[i] for r in usual)
        if not facts[0] <= facts_of(recipe)[i] <= facts[-1]:
            remarks.append(f"{name} is {facts_of(recipe)[i]:g}, in training {facts[0]:g} ... {facts[-1]:g}")
    if source.is_density:  # the mean of a density is its charge: thinner in a larger square
        thinner = (usual[0]["grid"]["extent"] / side) ** 2
        seen |= {key: seen[key] * thinner for key in ("dot_mean_min", "dot_mean_max", "mean")}
    low, high, span = seen["min"], seen["max"], seen["max"] - seen["min"]
    found = _extent(values)
    known = f"{low:.4g} ... {high:.4g} {unit}"
    if max(values.max() - high, low - values.min()) > 20 * span or (0 < np.ptp(values) < span / 200):
        raise ValueError(
            f"input: expected {source.name} in {unit}, in training {known}; got {found}. Is it in another unit?"
        )
    slack = 0.02 * span
    if source.is_density and low - values.min() > slack:
        raise ValueError(f"input: a density is never negative; got {found} {unit}")
    outside = np.array([(v.max() > high + slack) or (v.min() < low - slack) for v in values])
    if outside.any():
        remarks.append(
            f"{outside.sum()} of {len(values)} dots leave the range of {source.name} in training ({known}): "
            f"{_extent(values[outside])}"
        )
    means = values.mean(axis=(1, 2))
    # the mean of a density is its charge, the same for all dots up to the digits of a file
    slack = 0.1 * (seen["dot_mean_max"] - seen["dot_mean_min"]) + 1e-3 * abs(seen["mean"])
    strange = (means > seen["dot_mean_max"] + slack) | (means < seen["dot_mean_min"] - slack)
    if strange.any():
        remarks.append(
            f"{strange.sum()} of {len(values)} dots have a mean {source.name} ({_extent(means[strange])} "
            f"{unit}) that no training dot has ({seen['dot_mean_min']:.4g} ... {seen['dot_mean_max']:.4g})"
        )
    return remarks


def _extent(values: NDArray[np.float64]) -> str:
    return f"{values.min():.4g} ... {values.max():.4g}"
