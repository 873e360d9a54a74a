"""The tasks of the benchmark of quantum dots, and the errors of predictions on them.

    V_to_n      mean over dots of int |n - n_ref| / N
    V_to_E      sum |E - E_ref| / sum E_ref, energies from the minimum of V
    V_to_gap    sum |gap - gap_ref| / sum gap_ref
    n_to_V      sum int n |V - V_ref - c| / sum int n |V_ref - c_ref|

Sums are over dots, in reduced units, hbar^2 / (m* L^2). c and c_ref are density-weighted means: a density does not
determine the offset of V, nor V where it vanishes. Zero is perfect in all tasks; in n_to_V a constant has the error 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.evaluation.bench_dots import Array, Dots
from qd_pix2pix.evaluation.measures import mean_and_spread, nmae
from solvers.checks import check_plain

SCORE = "score.json"
FORMAT = 1
"""Format of the files of scores."""
Answers = Mapping[str, Array]
"""Predictions by the names of the attributes of ``Dots``."""


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes:
        given, asked: the attributes of ``Dots`` that a network takes and predicts.
        label: the task as text.
        error: function from (prediction, dots) to numerators and denominators (S,) of the error.
        by_dot: True for the mean of quotients of dots, False for the quotient of sums.
    """

    given: str
    asked: str
    label: str
    error: Callable[[Array, Dots], tuple[Array, Array]]
    by_dot: bool = False


def _density(found: Array, dots: Dots) -> tuple[Array, Array]:
    return nmae(found, dots.density, dots.n_electrons / dots.extent**2), np.ones(len(dots))


def _energy(found: Array, dots: Dots) -> tuple[Array, Array]:
    lowest = dots.n_electrons * dots.V.min((1, 2))
    return np.abs(found - dots.energy) / dots.unit, (dots.energy - lowest) / dots.unit


def _gap(found: Array, dots: Dots) -> tuple[Array, Array]:
    return np.abs(found - dots.gap) / dots.unit, dots.gap / dots.unit


def _potential(found: Array, dots: Dots) -> tuple[Array, Array]:
    weight = dots.density / dots.density.sum((1, 2), keepdims=True)

    def deviation(field: Array) -> Array:
        offset = (weight * field).sum((1, 2), keepdims=True)
        return (weight * np.abs(field - offset)).sum((1, 2)) / dots.unit

    return deviation(found - dots.V), deviation(dots.V)


TASKS = {
    "V_to_n": Task("V", "density", "V → n", _density, by_dot=True),
    "V_to_E": Task("V", "energy", "V → E", _energy),
    "V_to_gap": Task("V", "gap", "V → gap", _gap),
    "n_to_V": Task("density", "V", "n → V", _potential),
}
"""All tasks by name, in the order of pages."""


def score(task: str, found: Array, dots: Dots) -> dict[str, float]:
    """Return the error of predictions on a task, and the spread over dots of a task with an error of each dot.

    Args:
        task: a name in ``TASKS``.
        found: predictions (S,) or (S, n, n), in eV or nm^-2.
        dots: the dots with their references.
    """
    errors, sizes = TASKS[task].error(found, dots)
    if TASKS[task].by_dot:
        spread = mean_and_spread(errors)
        return {"error": spread.pop("mean"), **spread}
    return {"error": float(errors.sum() / sizes.sum())}


def checked(task: str, values: object, dots: Dots, who: str) -> NDArray[np.float64]:
    """Return predictions of a task as an array.

    Raises:
        ValueError: they have another shape than the references, or are not finite.
    """
    wanted = getattr(dots, TASKS[task].asked).shape
    check_plain(f"{who}: {TASKS[task].asked}", values)
    try:
        if np.iscomplexobj(np.asarray(values)):
            raise TypeError
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{who}: expected {TASKS[task].asked} as an array of numbers, got {type(values)}") from None
    if found.shape != wanted:
        raise ValueError(f"{who}: expected {TASKS[task].asked} of shape {wanted}, got {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{who}: {np.count_nonzero(~np.isfinite(found))} values of {TASKS[task].asked} are not finite")
    return found


def read_scores(folder: Path) -> list[dict[str, Any]]:
    """Return the content of all scores in a folder, in the order of names.

    Raises:
        ValueError: a file is damaged or of another format.
    """
    found = []
    for path in sorted(folder.glob(f"*/{SCORE}")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: damaged ({error}); remove it, and evaluate again") from None
        whole = isinstance(content, dict) and {"bench", "name", "kind", "digest", "order", "splits"} <= set(content)
        if not whole or content.get("format") != FORMAT:
            raise ValueError(f"{path}: expected a score of format {FORMAT}; remove it, and evaluate again")
        found.append(content)
    return found
