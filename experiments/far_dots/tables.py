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
APART = 16
"""Least distance of two densities that hardly overlap."""
SHARED = 0.1
"""Largest difference from one electron in each square, in electrons."""
TINY = 1e-6
"""Energies below this, in meV, are not stated."""
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
    """Return an energy in meV with its sign; empty for NaN, more decimals where those are zero."""
    if np.isnan(value):
        return ""
    if 0 < abs(value) < TINY:
        return f"< {number(TINY, 1)}"
    small = abs(value) < 0.5 * 10**-decimals
    text = number(value, 1) if small else f"{value:+.{decimals}f}"
    return text.replace("-", "−")


def spread(errors: NDArray) -> list[str]:
    """Return the mean, and median and maximum of the magnitude, in meV."""
    size = np.abs(errors)
    return [signed(errors.mean()), number(float(np.median(size))), number(float(size.max()))]


def independent_table(found: Results) -> str:
    """Return, for two electrons without interaction, what the sum of lone levels misses."""
    rows = []
    for row in found["sweep"]:
        if row["distance"] in SHOWN:
            cells = (row["levels"] - row["singles"], row["paired"] - row["singles"])
            rows.append([f"{row['distance']:g}", *map(signed, cells)])
    return markdown(("d, nm", "ε₀ + ε₁ − Σe", "2ε₀ − Σe"), rows)


def interacting_table(found: Results) -> str:
    """Return, for two interacting electrons, what sums of lone levels miss, and by what."""
    rows = []
    for row in found["sweep"]:
        if row["distance"] in SHOWN:
            missing = row["interacting"] - row["singles"]
            classical = [missing - row["densities"], row["polarisation"]]
            cells = (missing, row["coulomb"], missing - row["coulomb"])
            more = (np.nan, np.nan) if row["distance"] < APART else classical
            error = number(row["truncation"])
            rows.append([f"{row['distance']:g}", *(signed(c, 3) for c in cells), *(signed(c, 4) for c in more), error])
    head = ("d, nm", "E − Σe", "law", "E − Σe − law", "E − Σe − densities", "polarisation", "error of E")
    return markdown(head, rows)


def tiles_table(found: Results) -> str:
    """Return what the sum of tiles misses at the distances that the network is trained for."""
    rows = []
    for row in found["sweep"]:
        if row["distance"] in SHOWN and "tiles" in row:
            tiles = row["tiles"]
            cells = (tiles - row["levels"], tiles - row["interacting"], tiles + row["coulomb"] - row["interacting"])
            rows.append([f"{row['distance']:g}", *map(signed, cells)])
    return markdown(("d, nm", "tiles − (ε₀ + ε₁)", "tiles − E", "tiles + law − E"), rows)


def arrays_table(found: Results) -> str:
    """Return the errors of sums of tiles on random arrays."""
    rows = []
    for side, array in found["arrays"].items():
        levels, singles, tiles = (np.array(array[name]) for name in ("levels", "singles", "tiles"))
        dots = int(side) ** 2
        walls = signed(float(np.abs(singles - levels).max()), 3).lstrip("+")
        per_dot = number(float(np.abs(tiles - levels).mean()) / dots)
        count = f"{len(levels)} of {array['tried']}"
        rows.append([f"{side} × {side}", count, *spread(tiles - levels), per_dot, walls])
    head = (
        "dots",
        "arrays drawn",
        "mean error",
        "median |error|",
        "largest",
        "mean |error| per dot",
        "lone levels, largest",
    )
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
    beyond = {name: (sweep["interacting"] - sweep["singles"] - sweep[name])[far] for name in ("coulomb", "densities")}
    left = (beyond["densities"] - sweep["polarisation"][far])[sweep["distance"][far] >= 28]
    fine, coarse = found["finer"], next(row for row in found["sweep"] if row["distance"] == found["finer"]["distance"])
    refined = (fine["interacting"] - fine["singles"]) - (coarse["interacting"] - coarse["singles"])
    return {
        "independent": independent_table(found),
        "interacting": interacting_table(found),
        "tiles": tiles_table(found),
        "arrays": arrays_table(found),
        "pairs": pairs_table(found),
        "runs": runs_table(results),
        "empty": f"{signed(found['empty']['tiles'], 0)} meV",
        "box": f"{signed(found['empty']['box'], 0)} meV",
        "law": f"{number(float(np.abs(beyond['coulomb']).max()), 1)} meV",
        "densities": f"{number(float(np.abs(beyond['densities']).max()), 1)} meV",
        "polarisation": f"{number(float(np.abs(left).max()), 1)} meV",
        "finer": f"{number(abs(refined), 1)} meV",
        "together": f"{int(together(found).sum())} of {len(pairs['left'])}",
    }
