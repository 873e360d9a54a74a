"""Tables and values of the studio's latencies, from results.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown

HERE = Path(__file__).parent


def drawing_table(results: dict[str, Any]) -> str:
    """Return the latencies of drawing by grid size, in milliseconds."""
    columns = [(name, q) for name in ("browser", "prediction", "picture", "processor") for q in ("median", "p95")]
    rows = [
        [f"{n} × {n}", *(f"{1e3 * found[name][q]:.0f}" for name, q in columns)]
        for n, found in results["drawing"].items()
    ]
    names = ("pointer to density", "network", "picture of V", "processor time of both")
    head = ["points", *(f"{name}, {q} (ms)" for name in names for q in ("median", "95 %"))]
    return markdown(head, rows)


def solver_table(results: dict[str, Any]) -> str:
    """Return the seconds of the solver by grid size and number of electrons."""
    grids = sorted({int(name.partition(",")[0]) for name in results["solver"]})
    rows = []
    for electrons in range(1, 7):
        found = [results["solver"].get(f"{n},{electrons}") for n in grids]
        rows.append([electrons, *("—" if f is None else f"{f['median']:.2f}" for f in found)])
    return markdown(["N", *(f"{n} × {n} points (s)" for n in grids)], rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    usual = results["drawing"]["64"]["browser"]
    return {
        "drawing": drawing_table(results),
        "solver": solver_table(results),
        "median": f"{usual['median']:.2f} s",
        "p95": f"{usual['p95']:.2f} s",
        "processor": f"{results['drawing']['64']['processor']['median']:.3f} s",
        "load": f"{results['machine']['load']:.1f}",
    }
