"""Tables of this folder's README, from results.json, ensemble.json, copies.json and speed.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.generators.measure import PLANE
from qd_pix2pix.reports.tables import markdown, number, percent

HERE = Path(__file__).parent
Results = Mapping[str, Any]
ISING = ("RUGAN", "flow")
WINDOWS, SMALL = ((-1.75, -1.4), (-1.4, -1.0), (-1.0, 1.0), (1.0, 1.4), (1.4, 1.9)), 0.2
"""Intervals of the energy per site (J), and largest magnetisation, of a table; those of training are the outer four."""
DETECTORS = {
    "GAN, low": "confidence of the GAN's discriminator",
    "density, low": "likelihood of a flow at equal magnetisation, a bound",
    "ensemble": "deep ensemble, spread of five energies",
}
OBSERVABLES = ("C_s(1)", "C_s(√2)", "count", "length")


LABELS = {"energy": "median ΔE / L² (J)", "magnetisation": "median Δm"}


def read(name: str) -> dict[str, Any]:
    """Return the content of a file of this folder; nothing if it does not exist."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def inside_table(results: Results) -> str:
    """Return the errors of labels at the side of training and at four times that."""
    rows = []
    for name in (name for name in ISING if name in results):
        small = results[name]["x1"]["inside"]
        for label, key in (("16", "x1"), ("64", "x4")):
            found = results[name][key]["inside"]
            numbers = [number(found[k]) for k in ("energy", "energy_p95", "magnetisation", "magnetisation_p95")]
            rows.append([name, label, *numbers, number(found["energy"] / small["energy"])])
    head = ("drawn by", "L", "median ΔE / L² (J)", "95 % (J)", "median Δm", "95 %", "ΔE against L = 16")
    return markdown(head, rows)


def speed_table(found: Results) -> str:
    """Return the time of a lattice and the errors of its labels, for each way to it."""
    rows = [
        [name, side, number(1e3 * at["seconds"]), *(number(at[k]) for k in ("energy", "energy_p95", "magnetisation"))]
        for name, sides in found.get("ways", {}).items()
        for side, at in sides.items()
    ]
    return markdown(("way", "L", "ms a lattice", "median ΔE / L² (J)", "95 % (J)", "median Δm"), rows)


def near_table(found: Results) -> str:
    """Return the errors of labels by the number of attempts at each lattice."""
    rows = [
        [name, side, f"{at['energy']:g}", *(number(at["attempts"][k][q]) for q in LABELS for k in at["attempts"])]
        for name, sides in found.get("generators", {}).items()
        for side, requests in sides.items()
        for at in requests
    ]
    each = [f"{symbol}, {k}" for symbol in LABELS.values() for k in found.get("attempts", ())]
    return markdown(("drawn by", "L", "E / L² (J)", *each), rows)


def unasked_table(results: Results) -> str:
    """Return what was not asked for, at each pair of labels."""
    rows = []
    for name in (name for name in ISING if name in results):
        for label, key in (("16", "x1"), ("64", "x4")):
            for at in results[name][key]["unasked"]:
                numbers = [number(at[k]) for k in ("correlation", "cluster", "diversity")]
                rows.append(
                    [name, label, f"{at['energy']:g}", f"{at['magnetisation']:g}", *numbers, f"{at['seam']:+.1f} σ",
                     number(at["grain"])]
                )  # fmt: skip
    head = ("drawn by", "L", "E / L² (J)", "m", "G(r), rms difference", "cluster size, ratio", "diversity, ratio")
    return markdown((*head, "seam", "grain (J)"), rows)


def plane_table(results: Results) -> str:
    """Return the errors over the plane: as many pairs of labels as have lattices, weighed equally and by log g."""
    rows = []
    for name in (name for name in ISING if name in results):
        for label, key in (("16", "x1"), ("64", "x4")):
            maps = {k: np.array(v, dtype=float) for k, v in results[name][key]["plane"].items()}
            weighed = results[name][key]["weighed"]
            equal = [number(float(np.nanmedian(maps[k]))) for k in ("energy", "magnetisation")]
            rows.append([name, label, *equal, *(number(weighed[k]) for k in ("energy", "magnetisation"))])
    head = ("drawn by", "L", "median ΔE / L² (J)", "median Δm", "mean ΔE / L² by g (J)", "mean Δm by g")
    return markdown(head, rows)


def windows_table(results: Results) -> str:
    """Return the median error of the energy over intervals of it, at small magnetisations."""
    energy, mean = PLANE
    rows = []
    for name in (name for name in ISING if name in results):
        for label, key in (("16", "x1"), ("64", "x4")):
            errors = np.array(results[name][key]["plane"]["energy"], dtype=float)[:, np.abs(mean) <= SMALL]
            inside = [(energy >= low) & (energy <= high) for low, high in WINDOWS]
            rows.append([name, label, *(number(float(np.nanmedian(errors[some]))) for some in inside)])
    return markdown(("drawn by", "L", *(f"{low:g} … {high:g}" for low, high in WINDOWS)), rows)


def nearest_table() -> str:
    """Return the distances to the nearest training lattice, and the shares of copies."""
    rows = [
        [
            name,
            number(found["drawn"]),
            number(found["test"]),
            percent(found["drawn_copies"]),
            percent(found["test_copies"]),
        ]
        for name, found in read("copies.json").get("generators", {}).items()
    ]
    return markdown(("drawn by", "drawn", "test", "copies, drawn", "copies, test"), rows)


def detection_table(results: Results) -> str:
    """Return the areas under the curves of each detector."""
    found = {name: result["auroc"] for name, result in results.items() if "auroc" in result}
    found |= {"ensemble": read("ensemble.json")["auroc"]} if read("ensemble.json") else {}
    rows = [
        [label, *(f"{found[name][k]:.3f}" for k in ("all", "near", "far"))]
        for name, label in DETECTORS.items()
        if name in found
    ]
    return markdown(("detector", "all", "near", "far"), rows)


def histograms_table(results: Results) -> str:
    """Return how well GANs reproduce the distributions of labels."""
    rows = [
        [name.removeprefix("GAN, "), percent(found["measures"]["label_distance"], 1),
         number(found["also"]["energy"]["mae"]["mean"])]
        for name, found in results.items() if name.startswith("GAN")
    ]  # fmt: skip
    return markdown(("energies", "label distance", "error of the energy read off (J)"), rows)


def dots_table(results: Results) -> str:
    """Return the verified errors of requested energies and gaps, in meV."""
    rows = []
    for name, column in (("dots by energy", "energy"), ("dots by gap", "gap")):
        if name in results:
            found = results[name]["also"][column]
            numbers = [number(1e3 * found["mae"][k]) for k in ("median", "p95")]
            rows.append([name.removeprefix("dots by "), *numbers, f"{found['r2']:.4f}", str(results[name]["samples"])])
    return markdown(("requested", "median error (meV)", "95 % (meV)", "R²", "dots drawn"), rows)


def snapshots_table(results: Results) -> str:
    """Return the observables of drawn snapshots and of the model, with the difference in standard errors."""
    rows = []
    for name in ("snapshots, between", "snapshots, beyond"):
        for at in results.get(name, {}).get("curves", ()):
            cells = []
            for observable in OBSERVABLES:
                value, error = at["drawn"][observable]
                scale = 100 if observable == "count" else 1
                kinds = ("strings", "strings, as drawn", "sprinkled")
                apart = ", ".join(f"{at['deviation'][kind][observable]:+.1f}" for kind in kinds)
                cells.append(f"{scale * value:.3f} ± {scale * error:.3f} ({apart} σ)")
            side = f"{at['side']} × {at['side']}"
            attempts = str(at.get("attempts", 1))
            rows.append(
                [name.removeprefix("snapshots, "), side, f"{at['doping']:g}", attempts, f"{at['holes']:.4f}", *cells]
            )
    head = (
        "trained",
        "sites",
        "δ requested",
        "attempts",
        "δ drawn",
        "C_s(1)",
        "C_s(√2)",
        "strings per 100 sites",
        "mean length",
    )
    return markdown(head, rows)


def content() -> dict[str, str]:
    """Return all tables by name."""
    results = read("results.json")
    return {
        "inside": inside_table(results),
        "near": near_table(read("near.json")),
        "speed": speed_table(read("speed.json")),
        "plane": plane_table(results),
        "windows": windows_table(results),
        "unasked": unasked_table(results),
        "nearest": nearest_table(),
        "detection": detection_table(results),
        "histograms": histograms_table(results),
        "dots": dots_table(results),
        "snapshots": snapshots_table(results),
        **{key: _energy(results, key) for key in ("x1", "x4")},
    }


def _energy(results: Results, key: str) -> str:
    """Return the median error of the energy per site of drawn lattices, by flow matching."""
    return f"{number(results['flow'][key]['inside']['energy'])} J" if "flow" in results else ""
