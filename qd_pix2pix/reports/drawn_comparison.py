"""What generators drew, side by side: errors of labels, and samples at the same labels. No import of torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qd_pix2pix.reports import comparison_figures, figures
from qd_pix2pix.reports.drawn_panels import label_errors, label_rows, shown, units_of, values_of
from qd_pix2pix.reports.figures import labelled, plain, tex_unit
from qd_pix2pix.reports.page import Panel, figure_panel, symbol
from qd_pix2pix.reports.prediction_panels import frames_of

if TYPE_CHECKING:
    from qd_pix2pix.reports.comparison_page import Compared


def label_lines(runs: Sequence[Compared]) -> list[tuple[str, str, list[str]]]:
    """Return name and meaning of the absolute error of each label, and its mean in each run; none without requests."""
    if _label_errors(runs) is None:
        return []
    of_runs = [label_rows(run.record) for run in runs]
    return [(rows[0].name, rows[0].meaning, [row.mean for row in rows]) for rows in zip(*of_runs, strict=True)]


def drawn_figures(runs: Sequence[Compared], same: bool) -> Iterator[Panel]:
    """Yield samples that the runs drew at the same labels, and distributions of the labels' errors.

    None where a run draws without requested labels; no samples unless ``same`` is true.
    """
    errors, p = _label_errors(runs), runs[0].predictions
    if errors is None:
        return
    word = p.schema.sample
    if same and len(p.shape) <= 2:
        order = np.argsort(np.mean(errors, axis=0), kind="stable")
        for kind, i in (("A typical", order[len(order) // 2]), ("The worst", order[-1])):
            caption = f"{kind} {word} by the mean label error: stored, and drawn at its labels."
            yield figure_panel(_at_labels(runs, int(i)), caption + units_of(p), True)
    for name in p.outputs:
        column = p.schema[name]
        factor, unit = shown(p.schema, column)
        away = {run.name: factor * _distances(run, name) for run in runs}
        label = labelled(rf"$|\Delta {column.tex}|$", tex_unit(unit))
        caption = f"{symbol(column)}, distance of what is drawn from what was requested, of all {word}s."
        yield figure_panel(comparison_figures.distribution(away, label, word), caption)


def _label_errors(runs: Sequence[Compared]) -> list[NDArray] | None:
    """Return the errors of the labels of each run, (S,); None if one draws without requested labels."""
    errors = [label_errors(run.predictions) for run in runs]
    known = [one for one in errors if one is not None]
    return known if len(known) == len(errors) else None


def _distances(run: Compared, name: str) -> NDArray[np.float64]:
    p = run.predictions
    return np.abs(np.asarray(p.reference[name], np.float64) - np.asarray(p.predicted[name], np.float64))


def _at_labels(runs: Sequence[Compared], i: int) -> Figure:
    """Return a figure of stored sample ``i`` and those that the runs drew at its labels."""
    p, chosen = runs[0].predictions, np.array([i])
    target = p.sources[0]
    fields = [p.stored[target][i], *(run.predictions.given[target][i] for run in runs)]
    titles = [f"{p.schema.sample} {p.sample[i]}, stored\n{values_of(p, p.stored, chosen)[0]}"]
    titles += [f"{plain(run.name)}\n{values_of(p, run.predictions.reference, chosen)[0]}" for run in runs]
    frames = list(frames_of(p, chosen)) * len(fields)
    return figures.strip(frames, p.schema[target], np.stack(fields), titles)
