"""Tables of this folder's README, from table.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown, number

HERE = Path(__file__).parent
SMALLEST = 1e-7
"""Errors below this, in mHa, are at the tolerance of the eigensolver."""


def shown(error: float) -> str:
    """Return an error in mHa."""
    return "< 10⁻⁷" if error < SMALLEST else number(error)


def error_cell(found: dict[str, float]) -> str:
    """Return the median and, in brackets, the largest error."""
    small = found["max"] < SMALLEST
    return shown(found["max"]) if small else f"{shown(found['median'])} ({shown(found['max'])})"


def interval(energies: list[float]) -> str:
    """Return least, median and largest energy in mHa."""
    return " … ".join(f"{energy:.0f}".replace("-", "−") for energy in energies)


def classes_table(classes: dict[str, Any]) -> str:
    """Return energies, errors and speed of each class."""
    rows = []
    for name, r in classes.items():
        energies = [interval(r[key]) for key in ("energy", "energy_above_minimum")]
        error = error_cell(r["error"]) if "error" in r else ""
        rows.append([name.replace("_", " "), r["modes"], *energies, error, f"{r['systems_per_second']:.0f}"])
    return markdown(("class", "sines", "ε₀", "ε₀ above min V", "error", "systems per second"), rows)


def modes_table(classes: dict[str, Any]) -> str:
    """Return the error against the number of sine functions."""
    modes = list(next(iter(classes.values()))["error_of_modes"])
    rows = [
        [name.replace("_", " "), *(error_cell(r["error_of_modes"][m]) for m in modes)] for name, r in classes.items()
    ]
    return markdown(["class", *modes], rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    found = json.loads((HERE / "table.json").read_text(encoding="utf-8"))
    others = {reading.split()[0]: interval(energies) for reading, energies in found["other_readings"].items()}
    return {
        "classes": classes_table(found["classes"]),
        "modes": modes_table(found["classes"]),
        "below-ideal-well": f"{found['classes']['infinite_well']['from_ideal_well']['median']:.0f} mHa",
        "other-double-gaussian": f"{others['double_gaussian']} mHa",
        "other-random": f"{others['random']} mHa",
    }
