"""Panels and rows of a page for the verification of an inverse. No import of torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from qd_pix2pix.evaluation.measures import MEASURES, RANK
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.evaluation.verification import Verification
from qd_pix2pix.reports import figures
from qd_pix2pix.reports.figures import Frame
from qd_pix2pix.reports.page import Panel, Row, figure_panel, number, rows, symbol

SHOWN = 6


def verification_rows(record: Evaluation) -> list[Row]:
    """Return rows of measures of the solver's results for the proposals, compared with the given columns."""
    if record.verification is None:
        return []
    schema = record.of_schema()
    source = record.model["mapping"]["source"]
    column = schema[source if isinstance(source, str) else source[0]]
    return [r._replace(name=f"{symbol(column)}: {r.name}") for r in rows(record.verification, column, schema)]


def verification_panels(record: Evaluation, folder: Path) -> Iterator[Panel]:
    """Yield a figure of typical and worst proposals: proposal, given column, the solver's result, difference."""
    if record.verification is None:
        return
    found = Verification.read(folder)
    column, schema = found.column, found.schema
    name = RANK[column.kind]
    score = found.measures[name]
    order = np.argsort(score)
    chosen = order if len(order) <= SHOWN else np.r_[order[len(order) // 2 - 1 : len(order) // 2 + 2], order[-3:]]
    proposed = schema[found.names[0]]
    names = (
        f"proposed ${proposed.tex}$",
        f"given ${column.tex}$",
        f"${column.tex}$ of the proposal",
        "difference",
    )
    figure = figures.comparison(
        [Frame(schema)] * len(chosen),
        [(proposed, found.proposed[chosen])],
        column,
        found.given[chosen],
        found.reference[chosen],
        [f"{schema.sample} {i}: {number(name, score[i], column, schema)}" for i in chosen],
        names,
    )
    yield figure_panel(figure, f"Typical and worst proposals by {MEASURES[name].label}, solved.", wide=True)
