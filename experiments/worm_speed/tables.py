"""Table of this folder's README, from results.json."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from experiments.worm_speed.run import time_to
from qd_pix2pix.reports.tables import markdown, number

HERE = Path(__file__).parent


def deviations(row: dict[str, Any]) -> np.ndarray:
    """Return the differences of the densities of both codes, in standard errors."""
    own, alps = row["own"], row["alps"]
    return (np.array(own["n"]) - alps["n"]) / np.hypot(own["n_error"], alps["n_error"])


def energy_deviation(row: dict[str, Any]) -> float:
    """Return the difference of the energies, in standard errors."""
    own, alps = row["own"], row["alps"]
    return float((own["energy"][0] - alps["energy"][0]) / math.hypot(own["energy_error"][0], alps["energy_error"][0]))


def content() -> dict[str, str]:
    """Return the table."""
    path = HERE / "results.json"
    if not path.exists():
        return {}
    rows = []
    for name, row in json.loads(path.read_text(encoding="utf-8"))["rows"].items():
        own = time_to(row["own"])
        if not row["alps"]["finished"]:
            rows.append([name, number(own), f"no result in {row['alps']['seconds']:.0f} s", "–", "–", "–"])
            continue
        alps = time_to(row["alps"])
        worst = f"{np.abs(deviations(row)).max():.1f}"
        rows.append([name, number(own), number(alps), number(alps / own), worst, f"{energy_deviation(row):.1f}"])
    head = ("system", "worm (s)", "ALPS (s)", "ratio", "largest difference of n (σ)", "of the energy (σ)")
    return {"speed": markdown(head, rows)}
