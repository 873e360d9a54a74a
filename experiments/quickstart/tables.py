"""Tables of this folder's README and of docs/quickstart.md, from results.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown, number, percent

HERE = Path(__file__).parent
SHOWN = {
    "r2": "R²",
    "nmae": "NMAE = ∫|n − n_ref| / N",
    "ssim": "SSIM",
    "mssim": "MSSIM, 8 × 8",
    "l1": "L₁ (nm⁻²)",
    "l2": "L₂ (nm⁻²)",
    "linf": "L∞ (nm⁻²)",
    "charge_error": "charge error |∫n − N| / N",
}
IN_PERCENT = ("nmae", "charge_error")


def cell(measure: str, value: float) -> str:
    """Return one number of a measure."""
    if measure in IN_PERCENT:
        return percent(value)
    return number(value, 3) if measure.startswith("l") else f"{value:.4f}"


def measures_table(measures: dict[str, Any], dots: int) -> str:
    """Return mean and median of each measure, for every model."""
    rows = []
    for name, label in SHOWN.items():
        row = [label]
        for found in (of_model[name] for of_model in measures.values()):
            both = isinstance(found, dict)
            row += [cell(name, found["mean"]), cell(name, found["median"])] if both else [cell(name, found), ""]
        rows.append(row)
    heads = [text for model in measures for text in (f"{model}, mean", "median")]
    return markdown((f"{dots} test dots", *heads), rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    found = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    return {
        "measures": measures_table(found["measures"], found["dots"]),
        "labels": percent(found["label_error"]["mean"]),
        "conditions": (
            f"Conditions: {found['hardware']}; {found['train']} training dots; seed {found['seed']}; "
            f"{found['minutes']:g} minutes."
        ),
        "minutes": f"{found['minutes']:g}",
    }
