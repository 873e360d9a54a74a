"""The errors on the test split of a training, beside those on a user's samples. No import of torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.provenance import runs_of
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.reports.page import rows
from qd_pix2pix.schema import Schema


def trained_errors(record: Evaluation) -> dict[str, str]:
    """Return the measures of the test split of the training, median or mean, by their labels.

    They stand in the card of weights, or in the folder of the run. Without them, or for samples that are no user's, the
    result is empty.
    """
    if not record.input or not (measures := _measures(record)):
        return {}
    schema = Schema.from_dict(record.model["schemas"][0])
    return {
        row.name: row.median or row.mean for row in rows(measures, schema[record.model["mapping"]["target"]], schema)
    }


def _measures(record: Evaluation) -> Mapping[str, Any]:
    """Return the measures of the first test of the training; empty if there is none."""
    if tests := record.model.get("tests"):
        return tests[0]["measures"]
    found = [test for run in runs_of(Path(record.checkpoint)) for test in read_tests(run).values()]
    return found[0].measures if found else {}
