"""J of the quartic double dot in a perpendicular magnetic field: full CI beside the published closed form.

python -m experiments.exchange.field   # a minute; writes field.json and field.png
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import brentq

from experiments.exchange.heitler_london import GAAS, coupling, length, quartic
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import Grid, field_sweep

HERE = Path(__file__).parent
D, POINTS, MARGIN = 0.7, 44, 3.6
"""Distance of the wells from the middle in a_B, as in the publication; points per side; distance of the walls."""
FIELDS = np.arange(0.0, 4.01, 0.5)
"""B in tesla."""
OPTIONS: dict[str, Any] = {"n_orbitals": 14, "refinements": 1, "cusp": True}


def splitting(energies: NDArray[np.float64], errors: NDArray[np.float64], spins: NDArray[np.float64]) -> list[float]:
    """Return triplet minus singlet of levels (k,) and its error: that of the distance of the two states."""
    singlet, triplet = (int(np.argmax(np.abs(spins - spin) < 0.1)) for spin in (0.0, 1.0))
    return [float(energies[triplet] - energies[singlet]), float(max(errors[triplet], errors[singlet]))]


def results(fields: NDArray[np.float64] = FIELDS, points: int = POINTS, **options: Any) -> dict[str, Any]:
    """Return J at each field by both, and the fields at which J changes its sign."""
    grid = Grid(points, 2 * (D + MARGIN) * length())
    found = field_sweep(quartic(grid, D), grid, 2, GAAS, fields, g=0.0, **(OPTIONS | options))
    rows = zip(found.B, found.energies, found.gap_errors, found.spins, strict=True)
    crossing = next(c for c in found.crossings if (c.before.spin, c.after.spin) == (0.0, 1.0))
    return {
        "rows": [
            {"B": float(b), "J": splitting(e, d, s), "heitler_london": coupling(D, float(b))} for b, e, d, s in rows
        ],
        "zero": [crossing.B, crossing.error],
        "heitler_london_zero": float(brentq(lambda b: coupling(D, b), 0.1, 5.0)),
    }


def draw(found: dict[str, Any]) -> Figure:
    """Draw J against B."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    rows = found["rows"]
    b, J, bars = [row["B"] for row in rows], *([1e3 * row["J"][i] for row in rows] for i in (0, 1))
    axes.errorbar(b, J, yerr=bars, fmt="o-", label="full CI")
    fine = np.linspace(b[0], b[-1], 200)
    axes.plot(fine, [1e3 * coupling(D, float(x)) for x in fine], "--", label="Heitler–London (closed form)")
    axes.axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
    axes.set(xlabel="B (T)", ylabel="J (meV)", title=f"quartic double dot, GaAs, ħω = 3 meV, d = {D:g}")
    axes.legend()
    return figure


def main() -> None:
    """Sweep the field, write field.json and the figure."""
    found = results()
    draw(found).savefig(HERE / "field.png", dpi=110)
    write_text(HERE / "field.json", json.dumps(found | {"provenance": provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
