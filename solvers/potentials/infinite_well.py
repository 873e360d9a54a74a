"""Rectangular wells with high walls (Mills, Spanner, Tamblyn 2017, eq. B2 and B3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.grid import Grid, check_integer, check_positive, check_range
from solvers.units import HBAR2_OVER_2M0


@dataclass(frozen=True)
class InfiniteWell:
    """V = 0 in a rectangle of sides ``size`` = (L_x, L_y) (nm), V = ``wall`` (eV) outside.

    ``center`` is given in nm from the middle of the square.
    """

    size: tuple[float, float]
    center: tuple[float, float] = (0.0, 0.0)
    wall: float = 10.0

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """The potential on the grid, shape (n, n), in eV."""
        x = grid.x - grid.extent / 2
        in_x, in_y = ((c - side / 2 < x) & (x <= c + side / 2) for c, side in zip(self.center, self.size, strict=True))
        return np.where(np.logical_and.outer(in_x, in_y), 0.0, self.wall)


@dataclass(frozen=True)
class RandomInfiniteWell:
    """Wells whose ground-state energy is uniform in ``energy`` (eV), as the paper draws them.

    First the energy is drawn, then one side (``side``, nm), again and again until the other side, which follows from
    E = hbar^2 pi^2 / (2 m*) (L_x^-2 + L_y^-2), is real and fits ``side``; x and y are swapped at random. ``m_eff`` only
    turns energies into lengths here.

    Raises:
        ValueError: a setting is out of its range, or no well can be drawn with these settings.
    """

    energy: tuple[float, float] = (0.02, 0.2)
    side: tuple[float, float] = (6.0, 24.0)
    center: tuple[float, float] = (-3.0, 3.0)
    wall: float = 10.0
    m_eff: float = 0.067
    max_draws: int = 2000

    def __post_init__(self) -> None:
        check_range("potential.energy", self.energy, low=0.0)
        check_range("potential.side", self.side, low=0.0)
        check_positive("potential.side[0]", self.side[0])
        check_range("potential.center", self.center)
        check_positive("potential.wall", self.wall)
        check_positive("potential.m_eff", self.m_eff)
        check_integer("potential.max_draws", self.max_draws, 1)

    def sample(self, rng: np.random.Generator, grid: Grid) -> InfiniteWell:
        """Draw one well."""
        unit = HBAR2_OVER_2M0 / self.m_eff * math.pi**2  # eV nm^2
        energy = rng.uniform(*self.energy)
        for _ in range(self.max_draws):
            first = rng.uniform(*self.side)
            rest = energy / unit - first**-2
            if rest > 0 and self.side[0] <= rest**-0.5 <= self.side[1]:
                size = (first, rest**-0.5) if rng.random() < 0.5 else (rest**-0.5, first)
                center = rng.uniform(*self.center, size=2)
                return InfiniteWell(size, (center[0], center[1]), self.wall)
        raise ValueError(
            f"potential.energy: {self.max_draws} draws in a row gave no well of {energy:.4g} eV with both sides in "
            f"{list(self.side)} nm at m_eff = {self.m_eff:g}. Narrow energy (now {list(self.energy)}) or widen side."
        )
