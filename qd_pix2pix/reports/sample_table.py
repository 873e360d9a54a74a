"""The predicted numbers of a user's samples, one row each, for the page and the terminal. No import of torch."""

from __future__ import annotations

import numpy as np

from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.reports.page import quantity, symbol
from qd_pix2pix.reports.uncertain import uncertain
from qd_pix2pix.schema import LIKE, UNLIKE, Column, in_percent

MOST_ROWS = 100
"""Samples in the table; the file of the predictions has all."""


def sample_table(predictions: Predictions) -> tuple[list[str], list[list[str]]]:
    """Return the heads and the rows of the numbers and estimated errors of each sample; empty if there are none."""
    p = predictions
    numbers = [p.schema[name] for name in p.outputs if p.schema[name].role in ("scalar", "counts")]
    errors = p.measures.get(p.target.name, {}).get("estimated_error")
    verify = p.measures.get(p.target.name, {}).get("to_verify", np.zeros(len(p.sample)))
    if not numbers and errors is None:
        return [], []
    head = [p.schema.sample, *map(symbol, numbers)]
    head += [] if errors is None else [f"estimated error of {symbol(p.target)}", "verdict"]
    rows = []
    for i in range(min(len(p.sample), MOST_ROWS)):
        row = [str(p.sample[i]), *(_with_error(p, column, i) for column in numbers)]
        if errors is not None:
            row += [in_percent(errors[i]), UNLIKE if verify[i] else LIKE]
        rows.append(row)
    return head, rows


def _with_error(predictions: Predictions, column: Column, i: int) -> str:
    """Return a predicted number of one sample as text, with its estimated error if there is one."""
    p = predictions
    value = p.predicted[column.name][i]
    error = p.error_bars(column.name)
    if error is None:
        return quantity(column, value, p.schema)
    factor, unit = p.schema.small_unit(column)
    return f"{uncertain(factor * value, factor * error[i])} {unit}".rstrip()
