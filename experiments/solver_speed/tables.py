"""Tables of this folder's README, from table.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown

HERE = Path(__file__).parent


def ratios_table(ratios: dict[str, dict[str, float]]) -> str:
    """Return the times of the baseline and of the batched solver, and their ratios."""
    rows = [
        [
            n,
            f"{r['plain_ms']:.0f} ms",
            f"{r['ms']:.1f} ms",
            f"{r['ratio']:.1f}",
            f"{r['ms_without_estimate']:.1f} ms",
            f"{r['ratio_without_estimate']:.1f}",
        ]
        for n, r in ratios.items()
    ]
    return markdown(("N", "baseline", "batched", "ratio", "batched, no estimate", "ratio"), rows)


def stages_table(stages: dict[str, dict[str, float]]) -> str:
    """Return the time of each stage."""
    names = list(next(iter(stages.values())))
    return markdown(
        ["ms per dot", *names], [[kind, *(f"{spent[n]:.1f}" for n in names)] for kind, spent in stages.items()]
    )


def content() -> dict[str, str]:
    """Return all tables by name."""
    found: dict[str, Any] = json.loads((HERE / "table.json").read_text(encoding="utf-8"))
    return {"ratios": ratios_table(found["ratios"]), "stages": stages_table(found["stages"])}
