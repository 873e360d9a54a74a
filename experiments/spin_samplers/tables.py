"""Tables of this folder's README, from table.json, plane.json and independent.json."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown, number, percent

HERE = Path(__file__).parent
QUANTITIES = {"energy": "E / J", "m2": "m²", "checkerboard2": "m² of the checkerboard"}


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


def plane_table(rows: list[dict[str, Any]]) -> str:
    """Return the time of a configuration and the share of the targets reached, by side and window of energies."""
    head = ("L", "E / L² in", "targets", "time of a configuration", "targets reached")
    return markdown(
        head,
        [
            [
                row["side"],
                f"{row['window'][0]:g} … {row['window'][1]:g} J",
                row["targets"],
                f"{number(row['ms'])} ms",
                percent(row["reached"]),
            ]
            for row in rows
        ],
    )


def deviation(a: list[float], b: list[float]) -> float:
    """Return the difference of two averages in standard errors; each is (mean, standard error)."""
    return (a[0] - b[0]) / math.hypot(a[1], b[1])


def independent_table(found: dict[str, Any]) -> str:
    """Return the averages of OpenJij and of the samplers of this project, and their differences."""
    rows = []
    for theirs, own in zip(found["openjij"]["cases"], found["own"]["cases"], strict=True):
        ising = own["model"] == "ising"
        for name in list(QUANTITIES)[: 2 if ising else 3]:
            a, b, exact = theirs[name], own[name], own.get(f"exact_{name}")
            model = f"{'Ising' if ising else 'Coulomb'}, T = {own['temperature']:g} J"
            shown = number(exact[0], 5) if exact else "–"
            rows.append(
                [
                    model,
                    QUANTITIES[name],
                    _with_error(a),
                    _with_error(b),
                    shown,
                    f"{round(deviation(a, b), 1) + 0.0:+.1f} σ",
                ]
            )
    return markdown(("8 × 8", "average", "OpenJij", "`solvers.spins`", "exact", "difference"), rows)


def _with_error(value: list[float]) -> str:
    """Return mean ± standard error, with two digits of the error."""
    decimals = max(1 - math.floor(math.log10(value[1])), 0)
    return f"{value[0]:.{decimals}f} ± {value[1]:.{decimals}f}"


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    found: dict[str, Any] = json.loads((HERE / "table.json").read_text(encoding="utf-8"))
    independent = json.loads((HERE / "independent.json").read_text(encoding="utf-8"))
    plane = json.loads((HERE / "plane.json").read_text(encoding="utf-8"))
    tau, accuracy, package, own = found["correlation"], found["accuracy"], independent["openjij"], independent["own"]
    return {
        "speed": samplers_table(found["speed"]),
        "variety": variety_table(found["variety"]),
        "plane": plane_table(plane["sampling"]),
        "independent": independent_table(independent),
        "version": package["version"],
        "reads": f"{package['reads']:,}".replace(",", " "),
        "run": f"{package['sweeps']:,}".replace(",", " "),
        "chains": str(own["chains"]),
        "records": f"{own['records']:,}".replace(",", " "),
        "interval": str(own["interval"]),
        "clusters": number(tau["clusters"]),
        "sweeps": number(tau["sweeps"]),
        "final": number(accuracy["final"]),
        "error": percent(accuracy["error"]),
        "seconds": number(accuracy["seconds"]),
    }
