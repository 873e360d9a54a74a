"""Wires along a rotated axis, with a modulation that divides them into a chain of dots."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import SMALLEST, check_array, check_kind, check_number, check_range
from solvers.grid import Grid
from solvers.quantum_dots.potentials.axes import FARTHEST, NEAREST, log_uniform, rotated


@dataclass(frozen=True)
class Wire:
    """V = [k_u u^2 + k_w w^2] / 2 + A [1 - cos(2 pi u / p + phi)] / 2.

    ``k`` = (k_u, k_w) in eV/nm^2, along and across the wire; ``modulation`` A in eV; ``period`` p in nm; ``phase`` phi
    in radians. (u, w) are coordinates from ``center`` (nm from the middle of the grid) along axes turned by ``angle``
    (radians).

    Raises:
        ValueError: a parameter is out of range.
    """

    k: tuple[float, float]
    modulation: float = 0.0
    period: float = 10.0
    phase: float = 0.0
    center: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0

    def __post_init__(self) -> None:
        check_array("potential.k", self.k, (2,), low=0.0)
        check_number("potential.modulation", self.modulation, low=0.0)
        check_number("potential.period", self.period, low=NEAREST)
        check_number("potential.phase", self.phase)
        check_array("potential.center", self.center, (2,), low=-FARTHEST, high=FARTHEST)
        check_number("potential.angle", self.angle)

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        u, w = rotated(grid, self.center, self.angle)
        chain = 1 - np.cos(2 * math.pi * u / self.period + self.phase)
        return (self.k[0] * u**2 + self.k[1] * w**2 + self.modulation * chain) / 2


@dataclass(frozen=True)
class RandomWire:
    """A distribution of wires with log-uniform spring constants ``along`` and ``across`` (eV/nm^2), at any angle.

    With probability ``chain`` a wire has a ``modulation`` (log-uniform, eV) with a uniform ``period`` (nm) and phase.
    The ``center`` is uniform (nm from the middle).

    Raises:
        ValueError: a setting is out of its range.
    """

    along: tuple[float, float] = (1e-5, 1e-3)
    across: tuple[float, float] = (5e-3, 5e-2)
    chain: float = 0.5
    modulation: tuple[float, float] = (0.03, 0.3)
    period: tuple[float, float] = (7.5, 15.0)
    center: tuple[float, float] = (-3.0, 3.0)

    def __post_init__(self) -> None:
        check_range("potential.along", self.along, low=SMALLEST)
        check_range("potential.across", self.across, low=SMALLEST)
        check_number("potential.chain", self.chain, 0.0, 1.0)
        check_range("potential.modulation", self.modulation, low=SMALLEST)
        check_range("potential.period", self.period, low=NEAREST)
        check_range("potential.center", self.center, -FARTHEST, FARTHEST)

    def sample(self, rng: np.random.Generator, grid: Grid) -> Wire:
        """Draw one wire."""
        check_kind("rng", rng, np.random.Generator)
        along, across, modulation = (float(log_uniform(rng, r)) for r in (self.along, self.across, self.modulation))
        center = rng.uniform(*self.center, size=2)
        return Wire(
            k=(along, across),
            modulation=modulation if rng.random() < self.chain else 0.0,
            period=rng.uniform(*self.period),
            phase=rng.uniform(0, 2 * math.pi),
            center=(center[0], center[1]),
            angle=rng.uniform(0, math.pi),
        )
