"""The figures of drawn samples on pages: samples, labels, distributions of labels. No import of torch.

In the predictions file of drawn samples the labels that the solver finds are references, the requested ones, or those
that a discriminator reads off, are predictions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qd_pix2pix.evaluation.generated import wasserstein
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.reports import figures, number_figures
from qd_pix2pix.reports.figures import Frame, Strip, labelled, tex_unit
from qd_pix2pix.reports.page import Panel, Row, figure_panel, symbol
from qd_pix2pix.reports.prediction_panels import SAMPLES_SHOWN, frames_of, groups_of
from qd_pix2pix.schema import Column, Schema

QUANTILES = (0.1, 0.5, 0.9)
"""Quantiles of the first number at which samples without requested labels are shown."""


class Shown(NamedTuple):
    """The conversion factor and the unit in which a label is shown."""

    factor: float
    unit: str


def shown(schema: Schema, column: Column) -> Shown:
    """Return how a label is shown: extensive ones per site of a lattice, or per point."""
    factor, unit = schema.small_unit(column)
    if not column.extensive:
        return Shown(factor, unit)
    place = "point" if schema.domain.sides else "site"
    return Shown(factor / math.prod(schema.domain.shape), f"{unit} per {place}".lstrip())


def label_errors(predictions: Predictions) -> NDArray | None:
    """Return the error of the labels of each drawn sample, (S,), in units of their range; None without labels."""
    return predictions.measures.get(predictions.sources[0], {}).get("label_error")


def drawn_panels(predictions: Predictions) -> Iterator[Panel]:
    """Yield figures of drawn samples above stored ones: typical, best and worst ones, or those at some quantiles."""
    p, word = predictions, predictions.schema.sample
    if not len(p.sample) or len(p.shape) > 2:
        return
    errors, units = label_errors(p), units_of(p)
    if errors is None:
        first = p.schema[p.outputs[0]]
        percents = ", ".join(f"{100 * q:.0f}" for q in QUANTILES)
        caption = f"Drawn {word}s above stored ones, at the {percents} % quantiles of {symbol(first)}.{units}"
        yield figure_panel(_at_quantiles(p, first.name), caption)
        return
    for group, chosen in groups_of(np.argsort(errors, kind="stable")).items():
        chosen = chosen[:SAMPLES_SHOWN]
        caption = f"{group} {word}s by label error: drawn, and below stored at the same labels.{units}"
        yield figure_panel(pairs(p, chosen), caption)


def pairs(predictions: Predictions, chosen: NDArray) -> Figure:
    """Return a figure of chosen drawn samples above the stored ones at the same labels."""
    p, target = predictions, predictions.sources[0]
    frames = frames_of(p, chosen)
    numbers = [f"{p.schema.sample} {p.sample[i]}" for i in chosen]
    requested, found = (values_of(p, columns, chosen) for columns in (p.predicted, p.reference))
    titles = [f"drawn\nrequested {a}\nfound {b}" for a, b in zip(requested, found, strict=True)]
    stored = Strip(frames, p.stored[target][chosen], [f"stored {number}" for number in numbers])
    return figures.strip(frames, p.schema[target], p.given[target][chosen], titles, stored)


def _at_quantiles(p: Predictions, name: str) -> Figure:
    """Return a figure of drawn samples above stored ones at quantiles of a number of each."""
    target = p.sources[0]
    drawn, stored = (_at(values[name]) for values in (p.reference, p.stored))
    found, read, own = (values_of(p, c, i) for c, i in ((p.reference, drawn), (p.predicted, drawn), (p.stored, stored)))
    titles = [f"drawn\nread off {a}\nfound {b}" for a, b in zip(read, found, strict=True)]
    below = Strip(frames_of(p, stored), p.stored[target][stored], [f"stored\n{values}" for values in own])
    return figures.strip(frames_of(p, drawn), p.schema[target], p.given[target][drawn], titles, below)


def _at(values: NDArray) -> NDArray[np.int64]:
    """Return the samples at ``QUANTILES`` of their values (S,)."""
    places = np.round(np.array(QUANTILES) * (len(values) - 1)).astype(int)
    return np.argsort(values, kind="stable")[places]


def values_of(p: Predictions, columns: dict[str, NDArray], chosen: NDArray) -> list[str]:
    """Return the labels of each chosen sample as text, without units: E −1.2, m 0.1."""
    names = [(name, symbol(p.schema[name]), shown(p.schema, p.schema[name]).factor) for name in p.outputs]
    return [", ".join(f"{text} {_number(factor * columns[n][i])}" for n, text, factor in names) for i in chosen]


def _number(value: float) -> str:
    return f"{value + 0.0:.3g}".replace("-", "−")


def units_of(p: Predictions) -> str:
    """Return a sentence with the units of the labels; empty if all are dimensionless."""
    units = [(symbol(p.schema[name]), shown(p.schema, p.schema[name]).unit) for name in p.outputs]
    text = "; ".join(f"{name} in {unit}" for name, unit in units if unit)
    return f" {text}." if text else ""


def label_panels(predictions: Predictions) -> Iterator[Panel]:
    """Yield for each label a figure of found against requested values, and the distributions of drawn and stored."""
    p = predictions
    if not len(p.sample):
        return
    labelled_ = label_errors(p) is not None
    names = ("requested", "found") if labelled_ else ("found", "read off")
    for name in p.outputs:
        column = p.schema[name]
        factor, unit = shown(p.schema, column)
        label = labelled(f"${column.tex}$", tex_unit(unit))
        found, given = (factor * np.asarray(v[name], dtype=np.float64) for v in (p.reference, p.predicted))
        x, y = (given, found) if labelled_ else (found, given)
        what = f"{symbol(column)}, {column.description}" if column.description else symbol(column)
        caption = (
            f"Requested {what}, and the value that the solver finds for the drawn {p.schema.sample}."
            if labelled_
            else f"Drawn {p.schema.sample}s: {what}, that the discriminator reads off and that the solver finds."
        )
        yield figure_panel(number_figures.against_reference(x, y, label, names), caption)
        stored = factor * np.asarray(p.stored[name], dtype=np.float64)
        distance = f"{_number(wasserstein(found, stored))} {unit}".rstrip()
        caption = f"{symbol(column)} of drawn and stored {p.schema.sample}s; Wasserstein distance {distance}."
        yield figure_panel(number_figures.histograms(found, stored, label, p.schema.sample), caption)


def label_rows(record: Evaluation) -> list[Row]:
    """Return a row for the absolute error of each label, in the unit in which it is shown."""
    schema, lines = record.of_schema(), []
    meaning = "found − requested" if record.model["mapping"].get("given") else "found − read off by the discriminator"
    for name, measures in record.also.items():
        factor, unit = shown(schema, schema[name])
        values = {k: f"{_number(factor * v)} {unit}".rstrip() for k, v in measures["mae"].items()}
        spread = f"{values['p05']} … {values['p95']}"
        lines.append(Row(f"{symbol(schema[name])}, |error|", meaning, values["mean"], values["median"], spread))
    return lines


def snapshot_figure(schema: Schema, target: Column, drawn: NDArray, stored: NDArray) -> Figure:
    """Return a figure of drawn samples (S, *points) above the stored ones at the same labels."""
    frames: Sequence[Frame] = [Frame(schema)] * len(drawn)
    below = Strip(frames, stored, ["stored"] * len(drawn))
    return figures.strip(frames, target, drawn, ["drawn"] * len(drawn), below)
