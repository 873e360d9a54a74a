"""Tables of this folder's README, from results.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown

HERE = Path(__file__).parent
COMPARED = ("pix2pix", "equivariant U-Net")
"""Networks of the break-even table."""


def interval(found: dict[str, float]) -> str:
    """Return the median and the extremes."""
    return f"{found['median']:.2f} ({found['low']:.2f} … {found['high']:.2f})"


def training_table(training: dict[str, Any]) -> str:
    """Return speeds of training, and the cost of Lightning."""
    rows = []
    for name, batches in training.items():
        for batch, found in batches.items() if name != "machine" else ():
            rate = 1 / found["seconds_per_step"]["Lightning"]
            rows.append([name, batch, f"{rate:.2f}", f"{rate * int(batch):.1f}", interval(found["lightning_to_bare"])])
            if "plain_to_fused" in found:
                rows.append([f"{name}, plain / fused Adam", batch, "", "", interval(found["plain_to_fused"])])
    return markdown(("model", "batch", "steps per second", "dots per second", "Lightning / bare"), rows)


def inference_table(networks: dict[str, float]) -> str:
    """Return speeds of prediction."""
    return markdown(("network", "dots per second"), [[name, f"{rate:.0f}"] for name, rate in networks.items()])


def break_even_table(solver: dict[str, Any]) -> str:
    """Return speeds of the solver, speed-ups, and break-even numbers of dots."""
    rows = []
    for kind, found in solver.items():
        faster = [f"{found['speedup'][name]['median']:.1f}" for name in COMPARED]
        even = [f"{found['break_even'][name]:,.0f}".replace(",", " ") for name in COMPARED]
        rows.append([kind, f"{found['dots_per_second']:.1f}", *faster, *even])
    titles = [f"{name}: {what}" for what in ("speed-up", "break-even") for name in COMPARED]
    return markdown(["solver", "dots per second", *titles], rows)


def content() -> dict[str, str]:
    """Return all tables by name."""
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    return {
        "training": training_table(results["training"]),
        "inference": inference_table(results["inference"]["networks"]),
        "break-even": break_even_table(results["inference"]["solver"]),
    }
