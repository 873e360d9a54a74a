"""The ledger of a sweep as a study, and its page. No import of torch."""

from __future__ import annotations

import json
from pathlib import Path

from qd_pix2pix.reports.study import FINISHED, SEED, Point, Study, sort_key
from qd_pix2pix.reports.sweep_page import write_sweep_page
from qd_pix2pix.sweeps.ledger import Record, read_ledger

SUMMARY = "sweep.json"
"""Name of the file in a sweep's folder with the sweep's name, its axes and the overrides of its last command."""


def read_study(folder: Path) -> Study:
    """Return the study in a sweep's folder.

    Raises:
        ValueError: the folder holds no sweep.
    """
    ledger = read_ledger(folder)
    if not ledger or not (folder / SUMMARY).is_file():
        known = sorted(path.parent.name for path in folder.parent.glob(f"*/{SUMMARY}"))
        raise ValueError(f"sweep: {folder} holds no runs; there are {', '.join(known) or 'no sweeps yet'}")
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    records = tuple(ledger.values())
    named = dict.fromkeys([*summary["axes"], *(axis for record in records for axis in record.point)])
    axes = tuple(a for a in named if a != SEED and len({r.point.get(a) for r in records}) > 1)
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        if record.state == FINISHED:
            groups.setdefault(tuple(record.point.get(a, "") for a in axes), []).append(record)
    order = sorted(groups, key=lambda values: [sort_key(value) for value in values])
    points = tuple(Point(dict(zip(axes, values, strict=True)), tuple(groups[values])) for values in order)
    overrides = tuple(summary.get("overrides", summary.get("words", ())))  # the second name is that of older sweeps
    return Study(summary["name"], folder, axes, records, points, overrides)


def write_page(folder: Path) -> Path:
    """Write ``folder/report.html`` from the runs in a sweep's folder; return its path.

    Raises:
        ValueError: the folder holds no sweep.
    """
    return write_sweep_page(read_study(folder))
