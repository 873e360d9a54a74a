"""Tables and values of this folder's README and of docs/magnetic_field.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from qd_pix2pix.reports.tables import markdown, number, percent

HERE = Path(__file__).parent
Rows = list[dict[str, Any]]
ROUNDING = 1e-12
"""Smallest true error of a gap (eV) that counts: below, both states are of one multiplet."""


def read() -> dict[str, Any]:
    """Return results.json."""
    return json.loads((HERE / "results.json").read_text(encoding="utf-8"))


def read_coverage() -> Rows:
    """Return the dots of coverage.json."""
    return json.loads((HERE / "coverage.json").read_text(encoding="utf-8"))["rows"]


def ratios(rows: Rows) -> dict[str, list[float]]:
    """Return true errors over their error bars, by quantity, of trusted dots.

    Energies of one electron have the error bar of the grid. States of one multiplet, which differ by their Zeeman
    energy, count once. Densities and magnetisations count where the order of the levels is certain.
    """
    found: dict[str, list[float]] = {"energy": [], "gap": [], "density": [], "magnetisation": []}
    for row in (row for row in rows if row["trusted"]):
        grid = row["grid_error"] if row["N"] == 1 else 0.0
        multiplets = list({f"{s[0]:.5e}": s for s in row["states"]}.values())
        found["energy"] += [s[0] / (s[1] + grid) for s in multiplets if s[1] + grid > 0]
        found["gap"] += [s[2] / s[3] for s in multiplets if s[3] > 0 and s[2] > ROUNDING]
        if row["order_certain"] and row["N"] > 1:
            found["density"].append(row["density"] / row["density_error"])
            if row["magnetisation_error"] > 0:
                found["magnetisation"].append(row["magnetisation"] / row["magnetisation_error"])
    return found


def within(values: list[float], bars: float) -> str:
    """Return the share of values within this number of error bars."""
    return percent(float(np.mean(np.array(values) <= bars)), 0) if values else "–"


def coverage_table(rows: Rows, by: str) -> str:
    """Return the shares within one and two error bars, by family or N."""
    lines = []
    for kind in (*dict.fromkeys(row[by] for row in rows), "all"):
        mine = [row for row in rows if kind in (row[by], "all")]
        found = ratios(mine)
        trusted = sum(row["trusted"] for row in mine)
        cells = [f"{within(v, 1)}, {within(v, 2)}" for v in found.values()]
        lines.append([str(kind), f"{trusted} of {len(mine)}", *cells])
    names = ("energy", "gap", "density", "magnetisation")
    return markdown([by, "trusted dots", *(f"{name}: within 1, 2 bars" for name in names)], lines)


def crossings_table(results: dict[str, Any]) -> str:
    """Return the crossings beside the exact ones."""
    lines = []
    for g, found in results["crossings"].items():
        for row in found["crossings"]:
            change = " → ".join(f"S = {s:g}, L_z = {m}" for s, m in (row["before"], row["after"]))
            B = f"{row['B']:.3f} ± {row['error']:.3f}"
            lines.append([g, change, B, f"{row['exact']:.4f}", f"{abs(row['B'] - row['exact']):.4f}"])
    return markdown(["g", "ground state", "B in T", "exact", "distance"], lines)


def kohn_table(rows: Rows) -> str:
    """Return the dipole excitations beside their closed form."""
    lines = [
        [
            row["N"],
            row["M"],
            f"{1e3 * row['expected']:.4f}",
            f"{1e3 * row['found']:.4f}",
            number(1e3 * abs(row["found"] - row["expected"])),
            number(1e3 * row["error"]) if row["N"] > 1 else "–",
        ]
        for row in rows
    ]
    return markdown(["N", "M", "closed form (meV)", "found", "distance", "gap_errors"], lines)


def gauges_table(rows: Rows) -> str:
    """Return the errors of the grid by points in a magnetic length."""
    lines = [
        [row["n"], f"{row['B']:g}", f"{row['points']:.1f}", *(number(1e3 * row[k]) for k in KINDS)] for row in rows
    ]
    return markdown(["n", "B (T)", "points in l_B", "true error (meV)", "gauge_error", "grid_error"], lines)


KINDS = ("error", "gauge_error", "grid_error")


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    results, rows = read(), read_coverage()
    first = results["crossings"]["0.0"]["crossings"][0]
    real = results["crossings"]["-0.44"]["crossings"][0]
    every = ratios(rows)
    return {
        "families": coverage_table(rows, "family"),
        "electrons": coverage_table(sorted(rows, key=lambda row: row["N"]), "N"),
        "crossings": crossings_table(results),
        "kohn": kohn_table(results["kohn"]),
        "gauges": gauges_table(results["gauges"]),
        "fock-darwin": number(1e3 * results["levels"]["largest_error"]),
        "crossing": f"{first['B']:.3f} ± {first['error']:.3f} T",
        "crossing-exact": f"{first['exact']:.4f} T",
        "crossing-zeeman": f"{real['B']:.3f} ± {real['error']:.3f} T",
        "landau-density": percent(max(row["density"] for row in rows if row["N"] > 1), 0),
        "covered-energies": within(every["energy"], 1),
        "covered-gaps": within(every["gap"], 1),
        "covered-densities": within(every["density"], 1),
        "covered-magnetisations": within(every["magnetisation"], 1),
    }
