"""Errors of energies and densities against M, of both presets, and of their own estimates.

python -m experiments.solver_accuracy.measure 1    (30 minutes with one process; two by default; writes table.json)
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from qd_pix2pix.evaluation import measures
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import PRESETS, Grid, Material, Solution, solve
from solvers.quantum_dots.potentials import RandomWells

HERE = Path(__file__).parent
MATERIALS = {"GaAs": Material(0.067, 12.9), "Si": Material(0.19, 11.7)}
GRID = Grid(64, 30.0)
DOTS, SEED, PIECE = 100, 0, 4
ORBITALS = (8, 12, 16, 20)
"""M of the series of lowest orbitals, measured on the first ``SERIES`` dots."""
SERIES = 20
LARGE = {2: 32, 3: 24, 4: 24}
"""M of the lowest orbitals that are the paper preset's reference, by N."""
BEST = {"n_orbitals": 18, "refinements": 3, "cusp": True}
"""The reference of the converged preset: better orbitals, and more of them, for N = 2 and 3."""
BEST_OF_FOUR = {"n_orbitals": 16, "refinements": 3, "cusp": True}
"""The same for N = 4."""

Numbers = dict[str, list[float | None]]


def nmae(found: Solution, reference: Solution, n_electrons: int) -> list[float]:
    """Density error int |n - n_ref| / N of each dot."""
    return measures.nmae(found.density, reference.density, n_electrons / GRID.extent**2).tolist()


def one_piece(job: tuple[str, int, int]) -> dict[str, Numbers]:
    """All errors of ``PIECE`` dots of one material and N: method -> error, estimate, energies in meV."""
    material, n_electrons, first = job
    wells = [RandomWells().sample(np.random.default_rng([SEED, i]), GRID)(GRID) for i in range(first, first + PIECE)]
    options: dict[str, Any] = {"grid": GRID, "n_electrons": n_electrons, "material": MATERIALS[material], "memory": 8.0}

    def run(**arguments: Any) -> Solution:
        return solve(wells, threads=1, **options, **arguments)

    def against(found: Solution, reference: Solution) -> Numbers:
        return {
            "nmae": nmae(found, reference, n_electrons),
            "estimate": plain(found.density_error),
            "energy_mev": (1e3 * (found.energy - reference.energy)).tolist(),
            "energy_estimate_mev": plain(1e3 * found.energy_error),
        }

    with threadpool_limits(1):
        best = run(estimate=False, **(BEST if n_electrons < 4 else BEST_OF_FOUR))
        large = run(n_orbitals=LARGE[n_electrons], estimate=False)
        results = {
            "paper": against(run(**PRESETS["paper"]), large),
            "converged": against(run(**PRESETS["converged"]), best),
            f"M = {LARGE[n_electrons]}": against(large, best),
        }
        if first < SERIES:
            results |= {f"M = {m}": against(run(n_orbitals=m), best) for m in ORBITALS}
    return results


def plain(values: NDArray) -> list[float | None]:
    """Return numbers (S,) for JSON, with None where there is no estimate."""
    return [float(v) if np.isfinite(v) else None for v in values]


def main() -> None:
    """Measure on two processes and write the file, whole or not at all."""
    jobs = [(m, n, i) for n, m in product((4, 3, 2), MATERIALS) for i in range(0, DOTS, PIECE)]
    errors: dict[str, dict[str, dict[str, Numbers]]] = {}
    with ProcessPoolExecutor(int(sys.argv[1]) if len(sys.argv) > 1 else 2) as pool:
        for (material, n, _), results in zip(jobs, tqdm(pool.map(one_piece, jobs), total=len(jobs)), strict=True):
            kept = errors.setdefault(material, {}).setdefault(str(n), {})
            for method, numbers in results.items():
                for name, values in numbers.items():
                    kept.setdefault(method, {}).setdefault(name, []).extend(values)
    record = {"errors": errors, "dots": DOTS, "seed": SEED, "provenance": provenance()}
    write_text(HERE / "table.json", json.dumps(record, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
