"""Tables and values of this folder's README, from its files of results."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.evaluation.generated import auroc
from qd_pix2pix.reports.tables import markdown, percent

HERE = Path(__file__).parent
COUPLINGS = ((0.3, 3.0), (3.0, 10.0), (10.0, 30.0), (30.0, 100.0))
"""Intervals of lambda in the tables."""
NETWORK, LABELS = "network, batches of 12", "CI in 14 refined orbitals (preset=converged)"
"""Ways of speed.py."""
ROUNDED = "universal-fast, bfloat16"
"""The fast network of speed.py with products in bfloat16."""
STAGES = {
    "one orbital": "10 000",
    "one orbital, continued": "10 000",
    "one orbital, more dots": "20 000",
    "orbitals": "20 000 + 5000",
    "both": "",
}
"""Runs of the shipped network, and their dots."""
FILES = {"both": ("universal", "families.json"), "fast, harder dots": ("universal-fast", "fast.json")}
"""Shipped network and file of its families for each run."""
FAST = ("fast, taught", "fast, more dots", "fast, harder dots")
"""Runs of the fast network."""
PARTS = {"both": ["one orbital, more dots", "orbitals"]}
"""Runs of the networks that are averaged."""
LARGE = 0.05
"""NMAE that the estimated error should detect."""
KNOWN = 0.02
"""Estimated error of a label that is small beside most errors of the network."""
TINY = 1e-9
"""Energies below are zero: gaps of exactly degenerate levels."""
NUMBERS = ("energy", "gap")
"""Predicted numbers with an estimated error."""
Columns = dict[str, NDArray[np.float64]]


def read(name: str) -> dict[str, Any]:
    """Return the content of a file of results; empty before the first run."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def columns(dots: Iterable[dict[str, float]]) -> Columns:
    """Return the numbers of dots as arrays by name."""
    rows = list(dots)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def row(name: str, dots: Columns) -> list[str]:
    """Return one line: number of dots, errors, estimate, coverage, energy, gap and spin."""
    energy = np.median(dots["energy_error"] / np.abs(dots["energy"]))
    return [
        name,
        str(len(dots["nmae"])),
        percent(dots["nmae"].mean()),
        percent(float(np.median(dots["nmae"]))),
        percent(dots["start"].mean(), 1),
        percent(dots["label_error"].mean(), 1),
        percent(dots["estimated"].mean(), 1),
        percent((dots["nmae"] <= dots["estimated"]).mean(), 0),
        percent(float(energy)),
        percent(dots["spin_right"].mean(), 0),
    ]


HEAD = (
    "dots", "number", "NMAE, mean", "median", "start", "labels", "estimated", "covered", "energy, median", "spin",
)  # fmt: skip


def joined(found: dict[str, Any], seen: bool) -> Columns:
    """Return all dots of the families that were trained, or of those that were not."""
    return columns(dot for family in found.values() if family["seen"] is seen for dot in family["dots"])


def families_table(found: dict[str, Any]) -> str:
    """Return the table of the families."""
    lines = [
        row(name + ("" if family["seen"] else ", never trained"), columns(family["dots"]))
        for name, family in found.items()
    ]
    return markdown(HEAD, lines)


def others_table(found: dict[str, Any]) -> str:
    """Return the table of the families of formulas: errors, labels, estimates and coverage."""
    lines = []
    for name, family in found.items():
        dots = columns(family["dots"])
        covered = dots["nmae"] <= dots["estimated"], dots["nmae"] <= dots["estimated"] + dots["label_error"]
        lines.append(
            [
                name + (", chosen" if family["chosen"] else ""),
                str(len(dots["nmae"])),
                percent(dots["nmae"].mean()),
                percent(float(np.median(dots["nmae"]))),
                percent(dots["label_error"].mean(), 1),
                percent(dots["estimated"].mean(), 1),
                *(percent(share.mean(), 0) for share in covered),
            ]
        )
    head = ("dots", "number", "NMAE, mean", "median", "labels", "estimated", "covered", "with the error of the label")
    return markdown(head, lines)


def numbers_table(dots: Columns) -> str:
    """Return the table of the numbers of electrons and couplings, over all trained families."""
    lines = []
    for number in sorted(set(dots["n_electrons"])):
        lines.append(row(f"N = {number:g}", _where(dots, dots["n_electrons"] == number)))
    for low, high in COUPLINGS:
        chosen = (dots["coupling"] >= low) & (dots["coupling"] < high)
        if chosen.any():
            lines.append(row(f"λ = {low:g} … {high:g}", _where(dots, chosen)))
    known = dots["label_error"] <= KNOWN
    for name, chosen in zip(("N = 1 … 4", "N = 5, 6"), _numbers(dots), strict=True):
        lines.append(row(f"{name}, labels within {percent(KNOWN, 0)}", _where(dots, chosen & known)))
    return markdown(HEAD, lines)


def speed_table(rows: list[dict[str, Any]]) -> str:
    """Return the table of times and errors, one line for each way."""
    numbers = sorted({row["n_electrons"] for row in rows})
    lines = []
    for way in dict.fromkeys(row["way"] for row in rows):
        own = {row["n_electrons"]: row for row in rows if row["way"] == way}
        cells = [f"{1e3 * own[n]['seconds']:.1f} ms, {percent(own[n]['nmae'], 1)}" for n in numbers]
        lines.append([way, *cells])
    return markdown(("way", *(f"N = {n}" for n in numbers)), lines)


def break_even(rows: list[dict[str, Any]], seconds: float) -> str:
    """Return the number of dots with the most electrons that the solver solves in ``seconds``, beyond the network."""
    most = max(row["n_electrons"] for row in rows)
    times = {row["way"]: row["seconds"] for row in rows if row["n_electrons"] == most}
    thousands = seconds / (times[LABELS] - times[NETWORK]) / 1000
    return f"{thousands:.0f} 000"


def rectangles_table(rows: list[dict[str, Any]]) -> str:
    """Return the table of the shapes of rectangles, for each network."""
    lines = []
    networks, shapes = (dict.fromkeys(row[name] for row in rows) for name in ("network", "shape"))
    for network, shape in product(networks, shapes):
        dots = columns([row for row in rows if (row["network"], row["shape"]) == (network, shape)])
        error = dots["nmae"].astype(float)
        lines.append(
            [
                f"`{network}`",
                shape,
                str(len(error)),
                percent(error.mean()),
                percent(float(np.median(error))),
                percent(dots["label_error"].astype(float).mean(), 1),
                percent(dots["estimated"].astype(float).mean(), 1),
                percent((error <= dots["estimated"].astype(float)).mean(), 0),
                percent(float(np.median(dots["energy"].astype(float)))),
            ]
        )
    head = ("network", "sides", "number", "NMAE, mean", "median", "labels", "estimated", "covered", "energy, median")
    return markdown(head, lines)


def energies_table(networks: dict[str, Any]) -> str:
    """Return the table of the errors of energies and gaps by family, for each network."""
    lines = []
    for network, groups in networks.items():
        for kind, families in groups.items():
            for name, rows in [*families.items(), ("all", [dot for dots in families.values() for dot in dots])]:
                dots = columns(rows)
                cells = [cell for number in NUMBERS for cell in _number_cells(dots, number)]
                lines.append([f"`{network}`", f"{name}, {kind}", str(len(rows)), *cells])
    heads = (f"{name}: {what}" for name in NUMBERS for what in ("error", "estimated", "covered"))
    return markdown(("network", "dots", "number", *heads), lines)


def _number_cells(dots: Columns, name: str) -> list[str]:
    """Return the medians of the relative error and of its estimate, and the share of the dots that it covers."""
    size = np.maximum(np.abs(dots[name]), TINY)
    relative = (float(np.median(dots[f"{name}_{part}"] / size)) for part in ("error", "estimated"))
    return [*(percent(value, 1) for value in relative), percent(_covered(dots, name), 0)]


def _covered(dots: Columns, name: str) -> float:
    return float((dots[f"{name}_error"] <= dots[f"{name}_estimated"]).mean())


def energy_values(networks: dict[str, Any]) -> dict[str, str]:
    """Return coverage, also that of single families, and medians of the estimated errors of ``universal``."""
    found = {}
    for kind, ending in (("trained", ""), ("never trained", "-unseen")):
        dots = columns(dot for family in networks["universal"][kind].values() for dot in family)
        for name in NUMBERS:
            found[f"covered-{name}{ending}"] = percent(_covered(dots, name), 0)
            shares = [_covered(columns(rows), name) for rows in networks["universal"][kind].values()]
            found[f"families-{name}{ending}"] = f"{percent(min(shares), 0)} to {percent(max(shares), 0)}"
            if not ending:
                found[f"bar-{name}"] = _number_cells(dots, name)[1]
    return found


def stages_table(results: dict[str, Any]) -> str:
    """Return the table of the runs: dots, minutes, steps, and NMAE on the test dots of both datasets."""
    lines = []
    for name, dots in STAGES.items():
        run = results[name]
        errors = [measures["nmae"]["mean"] for measures in (run["members"] or {"": run["measures"]}).values()]
        shown = [percent(error, 2) for error in errors] + [""] * (2 - len(errors))
        lines.append([name, dots, f"{run['seconds'] / 60:.0f}", str(run["steps"]), *shown])
    return markdown(("run", "dots", "minutes", "steps", "NMAE, mixture", "harder dots"), lines)


def networks_table(results: dict[str, Any], speed: list[dict[str, Any]]) -> str:
    """Return the table of the shipped networks: errors over families, estimates, and dots per second."""
    lines = []
    for run, (name, file) in FILES.items():
        families = read(file)["families"]
        seen, unseen = joined(families, True), joined(families, False)
        rates = {row["threads"]: row["per_second"] for row in speed if row["network"] == name}
        lines.append(
            [
                f"`{name}`",
                f"{sum(results[part]['parameters'] for part in PARTS.get(run, [run])) / 1e6:.2f} M",
                *(percent(_where(seen, chosen)["nmae"].mean(), 1) for chosen in _numbers(seen)),
                percent(unseen["nmae"].mean(), 1),
                *(percent((dots["nmae"] <= dots["estimated"]).mean(), 0) for dots in (seen, unseen)),
                auroc_of(seen, unseen),
                *(f"{rates[threads]:.0f}" for threads in (1, 2)),
            ]
        )
    errors = ("N = 1 … 4", "N = 5, 6", "never trained")
    head = ("network", "parameters", *errors, "covered", "never trained", "AUROC", "dots per second, one thread", "two")
    return markdown(head, lines)


def _numbers(dots: Columns) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    few = dots["n_electrons"] <= 4
    return few, ~few


def auroc_of(*groups: Columns) -> str:
    """Return the area under the curve of the estimated error, as a detector of an error above ``LARGE``."""
    estimated, error = (np.concatenate([dots[name] for dots in groups]) for name in ("estimated", "nmae"))
    return f"{auroc(estimated[error > LARGE], estimated[error <= LARGE]):.3f}"


def _where(dots: Columns, chosen: NDArray) -> Columns:
    return {name: values[chosen] for name, values in dots.items()}


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    measured, fast = read("families.json"), read("fast.json").get("families", {})
    found = measured.get("families", {})
    results = read("results.json")
    energies = read("energies.json").get("networks", {})
    if not found or not fast or not energies or not {*STAGES, *FILES, *FAST} <= {*results}:
        return {}
    stages = [results[name] for name in STAGES]
    seconds, steps = (sum(stage[name] for stage in stages) for name in ("seconds", "steps"))
    seen, unseen = joined(found, True), joined(found, False)
    chosen = columns(dot for family in measured["chosen"].values() for dot in family["dots"])
    few = _where(seen, seen["n_electrons"] <= 4)
    times, small = read("speed.json"), joined(fast, True)
    rounded = read("rounding.json")["rows"]
    speed = times.get("rows", [])
    rates, faster = (
        {row["network"]: row["per_second"] for row in read(file).get("throughput", []) if row["threads"] == 2}
        for file in ("speed.json", "speed_epyc.json")
    )
    rectangles = read("rectangles.json").get("rows", [])
    others = read("others.json").get("families", {})
    shares = [np.mean([dot["nmae"] <= dot["estimated"] for dot in family["dots"]]) for family in others.values()]
    return {
        "rectangles": rectangles_table(rectangles),
        "speed": speed_table(speed),
        "networks": networks_table(results, times.get("throughput", [])),
        "break-even": break_even(speed, seconds),
        "families": families_table(found),
        "numbers": numbers_table(seen),
        "others": others_table(others),
        "energies": energies_table(energies),
        **energy_values(energies),
        "nmae": percent(few["nmae"].mean(), 1),
        "fast-nmae": percent(small["nmae"][small["n_electrons"] <= 4].mean(), 1),
        "rate": f"{rates['universal']:.0f}",
        "taught-minutes": f"{sum(results[name]['seconds'] for name in FAST) / 60:.0f}",
        "fast-rate": f"{rates['universal-fast']:.0f}",
        "bfloat16-rate": f"{rates[ROUNDED]:.0f}",
        "bfloat16": percent(np.mean([row["change"] for row in rounded])),
        "bfloat16-most": percent(max(row["change"] for row in rounded)),
        "bfloat16-worst": percent(max(row["largest"] for row in rounded), 1),
        "bfloat16-nmae": percent(np.mean([row["bf16"] - row["exact"] for row in rounded]), 3),
        "rate-epyc": f"{faster['universal']:.0f}",
        "fast-rate-epyc": f"{faster['universal-fast']:.0f}",
        "unseen": percent(unseen["nmae"].mean(), 1),
        "covered": percent((seen["nmae"] <= seen["estimated"]).mean(), 0),
        "covered-unseen": percent((unseen["nmae"] <= unseen["estimated"]).mean(), 0),
        "covered-others": f"{percent(min(shares, default=0.0), 0)} to {percent(max(shares, default=0.0), 0)}",
        "covered-chosen": percent((chosen["nmae"] <= chosen["estimated"]).mean(), 0),
        "auroc": auroc_of(seen, unseen),
        "training": f"{seconds / 60:.0f} minutes",
        "steps": f"{steps}",
        "stages": stages_table(results),
    }
