"""Tables of this folder's README, from results.json and transfer.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import SUPERSCRIPT, markdown, number

HERE = Path(__file__).parent
NAMES = {
    "trap": "parabola, 24 × 24",
    "well": "square well, 16 × 16, all depths",
    "random 8": "random fields, 8 × 8",
    "random 12": "random fields, 12 × 12",
    "random 16": "random fields, 16 × 16",
    "random 24": "random fields, 24 × 24",
    "random 40": "random fields, 40 × 40",
}


def read(name: str) -> dict[str, Any]:
    """Return the content of a file of this folder; nothing if it does not exist."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def shown(value: float) -> str:
    """Return a number with two digits, a large one as a power of ten."""
    mantissa, _, power = f"{value:.1e}".partition("e")
    return f"{mantissa}×10{power.lstrip('+0').translate(SUPERSCRIPT)}" if value >= 1e4 else number(value)


def errors_table(results: dict[str, Any], transfer: dict[str, Any]) -> str:
    """Return the errors of the density on all kinds of lattices."""
    splits = results["hard core"]["errors"].items()
    rows = [[f"test split, {side} × {side}{kind}", found] for name, found in splits for side, kind in [_parted(name)]]
    rows += [[NAMES[part], found] for part, found in transfer["errors"].items()]
    head = ("lattices", "mean error of n", "of the samples", "χ²", "median χ²", "χ², σ of at least 0.015")
    cells = ("mae", "sigma", "chi2", "median_chi2", "chi2_floor")
    return markdown(head, [[name, *(shown(found[cell]) for cell in cells)] for name, found in rows])


def _parted(name: str) -> tuple[str, str]:
    side, _, weak = name.partition(", ")
    return side, ", weak fields" if weak else ""


def prior_table(results: dict[str, Any]) -> str:
    """Return the errors of product states alone, and of short trainings with and without them."""
    rows = []
    for side in ("8", "12"):
        bare, enhanced = results["hard core"]["errors"][side]["product_states"]
        trained = [results[name]["errors"][side]["mae"] for name in ("potential only", "product states")]
        rows.append([f"{side} × {side}", *(number(error) for error in (bare, enhanced, *trained))])
    names = ("product states", "with a larger hopping", "network without them", "network with them")
    return markdown(("sites", *names), rows)


def phases_table(transfer: dict[str, Any]) -> str:
    """Return where the solid begins, for both, and the mean error of the density."""
    rows = []
    for v, found in transfer["phases"].items():
        (own, predicted), at = found["boundary"], found["coexistence"]
        shift = f"{100 * abs(predicted / at[0] - 1):.1f} %" if at and predicted is not None else "–"
        edges = ["no solid" if mu is None else f"{mu:.2f}" for mu in (own, predicted)]
        equal = f"{at[0]:.2f} ± {at[1]:.2f}" if at else "no solid"
        rows.append([v, equal, *edges, shift, number(found["mae"])])
    head = (
        "V",
        "solid from μ: equal grand potentials",
        "one chain",
        "network",
        "difference",
        "mean error of the density",
    )
    return markdown(head, rows)


def well_table(transfer: dict[str, Any]) -> str:
    """Return the number of bosons against the depth of the well."""
    depths, (own, predicted) = transfer["well"]["depth"], transfer["well"]["number"]
    rows = [[f"{d:g}", f"{a:.1f}", f"{b:.1f}"] for d, a, b in zip(depths, own, predicted, strict=True)]
    return markdown(("depth", "bosons, worm", "network"), rows)


def speed_table(transfer: dict[str, Any]) -> str:
    """Return the times of both, and their ratio with its error."""
    rows = []
    for side, found in transfer["speed"].items():
        (a, da), (b, db), (r, dr) = (found[name] for name in ("sampling", "network", "ratio"))
        rows.append(
            [
                f"{side} × {side}",
                number(found["sigma"]),
                f"{a:.1f} ± {da:.1f}",
                f"{1000 * b:.1f} ± {1000 * db:.1f}",
                f"{r:.0f} ± {dr:.0f}",
            ]
        )
    return markdown(("sites", "error of n, worm", "worm (s)", "network (ms)", "ratio"), rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    results, transfer = read("results.json"), read("transfer.json")
    if not results or not transfer:
        return {}
    run = results["hard core"]
    return {
        "errors": errors_table(results, transfer),
        "prior": prior_table(results),
        "phases": phases_table(transfer),
        "well": well_table(transfer),
        "speed": speed_table(transfer),
        "mae": number(run["errors"]["8"]["mae"]),
        "minutes": f"{run['seconds'] / 60:.0f}",
        "steps": str(run["steps"]),
        "short": str(results["product states"]["steps"]),
        "parameters": f"{run['parameters']:,}".replace(",", " "),
    }
