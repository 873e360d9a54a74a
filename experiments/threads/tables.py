"""Tables and values of this folder's README, from results.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown

HERE = Path(__file__).parent


def speeds_table(results: dict[str, Any]) -> str:
    """Return the speed of each way by model and number of neighbours, relative to one thread."""
    rows = []
    for model, neighbours in results.items():
        for number, ways in neighbours.items():
            one, *others = ways.values()
            rows.append([model, number, f"{one['steps_per_second']:.2f}", *(interval(way["speed"]) for way in others)])
    names = list(next(iter(next(iter(results.values())).values())))[1:]
    return markdown(["model", "busy neighbours", "1 thread: steps per second", *names], rows)


def interval(found: dict[str, float]) -> str:
    """Return the median and the extremes."""
    return f"{found['median']:.2f} ({found['low']:.2f} … {found['high']:.2f})"


def content() -> dict[str, str]:
    """Return all tables by name."""
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    return {"speeds": speeds_table({name: found for name, found in results.items() if name != "machine"})}
