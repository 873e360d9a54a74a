"""Elliptic rings with a tilt: V = k / 2 (rho - R)^2 + F_x x + F_y y."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import SMALLEST, check_array, check_kind, check_number, check_positive, check_range
from solvers.grid import Grid
from solvers.quantum_dots.potentials.axes import FARTHEST, NEAREST, log_uniform, rotated


@dataclass(frozen=True)
class Ring:
    """V = k / 2 (rho - R)^2 + F_x (x - c_x) + F_y (y - c_y) with rho^2 = u^2 / e + e w^2.

    ``radius`` R in nm; ``k`` in eV/nm^2; ``ellipticity`` e is the ratio of the axes of the ring, whose area is that of
    the circle; ``tilt`` = (F_x, F_y) in eV/nm breaks the symmetry. (u, w) are coordinates from ``center`` = (c_x, c_y)
    (nm from the middle of the grid) along axes turned by ``angle`` (radians).

    Raises:
        ValueError: a parameter is out of range.
    """

    radius: float
    k: float
    ellipticity: float = 1.0
    tilt: tuple[float, float] = (0.0, 0.0)
    center: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0

    def __post_init__(self) -> None:
        check_positive("potential.radius", self.radius)
        check_positive("potential.k", self.k)
        check_number("potential.ellipticity", self.ellipticity, NEAREST, 1 / NEAREST)
        check_array("potential.tilt", self.tilt, (2,))
        check_array("potential.center", self.center, (2,), low=-FARTHEST, high=FARTHEST)
        check_number("potential.angle", self.angle)

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        u, w = rotated(grid, self.center, self.angle)
        x, y = rotated(grid, self.center, 0.0)
        stretch = math.sqrt(self.ellipticity)
        rho = np.hypot(u / stretch, w * stretch)
        return self.k / 2 * (rho - self.radius) ** 2 + self.tilt[0] * x + self.tilt[1] * y


@dataclass(frozen=True)
class RandomRing:
    """A distribution of rings with uniform ``radius`` (nm), log-uniform ``k`` (eV/nm^2) and any orientation.

    ``ellipticity`` is uniform, as are the magnitude ``tilt`` (eV/nm) and the ``center`` (nm from the middle).

    Raises:
        ValueError: a setting is out of its range.
    """

    radius: tuple[float, float] = (3.6, 9.0)
    k: tuple[float, float] = (2e-3, 5e-2)
    ellipticity: tuple[float, float] = (0.7, 1.3)
    tilt: tuple[float, float] = (0.0, 5e-3)
    center: tuple[float, float] = (-1.5, 1.5)

    def __post_init__(self) -> None:
        check_range("potential.radius", self.radius, low=SMALLEST)
        check_range("potential.k", self.k, low=SMALLEST)
        check_range("potential.ellipticity", self.ellipticity, NEAREST, 1 / NEAREST)
        check_range("potential.tilt", self.tilt, low=0.0)
        check_range("potential.center", self.center, -FARTHEST, FARTHEST)

    def sample(self, rng: np.random.Generator, grid: Grid) -> Ring:
        """Draw one ring."""
        check_kind("rng", rng, np.random.Generator)
        tilt, direction = rng.uniform(*self.tilt), rng.uniform(0, 2 * math.pi)
        center = rng.uniform(*self.center, size=2)
        return Ring(
            radius=rng.uniform(*self.radius),
            k=float(log_uniform(rng, self.k)),
            ellipticity=rng.uniform(*self.ellipticity),
            tilt=(tilt * math.cos(direction), tilt * math.sin(direction)),
            center=(center[0], center[1]),
            angle=rng.uniform(0, math.pi),
        )
