"""The self-contained HTML page of a sweep. No import of torch."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qd_pix2pix.evaluation.measures import MEASURES, RANK, larger_is_better
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.files import write_text
from qd_pix2pix.reports import sweep_figures as figures
from qd_pix2pix.reports.drawn_panels import label_errors, pairs
from qd_pix2pix.reports.figures import comparison
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.reports.page import Panel, figure_panel, render
from qd_pix2pix.reports.prediction_panels import frames_of
from qd_pix2pix.reports.smoke import banner_of_options
from qd_pix2pix.reports.study import (
    FAILED,
    FINISHED,
    STARTED,
    Point,
    Run,
    Study,
    differences,
    sort_values,
    value_of,
)

EXTRA = {"receptive_field": "receptive field", "parameters": "parameters", "steps": "steps"}


def write_sweep_page(study: Study) -> Path:
    """Write ``report.html`` into the folder of a sweep; return its path."""
    finished = [record for record in study.records if record.state == FINISHED]
    measures = [name for name in MEASURES if any(value_of(record, name) is not None for record in finished)]
    page = render(
        "sweep.html.j2",
        study=study,
        smoke=banner_of_options(study.overrides),
        axes=[study.short(axis) for axis in study.axes],
        counts={state: sum(r.state == state for r in study.records) for state in (FINISHED, STARTED, FAILED)},
        hours=sum(record.seconds for record in study.records) / 3600,
        head=[*(MEASURES[name].label for name in measures), *EXTRA.values(), "minutes"],
        points=[_row(point, study, measures) for point in study.points],
        runs=[_run(record, study, measures) for record in study.records],
        figures=list(_figures(study, measures)),
        samples=list(_samples(study)),
        differences=_differences(study),
        commits=sort_values({record.commit or "" for record in finished}),
        hardware=sort_values({record.hardware or "" for record in finished}),
        command="python train.py -m " + shlex.join(study.overrides),
    )
    path = study.folder / "report.html"
    write_text(path, page)
    return path


def _percent(measure: str) -> bool:
    return measure in MEASURES and MEASURES[measure].percent


def _text(measure: str, value: float) -> str:
    if _percent(measure):
        return f"{100 * value:.3g} %"
    if measure in ("steps", "parameters", "receptive_field"):
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.4f}" if abs(value) > 0.01 else f"{value:.2e}"


def _cell(measure: str, runs: Any) -> dict[str, Any]:
    """Return mean and standard deviation of the runs as text, and the sort key."""
    runs = np.asarray([value for value in runs if value is not None], dtype=float)
    if not len(runs):
        return {"text": "", "sort": ""}
    text = _text(measure, runs.mean())
    if len(runs) > 1 and runs.std() > 0:
        factor = 100 if _percent(measure) else 1
        text = f"{text.removesuffix(' %')} ± {factor * runs.std(ddof=1):.2g}" + (" %" if _percent(measure) else "")
    return {"text": text, "sort": float(runs.mean())}


def _cells(records: tuple[Run, ...], measures: list[str]) -> list[dict[str, Any]]:
    cells = [_cell(name, [value_of(record, name) for record in records]) for name in [*measures, *EXTRA]]
    minutes = np.mean([record.seconds for record in records]) / 60
    return [*cells, {"text": f"{minutes:.1f}", "sort": float(minutes)}]


def _axis_cell(value: str) -> dict[str, Any]:
    try:
        return {"text": value, "sort": float(value)}
    except ValueError:
        return {"text": value, "sort": value}


def _row(point: Point, study: Study, measures: list[str]) -> dict[str, Any]:
    values = [_axis_cell(point.values[axis]) for axis in study.axes]
    return {"values": values, "runs": len(point.records), "cells": _cells(point.records, measures)}


def _run(record: Run, study: Study, measures: list[str]) -> dict[str, Any]:
    found = record.state == FINISHED
    report = study.folder / record.key / "test" / "report.html"
    return {
        "key": record.key,
        "link": f"{record.key}/test/report.html" if report.is_file() else "",
        "values": [_axis_cell(record.point.get(axis, "")) for axis in study.axes],
        "seed": record.config.get("seed", ""),
        "state": record.state,
        "error": record.error or "",
        "cells": _cells((record,), measures) if found else [],
    }


def _label(measure: str) -> tuple[str, float]:
    percent = _percent(measure)
    return MEASURES[measure].label + (" (%)" if percent else ""), 100.0 if percent else 1.0


def _figures(study: Study, measures: list[str]) -> Iterator[Panel]:
    """Yield each drawn measure against each axis, heat maps of two axes, and learning curves."""
    if not study.points:
        return
    several = [axis for axis in study.axes if len(study.values(axis)) > 1]
    for measure in (name for name in measures if MEASURES[name].in_sweeps):
        label, factor = _label(measure)
        pairs = list(itertools.combinations(several, 2))
        for axis in several:
            by = next((other for other in several if other != axis), None) if len(several) == 2 else None
            figure = figures.against_axis(study, axis, by, measure, label, factor)
            rest = "" if len(several) <= 2 else ", over all other axes"
            yield figure_panel(figure, f"{label} against {study.short(axis)}: runs, mean and standard deviation{rest}.")
        for axis, by in pairs:
            figure = figures.heat_map(study, axis, by, measure, label, factor)
            yield figure_panel(
                figure, f"{label}, mean over the runs at each {study.short(axis)} and {study.short(by)}."
            )
    yield from _learning(study)


def _learning(study: Study) -> Iterator[Panel]:
    histories = [
        (
            ", ".join(f"{study.short(a)} {v}" for a, v in point.values.items()),
            read_history(study.folder / record.key),
        )
        for point in study.points
        for record in point.records
    ]
    for measure in (m.name for m in MEASURES.values() if m.in_sweeps):
        curves = [(name, history[f"val/{measure}"]) for name, history in histories if f"val/{measure}" in history]
        if curves:
            label, factor = _label(measure)
            log = not larger_is_better(measure)
            figure = figures.learning_curves(curves, f"validation {label}", factor, log=log)
            yield figure_panel(figure, f"{label} of the validation split over the training of all runs.")


def _samples(study: Study) -> Iterator[Panel]:
    """Yield figures of the typical and the worst sample of the best and of the worst run, if fields are shown."""
    found = [record for point in study.points for record in point.records]
    shown = [(record, p) for record in found if (p := _predictions(study, record)) is not None]
    shown = [(record, p) for record, p in shown if p.outputs[0] == shown[0][1].outputs[0]]  # no others compare
    if len(shown) < 2:
        return
    measure = "label_error" if shown[0][1].stored else RANK[shown[0][1].target.kind]
    shown.sort(key=lambda pair: value_of(pair[0], measure) or 0.0, reverse=larger_is_better(measure))
    for name, (record, p) in (("Best", shown[0]), ("Worst", shown[-1])):
        order = np.argsort(p.measures[p.sources[0] if p.stored else p.target.name][measure])
        chosen = order[[len(order) // 2, -1]]
        figure = pairs(p, chosen) if p.stored else _compared(p, chosen)
        point = ", ".join(f"{study.short(axis)} {value}" for axis, value in record.point.items())
        caption = f"{name} run: {point}; {MEASURES[measure].label} {_text(measure, value_of(record, measure) or 0.0)}."
        if p.stored:
            caption += f" A typical and the worst drawn {p.schema.sample}, above stored ones."
        yield figure_panel(figure, caption, wide=not p.stored)


def _compared(p: Predictions, chosen: NDArray) -> Figure:
    """Return a figure of a typical and the worst sample with their references."""
    target, word = p.target.name, p.schema.sample
    return comparison(
        frames_of(p, chosen),
        [(p.schema[source], p.given[source][chosen]) for source in p.sources],
        p.target,
        p.reference[target][chosen],
        p.predicted[target][chosen],
        [f"typical {word}", f"worst {word}"],
    )


def _predictions(study: Study, record: Run) -> Predictions | None:
    """Return the fields of a run's test with their references, or drawn ones with label errors; otherwise None."""
    path = study.folder / record.key / "test" / "predictions.h5"
    if not path.is_file():
        return None
    found = Predictions.read(path)
    if found.stored:
        return found if label_errors(found) is not None and len(found.sample) else None
    return found if found.target.is_field and found.target.name in found.reference else None


def _differences(study: Study) -> dict[str, Any]:
    """Return the settings that differ between points, one column per point."""
    first = [point.records[0] for point in study.points]
    found = differences(first)
    return {
        "head": [", ".join(point.values.values()) for point in study.points],
        "rows": {name: ["" if v is None else v for v in values] for name, values in found.items() if name != "seed"},
    }
