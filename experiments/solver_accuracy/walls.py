"""Errors of the grid in dots with steep walls, over their estimates, against exact levels of one electron.

python -m experiments.solver_accuracy.walls          (writes walls.json; a minute on two cores)

Square wells and discs of random size and place are 10 to 10^10 times as deep as the lowest level of the empty square.
V is taken at the points (``sharp``), or as its mean over cells (``means``). Levels of wells follow from
k tan(k w / 2) = kappa, those of discs from k J_1(k R) K_0(kappa R) = kappa K_1(kappa R) J_0(k R).
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import j0, j1, jn_zeros, k0e, k1e
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import Grid, Material, solve

RESULTS = Path(__file__).parent / "walls.json"
MATERIAL = Material(0.067, 12.9)
UNIT = MATERIAL.hartree * MATERIAL.bohr**2
"""hbar^2 / m* in eV nm^2."""
DEPTHS = ((1, 3), (3, 5), (5, 7), (7, 10))
"""Powers of ten of the depth, in units of the lowest level of the empty square in one direction."""
SHAPES, KINDS, GRIDS = ("square", "disc"), ("sharp", "means"), (24, 32, 48, 64)
DOTS, SEED = 80, 7
NEARLY = 1 - 1e-12


def well_level(width: float, depth: float) -> float:
    """Return the lowest level (eV) of one electron on a line, in a well of this ``width`` (nm) and ``depth`` (eV)."""
    largest = (2 * depth / UNIT) ** 0.5
    end = NEARLY * min(np.pi / width, largest)
    k = brentq(lambda k: k * np.sin(k * width / 2) - (largest**2 - k**2) ** 0.5 * np.cos(k * width / 2), 1e-9, end)
    return float(UNIT * k**2 / 2)


def disc_level(radius: float, depth: float) -> float:
    """Return the lowest level (eV) of one electron in a disc of this ``radius`` (nm) and ``depth`` (eV)."""
    largest = (2 * depth / UNIT) ** 0.5

    def matching(k: float) -> float:
        decay = (largest**2 - k**2) ** 0.5
        inner, outer = (j0(k * radius), j1(k * radius)), (k0e(decay * radius), k1e(decay * radius))
        return float(k * inner[1] * outer[0] - decay * outer[1] * inner[0])

    k = brentq(matching, 1e-9, NEARLY * min(jn_zeros(0, 1)[0] / radius, largest))
    return float(UNIT * k**2 / 2)


def filled(distance: np.ndarray, step: float, kind: str) -> np.ndarray:
    """Return which part of each point's cell lies outside of a wall, at this ``distance`` (nm) outside of it."""
    return np.clip(distance / step + 0.5, 0, 1) if kind == "means" else (distance > 0).astype(float)


def draw(shape: str, kind: str, depth: tuple[int, int], number: int) -> tuple[Grid, np.ndarray, float]:
    """Return grid, potential (eV) and exact lowest level (eV) of a random dot."""
    rng = np.random.default_rng([SEED, SHAPES.index(shape), DEPTHS.index(depth), number])
    extent, n = 30 * 10 ** rng.uniform(0, 1), int(rng.choice(GRIDS))
    grid, empty = Grid(n, extent), UNIT * np.pi**2 / 2 / extent**2
    high = empty * 10 ** rng.uniform(*depth)
    step = extent / n
    points = (np.arange(n) + 0.5) * step
    if shape == "disc":
        high = max(high, 60 * empty)  # waves vanish before the walls of the square
        (a, b), radius = rng.uniform(0.45, 0.55, 2) * extent, rng.uniform(0.2, 0.35) * extent
        outside = filled(np.hypot(points[:, None] - a, points - b) - radius, step, kind)
        return grid, high * outside, disc_level(radius, high)
    high = max(high, 30 * empty)
    (a, b), half = rng.uniform(0.4, 0.6, 2) * extent, rng.uniform(0.12, 0.25, 2) * extent
    along_x, along_y = (filled(np.abs(points - at) - h, step, kind) for at, h in zip((a, b), half, strict=True))
    return grid, high * (along_x[:, None] + along_y), sum(well_level(2 * h, high) for h in half)


def one_dot(job: tuple[str, str, tuple[int, int], int]) -> dict[str, Any]:
    """Return error and estimate of the energy of a dot, in units of its kinetic energy."""
    shape, kind, depth, number = job
    grid, v, exact = draw(*job)
    with threadpool_limits(1):
        found = solve(v, grid, 1, MATERIAL, n_orbitals=4, estimate=False, threads=1)
    scale = float(found.kinetic)
    return {
        "family": f"{shape}, {kind}",
        "depth": depth,
        "n": grid.shape[0],
        "energy": abs(float(found.energy) - exact) / scale,
        "grid_error": float(found.grid_error) / scale,
        "trusted": bool(found.trusted),
    }


def main() -> None:
    """Measure all dots on two processes and write walls.json."""
    jobs = list(product(SHAPES, KINDS, DEPTHS, range(DOTS)))
    with ProcessPoolExecutor(2) as pool:
        rows = list(tqdm(pool.map(one_dot, jobs, chunksize=8), total=len(jobs)))
    write_text(RESULTS, json.dumps({"rows": rows, "seed": SEED, "provenance": provenance()}) + "\n")


if __name__ == "__main__":
    main()
