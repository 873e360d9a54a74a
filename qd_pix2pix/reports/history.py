"""The results of a run: CSV logs of its training, merged over resumes, snapshots, and measures of its test."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.evaluation.record import Evaluation


def read_history(run: Path | str) -> dict[str, tuple[NDArray, NDArray]]:
    """Return every logged quantity of a run as (completed steps, values).

    Each start of the run has a folder ``csv/version_k``. Lines of a later start replace those of an earlier one beyond
    the step from which it was resumed.
    """
    points: dict[str, dict[int, float]] = {}
    versions = sorted(Path(run).glob("csv/version_*/metrics.csv"), key=lambda p: int(p.parent.name.split("_")[1]))
    for version in versions:
        rows = _rows(version)
        if not rows:  # killed before the first line
            continue
        first = min(int(row["step"]) for row in rows)
        for series in points.values():
            for step in [s for s in series if s > first]:
                del series[step]
        for row in rows:
            for name, value in row.items():
                if name not in ("step", "epoch") and value:
                    points.setdefault(name, {})[int(row["step"])] = float(value)
    return {
        name: (np.array(sorted(series)) + 1, np.array([series[s] for s in sorted(series)]))
        for name, series in points.items()
        if series
    }


def _rows(version: Path) -> list[dict[str, str]]:
    """Return the lines of a log; raise ValueError if one of them is cut."""
    with version.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if any(None in row or None in row.values() for row in rows):
        raise ValueError(f"csv: {version} is damaged, a line has another number of columns; remove that line")
    return rows


def spread(steps: Sequence[int], number: int = 6) -> list[int]:
    """Return evenly spaced steps, from the first to the last."""
    return [steps[i] for i in np.unique(np.linspace(0, len(steps) - 1, number).round().astype(int))]


def read_snapshots(run: Path | str) -> dict[int, NDArray]:
    """Return predictions for a few validation samples by training step, (samples, *points) in the target's unit."""
    files = sorted(Path(run).glob("snapshots/step-*.npy"))
    return {int(file.stem.split("-")[1]): _array(file) for file in files}


def read_reference(run: Path | str) -> NDArray | None:
    """Return references of the samples of ``read_snapshots``, (samples, *points), or None if there are none."""
    path = Path(run) / "snapshots" / "reference.npy"
    return _array(path) if path.is_file() else None


def _array(path: Path) -> NDArray:
    """Return the array of a file; raise ValueError if it is damaged."""
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"snapshots: {path} is damaged ({error}); remove it") from None


def read_tests(run: Path | str) -> dict[str, Evaluation]:
    """Return the evaluations of the test split, by the kind of samples; a single kind is named ``test``."""
    files = sorted((Path(run) / "test").rglob("metrics.json"))
    return {file.parent.name: Evaluation.read(file.parent) for file in files}


def overall(tests: Mapping[str, Evaluation]) -> dict[str, float | None]:
    """Return each measure as one number: the mean over the samples and over the kinds of samples.

    It is None where a kind has none, such as R² of one sample.
    """
    every = [test.measures for test in tests.values()]
    means = [{name: v["mean"] if isinstance(v, dict) else v for name, v in measures.items()} for measures in every]
    found = {name: [of_kind[name] for of_kind in means] for name in means[0]}
    return {name: None if None in values else fmean(values) for name, values in found.items()}
