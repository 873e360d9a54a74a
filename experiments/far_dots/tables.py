"""Tables and values of this folder's README, from results.json and arrays.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.reports.tables import markdown, number

HERE = Path(__file__).parent
SHOWN = (8, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 44)
"""Distances in the tables; the figure has all."""
SHARED = 0.1
"""Largest difference from one electron in each square, in electrons."""
Results = dict[str, Any]


def read(name: str) -> Results:
    """Return the content of a file of results; empty before the first run."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def columns(rows: Sequence[Results]) -> dict[str, NDArray[np.float64]]:
    """Return rows of numbers as arrays by name; NaN where a row lacks one."""
    names = {name for row in rows for name in row}
    return {name: np.array([row.get(name, np.nan) for row in rows], dtype=float) for name in names}


def signed(value: float, decimals: int = 2) -> str:
    """Return an energy in meV with its sign; empty for NaN, a power of ten where its decimals are zero."""
    if np.isnan(value):
        return ""
    small = abs(value) < 0.5 * 10**-decimals
    text = number(value, 1) if small else f"{value:+.{decimals}f}"
    return text.replace("-", "−")


def spread(errors: NDArray) -> list[str]:
    """Return the mean, and median and maximum of the magnitude, in meV."""
    size = np.abs(errors)
    return [signed(errors.mean()), number(float(np.median(size))), number(float(size.max()))]


def independent_table(found: Results) -> str:
    """Return, for two electrons without interaction, what the sum of lone levels and the sum of tiles miss."""
    rows = []
    for row in found["sweep"]:
        if row["distance"] in SHOWN:
            exact, tiles = row["levels"], row.get("tiles", np.nan)
            cells = (exact - row["singles"], row["paired"] - row["singles"], tiles - exact)
            rows.append([f"{row['distance']:g}", *map(signed, cells)])
    head = ("d, nm", "ε₀ + ε₁ − Σe", "2ε₀ − Σe", "tiles − (ε₀ + ε₁)")
    return markdown(head, rows)


def interacting_table(found: Results) -> str:
    """Return, for two interacting electrons, what the sum misses without and with the law of Coulomb."""
    rows = []
    for row in found["sweep"]:
        if row["distance"] in SHOWN:
            missing, law = row["interacting"] - row["singles"], row["coulomb"]
            tiles = row["interacting"] - row.get("tiles", np.nan)
            near = np.nan if row["distance"] < 16 else missing - row["densities"]  # densities that overlap
            cells = (missing, law, missing - law, near)
            error = number(row["truncation"])
            rows.append(
                [f"{row['distance']:g}", *(signed(c, 3) for c in cells), error, signed(tiles), signed(tiles - law)]
            )
    head = ("d, nm", "E − Σe", "law", "E − Σe − law", "E − Σe − densities", "error of E", "E − tiles", "E − tiles − law")
    return markdown(head, rows)


def arrays_table(found: Results) -> str:
    """Return the errors of sums of tiles on random arrays."""
    rows = []
    for side, array in found["arrays"].items():
        levels, singles, tiles = (np.array(array[name]) for name in ("levels", "singles", "tiles"))
        dots = int(side) ** 2
        walls = number(float(np.abs(singles - levels).max()))
        per_dot = number(float(np.abs(tiles - levels).mean()) / dots)
        rows.append([f"{side} × {side}", len(levels), *spread(tiles - levels), per_dot, walls])
    head = ("dots", "arrays", "mean error", "median |error|", "largest", "mean |error| per dot", "lone levels, largest")
    return markdown(head, rows)


def together(found: Results) -> NDArray[np.bool_]:
    """Return True for each random pair with one electron in each square."""
    return np.asarray(np.abs(columns(found["pairs"])["left"] - 1) < SHARED)


def pairs_table(found: Results) -> str:
    """Return what sums miss of the energy of two interacting electrons in random pairs."""
    pairs, one_each = columns(found["pairs"]), together(found)
    rows = []
    for label, chosen in (("one in each dot", one_each), ("both in one dot", ~one_each)):
        few = {name: values[chosen] for name, values in pairs.items()}
        law, energy = few["coulomb"], few["interacting"]
        sums = {
            "sum of tiles": few["tiles"],
            "sum of tiles + law": few["tiles"] + law,
            "sum of lone levels": few["singles"],
            "sum of lone levels + law": few["singles"] + law,
            "sum of lone levels + Coulomb energy of the densities": few["singles"] + few["densities"],
        }
        if chosen.any():
            rows += [[label, int(chosen.sum()), name, *spread(total - energy)] for name, total in sums.items()]
    return markdown(("electrons", "pairs", "prediction", "mean error", "median |error|", "largest"), rows)


def runs_table(results: Results) -> str:
    """Return the conditions and the test error of the network."""
    rows = []
    for name, result in results.items():
        error = result["measures"]["mae"]
        minutes = f"{result['seconds'] / 60:.1f}"
        size = f"{result['parameters'] / 1e6:.2f} M"
        rows.append([name, size, result["steps"], minutes, number(1e3 * error["mean"]), number(1e3 * error["median"])])
    return markdown(("run", "parameters", "step of the best", "minutes", "mean |error|", "median |error|"), rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    results, found = read("results.json"), read("arrays.json")
    sweep, pairs = columns(found["sweep"]), columns(found["pairs"])
    far = sweep["distance"] >= 20
    left = (sweep["interacting"] - sweep["singles"] - sweep["coulomb"])[far]
    dense = (sweep["interacting"] - sweep["singles"] - sweep["densities"])[far]
    return {
        "independent": independent_table(found),
        "interacting": interacting_table(found),
        "arrays": arrays_table(found),
        "pairs": pairs_table(found),
        "runs": runs_table(results),
        "empty": f"{signed(found['empty']['tiles'], 0)} meV",
        "box": f"{signed(found['empty']['box'], 0)} meV",
        "law": f"{number(float(np.abs(left).max()), 1)} meV",
        "densities": f"{number(float(np.abs(dense).max()), 1)} meV",
        "together": f"{int(together(found).sum())} of {len(pairs['left'])}",
        "grid": f"{number(float(sweep['grid'].max()))} meV",
    }
