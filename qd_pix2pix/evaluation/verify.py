"""Solutions for a user's samples: references of predictions, or the verification of proposals."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from qd_pix2pix.evaluation.measures import Context, sample_measures
from qd_pix2pix.evaluation.verification import Verification
from qd_pix2pix.schema import Schema
from qd_pix2pix.systems import make_recipe, recipe_class

BATCH = 25
"""Samples that the solver solves together."""
Columns = dict[str, NDArray]


def recipe_of_samples(
    config: Mapping[str, Any], shape: tuple[int, ...], conditions: Mapping[str, float]
) -> dict[str, Any]:
    """Return the configuration of a recipe, from a card, for samples on these points under these conditions.

    Raises:
        ValueError: the card names a class that is not part of this project.
    """
    return recipe_class(config, only_rooms=True).of_samples(config, shape, conditions)


def check_verifiable(
    config: Mapping[str, Any], sources: tuple[str, ...], outputs: tuple[str, ...], known: Collection[str] = ()
) -> bool:
    """Return True if the mapping is an inverse: the columns that the solver takes are predicted, not given.

    ``known`` are the conditions of the samples.

    Raises:
        ValueError: the mapping does not involve these columns.
    """
    system = recipe_class(config, only_rooms=True)
    needed = set(system.SOLVABLE) - set(known)
    solved = {column.name for column in make_recipe(config, only_rooms=True).schema.columns}
    if unknown := [name for name in outputs if name not in solved]:
        raise ValueError(f"verify: the solver does not compute {', '.join(unknown)}; use verify=false")
    if needed and needed <= set(sources):
        return False
    if len(needed) == 1 and len(sources) == 1 and needed <= set(outputs):
        return True
    wanted = ", ".join(sorted(needed)) or "nothing"
    raise ValueError(
        f"verify: the solver of {system.__name__} starts from {wanted}, which {', '.join(sources)} -> "
        f"{', '.join(outputs)} does not involve; use verify=false"
    )


def solve(config: Mapping[str, Any], given: Columns, names: tuple[str, ...], progress: bool = True) -> Columns:
    """Return the columns ``names`` of given samples by the solver, in batches of limited memory.

    With ``progress`` a bar shows rate and remaining time.

    Raises:
        ValueError: a sample is not solved to full accuracy.
    """
    recipe = make_recipe(config, only_rooms=True)
    sample = recipe.schema.sample
    total = len(next(iter(given.values())))
    parts = []
    with tqdm(total=total, desc=f"solving {sample}s", unit=sample, disable=not progress) as bar:
        for first in range(0, total, BATCH):
            some = range(first, min(first + BATCH, total))
            batch = {name: values[some.start : some.stop] for name, values in given.items()}
            found = recipe.solve(batch, [f"{sample} {i}" for i in some])
            parts.append({name: found[name] for name in names if name in found})
            bar.update(len(some))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def verify_inverse(
    config: Mapping[str, Any], schema: Schema, proposed: Columns, given: Columns, data_range: float
) -> Verification:
    """Solve the proposed sources and compare the result with the given column.

    Args:
        config: configuration of the recipe for these samples.
        schema: schema of these samples.
        proposed, given: one column each.
        data_range: high - low of the given column in training.
    """
    (source, values), (name, wanted) = next(iter(proposed.items())), next(iter(given.items()))
    reference = solve(config, {source: values}, (name,))[name]
    column = schema[name]
    volume = float(np.prod(schema.domain.lengths(schema.constants)))
    conditions = make_recipe(config, only_rooms=True).schema.constants  # may be a column of the samples in training
    density = conditions[column.integral] / volume if column.integral else None
    found = sample_measures(column.kind, np.asarray(reference, float), wanted, Context(data_range, density))
    return Verification(schema, (source, name), values, wanted, reference, found)
