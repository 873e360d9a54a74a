"""One electron in a perpendicular field, in the sine basis of a rectangle with hard walls.

H = (p_x + A_x)^2 / 2 m_x + (p_y + A_y)^2 / 2 m_y + V,    A = b (-(1 - s)(y - y_0), s (x - x_0)),

s = 1/2 is the symmetric gauge, s = 0 and 1 are those of Landau. Between the sines of one side, x, x^2 and d/dx have
closed forms (l = length, m + n odd for the second of x, and for d/dx):

    <m|x|m> = l / 2,                      <m|x|n> = -8 l m n / (pi^2 (m^2 - n^2)^2),
    <m|x^2|m> = l^2 (1/3 - 1/(2 pi^2 m^2)),   <m|x^2|n> = (-1)^(m+n) 8 l^2 m n / (pi^2 (m^2 - n^2)^2),
    <m|d/dx|n> = 4 m n / (l (m^2 - n^2)).

H is therefore a sum of Kronecker products and of V on the grid, and is applied by products of small matrices, in the
eigenfunctions u_i(x), v_j(y) of the parts of one variable as in ``single_particle.Separable``:

    H c = (e_i + e_j) c + u^T [rest * (u c v^T)] v + i b [(1 - s) D_x c Y^T / m_x - s X c D_y^T / m_y].

Effective atomic units; b = e B a*^2 / hbar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from solvers.quantum_dots.symmetry import Group, group_of

Floats = NDArray[np.float64]
Values = NDArray[Any]
"""Real without a field, else complex."""


@dataclass(frozen=True)
class Side:
    """One side of the rectangle: ``n`` cell-centred points on ``length``, ``n_modes`` sines, and the ``mass``."""

    n: int
    length: float
    n_modes: int
    mass: float = 1.0

    @property
    def step(self) -> float:
        """The distance of two points."""
        return self.length / self.n

    @cached_property
    def points(self) -> Floats:
        """The coordinates (n,) of the points."""
        return (np.arange(self.n, dtype=np.float64) + 0.5) * self.step

    @cached_property
    def modes(self) -> Floats:
        """The numbers m = 1 ... n_modes."""
        return np.arange(1.0, self.n_modes + 1)

    @cached_property
    def sines(self) -> Floats:
        """s_m at the points, (n, n_modes)."""
        return np.sqrt(2 / self.length) * np.sin(np.pi / self.length * np.outer(self.points, self.modes))

    @cached_property
    def slopes(self) -> Floats:
        """The derivatives of s_m at the points, (n, n_modes)."""
        waves = np.pi / self.length * self.modes
        return np.sqrt(2 / self.length) * np.cos(np.outer(self.points, waves)) * waves

    @cached_property
    def kinetic(self) -> Floats:
        """The kinetic energies (n_modes,)."""
        return (self.modes * np.pi / self.length) ** 2 / (2 * self.mass)

    @cached_property
    def _coupling(self) -> tuple[Floats, Floats, Floats]:
        """The products m n, m^2 - n^2 with 1 on its diagonal, and (-1)^(m + n)."""
        m = self.modes
        return np.outer(m, m), np.subtract.outer(m**2, m**2) + np.eye(len(m)), (-1.0) ** np.add.outer(m, m)

    def position(self, origin: float) -> Floats:
        """Return <m|x - origin|n>."""
        product, apart, sign = self._coupling
        between = np.where(sign < 0, -8 * self.length * product / (np.pi * apart) ** 2, 0.0)
        return between + (self.length / 2 - origin) * np.eye(self.n_modes)

    def squared(self, origin: float) -> Floats:
        """Return <m|(x - origin)^2|n>."""
        product, apart, sign = self._coupling
        square = sign * 8 * self.length**2 * product / (np.pi * apart) ** 2
        np.fill_diagonal(square, self.length**2 * (1 / 3 - 1 / (2 * np.pi**2 * self.modes**2)))
        return square - 2 * origin * self.position(0.0) + origin**2 * np.eye(self.n_modes)

    @cached_property
    def derivative(self) -> Floats:
        """<m|d/dx|n>, antisymmetric."""
        product, apart, sign = self._coupling
        return np.where(sign < 0, 4 * product / (self.length * apart), 0.0)


class Rectangle(NamedTuple):
    """The two sides; fields are indexed [ix, iy]."""

    x: Side
    y: Side

    @property
    def cell_area(self) -> float:
        """The area of the cell of a point."""
        return self.x.step * self.y.step

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of points."""
        return self.x.n, self.y.n

    @property
    def lengths(self) -> tuple[float, float]:
        """The lengths of the sides."""
        return self.x.length, self.y.length

    @property
    def modes(self) -> tuple[int, int]:
        """The numbers of sines."""
        return self.x.n_modes, self.y.n_modes

    def to_grid(self, coefficients: Values, slope: str = "") -> Values:
        """Return functions (..., mx, my) on the grid, (..., nx, ny), or their derivative along "x" or "y"."""
        left = self.x.slopes if slope == "x" else self.x.sines
        right = self.y.slopes if slope == "y" else self.y.sines
        return left @ coefficients @ right.T

    def from_grid(self, fields: Values) -> Values:
        """Return the projection (..., mx, my) of ``fields`` (..., nx, ny) on the sines."""
        return self.x.sines.T @ fields @ self.y.sines * self.cell_area

    @property
    def kinetic(self) -> Floats:
        """The kinetic energies of the products of sines, (mx, my)."""
        return np.add.outer(self.x.kinetic, self.y.kinetic)


class Gauge(NamedTuple):
    """A = b (-(1 - share)(y - y_0), share (x - x_0)) with ``origin`` (x_0, y_0)."""

    origin: tuple[float, float]
    share: float = 0.5


@dataclass(frozen=True)
class OneElectron:
    """H of one electron, on coefficients (k, mx, my) of the functions u_i v_j.

    Args:
        sides: the rectangle.
        potential: V at the points, (nx, ny).
        strength: b.
        gauge: the vector potential.
    """

    sides: Rectangle
    potential: Floats
    strength: float
    gauge: Gauge
    arrays: dict[str, Floats] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        (x, y), (x0, y0), s, b = self.sides, self.gauge.origin, self.gauge.share, self.strength
        along_x, along_y = self.potential.min(axis=1), self.potential.min(axis=0)
        squares = ((b * s) ** 2 / (2 * y.mass) * x.squared(x0), (b * (1 - s)) ** 2 / (2 * x.mass) * y.squared(y0))
        solved = []
        for side, lowest, square in zip((x, y), (along_x, along_y), squares, strict=True):
            h = np.diag(side.kinetic) + (side.sines.T * lowest) @ side.sines * side.step + square
            solved.append(np.linalg.eigh(h))
        (x_levels, u), (y_levels, v) = solved
        self.arrays.update(
            rest=self.potential - along_x[:, None] - along_y,
            levels=np.add.outer(x_levels, y_levels),
            u=u,
            v=v,
            x=x.sines @ u,
            y=y.sines @ v,
            X=u.T @ x.position(x0) @ u,
            Y=v.T @ y.position(y0) @ v,
            Dx=u.T @ x.derivative @ u,
            Dy=v.T @ y.derivative @ v,
        )

    @property
    def dtype(self) -> type:
        """Real without a field, complex with one."""
        return np.complex128 if self.strength else np.float64

    @cached_property
    def group(self) -> Group | None:
        """The symmetries of V without a field; None with one, which leaves rotations only."""
        if self.strength:
            return None
        return group_of((self.potential - self.potential.min())[None], transposable=self.sides.x == self.sides.y)

    @property
    def scale(self) -> float:
        """The kinetic energy of u_0 v_0, but at least what rounding leaves: tolerances are parts of it."""
        a = self.arrays
        lowest = a["u"][:, 0] ** 2 @ self.sides.x.kinetic + a["v"][:, 0] ** 2 @ self.sides.y.kinetic
        return max(float(lowest), 1e-7 * float(np.abs(a["rest"]).max() + np.abs(a["levels"]).max()))

    @property
    def diagonal(self) -> Floats:
        """The diagonal of H, flat; that of d/dx is zero."""
        a = self.arrays
        mean = (a["x"] ** 2).T @ a["rest"] @ a["y"] ** 2 * self.sides.cell_area
        return (a["levels"] + mean).ravel()

    def apply(self, vectors: Values) -> Values:
        """Return H c for flat vectors (k, mx my)."""
        a, s, b, (x, y) = self.arrays, self.gauge.share, self.strength, self.sides
        c = vectors.reshape(-1, *self.sides.modes)
        fields = a["x"] @ c @ a["y"].T
        fields *= a["rest"]
        found: Values = a["x"].T @ fields @ a["y"] * self.sides.cell_area + a["levels"] * c
        if b:
            found += 1j * b * (1 - s) / x.mass * (a["Dx"] @ c @ a["Y"].T)
            found -= 1j * b * s / y.mass * (a["X"] @ c @ a["Dy"].T)
        return found.reshape(vectors.shape)

    def matrix(self, inner: NDArray[np.intp] | None = None) -> Values:
        """Return H among the functions of the flat numbers ``inner``, by default all."""
        size = self.sides.modes[0] * self.sides.modes[1]
        inner = np.arange(size) if inner is None else inner
        unit: Values = np.zeros((len(inner), size), dtype=self.dtype)
        unit[np.arange(len(inner)), inner] = 1.0
        h = self.apply(unit)[:, inner].T
        return (h + h.conj().T) / 2

    def to_sines(self, vectors: Values) -> Values:
        """Return the coefficients of the sines, (k, mx, my), of flat vectors (k, mx my)."""
        return self.arrays["u"] @ vectors.reshape(-1, *self.sides.modes) @ self.arrays["v"].T

    def on_sines(self, coefficients: Values) -> Values:
        """Return H times functions given by their sine coefficients (k, mx, my), in these."""
        u, v = self.arrays["u"], self.arrays["v"]
        c = (u.T @ coefficients @ v).reshape(len(coefficients), -1)
        return self.to_sines(self.apply(c))
