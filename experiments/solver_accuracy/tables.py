"""Tables of this folder's README, from table.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from experiments.solver_accuracy.unseen import NOTHING
from qd_pix2pix.reports.tables import markdown, percent

HERE = Path(__file__).parent
NAMES = ("energy", "gap", "density")
SERIES = ("M = 8", "M = 12", "M = 16", "M = 20")
POWERS = {1: "", 3: "³", 5: "⁵", 7: "⁷", 10: "¹⁰"}
Errors = dict[str, dict[str, dict[str, dict[str, list[float]]]]]


def read() -> Errors:
    """Return the errors of each dot by material, number of electrons and method."""
    return json.loads((HERE / "table.json").read_text(encoding="utf-8"))["errors"]


def read_families() -> list[dict[str, Any]]:
    """Return the errors of each dot and preset, with their estimates."""
    return json.loads((HERE / "families.json").read_text(encoding="utf-8"))["rows"]


def errors_table(errors: Errors) -> str:
    """Return the mean errors by method."""
    rows = []
    for material, by_n in errors.items():
        for n, methods in sorted(by_n.items()):
            cells = [methods[name] for name in (*SERIES, "converged")]
            text = [f"{percent(float(np.mean(c['nmae'])))} / {np.mean(c['energy_mev']):.2f} meV" for c in cells]
            rows.append([material, n, *text])
    return markdown(["material", "N", *SERIES, "converged"], rows)


def families_table(rows: list[dict[str, Any]], by: str = "family") -> str:
    """Return the true errors over their estimates, by preset and family or N: median, 95 % of the dots, largest."""
    head = ("preset", by, "dots", *(f"{name}: median, 95 %, largest" for name in NAMES), "median density error")
    lines = []
    for preset in ("paper", "converged"):
        mine = [row for row in rows if row["preset"] == preset]
        for kind in (*dict.fromkeys(row[by] for row in mine), "all"):
            some = [row for row in mine if kind in (row[by], "all")]
            sure = [row for row in some if row["trusted"]]
            ratios = {name: np.array([row[name] / row[f"{name}_error"] for row in sure]) for name in NAMES}
            cells = [", ".join(f"{q:.2f}" for q in np.percentile(ratios[name], (50, 95, 100))) for name in NAMES]
            density = percent(float(np.median([row["density"] for row in sure])))
            lines.append([preset, str(kind), f"{len(sure)} of {len(some)}", *cells, density])
    return markdown(head, lines)


def within_two(rows: list[dict[str, Any]], preset: str, name: str) -> str:
    """Return the share of trusted dots whose true error is below twice its estimate."""
    sure = [row for row in rows if row["preset"] == preset and row["trusted"]]
    return percent(float(np.mean([row[name] < 2 * row[f"{name}_error"] for row in sure])), 0)


def largest(rows: list[dict[str, Any]], preset: str) -> str:
    """Return the largest ratios for energy, gap and density of trusted dots on which nothing was chosen."""
    some = [row for row in rows if row["preset"] == preset and row["trusted"] and row["family"] in NOTHING]
    return ", ".join(f"{max(row[name] / row[f'{name}_error'] for row in some):.2f}" for name in NAMES)


def grids_table(rows: list[dict[str, Any]]) -> str:
    """Return the errors of the grid and their estimates, by family and points per side: medians, and largest ratio."""
    lines = []
    points = sorted({row["n"] for row in rows})
    for family in dict.fromkeys(row["family"] for row in rows):
        cells = []
        for n in points:
            mine = [row for row in rows if row["family"] == family and row["n"] == n]
            true, estimate = (np.array([row[name] for row in mine]) for name in ("energy", "grid_error"))
            cells.append(f"{np.median(true):.0e}, {np.median(estimate):.0e}, {np.max(true / estimate):.2f}")
        lines.append([family, *cells])
    return markdown(["family", *(f"n = {n}: true, estimate, largest ratio" for n in points)], lines)


def walls_table(rows: list[dict[str, Any]]) -> str:
    """Return the errors of dots with steep walls and their estimates, by family and depth."""
    lines = []
    for family, low, high in dict.fromkeys((row["family"], *row["depth"]) for row in rows):
        mine = [row for row in rows if (row["family"], *row["depth"]) == (family, low, high)]
        true, estimate = (np.array([row[name] for row in mine]) for name in ("energy", "grid_error"))
        sure, ratio = np.array([row["trusted"] for row in mine]), true / estimate
        medians = f"{np.median(true):.1e}, {np.median(estimate):.1e}"
        every, trusted = (
            ", ".join(f"{q:.2f}" for q in np.percentile(r, (50, 95, 100))) if len(r) else ""
            for r in (ratio, ratio[sure])
        )
        depth, covered = f"10{POWERS[low]} … 10{POWERS[high]}", percent(float(np.mean(ratio <= 1)), 0)
        lines.append([family, depth, medians, covered, every, f"{sure.sum()}", trusted])
    head = ["family", "depth", "true, estimate", "covered", "ratio: median, 95 %, largest", "trusted", "ratio of these"]
    return markdown(head, lines)


def content() -> dict[str, str]:
    """Return all tables by name."""
    grids = json.loads((HERE / "grids.json").read_text(encoding="utf-8"))["rows"]
    walls = json.loads((HERE / "walls.json").read_text(encoding="utf-8"))["rows"]
    unseen = json.loads((HERE / "unseen.json").read_text(encoding="utf-8"))["rows"]
    shares = {
        f"value-{preset}-{name}": within_two(unseen, preset, name)
        for preset in ("paper", "converged")
        for name in NAMES
    } | {f"value-nothing-{preset}": largest(unseen, preset) for preset in ("paper", "converged")}
    wrong = sum(row["order_certain"] and row["trusted"] and not row["same_state"] for row in unseen)
    return shares | {
        "value-wrong": str(wrong),
        "unseen": families_table(unseen),
        "interactions": families_table(unseen, "interaction"),
        "errors": errors_table(read()),
        "families": families_table(read_families()),
        "electrons": families_table(sorted(read_families(), key=lambda row: row["N"]), "N"),
        "grids": grids_table(grids),
        "walls": walls_table(walls),
    }
