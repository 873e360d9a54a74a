"""Tables of this folder's README, from table.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.reports.tables import markdown, percent

HERE = Path(__file__).parent
SERIES = ("M = 8", "M = 12", "M = 16", "M = 20")
Errors = dict[str, dict[str, dict[str, dict[str, list[float]]]]]


def read() -> Errors:
    """Return the errors of each dot by material, number of electrons and method."""
    return json.loads((HERE / "table.json").read_text(encoding="utf-8"))["errors"]


def within_two(reference: NDArray, estimate: NDArray) -> float:
    """Return the fraction of dots whose estimate is within a factor of two of the reference."""
    return float(np.mean(np.abs(np.log(estimate / reference)) <= np.log(2)))


def errors_table(errors: Errors) -> str:
    """Return the mean errors by method."""
    rows = []
    for material, by_n in errors.items():
        for n, methods in sorted(by_n.items()):
            cells = [methods[name] for name in (*SERIES, "converged")]
            text = [f"{percent(float(np.mean(c['nmae'])))} / {np.mean(c['energy_mev']):.2f} meV" for c in cells]
            rows.append([material, n, *text])
    return markdown(["material", "N", *SERIES, "converged"], rows)


def estimates_table(errors: Errors) -> str:
    """Return errors, their estimates, and how often the estimates are within a factor of two."""
    share = "within a factor of two"
    head = ("preset", "material", "N", "density error", "estimate", share, "energy error", "estimate", share)
    rows = []
    for preset in ("paper", "converged"):
        for material, by_n in errors.items():
            for n, methods in sorted(by_n.items()):
                m = {name: np.array(values) for name, values in methods[preset].items()}
                density = [percent(m["nmae"].mean()), percent(m["estimate"].mean())]
                energy = [f"{m[name].mean():.2f} meV" for name in ("energy_mev", "energy_estimate_mev")]
                good = [
                    percent(within_two(m[error], m[estimate]), 0)
                    for error, estimate in (("nmae", "estimate"), ("energy_mev", "energy_estimate_mev"))
                ]
                rows.append([preset, material, n, *density, good[0], *energy, good[1]])
    return markdown(head, rows)


def content() -> dict[str, str]:
    """Return all tables by name."""
    errors = read()
    return {"errors": errors_table(errors), "estimates": estimates_table(errors)}
