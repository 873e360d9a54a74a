"""Evaluate the networks of every dot on rectangles, which they take as parts of a square.

python -m experiments.universal.rectangles             (two minutes; writes rectangles.json beside this program)

Two wells and ellipses, N = 1 ... 4, between hard walls; squares of the same families for comparison. The reference is
``preset=converged`` on the rectangle itself.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix import from_pretrained
from qd_pix2pix.evaluation.measures import nmae
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import PRESETS, Grid, Material, solve
from solvers.units import UNITS

HERE = Path(__file__).parent
NETWORKS = ("universal", "universal-fast")
SEED = 31
GAAS = Material(m_eff=0.067, eps_r=12.9)
SHAPES = {"1 : 1": (64, 64), "4 : 3": (64, 48), "3 : 2": (63, 42), "2 : 1": (64, 32)}
"""Points along the longer and the shorter side; every second dot is turned."""
FAMILIES = ("wells", "ellipse")
ELECTRONS = (1, 2, 3, 4)
DOTS = 3
"""Dots of each family, shape and number of electrons."""


def draw(family: str, shape: tuple[int, int], rng: np.random.Generator) -> tuple[Grid, NDArray]:
    """Return the grid and the potential in eV of one dot, whose longer side is 4 to 25 effective Bohr radii."""
    side = float(np.exp(rng.uniform(np.log(4), np.log(25)))) * GAAS.bohr
    unit = 2 * UNITS[GAAS.units][0] / GAAS.m_eff / side**2  # hbar^2 / (m* L^2)
    grid = Grid(shape if shape[0] != shape[1] else shape[0], (side, side * shape[1] / shape[0]))
    x, y = (c / side for c in np.meshgrid(*grid.from_middle(), indexing="ij"))
    if family == "ellipse":
        k = 10 ** rng.uniform(2, 3.5)
        return grid, unit * k / 2 * (x**2 + rng.uniform(1, 4) * y**2)
    distance, width, tilt = rng.uniform(0.15, 0.25), rng.uniform(0.08, 0.16), rng.uniform(-0.1, 0.1)
    left, right = (np.exp(-((x - c) ** 2 + y**2) / (2 * width**2)) for c in (-distance, distance))
    return grid, -unit * 10 ** rng.uniform(1.3, 3) * ((1 - tilt) * left + (1 + tilt) * right)


def turned(grid: Grid, V: NDArray) -> tuple[Grid, NDArray]:
    """Return a dot with x and y exchanged."""
    return Grid(grid.shape[::-1], grid.sides[::-1]), V.T


def main() -> None:
    """Solve the dots, predict them, write the results."""
    surrogates, rows = {name: from_pretrained(name, device="cpu") for name in NETWORKS}, []
    rng = np.random.default_rng(SEED)
    for (name, shape), family, number, dot in product(SHAPES.items(), FAMILIES, ELECTRONS, range(DOTS)):
        grid, V = draw(family, shape, rng)
        if dot % 2:
            grid, V = turned(grid, V)
        found = solve(V, grid, number, GAAS, **PRESETS["converged"])
        given: dict[str, Any] = {"n_electrons": number, "material": "gaas", "extent": grid.extent}
        size = float(found.kinetic + found.interaction)
        for network, surrogate in surrogates.items():
            p = surrogate(V, **given)
            rows.append(
                {
                    "network": network,
                    "shape": name,
                    "family": family,
                    "n_electrons": number,
                    "nmae": float(nmae(p.density[None], found.density[None])[0]),
                    "estimated": float(p.density_error),
                    "label_error": float(found.density_error),
                    "energy": float(abs(p.energy - found.energy)) / size,
                    "gap": float(abs(p.gap - found.gap)) / size,
                    "trusted": bool(found.trusted),
                }
            )
    content = {"seed": SEED, "provenance": provenance("CPU"), "rows": rows}
    write_text(HERE / "rectangles.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
