"""Compare sums over tiles with the levels and energies of whole arrays. Writes arrays.json.

    python -m experiments.far_dots.arrays                 # finished run on this machine, scale laptop
    python -m experiments.far_dots.arrays --scale smoke   # runs/far_dots/smoke-arrays.json

An array of k x k dots is a square of k times the side of a training dot, at the same spacing of points. Tile (i, j) of
the network is the square of dot (i, j). Energies are in meV, lengths in nm.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from experiments.far_dots.run import EXPERIMENT
from qd_pix2pix import from_pretrained
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.inputs import conditions_of
from qd_pix2pix.inference.predict import contributions
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.provenance import provenance
from qd_pix2pix.systems import QuantumDots, make_recipe
from solvers import PRESETS, Grid, Material, Solution, solve
from solvers.quantum_dots.potentials import GaussianWells
from solvers.units import UNITS

HERE = Path(__file__).parent
MODES = 24
"""Sine functions per direction and tile."""
DEPTH, WIDTH = 0.3, 4.5
"""The two equal dots of the sweep over distances, in eV and nm."""
DISTANCES = (8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44)
FINER = 32
"""Distance at which the grid is refined."""
SIDES, ARRAYS = (1, 2, 3), 24
"""Dots per side of random arrays, and their number."""
PAIRS = 40
"""Random pairs with two interacting electrons."""
SEED = 4
"""Splits of a dataset are 0, 1 and 2; ``experiments/field_regressors`` has 3."""
Drawn = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Depth (k,), centre from the middle of the square (k, 2) and width (k, 2) of k wells."""


def square(recipe: QuantumDots, side: int) -> Grid:
    """Return the grid of an array of side x side dots."""
    return Grid(side * recipe.grid.n, side * recipe.grid.extent)


def lone(wells: Drawn, j: int) -> Drawn:
    """Return well ``j`` alone, at its place."""
    depth, center, width = wells
    return depth[j : j + 1], center[j : j + 1], width[j : j + 1]


def solved(V: NDArray, grid: Grid, material: Material, n_electrons: int, orbitals: int) -> Solution:
    """Return the solution for potentials V (S, n, n) on the square of an array; two electrons with preset converged."""
    options: dict[str, Any] = PRESETS["converged"] if n_electrons > 1 else {"n_orbitals": orbitals}
    n_modes = min(grid.n - 1, MODES * grid.n // 32)
    return solve(V, grid, n_electrons, material, n_modes=n_modes, **options).to_numpy()


def tiles(predictor: Predictor, V: NDArray) -> NDArray[np.float64]:
    """Return the contributions of all tiles (S, side, side) in meV, of V (S, n, n) in eV."""
    known = conditions_of(predictor, V.shape[1:], {})
    return 1e3 * contributions(predictor, {"V": V, **known})["energy"].astype(np.float64)


def coulomb(material: Material, distance: NDArray | float) -> Any:
    """Return e^2 / (4 pi eps_0 eps_r d) in meV."""
    return 1e3 * UNITS[material.units][1] / material.eps_r / distance


def repulsion(density: NDArray, grid: Grid, material: Material) -> NDArray[np.float64]:
    """Return the Coulomb potential in meV of a density (n, n), a sum over points, for places outside of it."""
    steps = np.arange(1 - grid.n, grid.n) * grid.dx
    kernel = coulomb(material, np.maximum(np.hypot(steps[:, None], steps), grid.dx / 2))
    return np.asarray(fftconvolve(kernel, density, mode="valid") * grid.cell_area)


def two(wells: Drawn, grid: Grid, material: Material) -> dict[str, float]:
    """Return exact energies in meV of a pair of dots: each alone, both without interaction, two electrons.

    ``densities`` is the Coulomb energy of the two lone densities, ``polarisation`` the energy that each lone electron
    gains by its response to the other one; both only where the densities do not overlap.
    """
    V = GaussianWells(*wells)(grid)
    alone = np.stack([GaussianWells(*lone(wells, j))(grid) for j in (0, 1)])
    single = solved(np.stack([*alone, V]), grid, material, 1, 4)
    pair = solved(V[None], grid, material, 2, 0)
    distance = float(np.hypot(*(wells[1][1] - wells[1][0])))
    left = grid.integrate(np.where(grid.mesh()[0] < grid.extent / 2, pair.density[0], 0.0))
    other = np.stack([repulsion(single.density[j], grid, material) for j in (1, 0)])
    first = grid.integrate(single.density[:2] * other)  # the same number twice
    response = 1e3 * (solved(alone + other / 1e3, grid, material, 1, 4).energy - single.energy[:2]) - first
    return {
        "distance": distance,
        "singles": 1e3 * float(single.energy[:2].sum()),
        "levels": 1e3 * float(single.orbital_energies[2, :2].sum()),
        "paired": 2e3 * float(single.energy[2]),
        "interacting": 1e3 * float(pair.energy[0]),
        "truncation": 1e3 * float(pair.energy_error[0]),
        "grid": 1e3 * float(pair.grid_error[0]),
        "trusted": float(pair.trusted[0]),
        "left": float(left),
        "coulomb": float(coulomb(material, distance)),
        "densities": float(first[0]),
        "polarisation": float(response.sum()),
    }


def equal(recipe: QuantumDots, distance: float) -> Drawn:
    """Return two equal dots at a distance along x, in the middle of the first row of tiles."""
    half = recipe.grid.extent / 2
    center = np.array([[-distance / 2, -half], [distance / 2, -half]])
    return np.full(2, DEPTH), center, np.full((2, 2), WIDTH)


def sweep(predictor: Predictor, recipe: QuantumDots, distances: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return energies of two equal dots against their distance; ``tiles`` where their centres occur in training."""
    grid, half = square(recipe, 2), recipe.grid.extent / 2
    farthest = max(recipe.potential.center)  # type: ignore[attr-defined]
    rows: list[dict[str, Any]] = []
    for d in distances:
        wells = equal(recipe, d)
        row: dict[str, Any] = two(wells, grid, recipe.material)
        if abs(d / 2 - half) <= farthest:
            row["tiles"] = float(tiles(predictor, GaussianWells(*wells)(grid)[None])[0, :, 0].sum())
        rows.append(row)
    return rows


def drawn(recipe: QuantumDots, rng: np.random.Generator, side: int, occupied: int) -> Drawn:
    """Return one dot in each of the first ``occupied`` tiles, drawn as in training; tiles go along x first."""
    extent = recipe.grid.extent
    parts = [recipe.potential.sample(rng, recipe.grid) for _ in range(occupied)]
    places = np.array([(j % side, j // side) for j in range(occupied)]) * extent - (side - 1) * extent / 2
    depth, center, width = (np.concatenate([getattr(p, n) for p in parts]) for n in ("depth", "center", "width"))
    return depth, center + places, width


def pairs(predictor: Predictor, recipe: QuantumDots, number: int) -> list[dict[str, Any]]:
    """Return energies of random pairs in neighbouring tiles."""
    grid, rng, rows = square(recipe, 2), np.random.default_rng([recipe.seed, SEED, 0]), []
    for _ in range(number):
        wells = drawn(recipe, rng, 2, 2)
        found = float(tiles(predictor, GaussianWells(*wells)(grid)[None])[0, :, 0].sum())
        rows.append({**two(wells, grid, recipe.material), "tiles": found})
    return rows


def arrays(predictor: Predictor, recipe: QuantumDots, side: int, number: int) -> dict[str, Any]:
    """Return the sums of ``number`` random arrays and the sums of their side^2 lowest levels, in meV.

    An array is drawn again unless these levels are the ground states of its dots: no excited state of a dot may lie
    below the ground state of another one.
    """
    grid, rng, dots = square(recipe, side), np.random.default_rng([recipe.seed, SEED, side]), side**2
    corner = recipe.grid.extent
    fields, singles, tried = [], [], 0
    while len(fields) < number:
        tried += 1
        V = GaussianWells(*drawn(recipe, rng, side, dots))(grid)
        n = recipe.grid.n
        own = V.reshape(side, n, side, n).swapaxes(1, 2).reshape(dots, n, n)
        solution = solve(own, Grid(n, corner), 1, recipe.material, n_orbitals=2, n_modes=MODES).to_numpy()
        if solution.energy.max() < (solution.energy + solution.gap).min():
            fields.append(V)
            singles.append(1e3 * float(solution.energy.sum()))
    levels = [
        1e3 * float(solved(V[None], grid, recipe.material, 1, max(dots, 2)).orbital_energies[0, :dots].sum())
        for V in fields
    ]
    found = tiles(predictor, np.stack(fields)).sum((1, 2))
    return {"tried": tried, "levels": levels, "singles": singles, "tiles": found.tolist()}


def empty(predictor: Predictor, recipe: QuantumDots) -> dict[str, float]:
    """Return the contribution of a tile without a dot, and the level of an electron in its box, in meV."""
    grid = recipe.grid
    flat = np.zeros((2, grid.n, grid.n))
    flat[1] = recipe.draw("test", 0)  # a dot beside it
    level = solve(flat[:1], grid, 1, recipe.material, n_orbitals=2, n_modes=MODES).to_numpy().energy[0]
    return {"tiles": float(tiles(predictor, flat)[0].sum()), "box": 1e3 * float(level)}


def finer(recipe: QuantumDots, distance: float) -> dict[str, float]:
    """Return the energies of two equal dots with twice the points and sine functions per direction."""
    grid = square(recipe, 2)
    return two(equal(recipe, distance), Grid(2 * grid.n, grid.extent), recipe.material)


def main(arguments: list[str] | None = None) -> None:
    """Solve, predict, and keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", choices=EXPERIMENT.scales, default="laptop")
    scale = parser.parse_args(arguments).scale
    predictor = from_pretrained(EXPERIMENT.run_folder("single", scale) / "checkpoints" / "best.ckpt", "cpu")
    recipe: Any = make_recipe(predictor.card.recipes[0])
    smoke = scale == "smoke"
    found = {
        "sweep": sweep(predictor.predictor, recipe, DISTANCES[::9] if smoke else DISTANCES),
        "pairs": pairs(predictor.predictor, recipe, 2 if smoke else PAIRS),
        "arrays": {str(k): arrays(predictor.predictor, recipe, k, 2 if smoke else ARRAYS) for k in SIDES},
        "empty": empty(predictor.predictor, recipe),
        "finer": {} if smoke else finer(recipe, FINER),
        "provenance": provenance(),
    }
    path = EXPERIMENT.folder / "smoke-arrays.json" if smoke else HERE / "arrays.json"
    write_text(path, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
