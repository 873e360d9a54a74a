"""True errors over their estimates, on seventeen further families of dots, other masses and other interactions.

python -m experiments.solver_accuracy.unseen            (writes unseen.json; resumes where it was stopped)

The factors of the estimates were chosen on ``families.py``; ``CERTAIN``, ``SOFTENED_SHARE`` and those of
``leftover.py`` on other dots of the first eight families, those of seeds 23 and 31, but for ``STRONG``: it is needed by
one of the crossed wires. On ``NOTHING`` nothing was chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from experiments.solver_accuracy.families import MATERIALS, compare, measure
from solvers import Grid, Interaction, Material

RESULTS = Path(__file__).parent / "unseen.json"
SEED = 47
POINTS = 48
ANISOTROPIC = {"Si valley": Material((0.19, 0.98), 11.7), "holes": Material((0.4, 0.1), 12.9)}
ELECTRONS = [(2, 3, 2, 4, 2, 3, 2, 4)[number % 8] for number in range(32)] + [5, 5]
"""N of each dot of a family."""
REFERENCE = {2: (36, 21), 3: (28, 17), 4: (20, 14), 5: (17, 10)}
"""Orbitals of the reference, and of what it is extrapolated from, by N."""
FEWER, FEWER_DOTS = 9, 14
"""The number of families, the last ones, of which fewer dots are drawn, and of these."""
NOTHING = ("soft wall", "hexagon", "waves", "pincushion", "chain", "detuned", "bump", "triangular wall")
"""Families on which nothing was chosen; the last six were drawn after all rules."""
Floats = NDArray[np.float64]
Shape = Callable[[np.random.Generator, float, Floats, Floats], Floats]
"""V / omega at x, y in oscillator lengths, for the side of the square in these lengths."""


def basins(centres: NDArray, x: Floats, y: Floats) -> Floats:
    """Return the lowest of parabolas with these ``centres`` (k, 2)."""
    return np.min([((x - a) ** 2 + (y - b) ** 2) / 2 for a, b in centres], axis=0)


def triangle(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """Three parabolas at the corners of a triangle."""
    angles = 2 * np.pi * np.arange(3) / 3 + rng.uniform(0, 1)
    return basins(rng.uniform(1, 2) * np.stack([np.cos(angles), np.sin(angles)], axis=1), x, y)


def plaquette(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """Four parabolas in a square, with all its symmetries."""
    a = rng.uniform(0.8, 1.8)
    return basins(a * np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)]), x, y)


def corner(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """A channel with a corner, between steps."""
    width, reach = rng.uniform(1.5, 3), side / 2 - 2
    along = (x < width / 2) & (x > -reach) & (np.abs(y) < width / 2)
    across = (y < reach) & (y > -width / 2) & (np.abs(x) < width / 2)
    return np.where(along | across, 0.0, rng.uniform(10, 30))


def quartic(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """A round dot that is flat in the middle."""
    return rng.uniform(0.02, 0.2) * (x**2 + y**2) ** 2


def disordered(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """A parabola with twelve waves of random direction."""
    return (x**2 + y**2) / 4 + random_waves(rng, 12, 0.4, 1.2, x, y)


def random_waves(rng: np.random.Generator, number: int, height: float, spread: float, x: Floats, y: Floats) -> Floats:
    """Return the sum of waves of this ``height``, with wave vectors of normal distribution."""
    total = np.zeros_like(x)
    for _ in range(number):
        k, phase = rng.normal(size=2) * spread, rng.uniform(0, 2 * np.pi)
        total = total + height * np.cos(k[0] * x + k[1] * y + phase)
    return total


def wire(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """A narrow parabola, at an angle to the grid."""
    angle = rng.uniform(0, np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return (along**2 / rng.uniform(4, 16) + across**2) / 2


def shifted_ring(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """A ring that has no symmetry of the grid."""
    a, b = rng.uniform(-0.6, 0.6, 2)
    return (np.hypot(x - a, y - b) - rng.uniform(1, 2.5)) ** 2 / 2


def warped(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """A parabola with a threefold wave."""
    r = np.hypot(x, y)
    return r**2 / 2 + rng.uniform(0.02, 0.08) * np.minimum(r, 4) ** 3 * np.cos(3 * np.arctan2(y, x))


def soft_wall(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """A round dot with a flat bottom and a wall of finite height and width."""
    radius, width = rng.uniform(1.5, 3), rng.uniform(0.2, 0.6)
    return rng.uniform(10, 30) / (1 + np.exp((radius - np.hypot(x, y)) / width))


def cross(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """Two wires that cross."""
    strength, width = rng.uniform(4, 10), rng.uniform(0.8, 1.5)
    wires = np.exp(-((x / width) ** 2)) + np.exp(-((y / width) ** 2))
    return (x**2 + y**2) / 12 - strength * wires


def hexagon(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """Six parabolas on a circle."""
    angles = np.pi * np.arange(6) / 3 + rng.uniform(0, 1)
    return basins(rng.uniform(1.2, 2.4) * np.stack([np.cos(angles), np.sin(angles)], axis=1), x, y)


def waves(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """Ten waves of random direction in a wide parabola."""
    return (x**2 + y**2) / 9 + random_waves(rng, 10, 0.8, 0.9, x, y)


def pincushion(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """A quartic dot whose corners are nearer than its sides, with up to four minima."""
    return 0.05 * (x**4 + y**4) - rng.uniform(0, 0.3) * (x**2 + y**2) + rng.uniform(0, 0.1) * x * y


def chain(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """Three parabolas of different depth in a row."""
    apart, depths = rng.uniform(1.5, 2.5), rng.uniform(-0.5, 0.5, 3)
    wells = zip((-apart, 0.0, apart), depths, strict=True)
    return np.min([((x - place) ** 2 + y**2) / 2 + depth for place, depth in wells], axis=0)


def detuned(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """Two parabolas, one of them higher."""
    half, higher = rng.uniform(1, 2), rng.uniform(0, 2)
    return np.minimum((x - half) ** 2, (x + half) ** 2 + 2 * higher) / 2 + y**2 / 2


def bump(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """An elliptic dot with a hill beside its middle."""
    ratio, height, width = rng.uniform(1, 2), rng.uniform(1, 5), rng.uniform(0.5, 2)
    return (x**2 + ratio * y**2) / 2 + height * np.exp(-((x - 0.3) ** 2 + (y - 0.1) ** 2) / width)


def triangular_wall(rng: np.random.Generator, side: float, x: Floats, y: Floats) -> Floats:
    """A triangle with a flat bottom and smooth walls."""
    turn, inner = rng.uniform(0, 1), rng.uniform(1.5, 2.5)
    sides = [x * np.cos(turn + a) + y * np.sin(turn + a) for a in 2 * np.pi / 3 * np.arange(3)]
    return 20 / (1 + np.exp((inner - np.max(sides, axis=0)) / 0.15))


SHAPES: dict[str, Shape] = {
    "triangle": triangle,
    "plaquette": plaquette,
    "corner": corner,
    "quartic": quartic,
    "disordered": disordered,
    "wire": wire,
    "shifted ring": shifted_ring,
    "warped": warped,
    "soft wall": soft_wall,
    "cross": cross,
    "hexagon": hexagon,
    "waves": waves,
    "pincushion": pincushion,
    "chain": chain,
    "detuned": detuned,
    "bump": bump,
    "triangular wall": triangular_wall,
}


def draw(family: str, number: int) -> tuple[str, Material, Grid, Floats, Interaction]:
    """Return name and material, grid, potential (eV) and interaction of dot ``number``."""
    rng = np.random.default_rng([SEED, number, list(SHAPES).index(family)])
    materials = MATERIALS | ANISOTROPIC
    name = list(materials)[rng.integers(len(materials))]
    material = materials[name]
    omega = 10 ** rng.uniform(-1.3, 0.7)
    length = omega**-0.5
    side = 10 + 4 * rng.uniform(0, 1) + (2 / omega**2) ** (1 / 3) / length
    grid = Grid(POINTS, float(side * length * material.bohr))
    x, y = ((a - grid.extent / 2) / (material.bohr * length) for a in grid.mesh())
    v = SHAPES[family](rng, side, x, y) * omega * material.hartree
    distance, thickness = (float(10 ** rng.uniform(-0.5, 0.7) * length * material.bohr) for _ in range(2))
    interaction = (
        Interaction(),
        Interaction(gate_distance=distance),
        Interaction(thickness=thickness / 5),
        Interaction(screening=distance, thickness=thickness / 10),
    )[rng.integers(4)]
    return name, material, grid, v, interaction


def kind_of(interaction: Interaction) -> str:
    """Return the name of a kind of interaction."""
    if interaction.screening:
        return "screened"
    return "thick" if interaction.thickness else "metal plane" if interaction.gate_distance else "Coulomb"


def one_dot(job: tuple[str, int]) -> list[dict[str, Any]]:
    """Return the errors of both presets for one dot."""
    family, number = job
    name, material, grid, v, interaction = draw(family, number)
    head = {"family": family, "number": number, "material": name, "N": ELECTRONS[number], "extent": grid.extent}
    head["interaction"] = kind_of(interaction)
    with threadpool_limits(1):
        found = compare(v, grid, ELECTRONS[number], material, interaction, REFERENCE[ELECTRONS[number]])
    return [head | row for row in found]


if __name__ == "__main__":
    measure(one_dot, len(ELECTRONS), tuple(SHAPES)[:-FEWER], RESULTS, SEED)
    measure(one_dot, FEWER_DOTS, tuple(SHAPES)[-FEWER:], RESULTS, SEED)
