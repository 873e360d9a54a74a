"""The self-contained HTML page of several runs side by side. No import of torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.evaluation.measures import MEASURES, RANK, larger_is_better
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import FILE, Evaluation
from qd_pix2pix.files import write_text
from qd_pix2pix.reports import comparison_figures as figures
from qd_pix2pix.reports.comparison_figures import Sample
from qd_pix2pix.reports.drawn_comparison import drawn_figures, label_lines
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.reports.page import Panel, figure_panel, number, render
from qd_pix2pix.reports.prediction_panels import frames_of
from qd_pix2pix.reports.run_page import provenance_lines
from qd_pix2pix.reports.smoke import banner_of_checkpoint
from qd_pix2pix.reports.sweep_figures import learning_curves

MOST_RUNS = 6
PREDICTIONS = "predictions.h5"
TIME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")
"""Names of folders of trainings."""
SETTINGS = ("mapping", "network", "heads", "model", "loader", "trainer", "recipes")
"""Parts of the card that are compared."""


@dataclass(frozen=True)
class Compared:
    """One run of a comparison: name, folder of its evaluation, folder of its training, and the results."""

    name: str
    folder: Path
    run: Path
    record: Evaluation
    predictions: Predictions

    @property
    def scores(self) -> NDArray[np.float64]:
        """The measure that ranks the samples, (S,)."""
        target = self.predictions.target
        return self.predictions.measures[target.name][RANK[target.kind]]


def read_runs(paths: Sequence[Path]) -> list[Compared]:
    """Return the runs in folders of trainings, or of evaluations.

    Raises:
        FileNotFoundError: a folder has no results.
        ValueError: there are too few or too many runs, or they have other targets.
    """
    if not 2 <= len(paths) <= MOST_RUNS or len(set(paths)) < len(paths):
        raise ValueError(f"runs: expected 2 ... {MOST_RUNS} different folders, runs=[A,B]; got {len(paths)}")
    found = []
    for name, path in zip(_names(paths), paths, strict=True):
        folder = path if (path / FILE).is_file() else path / "test"
        if not (folder / FILE).is_file():
            several = sorted(p.parent.relative_to(path) for p in path.glob(f"test/*/{FILE}"))
            hint = f"; there are {', '.join(map(str, several))}, of which one is named" if several else ""
            raise FileNotFoundError(f"runs: {path} has no results{hint}; a training or evaluate.py writes them")
        record, predictions = Evaluation.read(folder), Predictions.read(folder / PREDICTIONS)
        found.append(Compared(name, folder, path, record, predictions))
    targets = {one.predictions.target.name for one in found}
    if len(targets) > 1:
        raise ValueError(f"runs: expected runs with one target, got {', '.join(sorted(targets))}")
    if len({one.record.drawn for one in found}) > 1:
        drawn, predicted = (
            next(one.name for one in found if one.record.drawn == is_drawn) for is_drawn in (True, False)
        )
        raise ValueError(f"runs: expected generators only, or none; {drawn} draws samples, {predicted} predicts them")
    if unlike := [one.name for one in found if not one.record.measures]:
        raise ValueError(f"runs: expected predictions with references; {unlike[0]} has none")
    return found


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the mapping and model of each run, if these distinguish all, as names of folders are times."""
    above = [path.resolve().parent.name for path in paths]
    timed = all(TIME.fullmatch(path.resolve().name) for path in paths)
    return above if timed and len(set(above)) == len(above) else _ends(paths)


def _ends(paths: Sequence[Path]) -> list[str]:
    """Return the last part of each path, or as many as distinguish it."""
    parts = [path.resolve().parts for path in paths]
    length = next((k for k in range(1, 20) if len({p[-k:] for p in parts}) == len(parts)), 20)
    return ["/".join(p[-length:]) for p in parts]


def write_comparison_page(paths: Sequence[Path], output: Path | None = None) -> Path:
    """Write ``report.html`` of several runs into ``output``, by default runs/comparisons/A+B; return its path.

    Raises:
        FileNotFoundError, ValueError: see ``read_runs``.
    """
    runs = read_runs(paths)
    folder = output or Path("runs/comparisons") / "+".join(name.replace("/", "-") for name in _ends(paths))
    page = render(
        "comparison.html.j2",
        runs=runs,
        smoke=next(filter(None, (banner_of_checkpoint(run.record.checkpoint) for run in runs)), ""),
        same=_same_samples(runs),
        table=_table(runs),
        panels=list(_panels(runs)),
        differences=_differences(runs),
        origins=[(run.name, {"Folder": str(run.folder), **provenance_lines(run.record)}) for run in runs],
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _same_samples(runs: Sequence[Compared]) -> bool:
    """Return whether all runs predicted the same samples of the same dataset."""
    first = runs[0]
    return all(
        one.record.recipe == first.record.recipe
        and np.array_equal(one.predictions.sample, first.predictions.sample)
        and one.record.split == first.record.split
        and one.record.input == first.record.input
        for one in runs[1:]
    )


def _table(runs: Sequence[Compared]) -> list[tuple[str, str, list[tuple[str, bool]]]]:
    """Return name and meaning of each measure, and its mean in each run, with True for the best one.

    No value is the best one where the runs were evaluated on different samples.
    """
    lines, same = [], _same_samples(runs)
    for name, measure in MEASURES.items():
        values = [_mean(run.record.measures.get(name)) for run in runs]
        known = [value for value in values if value is not None]
        if not known:
            continue
        best = (max if larger_is_better(name) else min)(known)
        column, schema = runs[0].predictions.target, runs[0].predictions.schema
        cells = [
            ("" if v is None else number(name, v, column, schema), same and v == best and len(set(known)) > 1)
            for v in values
        ]
        lines.append((measure.label, measure.meaning, cells))
    if runs[0].record.drawn:
        lines += [(name, text, [(value, False) for value in values]) for name, text, values in label_lines(runs)]
    return lines


def _mean(value: Any) -> float | None:
    return value["mean"] if isinstance(value, Mapping) else value


def _panels(runs: Sequence[Compared]) -> Iterator[Panel]:
    """Yield samples and distributions of errors, and learning curves."""
    yield from drawn_figures(runs, _same_samples(runs)) if runs[0].record.drawn else _predicted_figures(runs)
    histories = [(run.name, read_history(run.run)) for run in runs]
    for measure in (m for m in MEASURES.values() if m.in_sweeps):
        key, factor = f"val/{measure.name}", 100.0 if measure.percent else 1.0
        curves = [(run, history[key]) for run, history in histories if key in history]
        if curves:
            label = f"validation {measure.label}" + " (%)" * measure.percent
            figure = learning_curves(curves, label, factor, log=not measure.larger_is_better)
            yield figure_panel(figure, f"{measure.label} of the validation split over the training.")


def _predicted_figures(runs: Sequence[Compared]) -> Iterator[Panel]:
    """Yield the fields of a typical and the worst sample, and the distribution of the errors."""
    first = runs[0].predictions
    name, word = RANK[first.target.kind], first.schema.sample
    measure = MEASURES[name]
    if _same_samples(runs) and first.target.is_field and len(first.shape) == 2 and first.sources:
        yield figure_panel(
            _fields(runs, name), f"A typical {word}, and the worst one, by the mean {measure.label}.", True
        )
    factor, label = (100.0, f"{measure.label} (%)") if measure.percent else (1.0, measure.label)
    scores = {run.name: factor * run.scores for run in runs}
    yield figure_panel(figures.distribution(scores, label, word), f"{measure.label} of all {word}s.")


def _fields(runs: Sequence[Compared], name: str) -> Any:
    """Return the figure of a typical and the worst sample by the mean score of all runs."""
    p, column = runs[0].predictions, runs[0].predictions.target
    mean = np.mean([run.scores for run in runs], axis=0)
    order = np.argsort(-mean if larger_is_better(name) else mean, kind="stable")
    chosen = np.unique(order[[len(order) // 2, -1]])
    shown = []
    for i, frame in zip(chosen.tolist(), frames_of(p, chosen), strict=True):
        given = [(p.schema[source], p.given[source][i]) for source in p.sources]
        predicted = {run.name: run.predictions.predicted[column.name][i] for run in runs}
        shown.append(Sample(f"{p.schema.sample} {p.sample[i]}", frame, given, p.reference[column.name][i], predicted))
    return figures.side_by_side(shown, column)


def _differences(runs: Sequence[Compared]) -> list[tuple[str, list[str]]]:
    """Return the settings that differ, with their values."""
    settings = [dict(_flat({k: run.record.model.get(k) for k in SETTINGS})) for run in runs]
    names = dict.fromkeys(name for one in settings for name in one)
    lines = [(name, [one.get(name, "") for one in settings]) for name in names]
    return [line for line in lines if len(set(line[1])) > 1]


def _flat(node: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the single values of nested containers with their paths."""
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else None
    if items is None or (isinstance(node, list) and not any(isinstance(v, (Mapping, list)) for v in node)):
        yield above, str(node)
        return
    for key, value in items:
        yield from _flat(value, f"{above}.{key}" if above else str(key))
