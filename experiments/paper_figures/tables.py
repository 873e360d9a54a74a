"""The numbers of the README, from results.json of each study.

python experiments/paper_figures/tables.py [laptop | paper]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from qd_pix2pix.sweeps.study import sort_key

HERE = Path(__file__).parent
MEASURES = {"r2": ("R²", 1, ""), "nmae": ("NMAE", 100, " %"), "ssim": ("SSIM", 1, ""), "l1": ("L1", 1, "")}
"""Name, factor, unit."""


def cell(measure: str, runs: list[dict[str, Any]]) -> str:
    """Mean over the seeds, with its standard deviation where there are several."""
    _, factor, unit = MEASURES[measure]
    found = [run["measures"].get(measure) for run in runs]
    values = [factor * (f["mean"] if isinstance(f, dict) else f) for f in found if f is not None]
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
    return f"{np.mean(values):.4g}{spread}{unit}"


def table(study: Path) -> list[str]:
    """One study, a line for each of its points."""
    results = json.loads((study / "results.json").read_text())
    points: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for run in results["runs"]:
        points.setdefault(tuple(v for axis, v in run["point"].items() if axis != "seed"), []).append(run)
    axes = [axis.split(".")[-1] for axis in results["runs"][0]["point"] if axis != "seed"]
    head = [*axes, *(name for name, _, _ in MEASURES.values()), "best at step", "seeds"]
    lines = [f"{study.name}: `{results['command']}`", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for values, runs in sorted(points.items(), key=lambda point: [sort_key(value) for value in point[0]]):
        steps = "–".join(str(n) for n in sorted({run["steps"] for run in runs}))
        row = [*values, *(cell(measure, runs) for measure in MEASURES), steps, str(len(runs))]
        lines.append("| " + " | ".join(row) + " |")
    inverse = results["found"].get("inverse")
    if inverse:
        nmae = inverse["nmae"]
        lines += ["", f"density of the generated potentials: R² {inverse['r2']:.4f}, "]
        lines[-1] += (
            f"NMAE {100 * nmae['mean']:.1f} % (median {100 * nmae['median']:.1f} %); wrong by half of V's range: "
        )
        lines[-1] += (
            f"{100 * inverse['points_wrong']:.1f} % of the points, {100 * inverse['charge_there']:.1f} % of the charge"
        )
    for name, scores in results["found"].get("r2", {}).items():
        found = ", ".join(f"{kind} {value:.4f}" for kind, value in scores.items())
        lines.append(f"{name}: R² of {found}")
    return lines


def main() -> None:
    """Print all studies of a scale."""
    scale = sys.argv[1] if len(sys.argv) > 1 else "laptop"
    for results in sorted((HERE / scale).glob("*/results.json")):
        print("\n".join(table(results.parent)) + "\n")


if __name__ == "__main__":
    main()
