"""The potential of a drawn dot in eV, the density painted for it, and where its electrons are counted."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, label, minimum

from qd_pix2pix.studio.brush import Stroke
from qd_pix2pix.studio.dot import STORED, Dot, Well
from solvers import Grid
from solvers.quantum_dots.potentials import Gates, GaussianWells

Floats = NDArray[np.float64]

MOST_SITES = 4
"""Minima of V at which electrons are counted, where there are no wells."""


def potential(dot: Dot, n: int | None = None) -> Floats:
    """Return the potential of a dot in eV, (n, n), by default on its own number of points."""
    grid = Grid(n or dot.n, dot.side)
    V = np.zeros(grid.shape) if dot.background is None else dot.background(grid).copy()
    if wells := effective_wells(dot):
        V += gaussian_wells(wells, dot.side)(grid)
    if dot.gates:
        V += rectangular_gates(dot)(grid)
    for stroke in dot.strokes:
        V += 1e-3 * _drawn(stroke, grid)
    return V


@lru_cache(maxsize=256)
def _drawn(stroke: Stroke, grid: Grid) -> Floats:
    """Return a stroke on a grid, (n, n); finished strokes are not computed again while others are drawn."""
    x, y = (np.asarray(along, dtype=np.float64) for along in grid.mesh())
    found = stroke(x, y)
    found.setflags(write=False)
    return found


def effective_wells(dot: Dot) -> tuple[Well, ...]:
    """Return the wells with detuning and barrier, which is a well of negative depth."""
    if len(dot.wells) < 2:
        return dot.wells
    first, second, *others = dot.wells
    wells = [
        replace(first, depth=first.depth + dot.detuning / 2),
        replace(second, depth=second.depth - dot.detuning / 2),
        *others,
    ]
    if dot.barrier:
        distance = float(np.hypot(second.x - first.x, second.y - first.y))
        width = max(distance / 4, dot.side / 100)
        wells.append(Well((first.x + second.x) / 2, (first.y + second.y) / 2, -dot.barrier, width))
    return tuple(wells)


def gaussian_wells(wells: tuple[Well, ...], side: float) -> GaussianWells:
    """Return wells as a potential of the solver, in eV."""
    return GaussianWells(
        depth=1e-3 * np.array([w.depth for w in wells]),
        center=np.array([(w.x - side / 2, w.y - side / 2) for w in wells]),
        width=np.array([(w.width, w.width) for w in wells]),
    )


def rectangular_gates(dot: Dot) -> Gates:
    """Return gates as a potential of the solver: -e times the voltage below a gate of infinite size."""
    middle = dot.side / 2
    edges = [
        (g.x - g.width / 2 - middle, g.x + g.width / 2 - middle, g.y - g.height / 2 - middle,
         g.y + g.height / 2 - middle)
        for g in dot.gates
    ]  # fmt: skip
    return Gates(np.array(edges), -1e-3 * np.array([g.voltage for g in dot.gates]), dot.gas_depth)


def target_density(dot: Dot, n: int | None = None) -> Floats:
    """Return the painted density (n, n) in nm^-2, normalised to the number of electrons.

    Raises:
        ValueError: nothing is painted.
    """
    grid = Grid(n or dot.n, dot.side)
    painted = sum((_drawn(stroke, grid) for stroke in dot.target), start=np.zeros(grid.shape)).clip(min=0)
    charge = painted.sum() * grid.cell_area
    if charge <= 0:
        raise ValueError("density: nothing is painted; choose the tool Density, and paint where electrons should be")
    return painted * (dot.n_electrons / charge)


def sites(dot: Dot) -> Floats:
    """Return the middles of the dots to which charge is assigned, (k, 2) in nm: the wells, or else minima of V."""
    inside = [(w.x, w.y) for w in dot.wells if 0 <= w.x <= dot.side and 0 <= w.y <= dot.side and w.depth > 0]
    if inside:
        return np.array(inside)
    V = potential(dot, STORED)
    padded = np.pad(V, 1, constant_values=np.inf)
    around = [
        padded[1 + i : 1 + i + STORED, 1 + j : 1 + j + STORED]
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
        if (i, j) != (0, 0)
    ]
    low = (np.min(around, axis=0) >= V) & (V < V.mean())
    regions, count = label(low, structure=np.ones((3, 3)))  # a minimum between points has several equal ones
    if not count:
        return np.array([[dot.side / 2, dot.side / 2]])
    depths = minimum(V, regions, range(1, count + 1))
    middles = np.array(center_of_mass(low, regions, range(1, count + 1)))
    found = (middles[np.argsort(depths)[:MOST_SITES]] + 0.5) * dot.side / STORED
    return found[np.lexsort((found[:, 1], found[:, 0]))]


def charges(dot: Dot, density: Floats) -> Floats:
    """Return the electrons nearest to each of the sites, (k,), from a density (n, n) in nm^-2."""
    grid = Grid(density.shape[0], dot.side)
    x, y = grid.mesh()
    nearest = np.argmin([(x - a) ** 2 + (y - b) ** 2 for a, b in sites(dot).tolist()], axis=0)
    return np.array([grid.integrate(density * (nearest == k)) for k in range(len(sites(dot)))])
