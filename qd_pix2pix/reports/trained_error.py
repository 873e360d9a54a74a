"""The errors on the test split of a training, beside those on a user's samples. No import of torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qd_pix2pix.evaluation.measures import MEASURES, RANK
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.provenance import runs_of
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.reports.page import rows, symbol
from qd_pix2pix.schema import Schema

Measures = Mapping[str, Any]
"""The measures of one output by name."""


def trained_errors(record: Evaluation) -> dict[str, str]:
    """Return the measures of the test split of the training, median or mean, by their labels.

    They stand in the card of weights, or in the folder of the run. Without them, or for samples that are no user's, the
    result is empty. Measures in other units than those of the samples are left out.
    """
    if not record.input or record.drawn:
        return {}
    target, schema = record.model["mapping"]["target"], Schema.from_dict(record.model["schemas"][0])
    found: dict[str, str] = {}
    for name, measures in _tests(record, target).items():
        column, own = schema[name], record.of_schema()
        same = schema.unit(column) == own.unit(own[name])
        kept = {m: v for m, v in measures.items() if same or not MEASURES[m].with_unit}
        if name != target:
            kept = {m: v for m, v in kept.items() if m == RANK[column.kind]}
        prefix = "" if name == target else f"{symbol(column)}, "
        found |= {f"{prefix}{row.name}": row.median or row.mean for row in rows(kept, column, schema)}
    return found


def _tests(record: Evaluation, target: str) -> dict[str, Measures]:
    """Return the measures of each output on the first test split of the training; empty if there is none."""
    tests = record.model.get("tests")
    if not tests:
        runs = [test for run in runs_of(Path(record.checkpoint)) for test in read_tests(run).values()]
        tests = [{"measures": test.measures, "also": test.also} for test in runs]
    return {target: tests[0]["measures"], **tests[0]["also"]} if tests else {}
