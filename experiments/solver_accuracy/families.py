"""True errors over their estimates, on seven families of dots, four materials, all sizes, N = 2 ... 6.

python -m experiments.solver_accuracy.families          (writes families.json; resumes where it was stopped)

The reference has 28, 21, 17, 17 or 16 orbitals (N = 2 ... 6), refined twice, with the energy of the cusp; its density
is extrapolated by the energy that 14 (N = 5, 6: 10) such orbitals miss more. For two electrons in a parabola,
tests/solvers compares it with the exact solution.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import PRESETS, Grid, Interaction, Material, Solution, solve
from solvers.quantum_dots.coulomb import COULOMB
from solvers.quantum_dots.potentials import RandomWells

RESULTS = Path(__file__).parent / "families.json"
FAMILIES = ("wells", "round", "elliptic", "double", "ring", "box", "gauss")
MATERIALS = {
    "GaAs": Material(0.067, 12.9),
    "Si": Material(0.19, 11.7),
    "InAs": Material(0.023, 15.15),
    "heavy": Material(0.5, 6.0),
}
SEED = 7
REFERENCE = {2: 28, 3: 21, 4: 17, 5: 17, 6: 16}
FEWER = {2: 14, 3: 14, 4: 14, 5: 10, 6: 10}
"""Orbitals of the reference, and of what it is extrapolated from, by N."""
ELECTRONS = [(2, 3, 2, 4, 2)[number % 5] for number in range(72)] + [5, 5, 5, 6]
"""N of each dot of a family."""


def draw(family: str, number: int, points: int = 48) -> tuple[str, Grid, NDArray]:
    """Return material, grid and potential (eV) of dot ``number``; levels from 0.05 to 5 effective hartree apart.

    Random wells have 64 points per side, all others ``points``.
    """
    rng = np.random.default_rng([SEED, number])
    name = list(MATERIALS)[rng.integers(len(MATERIALS))]
    material = MATERIALS[name]
    if family == "wells":
        extent = float(rng.uniform(15, 60))
        wells = RandomWells().sample(rng, Grid(64, 30.0))(Grid(64, 30.0))
        return name, Grid(64, extent), wells * (30 / extent) ** 2
    omega = 10 ** rng.uniform(-1.3, 0.7)
    length, apart = omega**-0.5, (2 / omega**2) ** (1 / 3)  # of the oscillator, and of two resting electrons
    side = apart + 10 * length
    if family == "double":
        distance = rng.uniform(1.5, 4) * length
        side += distance
    elif family == "ring":
        radius = rng.uniform(1, 2.5) * length
        side = 2 * radius + 10 * length + apart
    elif family == "box":
        side = 1.5 * np.pi * length
    grid = Grid(points, float(side * material.bohr))
    x, y = ((a - grid.extent / 2) / material.bohr for a in grid.mesh())
    if family == "round":
        v = omega**2 / 2 * (x**2 + y**2)
    elif family == "elliptic":
        v = omega**2 / 2 * (x**2 + rng.uniform(1.1, 3) * y**2)
    elif family == "double":
        v = omega**2 / 2 * ((np.abs(x) - distance / 2) ** 2 + y**2)
    elif family == "ring":
        v = omega**2 / 2 * (np.hypot(x, y) - radius) ** 2
    elif family == "box":
        v = np.zeros((points, points))
    else:
        centres = rng.normal(size=(3, 2)) * 1.5 * length
        v = -sum(3 * omega * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (3 * length**2)) for a, b in centres)
    return name, grid, v * material.hartree


def one_dot(job: tuple[str, int]) -> list[dict[str, Any]]:
    """Return the errors of both presets for one dot."""
    family, number = job
    name, grid, v = draw(family, number)
    head = {"family": family, "number": number, "material": name, "N": ELECTRONS[number], "extent": grid.extent}
    with threadpool_limits(1):
        return [head | row for row in compare(v, grid, ELECTRONS[number], MATERIALS[name])]


def compare(
    v: NDArray,
    grid: Grid,
    n_electrons: int,
    material: Material,
    interaction: Interaction = COULOMB,
    orbitals: tuple[int, int] | None = None,
) -> list[dict[str, Any]]:
    """Return the errors of both presets for the potential ``v`` (eV) on the grid.

    ``orbitals``: those of the reference, and of what it is extrapolated from, by default those of this file.
    """
    options: dict[str, Any] = {
        "grid": grid,
        "n_electrons": n_electrons,
        "material": material,
        "interaction": interaction,
        "threads": 1,
    }
    best, fewer = (
        solve(v, n_orbitals=m, refinements=2, cusp=True, estimate=False, memory=8.0, **options)
        for m in orbitals or (REFERENCE[n_electrons], FEWER[n_electrons])
    )
    found = {preset: solve(v, **options, **arguments) for preset, arguments in PRESETS.items()}
    missing, missed_before = -float(best.cusp), -float(fewer.cusp)
    has_cusp = missed_before > 1e-9 * float(best.kinetic)  # electrons of one spin have none
    ratio = missing / (missed_before - missing) if has_cusp else 0.0
    reference = best.density + (best.density - fewer.density) * ratio
    return [{"preset": preset} | errors(s, best, reference, grid) for preset, s in found.items()]


def errors(found: Solution, best: Solution, density: NDArray, grid: Grid) -> dict[str, Any]:
    """Return true errors and estimates, in eV and as int |n - n_ref| / N."""
    n_electrons = float(grid.integrate(density))
    return {
        "energy": abs(float(found.energy - best.energy)),
        "energy_error": float(found.energy_error),
        "gap": abs(float(found.gap - best.gap)),
        "gap_error": float(found.gap_error),
        "density": float(grid.integrate(np.abs(found.density - density))) / n_electrons,
        "density_error": float(found.density_error),
        "kinetic": float(found.kinetic),
        "same_state": bool(abs(found.spins[0] - best.spins[0]) < 0.1 and found.degeneracy == best.degeneracy),
        "order_certain": bool(found.order_certain),
        "trusted": bool(found.trusted),
    }


def measure(
    one: Callable[[tuple[str, int]], list[dict[str, Any]]], count: int, families: Sequence[str], path: Path, seed: int
) -> None:
    """Measure what is missing of ``count`` dots of each family on two processes; ``path`` is whole after every dot."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    done = {(row["family"], row["number"]) for row in rows}
    jobs = [(family, number) for number, family in product(range(count), families) if (family, number) not in done]
    with ProcessPoolExecutor(2) as pool:
        for measured in tqdm(pool.map(one, jobs), total=len(jobs)):
            rows += measured
            write_text(path, json.dumps({"rows": rows, "seed": seed, "provenance": provenance()}) + "\n")


if __name__ == "__main__":
    measure(one_dot, len(ELECTRONS), FAMILIES, RESULTS, SEED)
