"""Dots defined by gates above a two-dimensional electron gas.

Source: Davies, Larkin, Sukhorukov, J. Appl. Phys. 77, 4504 (1995). The potential in the plane of the gas, at the depth
d below a pinned surface, solves Laplace's equation with the voltage V_g of the gate in its rectangle l < x < r,
b < y < t of the surface, and 0 elsewhere:

    phi / V_g = g(x - l, y - b) + g(x - l, t - y) + g(r - x, y - b) + g(r - x, t - y)
    g(u, v) = arctan[u v / (d R)] / (2 pi),    R = sqrt(u^2 + v^2 + d^2)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import SMALLEST, check_array, check_kind, check_number, check_range
from solvers.grid import Grid
from solvers.quantum_dots.potentials.axes import FARTHEST, NEAREST, log_uniform, rotated

REACH = 10.0
"""Outer gates extend this many sides of the grid from its middle: as far as their leads on a chip, for any angle."""


@dataclass(frozen=True)
class Gates:
    """V = sum_j E_j phi_j / V_j of rectangular gates, with phi_j as above.

    ``edges`` (k, 4: l, r, b, t in nm from the middle of the grid); ``energy`` E (k,) in eV, the potential energy
    -e V_j below a gate of infinite size: positive for gates that deplete the gas; ``gas_depth`` d in nm. All gates are
    turned around the middle by ``angle`` (radians).

    Raises:
        ValueError: a parameter is out of range, or an edge is beyond the opposite one.
    """

    edges: NDArray[np.float64]
    energy: NDArray[np.float64]
    gas_depth: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        edges = check_array("potential.edges", self.edges, ("k", 4), low=-FARTHEST, high=FARTHEST)
        if not (edges[:, 0::2] <= edges[:, 1::2]).all():
            raise ValueError(
                f"potential.edges: expected rows (l, r, b, t) with l <= r and b <= t, got {edges.tolist()}"
            )
        check_array("potential.energy", self.energy, (len(edges),))
        check_number("potential.gas_depth", self.gas_depth, NEAREST, FARTHEST)
        check_number("potential.angle", self.angle)

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        x, y = rotated(grid, (0.0, 0.0), self.angle)
        V = np.zeros(grid.shape)
        for (left, right, bottom, top), energy in zip(np.asarray(self.edges), self.energy, strict=True):
            sides = [(u, v) for u in (x - left, right - x) for v in (y - bottom, top - y)]
            V += energy * sum(_corner(u, v, self.gas_depth) for u, v in sides)
        return V


def _corner(u: NDArray[np.floating], v: NDArray[np.floating], d: float) -> NDArray[np.floating]:
    """Return g(u, v), shape (n, n): the share of one corner of a gate in its potential."""
    return np.arctan(u / d * (v / np.sqrt(u**2 + v**2 + d**2))) / (2 * math.pi)


@dataclass(frozen=True)
class RandomGates:
    """A distribution of dots between four to six depleting gates, some with a plunger or as double dots.

    Two gates bound an opening of uniform sides ``size`` (nm) from below and above, two from the left and the right, and
    leave uniform gaps ``gap`` (nm) at the corners. With probability ``split`` the lower gate, and independently the
    upper one, is divided in the middle by such a gap. ``energy`` (eV) is log-uniform for the dot, times a uniform
    number in [1 - ``spread``, 1 + ``spread``] for each gate.

    With probability ``plunger`` an attractive gate above the dot lowers it by a log-uniform ``plunger_energy``. With
    probability ``double`` a barrier gate of uniform ``barrier_width`` (nm) divides the dot; its energy is uniform in
    ``barrier`` times that of the dot. ``gas_depth`` is uniform (nm), as is the angle.

    Raises:
        ValueError: a setting is out of its range.
    """

    size: tuple[float, float] = (9.0, 18.0)
    gap: tuple[float, float] = (1.5, 4.5)
    gas_depth: tuple[float, float] = (1.5, 6.0)
    energy: tuple[float, float] = (0.06, 0.75)
    spread: float = 0.3
    split: float = 0.3
    plunger: float = 0.5
    plunger_energy: tuple[float, float] = (0.06, 0.75)
    double: float = 0.4
    barrier: tuple[float, float] = (0.2, 1.0)
    barrier_width: tuple[float, float] = (1.5, 4.5)

    def __post_init__(self) -> None:
        for name in ("size", "gap", "barrier_width"):
            check_range(f"potential.{name}", getattr(self, name), 0.0, FARTHEST / 10)
        check_range("potential.gas_depth", self.gas_depth, NEAREST, FARTHEST)
        check_range("potential.energy", self.energy, SMALLEST, FARTHEST)
        check_range("potential.plunger_energy", self.plunger_energy, SMALLEST, FARTHEST)
        check_range("potential.barrier", self.barrier, 0.0, FARTHEST)
        for name in ("spread", "split", "plunger", "double"):
            check_number(f"potential.{name}", getattr(self, name), 0.0, 1.0)

    def sample(self, rng: np.random.Generator, grid: Grid) -> Gates:
        """Draw one dot; only the outer ends of its gates depend on ``grid``."""
        check_kind("rng", rng, np.random.Generator)
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        a, b = rng.uniform(*self.size, size=2) / 2
        far = max(REACH * max(grid.sides), 2 * a, 2 * b)
        gap = rng.uniform(*self.gap, size=4)
        reaches = (-max(b - gap[0], 0.0), max(b - gap[0], 0.0)), (-max(b - gap[1], 0.0), max(b - gap[1], 0.0))
        gates = [(-far, -a, *reaches[0]), (a, far, *reaches[1])]
        for (bottom, top), opening in zip(((-far, -b), (b, far)), gap[2:], strict=True):
            is_split = rng.random() < self.split
            ends = [(-far, -opening / 2), (opening / 2, far)] if is_split else [(-far, far)]
            gates += [(*end, bottom, top) for end in ends]
        scale = float(log_uniform(rng, self.energy))
        energy = [scale * f for f in rng.uniform(1 - self.spread, 1 + self.spread, size=len(gates))]
        inner, inner_energy = self._inner(rng, a, b, scale)
        return Gates(
            edges=np.array(gates + inner),
            energy=np.array(energy + inner_energy),
            gas_depth=rng.uniform(*self.gas_depth),
            angle=rng.uniform(0, math.pi),
        )

    def _inner(
        self, rng: np.random.Generator, a: float, b: float, scale: float
    ) -> tuple[list[tuple[float, float, float, float]], list[float]]:
        """Draw the gates above a dot of sides 2a and 2b: a plunger, a barrier, both, or none; edges and energies."""
        gates, energy = [], []
        if rng.random() < self.plunger:
            gates.append((-a, a, -b, b))
            energy.append(-float(log_uniform(rng, self.plunger_energy)))
        if rng.random() < self.double:
            half = rng.uniform(*self.barrier_width) / 2
            gates.append((-half, half, -b, b))
            energy.append(scale * rng.uniform(*self.barrier))
        return gates, energy
