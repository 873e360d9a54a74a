"""Judgement of drawn samples by the labels that they have, which the system's own solver computes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray

from qd_pix2pix.data.store import SPLITS, Store
from qd_pix2pix.evaluation.generated import wasserstein
from qd_pix2pix.evaluation.measures import mean_and_spread
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.verify import BATCH
from qd_pix2pix.generators import ConfidentGenerator, Generator
from qd_pix2pix.inference.sample import draw, read_off
from qd_pix2pix.systems import make_recipe
from qd_pix2pix.systems.recipe import Recipe

Numbers = Mapping[str, NDArray]
"""Labels by name, (S,) each."""


def solve_drawn(config: Mapping[str, Any], drawn: Mapping[str, NDArray], names: tuple[str, ...]) -> dict[str, NDArray]:
    """Return the columns ``names`` (S,) of drawn samples (S, *points) by the solver; NaN where it does not converge.

    Raises:
        ValueError: the system has no solver for given samples.
    """
    recipe = solver_of(config, drawn)
    size = len(next(iter(drawn.values())))
    batches = [{name: v[first : first + BATCH] for name, v in drawn.items()} for first in range(0, size, BATCH)]
    parts = [_solve(recipe, batch, names) for batch in batches]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def solver_of(config: Mapping[str, Any], given: Collection[str]) -> Recipe:
    """Return the recipe whose solver starts from the columns ``given``.

    Raises:
        ValueError: it starts from others.
    """
    recipe = make_recipe(config, only_rooms=True)
    if set(recipe.SOLVABLE) != set(given):
        wanted = ", ".join(recipe.SOLVABLE) or "nothing"
        raise ValueError(f"mapping.target: the solver of {recipe.name} starts from {wanted}, not {', '.join(given)}")
    return recipe


def _solve(recipe: Recipe, drawn: Mapping[str, NDArray], names: tuple[str, ...]) -> dict[str, NDArray]:
    """Return the columns of one batch; if it is not solved, its samples are solved one by one."""
    size = len(next(iter(drawn.values())))
    try:
        found = recipe.solve(dict(drawn))
        return {name: np.asarray(found[name], dtype=np.float64) for name in names}
    except ValueError:
        if size == 1:
            return {name: np.full(1, np.nan) for name in names}
    parts = [_solve(recipe, {n: v[i : i + 1] for n, v in drawn.items()}, names) for i in range(size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def label_errors(found: Numbers, wanted: Numbers, spans: Mapping[str, float]) -> NDArray:
    """Return the mean over labels of |found - requested| / span, (S,); 1 for a sample without a solution."""
    each = np.mean([np.abs(found[name] - wanted[name]) / spans[name] for name in wanted], axis=0)
    return np.nan_to_num(each, nan=1.0)


def label_error(found: Numbers, wanted: Numbers, spans: Mapping[str, float]) -> float:
    """Return the mean of ``label_errors`` over the samples."""
    return float(np.mean(label_errors(found, wanted, spans)))


def label_distance(found: Numbers, wanted: Numbers, spans: Mapping[str, float]) -> float:
    """Return the mean over labels of the Wasserstein distance of both distributions, in units of the span.

    Samples without a solution count as one span away.
    """
    distances = []
    for name, reference in wanted.items():
        solved = found[name][np.isfinite(found[name])]
        lost = 1 - len(solved) / len(found[name])
        distance = wasserstein(solved, reference) / spans[name] if len(solved) else 0.0
        distances.append((1 - lost) * distance + lost)
    return float(np.mean(distances))


class Drawn(NamedTuple):
    """Samples drawn for a split.

    Attributes:
        predictions: the drawn fields as source; the requested labels, or those that the discriminator reads off, as
            predictions; the labels that the solver finds as references; the samples of the split with their labels as
            stored. Samples that it does not solve are left out. The error of the labels is a measure of the target.
        measures: measures of the labels.
        remarks: remarks on samples that were left out.
    """

    predictions: Predictions
    measures: dict[str, Any]
    remarks: list[str]


def draw_split(generator: Generator, store: Store, split: str, device: torch.device | None = None) -> Drawn:
    """Draw one sample for each stored one of a split, at its labels, and solve it."""
    schema, samples = store.schema, store.split(split)
    target, names = generator.target.name, generator.mapping.labels or generator.mapping.outputs[1:]
    conditions = [c.name for c in schema.of_role("condition")]
    columns = samples.load([*dict.fromkeys([target, *names, *conditions, "sample"])])
    size = len(columns["sample"])
    known = {n: np.full(size, value) for n, value in schema.constants.items()} | {n: columns[n] for n in conditions}
    given = {name: columns[name] for name in generator.mapping.labels}
    drawn = draw(generator, given | known, size, schema.domain.shape, SPLITS.index(split), device)
    found = solve_drawn(store.recipe, {target: drawn}, names)
    stored = {name: np.asarray(columns[name], dtype=np.float64) for name in names}
    wanted = stored if given else read_off(cast(ConfidentGenerator, generator), drawn)
    solved = np.isfinite(next(iter(found.values())))
    spans = {name: generator.ranges[name].span for name in names}
    errors = {"label_error": label_errors(found, stored, spans)} if given else {}
    predictions = Predictions(
        schema=schema, sources=(target,), outputs=tuple(names), given={target: drawn[solved]},
        predicted={name: wanted[name][solved] for name in names}, sample=columns["sample"][solved],
        conditions={name: values[solved] for name, values in known.items()},
        reference={name: values[solved] for name, values in found.items()} if solved.any() else {},
        stored={name: columns[name][solved] for name in (target, *names)},
        measures={target: {name: values[solved] for name, values in errors.items()}},
    )  # fmt: skip
    remarks = [] if solved.all() else [f"{(~solved).sum()} of {schema.count(size)} drawn could not be solved"]
    summary = {name: mean_and_spread(values) for name, values in errors.items()}
    return Drawn(predictions, summary | {"label_distance": label_distance(found, stored, spans)}, remarks)
