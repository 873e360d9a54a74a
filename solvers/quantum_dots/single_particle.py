"""One electron in a square with hard walls, in the sine basis.

phi(x, y) = sum_{mn} c_mn s_m(x) s_n(y),  s_m(x) = sqrt(2/L) sin(m pi x / L),  m = 1 ... n_modes, and
(H c)_mn = [(m pi / L)^2 + (n pi / L)^2] / 2 c_mn + [S^T (V * (S c S^T)) S]_mn dx^2   with S_im = s_m(x_i).

Effective atomic units throughout. On cell-centred points the first n - 1 sines are orthonormal under the midpoint rule,
so that norms and charges on the grid have no quadrature error.
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

START_SIDE = 11
"""The dense problem of the first basis functions, this many in each direction, yields the start vectors."""
LOOSE = 1e-4
"""Residuals, as parts of the dot's scale, up to which iterations are in single precision."""
DENSE_SIZE = 2500
"""Up to this many basis functions a system that does not converge is solved by LAPACK."""
ROUNDING = 1e-7
"""Smallest scale of a dot as a part of the largest energies in its square: its tolerances are above their rounding."""
ORTHOGONAL = 1e-9
"""Largest overlap of two orbitals, or error of a norm, that is accepted."""


class SineBasis:
    """The sine functions of a box of side ``length`` (bohr) with ``n`` cell-centred points per side.

    ``like`` is an array of the library to compute in; NumPy by default.
    """

    def __init__(self, n: int, length: float, n_modes: int, like: Array | None = None) -> None:
        m = np.arange(1, n_modes + 1)
        x = (np.arange(n) + 0.5) / n
        self.n, self.n_modes, self.length, self.cell_area = n, n_modes, length, (length / n) ** 2
        one_way = (m * np.pi / length) ** 2 / 2
        like = one_way if like is None else like
        xp = self.xp = namespace(like)
        sines = np.sqrt(2 / length) * np.sin(np.pi * np.outer(x, m))
        self.sines = xp.asarray(sines, device=like.device)  # (n, n_modes)
        self.projection = xp.asarray(sines.T * (length / n), device=like.device)  # both sides give the cell's area
        self.kinetic = xp.asarray(np.add.outer(one_way, one_way), device=like.device)  # (n_modes, n_modes)

    def to_grid(self, coefficients: Array) -> Array:
        """Return functions on the grid: (..., n_modes, n_modes) -> (..., n, n)."""
        return _both_sides(self.sines, coefficients)

    def from_grid(self, field: Array) -> Array:
        """Return the projection on the basis: (..., n, n) -> (..., n_modes, n_modes)."""
        return _both_sides(self.projection, field)

    def hamiltonian(self, coefficients: Array, potential: Array, functions: Array | None = None) -> Array:
        """Return H c for coefficients (B, k, n_modes, n_modes) and potentials (B, n, n).

        ``functions`` (B, k, n, n) are the same on the grid, if already computed.
        """
        if functions is None:
            v_phi = self.to_grid(coefficients)
            v_phi *= potential[:, None, :, :]  # in place: large arrays leave the cache
        else:
            v_phi = potential[:, None, :, :] * functions
        found = self.from_grid(v_phi)
        found += self.kinetic * coefficients
        return found


def _both_sides(left: Array, fields: Array) -> Array:
    """Return left @ field @ left^T for fields (..., j, j); the right product is one large matrix product."""
    xp, (*leading, j, _) = namespace(fields), fields.shape
    rows, columns = math.prod(leading) * j, left.shape[0]
    right = xp.reshape(fields, (rows, j)) @ xp.matrix_transpose(left)
    return left @ xp.reshape(right, (*leading, j, columns))


class Orbitals(NamedTuple):
    """The lowest orbitals of a batch, in effective atomic units.

    ``energies`` (B, k + 1): those of the k orbitals, and of the next one, if any, to fewer digits;
    sine ``coefficients`` (B, k, n_modes, n_modes); ``residuals`` (B, k); ``fallback`` (B,), NumPy: True where the
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
        rest: V - f - g at the points, (B, n, n).
        levels: sums of the energies of u_i and v_j, (B, m, m).
        x, y: u_i and v_j at the points, (B, n, m).
        x_columns, y_columns: their sine coefficients, (B, m, m), one function a column.
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
        """Return H of each ``potential`` (B, n, n)."""
        xp, n, m = basis.xp, basis.n, basis.n_modes
        along = [xp.min(potential, axis=2), xp.min(potential, axis=1)]  # f, g: (B, n)
        rest = potential - along[0][:, :, None] - along[1][:, None, :]
        one_way = xp.linalg.diagonal(basis.kinetic) / 2
        kinetic = one_way * xp.eye(m, dtype=one_way.dtype, device=one_way.device)
        solved = [
            xp.linalg.eigh(
                kinetic + (xp.matrix_transpose(basis.sines) * v[:, None, :]) @ basis.sines * (basis.length / n)
            )
            for v in along
        ]
        (x_levels, x_columns), (y_levels, y_columns) = solved
        levels = x_levels[:, :, None] + y_levels[:, None, :]
        x, y = (basis.sines @ columns for columns in (x_columns, y_columns))
        return cls(basis.cell_area, SeparableArrays(rest, levels, x, y, x_columns, y_columns))

    def scale(self, basis: SineBasis) -> Array:
        """Return the energy that is small for each dot, (B,): tolerances are parts of it.

        It is the kinetic energy of u_0 v_0, that of the lowest orbital of a trap, but at least what rounding leaves.
        """
        xp = basis.xp
        one_way = xp.linalg.diagonal(basis.kinetic) / 2
        parts = [xp.sum(a[:, :, 0] ** 2 * one_way, axis=1) for a in (self.arrays.x_columns, self.arrays.y_columns)]
        reach = xp.max(xp.abs(self.arrays.rest), axis=(1, 2)) + xp.max(xp.abs(self.arrays.levels), axis=(1, 2))
        return xp.maximum(parts[0] + parts[1], ROUNDING * reach)

    @property
    def n_modes(self) -> int:
        """The number m of functions u_i, equal to that of v_j."""
        return self.arrays.levels.shape[-1]

    @property
    def diagonal(self) -> Array:
        """The diagonal of H, (B, m^2)."""
        rest, levels, x, y, *_ = self.arrays
        xp = namespace(rest)
        mean = xp.matrix_transpose(x**2) @ rest @ y**2 * self.cell_area
        return xp.reshape(levels + mean, (mean.shape[0], -1))

    def apply(self, vectors: Array) -> Array:
        """Return H c for vectors (B, k, m^2)."""
        rest, levels, x, y, *_ = self.arrays
        xp, (b, k, size), m = namespace(vectors), vectors.shape, self.n_modes
        c = xp.reshape(vectors, (b, k, m, m))
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

    def block(self, side: int) -> Array:
        """Return H (B, d, d) among the functions u_i v_j with i, j < ``side``, d = side^2, numbers i * side + j."""
        rest, levels, x, y, *_ = self.arrays
        xp, b, d = namespace(rest), rest.shape[0], side**2
        pairs = [
            xp.reshape(u[:, :, :side, None] * u[:, :, None, :side], (b, -1, d)) for u in (x, y)
        ]  # u_i u_i' at the points
        v = xp.matrix_transpose(pairs[0]) @ rest @ pairs[1] * self.cell_area
        v = xp.permute_dims(xp.reshape(v, (b, side, side, side, side)), (0, 1, 3, 2, 4))
        unit = xp.eye(d, dtype=v.dtype, device=v.device)
        return xp.reshape(v, (b, d, d)) + xp.reshape(levels[:, :side, :side], (b, 1, d)) * unit

    def to_sines(self, vectors: Array) -> Array:
        """Return the coefficients of the sines (B, k, m, m) for vectors (B, k, m^2)."""
        c = namespace(vectors).reshape(vectors, (*vectors.shape[:2], self.n_modes, self.n_modes))
        return _sides(self.arrays.x_columns, c, self.arrays.y_columns)


def _sides(left: Array, fields: Array, right: Array) -> Array:
    """Return left @ field @ right^T for fields (B, k, j, j) and left, right (B, i, j)."""
    xp, (b, k, j, _), i = namespace(fields), fields.shape, left.shape[1]
    rows = xp.reshape(fields, (b, k * j, j)) @ xp.matrix_transpose(right)
    return left[:, None, :, :] @ xp.reshape(rows, (b, k, j, i))


def lowest_orbitals(potential: Array, basis: SineBasis, n_orbitals: int, tolerance: float) -> Orbitals:
    """Return the lowest orbitals of each ``potential`` (B, n, n), with residuals below ``tolerance`` times its scale.

    Matrix-free block Davidson in a basis adapted to each potential. Start vectors and preconditioner come from the
    dense problem in its lowest functions; above them the preconditioner is the diagonal of H. One additional orbital
    guards the last. A system that does not converge, or whose orbitals are not orthonormal, is solved by LAPACK if its
    matrix has at most ``DENSE_SIZE`` rows. Otherwise its residuals are above the tolerance.
    """
    b, size = potential.shape[0], basis.n_modes**2
    n_block = min(n_orbitals + 1, size)
    hamiltonian = Separable.of(basis, potential)
    scale = hamiltonian.scale(basis)
    if size <= 4 * n_block:
        return _orbitals(hamiltonian, _by_lapack(hamiltonian), n_orbitals, np.zeros(b, dtype=bool), scale)
    m, side = basis.n_modes, min(max(START_SIDE, math.isqrt(4 * n_block) + 1), basis.n_modes)
    single = hamiltonian.cast(basis.xp.float32)  # for the preconditioner and the start vectors
    values, vectors = basis.xp.linalg.eigh(single.block(side))
    low = LowBlock.of(Corner((m, m), (side, side)), single.diagonal, values, vectors, n_block)
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
    h = hamiltonian.block(hamiltonian.n_modes)
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
