"""Records of a ledger as a table: points of a sweep, with mean and spread over the seeds. No torch here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.sweeps.ledger import FINISHED, Record, read_ledger

SEED = "seed"
SUMMARY = "sweep.json"
"""File of a sweep's folder: its name, its axes, the overrides of its last command."""


@dataclass(frozen=True)
class Point:
    """Runs that differ by their seed alone."""

    values: dict[str, str]
    records: tuple[Record, ...]

    def of(self, measure: str) -> NDArray[np.float64]:
        """Return a measure of each run, (runs,); empty where it has none."""
        found = (value_of(record, measure) for record in self.records)
        return np.array([value for value in found if value is not None])


@dataclass(frozen=True)
class Study:
    """A sweep as far as its runs are finished.

    Attributes:
        name, folder: of the sweep.
        axes: with more than one value, without the seed.
        records: of all runs, whatever became of them.
        points: of the finished ones.
    """

    name: str
    folder: Path
    axes: tuple[str, ...]
    records: tuple[Record, ...]
    points: tuple[Point, ...]

    def short(self, axis: str) -> str:
        """Return a name of an axis for figures and tables."""
        return short(axis, self.axes)

    def values(self, axis: str) -> list[str]:
        """Return all values of an axis that have a finished run, in order."""
        return sort_values({point.values[axis] for point in self.points})


def read_study(folder: Path) -> Study:
    """Return the study in a sweep's folder.

    Raises:
        ValueError: no sweep lies there.
    """
    ledger = read_ledger(folder)
    if not ledger or not (folder / SUMMARY).is_file():
        known = sorted(path.parent.name for path in folder.parent.glob(f"*/{SUMMARY}"))
        raise ValueError(f"sweep: {folder} holds no runs; there are {', '.join(known) or 'no sweeps yet'}")
    said = json.loads((folder / SUMMARY).read_text())
    records = tuple(ledger.values())
    named = dict.fromkeys([*said["axes"], *(axis for record in records for axis in record.point)])
    axes = tuple(a for a in named if a != SEED and len({r.point.get(a) for r in records}) > 1)
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        if record.state == FINISHED:
            groups.setdefault(tuple(record.point.get(a, "") for a in axes), []).append(record)
    order = sorted(groups, key=lambda values: [sort_key(value) for value in values])
    points = tuple(Point(dict(zip(axes, values, strict=True)), tuple(groups[values])) for values in order)
    return Study(said["name"], folder, axes, records, points)


def value_of(record: Record, measure: str) -> float | None:
    """Return a measure of the test split, the mean over its samples; ``seconds`` and the like as they are."""
    found = (record.measures or {}).get(measure, getattr(record, measure, None))
    return found["mean"] if isinstance(found, dict) else found


def number(value: str) -> float | None:
    """Return a value of an axis as a number; None where it is none, or has no place on an axis (inf, nan)."""
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def sort_key(value: str) -> tuple[bool, float, str]:
    """Return the key that sorts numbers by size, before words."""
    size = number(value)
    return size is None, size or 0.0, value


def sort_values(values: set[str]) -> list[str]:
    """Return values of an axis in order."""
    return sorted(values, key=sort_key)


def short(axis: str, among: Iterable[str]) -> str:
    """Return the last part of an axis' name, or as many as distinguish it from the others: norm, or network.norm."""
    parts = axis.replace("/", ".").split(".")
    others = [other.replace("/", ".").split(".") for other in among if other != axis]
    lengths = range(1, len(parts))
    length = next((n for n in lengths if all(other[-n:] != parts[-n:] for other in others)), len(parts))
    return ".".join(parts[-length:])


def differences(records: Sequence[Record]) -> dict[str, list[Any]]:
    """Return what differs between the configurations of runs: name -> one value per record, or None."""
    names = dict.fromkeys(name for record in records for name in record.config)
    found = {name: [record.config.get(name) for record in records] for name in names}
    return {name: values for name, values in found.items() if len({json.dumps(v) for v in values}) > 1}
