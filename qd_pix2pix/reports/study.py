"""A sweep as plain records: its runs, and its points with mean and spread over the seeds. No import of torch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED = "seed"
STARTED, FINISHED, FAILED = "started", "finished", "failed"


Run = Any
"""The record of a run, see ``sweeps.ledger.Record``, as passed by sweeps."""


@dataclass(frozen=True)
class Point:
    """The runs that differ by their seed only."""

    values: dict[str, str]
    records: tuple[Any, ...]

    def of(self, measure: str) -> NDArray[np.float64]:
        """Return a measure of each run, (runs,), without runs that lack it."""
        found = (value_of(record, measure) for record in self.records)
        return np.array([value for value in found if value is not None])


@dataclass(frozen=True)
class Study:
    """A sweep, possibly unfinished.

    Attributes:
        name, folder: name and folder of the sweep.
        axes: axes with more than one value, without the seed.
        records: records of all runs, whatever their state.
        points: points of the finished runs.
        overrides: overrides of the sweep's last command.
    """

    name: str
    folder: Path
    axes: tuple[str, ...]
    records: tuple[Any, ...]
    points: tuple[Point, ...]
    overrides: tuple[str, ...] = ()

    def short(self, axis: str) -> str:
        """Return a name of an axis for figures and tables."""
        return short(axis, self.axes)

    def values(self, axis: str) -> list[str]:
        """Return all values of an axis that have a finished run, in order."""
        return sort_values({point.values[axis] for point in self.points})


def value_of(record: Run, measure: str) -> float | None:
    """Return a measure of the test split, the mean over its samples; ``seconds`` and similar numbers are unchanged."""
    found = (record.measures or {}).get(measure, getattr(record, measure, None))
    return found["mean"] if isinstance(found, dict) else found


def number(value: str) -> float | None:
    """Return a value of an axis as a number; None where it is not a finite number."""
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def sort_key(value: str) -> tuple[bool, float, str]:
    """Return the key that sorts numbers by size, before texts."""
    size = number(value)
    return size is None, size or 0.0, value


def sort_values(values: set[str]) -> list[str]:
    """Return values of an axis in order."""
    return sorted(values, key=sort_key)


def short(axis: str, among: Iterable[str]) -> str:
    """Return the last part of an axis's name, or as many as distinguish it from the others: norm, or network.norm."""
    parts = axis.replace("/", ".").split(".")
    others = [other.replace("/", ".").split(".") for other in among if other != axis]
    lengths = range(1, len(parts))
    length = next((n for n in lengths if all(other[-n:] != parts[-n:] for other in others)), len(parts))
    return ".".join(parts[-length:])


def differences(records: Sequence[Run]) -> dict[str, list[Any]]:
    """Return the settings that differ between runs, by name: one value per record, or None."""
    names = dict.fromkeys(name for record in records for name in record.config)
    found = {name: [record.config.get(name) for record in records] for name in names}
    return {name: values for name, values in found.items() if len({json.dumps(v) for v in values}) > 1}
