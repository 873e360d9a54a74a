"""Compare densities and estimated errors of the network of every dot with the solver, on families of formulas.

    python -m experiments.universal.others

From the root. Writes others.json beside this program. No family is one of the package. Those of CHOSEN had a part in
the choice of ``predictor.TAUGHT``, by other dots; the rest had none. GaAs, N = 1 ... 4, lambda from 0.5 to 40.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

from qd_pix2pix import from_pretrained
from qd_pix2pix.cli import guarded
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import Grid, Material, solve
from solvers.quantum_dots.solve import PRESETS

HERE = Path(__file__).parent
SEED, DOTS, POINTS = 1077, 40, 64
GAAS = Material(m_eff=0.067, eps_r=12.9)
COUPLINGS = (0.5, 40.0)
Floats = NDArray[np.float64]
Family = Callable[[Generator, Floats, Floats], Floats]
"""A potential in hbar^2 / (m* L^2) at x, y from -1/2 to 1/2."""


def hexagons(rng: Generator, x: Floats, y: Floats) -> Floats:
    """Return a hexagon with smooth walls."""
    angle, radius, width = rng.uniform(0, math.pi / 3), rng.uniform(0.2, 0.38), rng.uniform(0.01, 0.05)
    angles = angle + math.pi / 3 * np.arange(6)
    distance = np.max([x * np.cos(a) + y * np.sin(a) for a in angles], axis=0)
    return rng.uniform(200, 2000) / (1 + np.exp((radius - distance) / width))


def crossed_wires(rng: Generator, x: Floats, y: Floats) -> Floats:
    """Return two Gaussian troughs that cross in a parabola."""
    first = rng.uniform(0, math.pi)
    angles, widths = (first, first + rng.uniform(0.8, 2.3)), rng.uniform(0.04, 0.1, 2)
    across = [x * np.sin(a) - y * np.cos(a) for a in angles]
    walls = [1 - np.exp(-(d**2) / (2 * w**2)) for d, w in zip(across, widths, strict=True)]
    return rng.uniform(150, 800) * walls[0] * walls[1] + rng.uniform(100, 1500) * (x**2 + y**2)


def quartic(rng: Generator, x: Floats, y: Floats) -> Floats:
    """Return a quartic double well with a detuning."""
    a, angle, k = rng.uniform(0.08, 0.22), rng.uniform(0, math.pi), rng.uniform(3000, 20000)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return k / 2 * ((along**2 - a**2) ** 2 / (4 * a**2) + across**2) + rng.uniform(-100, 100) * along


def ripples(rng: Generator, x: Floats, y: Floats) -> Floats:
    """Return three plane waves in an elliptic parabola."""
    waves, angles, phases = rng.uniform(3, 8, 3), rng.uniform(0, math.pi, 3), rng.uniform(0, 2 * math.pi, 3)
    along = [x * np.cos(a) + y * np.sin(a) for a in angles]
    sines = sum(np.cos(2 * math.pi * q * s + p) for q, s, p in zip(waves, along, phases, strict=True))
    return rng.uniform(500, 6000) * (x**2 + rng.uniform(0.5, 1.5) * y**2) + rng.uniform(20, 150) * sines


def stadiums(rng: Generator, x: Floats, y: Floats) -> Floats:
    """Return a stadium with smooth walls and a linear field."""
    angle, half, radius = rng.uniform(0, math.pi), rng.uniform(0.05, 0.2), rng.uniform(0.12, 0.2)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    distance = np.hypot(np.maximum(np.abs(along) - half, 0), across)
    wall = rng.uniform(300, 3000) / (1 + np.exp((radius - distance) / rng.uniform(0.01, 0.04)))
    return wall + rng.uniform(-150, 150) * along + rng.uniform(-150, 150) * across


def triangles(rng: Generator, x: Floats, y: Floats) -> Floats:
    """Return three wells of Lorentz's form at the corners of a triangle, in a quartic bowl."""
    angles = rng.uniform(0, 2 * math.pi) + 2 * math.pi / 3 * np.arange(3) + rng.uniform(-0.3, 0.3, 3)
    radius, width = rng.uniform(0.1, 0.25), rng.uniform(0.05, 0.1)
    wells = [
        rng.uniform(100, 500) / (1 + ((x - radius * np.cos(a)) ** 2 + (y - radius * np.sin(a)) ** 2) / width**2)
        for a in angles
    ]
    return rng.uniform(1e3, 2e4) * (x**2 + y**2) ** 2 - sum(wells)


CHOSEN: tuple[Family, ...] = (hexagons, crossed_wires, quartic, ripples)
FAMILIES: tuple[Family, ...] = (*CHOSEN, stadiums, triangles)


def drawn(family: Family, rng: Generator) -> tuple[float, int, Floats]:
    """Return lambda, N and V in eV of one dot."""
    coupling, n_electrons = float(np.exp(rng.uniform(*np.log(COUPLINGS)))), int(rng.integers(1, 5))
    along = (np.arange(POINTS) + 0.5) / POINTS - 0.5
    return coupling, n_electrons, family(rng, *np.meshgrid(along, along, indexing="ij")) * GAAS.hartree / coupling**2


def compared(surrogate: Any, family: Family, rng: Generator) -> dict[str, float]:
    """Return errors, estimates and conditions of one dot."""
    coupling, n_electrons, V = drawn(family, rng)
    side = coupling * GAAS.bohr
    dot = solve(V, Grid(POINTS, side), n_electrons, GAAS, **PRESETS["converged"])
    found = surrogate(V, n_electrons=n_electrons, m_eff=GAAS.m_eff, eps_r=GAAS.eps_r, extent=side)
    missed = float(np.abs(found.density - dot.density).sum()) * (side / POINTS) ** 2 / n_electrons
    return {
        "n_electrons": n_electrons,
        "coupling": coupling,
        "nmae": missed,
        "estimated": float(found.density_error),
        "label_error": float(dot.density_error),
    }


def main() -> None:
    """Write others.json."""
    surrogate, rng = from_pretrained("universal"), np.random.default_rng(SEED)
    found: dict[str, Any] = {}
    for family in FAMILIES:
        dots = [compared(surrogate, family, rng) for _ in tqdm(range(DOTS), desc=family.__name__)]
        found[family.__name__.replace("_", " ")] = {"chosen": family in CHOSEN, "dots": dots}
    content = {"seed": SEED, "provenance": provenance("CPU"), "families": found}
    write_text(HERE / "others.json", json.dumps(content, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    guarded(main)
