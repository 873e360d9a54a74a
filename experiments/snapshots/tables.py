"""Tables and values of this folder's README, from results.json."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown, number

HERE = Path(__file__).parent
OBSERVABLES = {"C_s(1)": "C_s(1)", "C_s(√2)": "C_s(√2)", "count": "strings per 100 sites", "length": "mean length"}
SCALE = {"count": 100.0}
SHOWN = 8
"""Lengths l = 0 ... SHOWN - 1 of the table."""


def with_error(value: float, error: float) -> str:
    """Return value ± standard error, with two digits of the error."""
    if error == 0:
        return f"{value:g}"
    decimals = max(1 - math.floor(math.log10(error)), 0)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def accuracy_table(found: list[dict[str, Any]]) -> str:
    """Return averages of the sampler and of the diagonalisation, and their differences."""
    rows = []
    for case in found:
        for name in ("E / N", "C_s(1)", "C_s(√2)", "C_s(2)"):
            mean, error, exact = case[name]
            unit = " J" if name.startswith("E") else ""
            rows.append(
                [
                    f"{case['temperature']:g} J",
                    name,
                    f"{with_error(mean, error)}{unit}",
                    f"{exact:.5f}{unit}",
                    f"{round((mean - exact) / error, 1) + 0.0:+.1f} σ",
                ]
            )
    return markdown(("T", "4 × 4 sites", "`sample_heisenberg`", "diagonalisation", "difference"), rows)


def speed_table(found: list[dict[str, Any]]) -> str:
    """Return rates and autocorrelation times by side."""
    rows = [
        [
            f"{case['side']} × {case['side']}",
            number(case["per_second"]),
            number(case["sweep"]),
            with_error(*case["energy"]),
            number(case["tau_energy"]),
            number(case["tau_staggered"]),
        ]
        for case in found
    ]
    head = ("sites", "snapshots per second", "µs per sweep", "E / N (J)", "τ of E (sweeps)", "τ of m_s² (sweeps)")
    return markdown(head, rows)


def lengths_table(found: dict[str, Any]) -> str:
    """Return the distributions of lengths and their means."""
    rows = []
    for name, kind in found["lengths"].items():
        rows.append([name, *(f"{p:.3f}" for p in kind["p"][:SHOWN]), f"{kind['mean']:.2f}"])
    return markdown(("sectors", *(f"p({length})" for length in range(SHOWN)), "mean"), rows)


def curves_table(found: dict[str, list[dict[str, Any]]]) -> str:
    """Return observables by kind of holes and doping."""
    rows = []
    for kind, curve in found.items():
        for row in curve:
            cells = [with_error(*(SCALE.get(name, 1.0) * v for v in row[name])) for name in OBSERVABLES]
            rows.append([kind, f"{row['doping']:.3f}", *cells])
    return markdown(("holes", "δ", *OBSERVABLES.values()), rows)


def closest(found: dict[str, list[dict[str, Any]]], low: float, high: float, names: Sequence[str]) -> float:
    """Return the smallest difference of strings and sprinkled holes, in standard errors, at dopings in [low, high]."""
    return min(
        abs(a[name][0] - b[name][0]) / math.hypot(a[name][1], b[name][1])
        for a, b in zip(found["strings"], found["sprinkled"], strict=True)
        for name in names
        if low <= a["doping"] <= high
    )


def largest_change(found: dict[str, list[dict[str, Any]]]) -> float:
    """Return the largest difference of strings at 16 x 16 and 32 x 32 sites, in standard errors."""
    return max(
        abs(a[name][0] - b[name][0]) / math.hypot(a[name][1], b[name][1])
        for a, b in zip(found["strings"], found["strings, 32 × 32"], strict=True)
        for name in ("count", "length")
    )


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    found: dict[str, Any] = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    speed = {case["side"]: case["per_second"] for case in found["speed"]}
    return {
        "accuracy": accuracy_table(found["accuracy"]),
        "speed": speed_table(found["speed"]),
        "lengths": lengths_table(found["strings"]),
        "curves": curves_table(found["curves"]),
        "records": f"{found['accuracy'][0]['records']:,}".replace(",", " "),
        "number": f"{found['snapshots']:,}".replace(",", " "),
        "tension": f"{found['strings']['tension']:.2f}",
        "attraction": f"{found['strings']['attraction']:.2f}".replace("-", "−"),
        "critical": f"{found['temperature'] * math.log(3):.2f}",
        "dataset": number(20_000 / speed[16]),
        "closest": number(closest(found["curves"], 0.09, 1.0, [*OBSERVABLES])),
        "short": number(closest(found["curves"], 0.04, 0.06, ["length"])),
        "others": number(closest(found["curves"], 0.04, 0.06, [*OBSERVABLES][:3])),
        "change": number(largest_change(found["curves"])),
    }
