"""Rectangular wells with high walls (Mills, Spanner, Tamblyn 2017, eq. B2 and B3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import SMALLEST, check_array, check_integer, check_kind, check_number, check_positive, check_range
from solvers.grid import Grid
from solvers.quantum_dots.potentials.axes import log_uniform, rotated
from solvers.units import Material


@dataclass(frozen=True)
class InfiniteWell:
    """V = 0 in a rectangle of sides ``size`` = (L_x, L_y) (nm), V = ``wall`` (eV) outside.

    ``center`` is given in nm from the middle of the grid; the rectangle is turned around it by ``angle`` (radians).

    Raises:
        ValueError: a parameter is out of range.
    """

    size: tuple[float, float]
    center: tuple[float, float] = (0.0, 0.0)
    wall: float = 10.0
    angle: float = 0.0

    def __post_init__(self) -> None:
        check_array("potential.size", self.size, (2,), low=SMALLEST)
        check_array("potential.center", self.center, (2,))
        check_positive("potential.wall", self.wall)
        check_number("potential.angle", self.angle)

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        c_x, c_y = self.center
        center = (c_x * cos + c_y * sin, c_y * cos - c_x * sin)
        axes = zip(rotated(grid, (0.0, 0.0), self.angle), center, self.size, strict=True)
        within = [(c - side / 2 < u) & (u <= c + side / 2) for u, c, side in axes]  # exact at the edges of angle 0
        return np.where(within[0] & within[1], 0.0, self.wall)


@dataclass(frozen=True)
class RandomInfiniteWell:
    """A distribution of wells with nearly uniform ground-state energy in ``energy`` (eV), as in the paper.

    The energy and one side (in ``side``, nm) are drawn together until the other side, which follows from
    E = hbar^2 pi^2 / (2 m*) (L_x^-2 + L_y^-2), is real and lies in ``other_side`` (nm); x and y are swapped at
    random. Low energies, which few sides satisfy, are less frequent. ``material`` only converts energies into lengths.

    The paper specifies neither the valid L_y nor the position of the well. conf/experiment uses L_y up to 24 and
    centres in [-8, 8] in the paper's units, those of its other classes, so that every well lies in the square.

    Raises:
        ValueError: a setting is out of its range, or no well can be drawn with these settings.
    """

    energy: tuple[float, float] = (0.02, 0.2)
    side: tuple[float, float] = (6.0, 24.0)
    other_side: tuple[float, float] = (6.0, 24.0)
    center: tuple[float, float] = (-3.0, 3.0)
    wall: float = 10.0
    material: Material = Material(0.067, 12.9)
    max_draws: int = 2000

    def __post_init__(self) -> None:
        check_range("potential.energy", self.energy, low=0.0)
        check_range("potential.side", self.side, low=0.0)
        check_positive("potential.side[0]", self.side[0])
        check_range("potential.other_side", self.other_side, low=0.0)
        check_range("potential.center", self.center)
        check_positive("potential.wall", self.wall)
        check_kind("potential.material", self.material, Material, "Material(m_eff, eps_r)")
        if isinstance(self.material.m_eff, tuple):
            raise ValueError(
                f"potential.material: expected one mass, from which a side follows whatever its direction, got m_eff = "
                f"{self.material.m_eff}. Draw boxes with RandomBox (potential=box), which needs no mass"
            )
        check_integer("potential.max_draws", self.max_draws, 1)

    def sample(self, rng: np.random.Generator, grid: Grid) -> InfiniteWell:
        """Draw one well."""
        check_kind("rng", rng, np.random.Generator)
        unit = math.pi**2 * self.material.hartree * self.material.bohr**2 / 2  # hbar^2 pi^2 / (2 m*)
        for _ in range(self.max_draws):
            energy, first = rng.uniform(*self.energy), rng.uniform(*self.side)
            rest = energy / unit - first**-2
            if rest > 0 and self.other_side[0] <= rest**-0.5 <= self.other_side[1]:
                size = (first, rest**-0.5) if rng.random() < 0.5 else (rest**-0.5, first)
                center = rng.uniform(*self.center, size=2)
                return InfiniteWell(size, (center[0], center[1]), self.wall)
        raise ValueError(
            f"potential.energy: {self.max_draws} draws in a row gave no well with an energy in {list(self.energy)}, "
            f"one side in {list(self.side)} and the other in {list(self.other_side)} ({self.material.units}) for "
            f"m_eff = {self.material.m_eff:g}. Change energy, or widen side and other_side."
        )


@dataclass(frozen=True)
class RandomBox:
    """A distribution of ``InfiniteWell`` with two uniform sides ``side`` (nm), at any angle, whatever their energy.

    The height ``wall`` (eV) is log-uniform; the ``center`` is uniform (nm from the middle).

    Raises:
        ValueError: a setting is out of its range.
    """

    side: tuple[float, float] = (7.5, 27.0)
    wall: tuple[float, float] = (1.0, 30.0)
    center: tuple[float, float] = (-1.5, 1.5)

    def __post_init__(self) -> None:
        check_range("potential.side", self.side, low=SMALLEST)
        check_range("potential.wall", self.wall, low=SMALLEST)
        check_range("potential.center", self.center)

    def sample(self, rng: np.random.Generator, grid: Grid) -> InfiniteWell:
        """Draw one box."""
        check_kind("rng", rng, np.random.Generator)
        size, center = rng.uniform(*self.side, size=2), rng.uniform(*self.center, size=2)
        return InfiniteWell(
            (size[0], size[1]), (center[0], center[1]), float(log_uniform(rng, self.wall)), rng.uniform(0, math.pi)
        )
