"""True errors of J over their error bars: ten families of double dots, in GaAs and in silicon.

python -m experiments.exchange.bars             (writes bars.json; resumes where it was stopped)

The reference has 40 refined orbitals on the same points. To it is added what 28 orbitals change on twice the points per
side, or on four times as many where V has steps, which are drawn anew on them. The constants of ``exchange_points.py``
were chosen on other dots, those of seed 20 of the first six families.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from experiments.exchange.families import FAMILIES, STEPPED, draw, electrons
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import PRESETS, Grid, Interaction, Material, exchange_sweep, solve

RESULTS = Path(__file__).parent / "bars.json"
SEED = 21
DOTS = 24
"""Dots of each family."""
MOST, MANY = 40, 28
"""Orbitals of the reference, and of its change on finer points."""
FINER = 2, 4
"""Points per side of the finer grid over those of the dot, without and with steps of V."""


def reference(V: np.ndarray, grid: Grid, material: Material, interaction: Interaction, n_orbitals: int) -> float:
    """Return J of the lowest singlet and triplet, in eV, without an error."""
    options = PRESETS["converged"] | {"n_orbitals": n_orbitals, "estimate": False, "memory": 8.0, "threads": 1}
    options["interaction"] = interaction
    for n_states in (2, 6):  # the second where a state of the same spin lies below the triplet
        found = solve(V, grid, 2, material, n_states=n_states, **options)
        triplet = found.spins > 0.5
        if triplet.any() and not triplet.all():
            return float(found.energies[triplet][0] - found.energies[~triplet][0])
    return float("nan")


def one_dot(family: str, number: int) -> dict[str, Any]:
    """Return J, its error bar and the reference of one dot in eV."""
    name, grid, potential = draw(family, number, SEED)
    V, (material, interaction) = potential(grid), electrons(family, number, SEED)
    point = exchange_sweep(lambda _: V, [0.0, 1.0, 2.0], grid, material, interaction=interaction, threads=1)
    finer = Grid(grid.n * FINER[family in STEPPED], grid.extent)
    on_both = (reference(v, g, material, interaction, MANY) for v, g in ((potential(finer), finer), (V, grid)))
    by_grid = next(on_both) - next(on_both)
    return {
        "family": family,
        "number": number,
        "material": name,
        "points": grid.n,
        "extent": grid.extent,
        "J": float(point.J[0]),
        "bar": float(point.errors[0]),
        "reference": reference(V, grid, material, interaction, MOST) + by_grid,
        "trusted": bool(point.trusted[0]),
    }


def main() -> None:
    """Measure what is missing in bars.json; the file is whole after every dot."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    done = {(row["family"], row["number"]) for row in rows}
    jobs = [(family, number) for number, family in product(range(DOTS), FAMILIES) if (family, number) not in done]
    with threadpool_limits(1):
        for family, number in tqdm(jobs):
            rows.append(one_dot(family, number))
            write_text(RESULTS, json.dumps({"rows": rows, "seed": SEED, "provenance": provenance()}) + "\n")


if __name__ == "__main__":
    main()
