"""Table of docs/first_steps.md and of this folder's README, from results.json."""

from __future__ import annotations

import json
from pathlib import Path

from qd_pix2pix.reports.tables import markdown

HERE = Path(__file__).parent


def content() -> dict[str, str]:
    """Return the table of times and the conditions."""
    found = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    rows = [(f"{i}. {title}", duration(seconds)) for i, (title, seconds) in enumerate(found["steps"].items(), 1)]
    rows.append(("all", duration(sum(found["steps"].values()))))
    return {"times": markdown(("step", "time"), rows), "machine": found["machine"]}


def duration(seconds: float) -> str:
    """Return a time in seconds, from two minutes on in minutes."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
