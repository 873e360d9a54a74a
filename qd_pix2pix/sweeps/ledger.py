"""The ledger of a sweep: one record per run, in the run's folder, replaced as a whole.

No file is shared by runs, so that any number of processes and machines may write at once, and a kill or a full disk
leaves the record before. A record is ``record.json``:

    key, words, point     what was asked; ``point`` is the value on each axis
    config                resolved, one level of dotted names
    state                 started, finished or failed
    error                 why it failed
    host, began, seconds  of the last attempt; of all attempts together
    measures, also        of the test split (``metrics.json``); where there are several kinds of dots, ``measures`` are
                          means over the kinds, and ``members`` has those of each
    validation            the best of each measure of the validation split
    steps, parameters, receptive_field, commit, hardware
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.files import write_text
from qd_pix2pix.reports.history import overall, read_history, read_tests

RECORD = "record.json"
STARTED, FINISHED, FAILED = "started", "finished", "failed"
SMALLEST = ("l1", "l2", "linf", "nmae", "charge_error", "mae")
"""Measures of validation of which the smallest is the best."""
Record = dict[str, Any]


def read_record(run: Path) -> Record | None:
    """The record of a run's folder; None where there is none, or a damaged one: the run is then taken up again."""
    try:
        record = json.loads((run / RECORD).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def write_record(run: Path, record: Record) -> None:
    """Replace the record of a run's folder."""
    write_text(run / RECORD, json.dumps(record, indent=1) + "\n")


def read_ledger(sweep: Path) -> dict[str, Record]:
    """All records of a sweep's folder, by key."""
    found = (read_record(path.parent) for path in sorted(sweep.glob(f"*/{RECORD}")))
    return {record["key"]: record for record in found if record}


def read_results(run: Path) -> Record:
    """What a finished run has found, for its record.

    Raises:
        FileNotFoundError: it has not been evaluated.
    """
    tests = read_tests(run)
    if not tests:
        raise FileNotFoundError(f"{run / 'test'}: no metrics.json is there")
    several = len(tests) > 1
    first = next(iter(tests.values()))
    card = first["model"]
    best = {}
    for name, (_, values) in read_history(run).items():
        split, _, measure = name.partition("/")
        if split == "val":
            best[measure] = float(values.min() if measure.split("/")[-1] in SMALLEST else values.max())
    return {
        "measures": overall(tests) if several else first["measures"],
        "also": {} if several else first["also"],
        "members": {name: test["measures"] for name, test in tests.items()} if several else {},
        "validation": best,
        "steps": card["step"],
        "train_seconds": card["train_seconds"],
        "parameters": card["parameters"],
        "receptive_field": card.get("receptive_field"),
        "commit": card["provenance"]["commit"],
        "hardware": card["provenance"]["hardware"],
    }
