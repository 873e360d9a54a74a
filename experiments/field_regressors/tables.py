"""Tables of this folder's README and of the top one, from results.json, inverse.json and larger.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.field_regressors.studies import CHOICES, LENGTHS, MINUTES, NETWORKS, SEEDS, SIZES, SIZES_STEPS, STEPS
from qd_pix2pix.reports.tables import markdown, number, percent

HERE = Path(__file__).parent
BARS = {
    "bar gaas-N2 10 min": ("GaAs, N = 2", "NMAE ≤ 1.5 %", 0.015),
    "bar gaas-N2 30 min": ("GaAs, N = 2", "NMAE ≤ 1 %", 0.010),
    "bar gaas-N4 30 min": ("GaAs, N = 4", "NMAE ≤ 3 %", 0.030),
    "bar si-N2 30 min": ("Si, N = 2", "NMAE ≤ 2.5 %", 0.025),
    "bar si-N4 30 min": ("Si, N = 4", "NMAE ≤ 5 %", 0.050),
    "bar gaas-N2 inverse 30 min": ("GaAs, N = 2, n_int → V", "R² ≥ 0.975", 0.975),
}
LABELS = {"gaas-N2": "GaAs, N = 2", "gaas-N4": "GaAs, N = 4", "si-N2": "Si, N = 2", "si-N4": "Si, N = 4"}
MATERIALS = {"m_eff=0.067,eps_r=12.9": "GaAs", "m_eff=0.19,eps_r=11.7": "Si"}
"""Materials by the name that results.json gives them in a range."""
SHORTEST = ("equivariant U-Net", "residual U-Net", "ResNet", "FNO", "pix2pix")
"""Networks of the short comparison."""
Results = dict[str, dict[str, Any]]
Points = dict[int, float]
Measure = Callable[[dict[str, Any]], float | None]


def read(name: str) -> dict[str, Any]:
    """Return the content of a JSON file of this folder."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def nmae(result: dict[str, Any]) -> float:
    """Return the mean NMAE over the test dots, in percent."""
    return 100 * result["measures"]["nmae"]["mean"]


def truth(result: dict[str, Any]) -> float | None:
    """Return the same against converged labels, in percent; None where truth.py has not evaluated it."""
    return 100 * result["truth"] if "truth" in result else None


SORTS: tuple[tuple[str, Measure, tuple[str, str]], ...] = (
    ("paper", nmae, ("M = 8", "M = 8")),
    ("paper", truth, ("M = 8", "converged")),
    ("converged", nmae, ("converged", "converged")),
)
"""Learning curves: preset of the training labels, measure, and names of training and reference labels."""


def nmae_cells(measures: dict[str, Any]) -> list[str]:
    """Return mean, median and the central 90 % of NMAE; empty cells for potentials."""
    spread = measures.get("nmae")
    if not spread:
        return ["", "", ""]
    shown = {key: f"{100 * value:.2f}" for key, value in spread.items()}
    return [f"{shown['mean']} %", f"{shown['median']} %", f"{shown['p05']} … {shown['p95']} %"]


def summary_table(results: Results) -> str:
    """Return the errors of the networks, and of their labels, for the top README."""
    rows = []
    for preset, name in (("converged", "converged {}"), ("paper", "bar {} 30 min")):
        found = [results[name.format(kind)] for kind in LABELS]
        rows.append([f"network, `preset={preset}`", *(f"{nmae(result):.2f} %" for result in found)])
        rows.append(["its labels", *(percent(result["label_error"]) for result in found)])
    return markdown(["mean NMAE", *LABELS.values()], rows)


def bars_table(results: Results) -> str:
    """Return what the best network reaches."""
    head = ("dots, minutes", "required", "NMAE, mean", "median", "90 % of the dots", "R²", "steps", "labels", "")
    rows = []
    for name, (dots, bar, bound) in BARS.items():
        result, measures = results[name], results[name]["measures"]
        spread = measures.get("nmae")
        met = spread["mean"] <= bound if spread else measures["r2"] >= bound
        duration = name.split(maxsplit=2)[2].removeprefix("inverse ")
        score, label = f"{measures['r2']:.5f}", percent(result["label_error"], 1)
        cells = nmae_cells(measures)
        rows.append([f"{dots}, {duration}", bar, *cells, score, result["steps"], label, "met" if met else "missed"])
    return markdown(head, rows)


def converged_table(results: Results) -> str:
    """Return the errors of the networks for use, and of their labels."""
    rows = []
    for name, result in results.items():
        if name.startswith("converged"):
            kind, _, inverse = name.removeprefix("converged ").partition(" ")
            dots, measures = LABELS[kind] + (", n_int → V" if inverse else ""), result["measures"]
            score, label = f"{measures['r2']:.5f}", percent(result["label_error"])
            rows.append([dots, *nmae_cells(measures), score, result["steps"], label])
    return markdown(("dots", "NMAE, mean", "median", "90 % of the dots", "R²", "steps", "labels"), rows)


def seeds_of(results: Results, network: str, kind: str, ending: str) -> list[dict[str, Any]]:
    """Return the finished runs of one network, one for each seed."""
    found = (results.get(f"network {network}, {kind}, {ending}, seed {seed}") for seed in SEEDS)
    return [result for result in found if result]


def spread(values: list[float]) -> str:
    """Return the mean, and the range where there are several values, in percent."""
    several = f" ({min(values):.2f} … {max(values):.2f}, {len(values)} seeds)" if len(values) > 1 else ""
    return f"{np.mean(values):.2f} %{several}"


def networks_table(results: Results, kind: str, ending: str) -> str:
    """Return mean and range over the seeds for every network, on one kind of dot."""
    rows = []
    for name in NETWORKS:
        done = seeds_of(results, name, kind, ending)
        if done:
            first, averaged = done[0], [100 * result["averaged_nmae"] for result in done if result["averaged_nmae"]]
            parameters, speed = f"{first['parameters'] / 1e6:.2f} M", f"{1e3 * first['seconds'] / first['steps']:.0f}"
            cells = [spread([nmae(result) for result in done]), f"{np.mean(averaged):.2f} %" if averaged else ""]
            rows.append([name, parameters, first["steps"], speed, *cells])
    return markdown(("network", "parameters", "steps", "ms per step", LABELS[kind], "averaged"), rows)


def shortest_table(results: Results) -> str:
    """Return five minutes of training on the easiest dots, for the top README."""
    rows = []
    for name in SHORTEST:
        rows.append([name, spread([nmae(result) for result in seeds_of(results, name, "gaas-N2", f"{MINUTES} min")])])
    return markdown(("network", "NMAE, mean (range)"), rows)


def choices_table(results: Results) -> str:
    """Return the effect of each choice."""
    rows = []
    for name in CHOICES:
        found = [results.get(f"choice {name}, {kind}") for kind in ("gaas-N2", "si-N4")]
        values = [f"{nmae(result):.2f} %" if result else "" for result in found]
        speeds = [1e3 * result["seconds"] / result["steps"] for result in found if result]
        if speeds:
            rows.append([name, f"{min(speeds):.0f}", *values])
    return markdown(("choice", "ms per step", "GaAs, N = 2: NMAE", "Si, N = 4: NMAE"), rows)


def points(results: Results, kind: str, preset: str, measure: Measure) -> tuple[Points, Points]:
    """Return a measure against training dots, and against steps, for those runs that have it."""
    name = f"curve {kind} {preset}"
    dots = {n: results.get(f"{name} {n} dots") for n in SIZES}
    steps = {n: results.get(f"{name} {n} steps") for n in LENGTHS} | {SIZES_STEPS: dots[4800]}
    longest = results.get(f"bar {kind} 30 min" if preset == "paper" else f"converged {kind}")
    if longest:
        steps[longest["steps"]] = longest
    found = [{n: measure(run) for n, run in sorted(runs.items()) if run} for runs in (dots, steps)]
    by_dots, by_steps = ({n: value for n, value in values.items() if value is not None} for values in found)
    return by_dots, by_steps


def curves_table(results: Results) -> str:
    """Return the learning curves, the end of a 30-minute run, and the error of the training labels.

    That error is the labels' own estimate, or their distance from converged labels where truth.py has measured it.
    """
    sizes, lengths = [f"{n} dots" for n in SIZES], [f"{n} steps" for n in LENGTHS]
    rows = []
    for kind, label in LABELS.items():
        for preset, measure, (learned, reference) in SORTS:
            by_dots, by_steps = points(results, kind, preset, measure)
            longest = [value for n, value in by_steps.items() if n > max(LENGTHS)]
            values = [by_dots.get(n) for n in SIZES] + [by_steps.get(n) for n in LENGTHS] + (longest or [None])
            run = results.get(f"curve {kind} {preset} 4800 dots", {})
            floor = run.get("labels_truth" if measure is truth else "label_error")
            values.append(100 * floor if floor else None)
            rows.append([label, learned, reference, *(f"{value:.2f} %" if value else "" for value in values)])
    return markdown(("dots", "training labels", "reference", *sizes, *lengths, "30 minutes", "labels"), rows)


def outputs_table(results: Results) -> str:
    """Return the errors of several outputs of one network."""
    result = results["wide gaas-N2 all outputs"]
    found = {"n_int": result["measures"], **result["also"]}
    rows = []
    for name, measures in found.items():
        factor, unit = (1e3, "meV") if "mae" in measures else (100, "%")
        errors = measures.get("mae", measures.get("nmae"))
        cells = [f"{factor * errors[key]:.2f} {unit}" for key in ("mean", "median")]
        rows.append([name, *cells, f"{measures['r2']:.5f}"])
    return markdown(("output", "mean error", "median", "R²"), rows)


def range_table(results: Results) -> str:
    """Return the errors of one network for eight kinds of dots."""
    rows = []
    for member, measures in results["wide range"]["members"].items():
        electrons, material = member.removeprefix("n_electrons=").split(",", 1)
        shares = [percent(measures["nmae"][key]) for key in ("mean", "median")]
        rows.append([f"N = {electrons}, {MATERIALS[material]}", *shares, f"{measures['r2']:.5f}"])
    return markdown(("dots", "NMAE, mean", "median", "R²"), rows)


def inverse_table(found: dict[str, Any]) -> str:
    """Return the errors of proposed potentials and of their densities, for each level of noise."""
    head = ("noise", "R² of the potential", "points with the wrong step", "NMAE of its density, mean", "median", "90 %")
    rows = []
    for level, numbers in found["noise"].items():
        spread = {key: percent(value, 3) for key, value in numbers["nmae"].items()}
        wrong, quantiles = percent(numbers["points_wrong"]), f"{spread['p05']} … {spread['p95']}"
        row = (number(float(level), 1), f"{numbers['r2']:.4f}", wrong, spread["mean"], spread["median"], quantiles)
        rows.append(row)
    return markdown(head, rows)


def larger_table(found: dict[str, Any]) -> str:
    """Return the errors on squares of twice the side."""
    rows = []
    for kind, numbers in found["kinds"].items():
        mean, median, low, high = (f"{100 * numbers['nmae'][key]:.1f}" for key in ("mean", "median", "p05", "p95"))
        rows.append([kind, f"{mean} %", f"{median} %", f"{low} … {high} %", number(numbers["charge_error"], 1)])
    return markdown(("dots of twice the side", "NMAE, mean", "median", "90 % of the dots", "charge error"), rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    results, inverse, larger = (read(name) for name in ("results.json", "inverse.json", "larger.json"))
    exact = inverse["noise"]["0"]["nmae"]["mean"]
    tables = {
        f"networks-{kind}-{ending.replace(' ', '-')}": networks_table(results, kind, ending)
        for kind in ("gaas-N2", "si-N4")
        for ending in (f"{MINUTES} min", f"{STEPS} steps")
    }
    return tables | {
        "summary": summary_table(results),
        "bars": bars_table(results),
        "converged": converged_table(results),
        "shortest": shortest_table(results),
        "choices": choices_table(results),
        "curves": curves_table(results),
        "outputs": outputs_table(results),
        "range": range_table(results),
        "inverse": inverse_table(inverse),
        "larger": larger_table(larger),
        "gaas-N2": f"{nmae(results['converged gaas-N2']):.2f} %",
        "inverse-density": percent(exact),
    }
