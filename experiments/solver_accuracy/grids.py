"""True errors of the grid over their estimate, on six families of dots, N = 1 and 2.

python -m experiments.solver_accuracy.grids          (writes grids.json; a minute on two cores)

The reference has twice as many points per side as the finest grid. Each has six orbitals: what they leave out is the
same on all. Double dots and rings have a kink of V between their points.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from experiments.solver_accuracy.families import FAMILIES, MATERIALS, SEED, draw
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import Solution, solve

RESULTS = Path(__file__).parent / "grids.json"
DOTS, GRIDS, REFERENCE = 20, (16, 24, 32, 48), 96


def one_dot(job: tuple[str, int]) -> list[dict[str, Any]]:
    """Return error and estimate of the energy, in units of the kinetic energy, on each grid."""
    family, number = job
    n_electrons = 1 + number % 2

    def solved(points: int) -> Solution:
        name, grid, v = draw(family, number, points)
        return solve(v, grid, n_electrons, MATERIALS[name], n_orbitals=6, estimate=False, threads=1)

    with threadpool_limits(1):
        best = solved(REFERENCE)
        found = {points: solved(points) for points in GRIDS}
    scale = float(best.kinetic)
    head = {"family": family, "number": number, "N": n_electrons}
    return [
        head | {"n": n, "energy": abs(float(s.energy - best.energy)) / scale, "grid_error": float(s.grid_error) / scale}
        for n, s in found.items()
    ]


def main() -> None:
    """Measure all dots on two processes and write grids.json."""
    jobs = list(product([family for family in FAMILIES if family != "wells"], range(DOTS)))
    with ProcessPoolExecutor(2) as pool:
        rows = [row for some in tqdm(pool.map(one_dot, jobs), total=len(jobs)) for row in some]
    write_text(RESULTS, json.dumps({"rows": rows, "seed": SEED, "provenance": provenance()}) + "\n")


if __name__ == "__main__":
    main()
