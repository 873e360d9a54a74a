"""Elliptic parabolas with a quartic term, along rotated axes: smooth single dots, round, elliptic and flat-bottomed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import SMALLEST, check_array, check_kind, check_number, check_positive, check_range
from solvers.grid import Grid
from solvers.quantum_dots.potentials.axes import FARTHEST, log_uniform, rotated


@dataclass(frozen=True)
class Anharmonic:
    """V = [k_1 u^2 + k_2 w^2] / 2 + q (u^2 + w^2)^2, at most ``v_max`` (eV) high if this is given.

    ``k`` = (k_1, k_2) in eV/nm^2; ``quartic`` = q in eV/nm^4; (u, w) are coordinates from ``center`` (nm from the
    middle of the grid) along axes turned by ``angle`` (radians).

    Raises:
        ValueError: a parameter is out of range.
    """

    k: tuple[float, float]
    quartic: float = 0.0
    center: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    v_max: float | None = None

    def __post_init__(self) -> None:
        check_array("potential.k", self.k, (2,), low=0.0)
        check_number("potential.quartic", self.quartic, low=0.0)
        check_array("potential.center", self.center, (2,), low=-FARTHEST, high=FARTHEST)
        check_number("potential.angle", self.angle)
        if self.v_max is not None:
            check_positive("potential.v_max", self.v_max)

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        u, w = (a**2 for a in rotated(grid, self.center, self.angle))
        v = (self.k[0] * u + self.k[1] * w) / 2 + self.quartic * (u + w) ** 2
        return v if self.v_max is None else np.minimum(v, self.v_max)


@dataclass(frozen=True)
class RandomAnharmonic:
    """A distribution of parabolas with log-uniform ``k`` (eV/nm^2) and ``quartic`` (eV/nm^4), at any angle.

    ``round`` is the probability that k_1 = k_2, ``anharmonic`` that of a quartic term. The ``center`` is uniform (nm
    from the middle).

    Raises:
        ValueError: a setting is out of its range.
    """

    k: tuple[float, float] = (3e-4, 3e-2)
    quartic: tuple[float, float] = (1.6e-6, 1.6e-4)
    round: float = 0.3
    anharmonic: float = 0.5
    center: tuple[float, float] = (-3.0, 3.0)
    v_max: float | None = None

    def __post_init__(self) -> None:
        check_range("potential.k", self.k, low=SMALLEST)
        check_range("potential.quartic", self.quartic, low=SMALLEST)
        check_number("potential.round", self.round, 0.0, 1.0)
        check_number("potential.anharmonic", self.anharmonic, 0.0, 1.0)
        check_range("potential.center", self.center, -FARTHEST, FARTHEST)
        if self.v_max is not None:
            check_positive("potential.v_max", self.v_max)

    def sample(self, rng: np.random.Generator, grid: Grid) -> Anharmonic:
        """Draw one parabola."""
        check_kind("rng", rng, np.random.Generator)
        k = log_uniform(rng, self.k, 2)
        quartic = float(log_uniform(rng, self.quartic))
        is_round, is_anharmonic = rng.random(2) < (self.round, self.anharmonic)
        center = rng.uniform(*self.center, size=2)
        return Anharmonic(
            k=(k[0], k[0] if is_round else k[1]),
            quartic=quartic if is_anharmonic else 0.0,
            center=(center[0], center[1]),
            angle=rng.uniform(0, math.pi),
            v_max=self.v_max,
        )
