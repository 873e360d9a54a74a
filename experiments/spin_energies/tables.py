"""Tables of this folder's README, from results.json, baselines.json, speed.json, and results.json of ednn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qd_pix2pix.reports.tables import markdown, number, percent

HERE = Path(__file__).parent
PAPER_LEVELS = {
    "4 x 4 levels, random, CNN": "99.88 %, most |E| > 16 J wrong",
    "4 x 4 levels, targeted, CNN": "all but a handful",
    "8 x 8 levels, CNN": "99.922 %",
}
NUMBERS = {
    "8 x 8 energy": ("8 × 8 energy", 1.782, "J"),
    "4 x 4 magnetisation": ("4 × 4 magnetisation", 4e-3, ""),
    "8 x 8 magnetisation": ("8 × 8 magnetisation", 2e-3, ""),
    "Coulomb": ("screened Coulomb", 0.640, "J"),
    "sinusoidal": ("sinusoidal", 0.253, "J"),
    "Potts": ("planar Potts", 0.542, "J"),
}
PAPER_BASELINES = {"kernel ridge, Gaussian": 60.3, "random forest": 5.8}


def read(name: str) -> dict[str, Any]:
    """Return the content of a file of this folder; nothing if it does not exist."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def levels_table(results: Mapping[str, Any]) -> str:
    """Return the accuracy of classes on held-out lattices, and on all 65 536 lattices of 4 x 4."""
    rows = []
    for name, found in results.items():
        if "levels" not in name:
            continue
        every = found.get("all")
        counts = np.array(found["counts"]) / np.mean(found["counts"])
        rows.append(
            [
                name.replace(" x ", " × ").replace(" levels", ""),
                PAPER_LEVELS.get(name, ""),
                percent(found["measures"]["accuracy"]["mean"], 3),
                percent(every["accuracy"], 3) if every else "",
                f"{every['errors']} ({every['largest']})" if every else "",
                percent(every["high"], 1) if every else "",
                f"{counts.min():.2f} … {counts.max():.2f}",
            ]
        )
    head = ("lattices, network", "paper", "held out", "all 65 536", "errors (levels off)", "wrong at |E| > 16 J")
    return markdown((*head, "lattices per level / mean"), rows)


def numbers_table(results: Mapping[str, Any]) -> str:
    """Return the median errors of numbers beside those of the paper."""
    rows = []
    for key, (label, paper, unit) in NUMBERS.items():
        cells = [_median(results.get(f"{key}, {network}")) for network in ("CNN", "EDNN")]
        rows.append([f"{label} ({unit})" if unit else label, f"{paper:g}", *cells])
    return markdown(("median error", "paper", "its network, trained here", "EDNN"), rows)


def _median(found: dict[str, Any] | None) -> str:
    return number(found["measures"]["mae"]["median"]) if found else ""


def baselines_table(found: dict[str, Any]) -> str:
    """Return the median errors in J of the regressors of scikit-learn."""
    rows = []
    for kind in next(iter(found["systems"].values())):
        paper = PAPER_BASELINES.get(kind)
        errors = [number(system[kind]["median"]) for system in found["systems"].values()]
        rows.append([kind, number(paper, 3) if paper else "", *errors])
    return markdown(("median error (J)", "Ising, paper", *found["systems"]), rows)


def speed_table(found: dict[str, Any]) -> str:
    """Return the time of each way to an energy."""
    rows = [[name, number(seconds * 1e6, 3)] for name, seconds in found["seconds"].items()]
    return markdown(("way to the energy of a screened Coulomb lattice, 8 × 8", "µs a lattice"), rows)


def peak_table(found: dict[str, Any]) -> str:
    """Return position and height of the peak of the heat capacity, of the network's chains and exact."""
    rows = []
    for name, label in (("temperature", "position (J)"), ("height", "height, C / L²")):
        peak, error = found["peak"][name], found["peak"][f"{name}_error"]
        exact, share = found["exact_peak"][name], found["deviation"][name]
        rows.append([label, f"{peak:.4f} ± {error:.4f}", f"{exact:.4f}", f"{100 * share:+.2f} %"])
    return markdown((f"peak, L = {found['side']}", "network", "exact", "deviation"), rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    results = read("results.json")
    heat = read("heat_capacity.json")
    ednn = json.loads((HERE.parent / "ednn" / "results.json").read_text(encoding="utf-8"))
    numbers = results | {"8 x 8 energy, EDNN": ednn["c = 1"]}
    return {
        "levels": levels_table(results),
        "numbers": numbers_table(numbers),
        "baselines": baselines_table(read("baselines.json")),
        "speed": speed_table(read("speed.json")),
        "peak": peak_table(heat),
        "flips": f"{heat['proposals'] / 1e9:.1f}·10⁹",
    }
