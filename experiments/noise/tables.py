"""Tables and the figure of this folder's README, from results.json and measure.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from qd_pix2pix.reports.colours import COLOURS
from qd_pix2pix.reports.tables import markdown, number

HERE = Path(__file__).parent
Results = dict[str, Any]


def read(name: str) -> Results:
    """Return the content of a file of results; empty before the first run."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def percent(value: float) -> str:
    """Return a share as a percentage with two digits."""
    return f"{number(100 * value)} %"


def levels_table(found: Results) -> str:
    """Return the NMAE of the densities of all proposals, for each level of noise."""
    levels = found["levels"]
    names = list(next(iter(levels.values())))
    head = ["potential of", *("no noise" if level == "0" else f"noise {percent(float(level))}" for level in levels)]
    rows = [[name, *(percent(rows[name]["nmae"]["mean"]) for rows in levels.values())] for name in names]
    return markdown(head, rows)


def potentials_table(found: Results) -> str:
    """Return R² of the potential and the points with the wrong step, for each level of noise."""
    levels = found["levels"]
    names = [name for name, row in next(iter(levels.values())).items() if "r2" in row]
    head = ["potential of", *("no noise" if level == "0" else f"noise {percent(float(level))}" for level in levels)]
    rows = []
    for name in names:
        cells = [f"{r[name]['r2']:.3f}, {percent(r[name]['wrong'])}" for r in levels.values()]
        rows.append([name, *cells])
    return markdown(head, rows)


def runs_table(results: Results) -> str:
    """Return the trainings."""
    rows = [
        [name, run["steps"], f"{run['seconds'] / 60:.0f}", f"{run['measures']['r2']:.4f}"]
        for name, run in results.items()
    ]
    return markdown(("training", "steps", "minutes", "R² without noise"), rows)


def levels_figure(levels: Results) -> Figure:
    """Return the NMAE of the densities of all proposals against the noise."""
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    panel = figure.subplots()
    noise = [float(level) for level in levels if float(level) > 0]
    for colour, name in zip(["0.6", *COLOURS], next(iter(levels.values())), strict=False):
        means = [100 * levels[f"{level:g}"][name]["nmae"]["mean"] for level in noise]
        panel.plot(noise, means, "o--" if name == "noisy density" else "o-", color=colour, ms=4, lw=1.2, label=name)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("noise / largest density")
    panel.set_ylabel("NMAE of the density (%)")
    panel.legend(fontsize=8)
    return figure


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    found = read("measure.json")
    at_one = found["levels"]["0.01"]
    means = {name: percent(row["nmae"]["mean"]) for name, row in at_one.items()}
    return {
        "runs": runs_table(read("results.json")),
        "levels": levels_table(found),
        "potentials": potentials_table(found),
        "dots": str(found["dots"]),
        "old": means["trained without noise"],
        "new": means["trained with noise"],
        "variational": means["variational"],
        "density": means["noisy density"],
    }
