"""True errors over their error bars in a field, on six families of dots, four materials, N = 1 ... 4.

python -m experiments.magnetic_field.coverage          (writes coverage.json; resumes where it was stopped)

The dots are those of experiments/solver_accuracy, in fields of 0.1 to 2 times the level distance. The reference has 28,
20 or 17 orbitals (N = 2, 3, 4), refined once, with the energy of the cusp; for one electron, 1.5 times the points.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from experiments.solver_accuracy.families import MATERIALS, draw
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import FieldSolution, Grid, MagneticField, solve_in_field
from solvers.quantum_dots.magnetic.field import FLUX

RESULTS = Path(__file__).parent / "coverage.json"
FAMILIES = ("round", "elliptic", "double", "ring", "box", "gauss")
SEED = 11
REFERENCE = {2: 28, 3: 20, 4: 17}
ELECTRONS = (2, 3, 2, 1, 2, 4, 3, 2)
"""N of each dot of a family."""


def field_of(number: int, family: str, grid: Grid) -> MagneticField:
    """Return the field of a dot: l_B between 2.2 points and a quarter of the side, g between -2 and 2."""
    rng = np.random.default_rng([SEED, number, FAMILIES.index(family)])
    length = np.exp(rng.uniform(np.log(2.2 * grid.dx), np.log(grid.extent / 4)))
    return MagneticField(float(FLUX["nm, eV"] / length**2), float(rng.uniform(-2, 2)))


def one_dot(family: str, number: int) -> dict[str, Any]:
    """Return true errors and estimates of one dot, in eV and as int |n - n_ref| / N."""
    n_electrons = ELECTRONS[number % len(ELECTRONS)]
    name, grid, v = draw(family, number)
    field, material = field_of(number, family, grid), MATERIALS[name]
    found = solve_in_field(v, grid, n_electrons, material, field)
    if n_electrons == 1:
        finer = Grid(72, grid.extent)
        best = solve_in_field(draw(family, number, 72)[2], finer, 1, material, field)
        density = None  # on another grid
    else:
        m = REFERENCE[n_electrons]
        best = solve_in_field(v, grid, n_electrons, material, field, n_orbitals=m, estimate=False)
        density = float(grid.integrate(np.abs(found.density - best.density))) / n_electrons
    head = {"family": family, "number": number, "material": name, "N": n_electrons, "extent": grid.extent}
    return head | {"B": field.B, "g": field.g} | errors(found, best) | {"density": density}


def errors(found: FieldSolution, best: FieldSolution) -> dict[str, Any]:
    """Return true errors and estimates of the states that both calculations have."""
    rows = []
    for i in range(len(found.energies)):
        same = [
            j
            for j in range(len(best.energies))
            if abs(best.spins[j] - found.spins[i]) < 0.01 and abs(best.s_z[j] - found.s_z[i]) < 0.01
        ]
        mine = [j for j in range(i) if (found.spins[j], found.s_z[j]) == (found.spins[i], found.s_z[i])]
        if len(mine) < len(same):
            j = same[len(mine)]
            gap = (found.energies[i] - found.energies[0]) - (best.energies[j] - best.energies[0])
            error = abs(found.energies[i] - best.energies[j])
            rows.append([error, found.energy_errors[i], abs(gap), found.gap_errors[i], float(i)])
    return {
        "states": [[float(a) for a in row] for row in rows],
        "grid_error": float(found.grid_error),
        "kinetic": float(found.kinetic),
        "interaction": float(found.interaction),
        "span": float(np.ptp(found.orbital_energies)),
        "density_error": float(found.density_error),
        "magnetisation": abs(float(found.magnetisation - best.magnetisation)),
        "magnetisation_error": float(found.magnetisation_error),
        "divergence": float(found.divergence),
        "same_state": bool(abs(found.spins[0] - best.spins[0]) < 0.1 and found.degeneracy == best.degeneracy),
        "order_certain": bool(found.order_certain),
        "trusted": bool(found.trusted),
    }


def main() -> None:
    """Measure what is missing in coverage.json; the file is whole after every dot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dots", type=int, default=14, help="dots of each family")
    dots = parser.parse_args().dots
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    done = {(row["family"], row["number"]) for row in rows}
    jobs = [(f, i) for i in range(dots) for f in FAMILIES if (f, i) not in done]
    with threadpool_limits(1):
        for job in tqdm(jobs):
            rows.append(one_dot(*job))
            write_text(RESULTS, json.dumps({"rows": rows, "seed": SEED, "provenance": provenance()}) + "\n")


if __name__ == "__main__":
    main()
