"""Tables of this folder's README, from results.json and scaling.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown, number

HERE = Path(__file__).parent
PAPER = {1: (0.028, 2.055), 2: (1.090, None), 3: (14.816, None)}
"""Median error in J of the whole lattice, 8 x 8 and 128 x 128, for each context (Mills et al. 2019, section 3.1)."""
RUNS = {
    "c = 0, equal steps": ("0", 0),
    "c = 1, equal steps": ("1", 1),
    "c = 2, equal steps": ("2", 2),
    "c = 3, equal steps": ("3", 3),
    "c = 1, as printed": ("1, as printed", 1),
    "c = 1": ("1, the shipped network", 1),
}


def read(name: str) -> dict[str, Any]:
    """Return the content of a file of this folder; nothing if it does not exist."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def contexts_table(results: dict[str, Any]) -> str:
    """Return the errors for each context beside those of the paper, in J of the whole lattice."""
    rows = []
    for run, (label, c) in RUNS.items():
        if run not in results:
            continue
        found = results[run]
        paper = [f"{v:g}" if v else "" for v in PAPER.get(c, (None, None))]
        mae, large = found["measures"]["mae"], found["transfer"]["128"]
        ours = [number(mae["median"]), number(mae["mean"]), number(large["median"]), number(large["max"])]
        minutes = f"{found['seconds'] / 60:.1f}"
        rows.append([label, found["parameters"], paper[0], *ours[:2], paper[1], *ours[2:], found["steps"], minutes])
    head = ("c", "parameters", "8 × 8, paper", "median", "mean", "128 × 128, paper", "median", "largest")
    return markdown((*head, "steps", "minutes"), rows)


def transfer_table(results: dict[str, Any]) -> str:
    """Return the error of the shipped network on larger lattices at T_c."""
    found = results["c = 1"]["transfer"]
    rows = [
        [f"{side} × {side}", errors["lattices"], number(errors["median"]), number(errors["max"]),
         number(errors["median"] / int(side) ** 2)]
        for side, errors in found.items()
    ]  # fmt: skip
    return markdown(("sites", "lattices", "median error (J)", "largest (J)", "median a site (J)"), rows)


def scaling_table(found: dict[str, Any]) -> str:
    """Return the seconds of both ways for each number of sites."""
    direct = {time["sites"]: time["seconds"] for time in found["direct"]}
    rows = [
        [
            f"{time['sites']:,}".replace(",", " "),
            number(time["seconds"]),
            number(direct[time["sites"]]) if time["sites"] in direct else "",
        ]
        for time in found["table"]
    ]
    slopes = [f"{found['exponent'][way]:.2f}" for way in ("table", "direct")]
    return markdown(("sites", "tiles counted (s)", "tiles evaluated (s)"), [*rows, ["exponent", *slopes]])


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    results = read("results.json")
    large = results["c = 1"]["transfer"]["128"]["median"]
    return {
        "contexts": contexts_table(results),
        "transfer": transfer_table(results),
        "large": f"{number(large)} J",
        "scaling": scaling_table(read("scaling.json")),
    }
