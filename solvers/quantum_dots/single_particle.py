"""One electron in a rectangle with hard walls, in the sine basis.

phi(x, y) = sum_{mn} c_mn s_m(x) s_n(y),  s_m(x) = sqrt(2/L) sin(m pi x / L),  m = 1 ... n_modes, and
(H c)_mn = [a_x (m pi / L_x)^2 + a_y (n pi / L_y)^2] / 2 c_mn + [S^T (V * (S c S^T)) S]_mn dx dy, S_im = s_m(x_i).

Points, sides and modes may differ along x and y; a_x = m* / m_x and a_y = m* / m_y are the inverse masses. Effective
atomic units throughout. On cell-centred points the first n - 1 sines are orthonormal under the midpoint rule, so that
norms and charges on the grid have no quadrature error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import (
    Corner,
    Eigenpairs,
    LowBlock,
    cast,
    davidson,
    non_orthogonality,
    norms,
    per_system,
    select,
    start_vectors,
)
from solvers.grid import along_both, area_of

START_SIDE = 11
"""The dense problem of the first basis functions, this many in each direction, yields the start vectors. Where the
sine functions along x and y differ in energy, there are more of the lower ones, and as many in all."""
LOOSE = 1e-4
"""Residuals, as parts of the dot's scale, up to which iterations are in single precision."""
DENSE_SIZE = 2500
"""Up to this many basis functions a system that does not converge is solved by LAPACK."""
ROUNDING = 1e-7
"""Smallest scale of a dot as a part of the largest energies in its square: its tolerances are above their rounding."""
ORTHOGONAL = 1e-9
"""Largest overlap of two orbitals, or error of a norm, that is accepted."""


class SineBasis:
    """The sine functions of a box of sides ``length`` (bohr) with ``n`` cell-centred points per side.

    ``n``, ``length`` and ``n_modes`` are one number for both directions, or a pair. ``like`` is an array of the library
    to compute in; NumPy by default.

    Attributes:
        shape, sides, modes: pairs of the numbers of points, lengths, and numbers of sine functions along x and y.
        steps, cell_area: distances of the points along x and y, and the area of a cell.
        inverse_masses: a_x, a_y.
        sines: sine functions along x and along y at the points, (n, n_modes) each.
        one_way: their kinetic energies, (n_modes,) each; ``kinetic`` (m_x, m_y) those of their products.
    """

    def __init__(
        self,
        n: int | tuple[int, int],
        length: float | tuple[float, float],
        n_modes: int | tuple[int, int],
        like: Array | None = None,
        inverse_masses: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        self.shape, self.sides, self.modes = along_both(n), along_both(length), along_both(n_modes)
        self.inverse_masses = inverse_masses
        self.steps = self.sides[0] / self.shape[0], self.sides[1] / self.shape[1]
        self.cell_area = area_of(self.steps)
        numbers = [np.arange(1, modes + 1) for modes in self.modes]
        one_way = [
            (m * np.pi / side) ** 2 / 2 * a for m, side, a in zip(numbers, self.sides, inverse_masses, strict=True)
        ]
        like = one_way[0] if like is None else like
        xp = self.xp = namespace(like)
        sines = [
            np.sqrt(2 / side) * np.sin(np.pi * np.outer((np.arange(points) + 0.5) / points, m))
            for m, side, points in zip(numbers, self.sides, self.shape, strict=True)
        ]
        self.one_way = tuple(xp.asarray(energies, device=like.device) for energies in one_way)
        self.sines = tuple(xp.asarray(s, device=like.device) for s in sines)
        # both sides give the cell's area
        self.projections = tuple(
            xp.asarray(s.T * step, device=like.device) for s, step in zip(sines, self.steps, strict=True)
        )
        self.kinetic = xp.asarray(np.add.outer(*one_way), device=like.device)

    @property
    def symmetric(self) -> bool:
        """True if x and y are equivalent: a square with as many points, sine functions and one mass."""
        pairs = (self.shape, self.sides, self.modes, self.inverse_masses)
        return all(along_x == along_y for along_x, along_y in pairs)

    def to_grid(self, coefficients: Array) -> Array:
        """Return functions on the grid: (..., m_x, m_y) -> (..., n_x, n_y)."""
        return _both_sides(self.sines[0], coefficients, self.sines[1])

    def from_grid(self, field: Array) -> Array:
        """Return the projection on the basis: (..., n_x, n_y) -> (..., m_x, m_y)."""
        return _both_sides(self.projections[0], field, self.projections[1])

    def hamiltonian(self, coefficients: Array, potential: Array, functions: Array | None = None) -> Array:
        """Return H c for coefficients (B, k, m_x, m_y) and potentials (B, n_x, n_y).

        ``functions`` (B, k, n_x, n_y) are the same on the grid, if already computed.
        """
        if functions is None:
            v_phi = self.to_grid(coefficients)
            v_phi *= potential[:, None, :, :]  # in place: large arrays leave the cache
        else:
            v_phi = potential[:, None, :, :] * functions
        found = self.from_grid(v_phi)
        found += self.kinetic * coefficients
        return found


def _both_sides(left: Array, fields: Array, right: Array) -> Array:
    """Return left @ field @ right^T for fields (..., i, j); the right product is one large matrix product."""
    xp, (*leading, i, j) = namespace(fields), fields.shape
    rows = xp.reshape(fields, (math.prod(leading) * i, j)) @ xp.matrix_transpose(right)
    return left @ xp.reshape(rows, (*leading, i, right.shape[0]))


class Orbitals(NamedTuple):
    """The lowest orbitals of a batch, in effective atomic units.

    ``energies`` (B, k + 1): those of the k orbitals, and of the next one, if any, to fewer digits;
    sine ``coefficients`` (B, k, m_x, m_y); ``residuals`` (B, k); ``fallback`` (B,), NumPy: True where the
    iteration failed and LAPACK solved the whole matrix; ``scale`` (B,): see ``Separable.scale``.
    """

    energies: Array
    coefficients: Array
    residuals: Array
    fallback: np.ndarray
    scale: Array


class SeparableArrays(NamedTuple):
    """The arrays of a ``Separable``, one entry for each potential.

    Attributes:
        rest: V - f - g at the points, (B, n_x, n_y).
        levels: sums of the energies of u_i and v_j, (B, m_x, m_y).
        x, y: u_i and v_j at the points, (B, n_x, m_x) and (B, n_y, m_y).
        x_columns, y_columns: their sine coefficients, (B, m_x, m_x) and (B, m_y, m_y), one function a column.
    """

    rest: Array
    levels: Array
    x: Array
    y: Array
    x_columns: Array
    y_columns: Array


@dataclass(frozen=True)
class Separable:
    """H of each potential in its own adapted basis, as an ``eigensolver.Operator`` on flat coefficients.

    V(x, y) = f(x) + g(y) + rest with f = min_y V and g = min_x V. The eigenfunctions u_i(x), v_j(y) of T + f and T + g,
    combinations of the sines, make H diagonal up to the rest. The rest vanishes in a trap or a box; where walls
    stand everywhere, u and v are the sines.
    """

    cell_area: float
    arrays: SeparableArrays

    @classmethod
    def of(cls, basis: SineBasis, potential: Array) -> Separable:
        """Return H of each ``potential`` (B, n_x, n_y)."""
        xp, solved = basis.xp, []
        along = [xp.min(potential, axis=2), xp.min(potential, axis=1)]  # f, g: (B, n)
        rest = potential - along[0][:, :, None] - along[1][:, None, :]
        for v, sines, one_way, step in zip(along, basis.sines, basis.one_way, basis.steps, strict=True):
            kinetic = one_way * xp.eye(one_way.shape[0], dtype=one_way.dtype, device=one_way.device)
            solved.append(xp.linalg.eigh(kinetic + (xp.matrix_transpose(sines) * v[:, None, :]) @ sines * step))
        (x_levels, x_columns), (y_levels, y_columns) = solved
        levels = x_levels[:, :, None] + y_levels[:, None, :]
        x, y = (sines @ columns for sines, columns in zip(basis.sines, (x_columns, y_columns), strict=True))
        return cls(basis.cell_area, SeparableArrays(rest, levels, x, y, x_columns, y_columns))

    def scale(self, basis: SineBasis) -> Array:
        """Return the energy that is small for each dot, (B,): tolerances are parts of it.

        It is the kinetic energy of u_0 v_0, that of the lowest orbital of a trap, but at least what rounding leaves.
        """
        xp = basis.xp
        columns = (self.arrays.x_columns, self.arrays.y_columns)
        parts = [xp.sum(a[:, :, 0] ** 2 * one_way, axis=1) for a, one_way in zip(columns, basis.one_way, strict=True)]
        reach = xp.max(xp.abs(self.arrays.rest), axis=(1, 2)) + xp.max(xp.abs(self.arrays.levels), axis=(1, 2))
        return xp.maximum(parts[0] + parts[1], ROUNDING * reach)

    @property
    def modes(self) -> tuple[int, int]:
        """The numbers of functions u_i and v_j."""
        return tuple(self.arrays.levels.shape[1:])

    @property
    def diagonal(self) -> Array:
        """The diagonal of H, (B, m_x m_y)."""
        rest, levels, x, y, *_ = self.arrays
        xp = namespace(rest)
        mean = xp.matrix_transpose(x**2) @ rest @ y**2 * self.cell_area
        return xp.reshape(levels + mean, (mean.shape[0], -1))

    def apply(self, vectors: Array) -> Array:
        """Return H c for vectors (B, k, m_x m_y)."""
        rest, levels, x, y, *_ = self.arrays
        xp, (b, k, size) = namespace(vectors), vectors.shape
        c = xp.reshape(vectors, (b, k, *self.modes))
        fields = _sides(x, c, y)
        fields *= rest[:, None, :, :]  # in place: large arrays leave the cache
        back = _sides(xp.matrix_transpose(x), fields, xp.matrix_transpose(y))
        return xp.reshape(back * self.cell_area + levels[:, None, :, :] * c, (b, k, size))

    def cast(self, dtype: Any) -> Separable:
        """Return the Hamiltonians in another precision."""
        return replace(self, arrays=cast(self.arrays, dtype))

    def select(self, systems: Array) -> Separable:
        """Return the Hamiltonians of the chosen ``systems`` (b,)."""
        return replace(self, arrays=select(self.arrays, systems))

    def block(self, first: tuple[int, int]) -> Array:
        """Return H (B, d, d) among the ``first`` functions u_i and v_j, d their product, numbers i * first[1] + j."""
        rest, levels, x, y, *_ = self.arrays
        xp, b, (p, q) = namespace(rest), rest.shape[0], first
        pairs = [
            xp.reshape(u[:, :, :side, None] * u[:, :, None, :side], (b, -1, side**2))
            for u, side in zip((x, y), first, strict=True)
        ]  # u_i u_i' at the points
        v = xp.matrix_transpose(pairs[0]) @ rest @ pairs[1] * self.cell_area
        v = xp.permute_dims(xp.reshape(v, (b, p, p, q, q)), (0, 1, 3, 2, 4))
        unit = xp.eye(p * q, dtype=v.dtype, device=v.device)
        return xp.reshape(v, (b, p * q, p * q)) + xp.reshape(levels[:, :p, :q], (b, 1, p * q)) * unit

    def to_sines(self, vectors: Array) -> Array:
        """Return the coefficients of the sines (B, k, m_x, m_y) for vectors (B, k, m_x m_y)."""
        c = namespace(vectors).reshape(vectors, (*vectors.shape[:2], *self.modes))
        return _sides(self.arrays.x_columns, c, self.arrays.y_columns)


def _sides(left: Array, fields: Array, right: Array) -> Array:
    """Return left @ field @ right^T for fields (B, k, i, j), left (B, p, i) and right (B, q, j)."""
    xp, (b, k, i, j) = namespace(fields), fields.shape
    rows = xp.reshape(fields, (b, k * i, j)) @ xp.matrix_transpose(right)
    return left[:, None, :, :] @ xp.reshape(rows, (b, k, i, right.shape[1]))


def _first_functions(basis: SineBasis, n_block: int) -> tuple[int, int]:
    """Return the numbers of the functions u_i and v_j of the dense problem: at least ``n_block`` products."""
    side = max(START_SIDE, math.isqrt(4 * n_block) + 1)
    m_x, m_y = basis.modes
    ratio = math.sqrt(float(basis.one_way[1][0]) / float(basis.one_way[0][0]))  # levels along y over those along x
    x = min(max(round(side * math.sqrt(ratio)), 1), m_x)
    y = min(max(round(side / math.sqrt(ratio)), -(-4 * n_block // x)), m_y)
    return min(max(x, -(-4 * n_block // y)), m_x), y


def lowest_orbitals(potential: Array, basis: SineBasis, n_orbitals: int, tolerance: float) -> Orbitals:
    """Return the lowest orbitals of each ``potential`` (B, n_x, n_y), residuals below ``tolerance`` times its scale.

    Matrix-free block Davidson in a basis adapted to each potential. Start vectors and preconditioner come from the
    dense problem in its lowest functions; above them the preconditioner is the diagonal of H. One additional orbital
    guards the last. A system that does not converge, or whose orbitals are not orthonormal, is solved by LAPACK if its
    matrix has at most ``DENSE_SIZE`` rows. Otherwise its residuals are above the tolerance.
    """
    b, size = potential.shape[0], math.prod(basis.modes)
    n_block = min(n_orbitals + 1, size)
    hamiltonian = Separable.of(basis, potential)
    scale = hamiltonian.scale(basis)
    if size <= 4 * n_block:
        return _orbitals(hamiltonian, _by_lapack(hamiltonian), n_orbitals, np.zeros(b, dtype=bool), scale)
    first = _first_functions(basis, n_block)
    single = hamiltonian.cast(basis.xp.float32)  # for the preconditioner and the start vectors
    values, vectors = basis.xp.linalg.eigh(single.block(first))
    low = LowBlock.of(Corner(basis.modes, first), single.diagonal, values, vectors, n_block)
    start = start_vectors(low, n_block)
    patience = 80 if size <= DENSE_SIZE else 1000  # above this size there is no fallback
    limits = per_system(tolerance * scale, b)
    pairs = davidson(hamiltonian, low, start, n_orbitals, limits, patience, loose=LOOSE * scale)
    sound = to_numpy(non_orthogonality(pairs.vectors[:, :n_orbitals, :])) <= ORTHOGONAL
    failed = ~((to_numpy(pairs.residuals[:, :n_orbitals]) <= limits[:, None]).all(axis=1) & sound)
    if size > DENSE_SIZE:
        failed[:] = False
    for i in np.flatnonzero(failed):
        one = basis.xp.asarray([i], device=potential.device)
        exact = _by_lapack(hamiltonian.select(one)).first(n_block)
        for mine, its in zip(pairs, exact, strict=True):
            mine[i, ...] = its[0, ...]
    return _orbitals(hamiltonian, pairs, n_orbitals, failed, scale)


def _by_lapack(hamiltonian: Separable) -> Eigenpairs:
    """Return all orbitals by diagonalisation of the whole matrices: slow, the fallback."""
    h = hamiltonian.block(hamiltonian.modes)
    xp = namespace(h)
    values, columns = xp.linalg.eigh(h)
    vectors = xp.matrix_transpose(columns)
    return Eigenpairs(values, vectors, norms(vectors @ h - values[..., None] * vectors))


def _orbitals(
    hamiltonian: Separable, pairs: Eigenpairs, n_orbitals: int, fallback: np.ndarray, scale: Array
) -> Orbitals:
    found = pairs.first(n_orbitals)
    energies = pairs.values[:, : min(n_orbitals + 1, pairs.values.shape[1])]
    return Orbitals(energies, hamiltonian.to_sines(found.vectors), found.residuals, fallback, scale)


def dense_orbitals(potential: Array, basis: SineBasis, n_orbitals: int) -> Orbitals:
    """Return the lowest orbitals by LAPACK in the full basis, the reference for tests of ``lowest_orbitals``."""
    hamiltonian = Separable.of(basis, potential)
    every = np.ones(potential.shape[0], dtype=bool)
    return _orbitals(hamiltonian, _by_lapack(hamiltonian), n_orbitals, every, hamiltonian.scale(basis))
