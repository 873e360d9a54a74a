"""Double dots whose J is computed with far more orbitals and points: ten families, in GaAs and in silicon.

Sizes follow the effective Bohr radius, depths the kinetic energy in a well; distances, differences of the wells,
barriers and directions are random. Gates are those of gaas.yaml and si.yaml at random voltages. Four families are wells
whose electrons have other masses along x and y, or another interaction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.exchange.heitler_london import length, quartic
from solvers import Grid, Interaction, Material, load_device

HERE = Path(__file__).parent
MATERIALS = {"gaas": Material(m_eff=0.067, eps_r=12.9), "si": Material(m_eff=0.19, eps_r=11.7)}
MASSES = {"gaas": Material(m_eff=(0.1, 0.05), eps_r=12.9), "si": Material(m_eff=(0.19, 0.98), eps_r=11.7)}
FAMILIES = ("quartic", "wells", "kinked", "gates", "circles", "boxes", "masses", "plane", "thick", "screened")
STEPPED = ("circles", "boxes")
POINTS = (32, 40, 48)
VOLTAGES = {"gaas": ((-0.03, 0.04), (-0.06, -0.01)), "si": ((-0.05, 0.06), (-0.02, 0.03))}
"""Ranges of the detuning and of the barrier in V."""

Floats = NDArray[np.float64]
Potential = Callable[[Grid], Floats]


def electrons(family: str, number: int, seed: int) -> tuple[Material, Interaction]:
    """Return the material of one double dot, and the interaction with lengths in nm."""
    rng = np.random.default_rng([seed, FAMILIES.index(family), number, 1])
    material = (MASSES if family == "masses" else MATERIALS)[("gaas", "si")[number % 2]]
    far, near = 10 ** rng.uniform(-0.3, 0.7) * material.bohr, 10 ** rng.uniform(-1.3, -0.3) * material.bohr
    interactions = {
        "plane": Interaction(gate_distance=far),
        "thick": Interaction(thickness=near),
        "screened": Interaction(screening=far),
    }
    return material, interactions.get(family, Interaction())


def draw(family: str, number: int, seed: int) -> tuple[str, Grid, Potential]:
    """Return the material, the grid, and V in eV on any grid of the same square, of one double dot."""
    rng = np.random.default_rng([seed, FAMILIES.index(family), number])
    name = ("gaas", "si")[number % 2]
    points = int(rng.choice(POINTS))
    if family == "quartic":
        return name, *_quartic(rng, MATERIALS[name], points)
    if family == "gates":
        device = load_device(HERE / f"{name}.yaml")
        detuning, barrier = (float(rng.uniform(*ends)) for ends in VOLTAGES[name])
        gates = {"P1": -0.5, "P2": 0.5}
        return name, device.grid(points), lambda grid: device.V_of(gates, "B", grid=grid)(detuning, barrier)
    return name, *_two_wells(family, rng, electrons(family, number, seed)[0], points)


def _quartic(rng: np.random.Generator, material: Material, points: int) -> tuple[Grid, Potential]:
    confinement, d = 10 ** rng.uniform(-2.8, -2.1), rng.uniform(0.7, 2.0)
    tilt, a = rng.uniform(-0.3, 0.3) * confinement, length(material, confinement)

    def potential(grid: Grid) -> Floats:
        x = grid.mesh()[0] - grid.sides[0] / 2
        return quartic(grid, d, material, confinement) + tilt * np.tanh(x / (d * a))

    return Grid(points, 2 * (d + 4.5) * a), potential


def _two_wells(family: str, rng: np.random.Generator, material: Material, points: int) -> tuple[Grid, Potential]:
    radius = 10 ** rng.uniform(-0.1, 0.45) * material.bohr
    kinetic = material.hartree * (material.bohr / radius) ** 2
    depth, distance = kinetic * rng.uniform(3, 10), radius * rng.uniform(2.2, 4.0)
    detuning, barrier = depth * rng.uniform(-0.15, 0.15), depth * rng.uniform(0, 0.3)
    other, shift = radius * rng.uniform(0.85, 1.15), radius * rng.uniform(-0.2, 0.2)
    side = distance + radius * rng.uniform(4.5, 6.5)
    angle = rng.uniform(0, np.pi) if rng.random() < 0.3 else 0.0
    depths = -(depth + detuning / 2), -(depth - detuning / 2)

    def potential(grid: Grid) -> Floats:
        u, v = (c - side / 2 for c in grid.mesh())
        x, y = np.cos(angle) * u + np.sin(angle) * v, np.cos(angle) * v - np.sin(angle) * u
        places = (x + distance / 2, y - shift), (x - distance / 2, y + shift)
        if family not in ("kinked", *STEPPED):
            left, right = (
                e * np.exp(-(a**2 + b**2) / r**2) for e, (a, b), r in zip(depths, places, (radius, other), strict=True)
            )
            return left + right + barrier * np.exp(-(x**2) / (0.4 * radius) ** 2)
        if family == "kinked":
            parts = [e * (1 - (a**2 + b**2) / (1.2 * radius) ** 2) for e, (a, b) in zip(depths, places, strict=True)]
            return np.minimum(np.minimum(*parts), 0.0)
        if family == "circles":
            inside = [a**2 + b**2 < r**2 for (a, b), r in zip(places, (radius, other), strict=True)]
            return np.select(inside, depths, barrier * (np.abs(x) < radius / 4))
        inside = [(abs(a) < r) & (abs(b) < 0.9 * radius) for (a, b), r in zip(places, (radius, other), strict=True)]
        channel = (np.abs(x) < distance / 2 - radius) & (np.abs(y) < radius)
        return np.select([*inside, channel], [*depths, -depth / 2 - barrier], 0.0)

    return Grid(points, side), potential
