"""Tables and values of this folder's README, from results.json, energies.json and kernels.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments.one_electron.studies import CLASSES, METHODS, SIZES, SIZES_STEPS
from qd_pix2pix.reports.tables import markdown, number, percent

HERE = Path(__file__).parent
LABELS = {"mills_cnn": "`mills_cnn`", "number": "equivariant, number", "field": "equivariant, field first"}
PAPER = (
    ("SHO ε₀", "SHO", "SHO", "energy", "1.51"),
    ("IW ε₀", "IW", "IW", "energy", "5.04"),
    ("DIG ε₀", "DIG", "DIG", "energy", "2.70"),
    ("random ε₀", "random", "random", "energy", "2.13; 1.49 after twice the training"),
    ("random → DIG, ε₀", "random", "DIG", "energy", "2.94"),
    ("all four mixed, ε₀", "mixed", "mixed", "energy", "5.90"),
    ("DIG ε₁", "DIG", "DIG", "excited", "10.93"),
    ("random ⟨T⟩", "random", "random", "kinetic", "2.98"),
)
"""Rows of the paper: label, trained, tested, energy, and the paper's median error in mHa."""
BARS = (
    ("random ε₀, field first", "random", "random", 0.5),
    ("IW ε₀, field first", "IW", "IW", 1.0),
    ("random → DIG, ε₀, field first", "random", "DIG", 1.5),
)
BASELINES = ("kernel ridge", "kernel ridge, 8 copies", "random forest")
Results = dict[str, Any]


def read(name: str) -> Results:
    """Return the content of a file of results; empty before the first run."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def found(energies: Results, run: str, tested: str, energy: str) -> Results | None:
    """Return the errors of a run on a class; None if there are none."""
    measured: Results | None = energies.get(run, {}).get("classes", {}).get(tested, {}).get(energy)
    return measured


def cell(errors: Results | None, key: str = "median") -> str:
    """Return an error in mHa."""
    return number(errors[key]).replace("-", "−") if errors else ""


def paper_table(energies: Results) -> str:
    """Return the rows of the paper beside those of all methods: median errors in mHa."""
    rows = [
        [label, theirs, *(cell(found(energies, f"{method} {trained}", tested, energy)) for method in METHODS)]
        for label, trained, tested, energy, theirs in PAPER
    ]
    turned = [cell(energies.get(f"{method} random", {}).get("rotation")) for method in METHODS]
    return markdown(
        ["trained → tested, energy", "paper", *(LABELS[method] for method in METHODS)],
        [*rows, ["rotated copies of random, difference", "1.7", *turned]],
    )


def bars_table(energies: Results) -> str:
    """Return the required accuracies and what is reached."""
    rows = []
    for label, trained, tested, bound in BARS:
        errors = found(energies, f"field {trained}", tested, "energy")
        if errors:
            met = "met" if errors["median"] <= bound else "missed"
            rows.append([label, f"≤ {bound:g}", cell(errors), cell(errors, "mean"), cell(errors, "p95"), met])
    turned = energies.get("field random", {}).get("rotation")
    if turned:
        met = "met" if turned["max"] < 1e-3 else "missed"
        rows.append(["random, rotated copies", "0", cell(turned), cell(turned, "mean"), cell(turned, "p95"), met])
    return markdown(["median error in mHa", "required", "median", "mean", "95 %", ""], rows)


def matrix_table(energies: Results, method: str) -> str:
    """Return median errors in mHa of a method on all classes."""
    rows = []
    for trained in CLASSES:
        if f"{method} {trained}" in energies:
            rows.append([trained, *(cell(found(energies, f"{method} {trained}", t, "energy")) for t in CLASSES)])
    return markdown(["trained on", *CLASSES], rows)


def field_table(energies: Results) -> str:
    """Return densities and energies of the runs that predict a field, with the floor of the labels."""
    rows = []
    for name in CLASSES:
        run = f"field {name}"
        errors = found(energies, run, name, "energy")
        if errors:
            share, floor = percent(energies[run]["classes"][name]["nmae"]), cell(energies["labels"][name])
            spread = [cell(errors, key) for key in ("median", "mean", "p95", "max", "lowest")]
            finer = cell(energies.get("finer", {}).get(name))
            rows.append([name, share, *spread, percent(errors["accurate"], 0), floor, finer])
    head = (
        "class",
        "NMAE",
        "median",
        "mean",
        "95 %",
        "largest",
        "lowest, signed",
        "within 1.6 mHa",
        "labels",
        "256 points",
    )
    return markdown(head, rows)


def runs_table(results: Results) -> str:
    """Return the conditions of each run."""
    rows = []
    for name, result in results.items():
        train = next(word for word in result["words"].split() if word.startswith("data.train="))
        size, minutes = train.partition("=")[2], f"{result['seconds'] / 60:.1f}"
        rows.append([name, size, result["steps"], minutes, f"{result['parameters'] / 1e6:.2f} M", result["precision"]])
    return markdown(("run", "training potentials", "step of the best", "minutes", "parameters", "precision"), rows)


def sizes_table(results: Results, energies: Results, kernels: Results) -> str:
    """Return median errors in mHa against the number of training potentials, with minutes of the largest."""
    rows = []
    for name in ("random", "SHO"):
        for method in BASELINES:
            each = [kernels.get(f"{method} {name} {size}") for size in SIZES]
            done = [record["seconds"] for record in each if record]
            rows.append([name, method, *map(cell, each), f"{done[-1] / 60:.1f}" if done else ""])
    for method, steps in SIZES_STEPS.items():
        runs = [f"{method} random {size}" for size in SIZES]
        cells = [cell(found(energies, run, "random", "energy")) for run in runs]
        minutes = f"{results[runs[-1]]['seconds'] / 60:.1f}" if runs[-1] in results else ""
        rows.append(["random", f"{LABELS[method]}, {steps} steps", *cells, minutes])
    return markdown(["class", "method", *(f"{size} potentials" for size in SIZES), "minutes"], rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    results, energies, kernels = (read(name) for name in ("results.json", "energies.json", "kernels.json"))
    tables = {f"matrix-{method}": matrix_table(energies, method) for method in METHODS}
    return tables | {
        "paper": paper_table(energies),
        "bars": bars_table(energies),
        "field": field_table(energies),
        "runs": runs_table(results),
        "sizes": sizes_table(results, energies, kernels),
        "random": f"{cell(found(energies, 'field random', 'random', 'energy'))} mHa",
        "printed": f"{cell(found(energies, 'printed random', 'random', 'energy'))} mHa",
    }
