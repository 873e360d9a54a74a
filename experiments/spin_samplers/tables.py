"""Tables of this folder's README, from table.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown, number, percent

HERE = Path(__file__).parent


def samplers_table(speed: dict[str, dict[str, float]]) -> str:
    """Return millions of proposals per second of each sampler."""
    rows = [[name, *(number(rate, 3) for rate in rates.values())] for name, rates in speed.items()]
    return markdown(("10⁶ proposals per second", "one thread", "two threads"), rows)


def variety_table(variety: dict[str, Any]) -> str:
    """Return the distinct configurations of each level, by kT; levels above the middle mirror those below it."""
    middle = len(variety["levels"]) // 2 + 1
    rows: list[list[object]] = [["all", *variety["configurations"][:middle], "–"]]
    for kt, found in variety["sets"].items():
        rows.append([f"kT = {kt} J²", *found["distinct"][:middle], f"{found['seconds']:.1f} s"])
    return markdown(("distinct configurations", *(f"E = {e}" for e in variety["levels"][:middle]), "time"), rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    found: dict[str, Any] = json.loads((HERE / "table.json").read_text(encoding="utf-8"))
    tau, accuracy = found["correlation"], found["accuracy"]
    return {
        "speed": samplers_table(found["speed"]),
        "variety": variety_table(found["variety"]),
        "clusters": number(tau["clusters"]),
        "sweeps": number(tau["sweeps"]),
        "final": number(accuracy["final"]),
        "error": percent(accuracy["error"]),
        "seconds": number(accuracy["seconds"]),
    }
