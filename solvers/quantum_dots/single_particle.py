"""One electron in a square with hard walls, in the sine basis.

phi(x, y) = sum_{mn} c_mn s_m(x) s_n(y),  s_m(x) = sqrt(2/L) sin(m pi x / L),  m = 1 ... n_modes, and
(H c)_mn = [(m pi / L)^2 + (n pi / L)^2] / 2 c_mn + [S^T (V * (S c S^T)) S]_mn dx^2   with S_im = s_m(x_i).

Effective atomic units throughout. On cell-centred points the first n - 1 sines are orthonormal under the midpoint rule,
so that norms and densities computed on the grid are exact.
"""

from __future__ import annotations

import math
from copy import copy
from typing import NamedTuple

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import Eigenpairs, LowBlock, davidson, non_orthogonality, norms, start_vectors

START_SIZE = 128
"""The guess comes from the dense problem in this many of the lowest functions of the basis."""
DENSE_SIZE = 2500
"""Up to this many basis functions a system that does not converge is solved by LAPACK."""
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

    def lowest_modes(self, count: int) -> np.ndarray:
        """Flat numbers of the ``count`` sine functions of lowest kinetic energy."""
        return np.sort(np.argsort(to_numpy(self.kinetic), axis=None, kind="stable")[:count])

    def to_grid(self, coefficients: Array) -> Array:
        """(..., n_modes, n_modes) -> (..., n, n)."""
        return _both_sides(self.sines, coefficients)

    def from_grid(self, field: Array) -> Array:
        """Projection on the basis: (..., n, n) -> (..., n_modes, n_modes)."""
        return _both_sides(self.projection, field)

    def hamiltonian(self, coefficients: Array, potential: Array, functions: Array | None = None) -> Array:
        """H c for coefficients (B, k, n_modes, n_modes) and potentials (B, n, n).

        ``functions`` (B, k, n, n) are the same on the grid, where they are known.
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
    """Left @ field @ left^T for fields (..., j, j), the right product as one large one."""
    xp, (*leading, j, _) = namespace(fields), fields.shape
    rows, columns = math.prod(leading) * j, left.shape[0]
    right = xp.reshape(fields, (rows, j)) @ xp.matrix_transpose(left)
    return left @ xp.reshape(right, (*leading, j, columns))


class Orbitals(NamedTuple):
    """The lowest orbitals of a batch, in effective atomic units.

    ``energies`` (B, k + 1): those of the k orbitals, and of the next one to some digits fewer, where there is one;
    sine ``coefficients`` (B, k, n_modes, n_modes); ``residuals`` (B, k); ``fallback`` (B,), NumPy: True where the
    iteration failed and LAPACK solved the whole matrix.
    """

    energies: Array
    coefficients: Array
    residuals: Array
    fallback: np.ndarray


class _Separable:
    """H of each potential in a basis of its own, as an ``eigensolver.Operator`` on flat coefficients.

    V(x, y) = f(x) + g(y) + rest with f = min_y V and g = min_x V. The eigenfunctions u_i(x), v_j(y) of T + f and T + g,
    combinations of the sines, make H diagonal up to the rest: that is all of H in a trap or a box, and still the sines
    where walls stand everywhere. ``levels`` (B, m, m) are the sums of their energies.
    """

    def __init__(self, basis: SineBasis, potential: Array) -> None:
        xp, n, m = basis.xp, basis.n, basis.n_modes
        along = [xp.min(potential, axis=2), xp.min(potential, axis=1)]  # f, g: (B, n)
        self.rest = potential - along[0][:, :, None] - along[1][:, None, :]
        one_way = xp.linalg.diagonal(basis.kinetic) / 2
        kinetic = one_way * xp.eye(m, dtype=one_way.dtype, device=one_way.device)
        solved = [
            xp.linalg.eigh(
                kinetic + (xp.matrix_transpose(basis.sines) * v[:, None, :]) @ basis.sines * (basis.length / n)
            )
            for v in along
        ]
        (x_levels, self.x_columns), (y_levels, self.y_columns) = solved
        self.levels = x_levels[:, :, None] + y_levels[:, None, :]
        self.x, self.y = (basis.sines @ columns for columns in (self.x_columns, self.y_columns))  # (B, n, m)
        self.cell_area, self.shape = basis.cell_area, (n, m)
        self.low: LowBlock | None = None

    @property
    def diagonal(self) -> Array:
        """Diagonal of H, (B, m^2)."""
        xp = namespace(self.rest)
        mean = xp.matrix_transpose(self.x**2) @ self.rest @ self.y**2 * self.cell_area
        return xp.reshape(self.levels + mean, (mean.shape[0], -1))

    def apply(self, vectors: Array) -> Array:
        """H c for vectors (B, k, m^2)."""
        xp, (b, k, size), m = namespace(vectors), vectors.shape, self.shape[1]
        c = xp.reshape(vectors, (b, k, m, m))
        fields = _sides(self.x, c, self.y)
        fields *= self.rest[:, None, :, :]  # in place: large arrays leave the cache
        back = _sides(xp.matrix_transpose(self.x), fields, xp.matrix_transpose(self.y))
        return xp.reshape(back * self.cell_area + self.levels[:, None, :, :] * c, (b, k, size))

    def precondition(self, residuals: Array, values: Array) -> Array:
        """About (H - e)^-1 r."""
        assert self.low is not None
        return self.low.solve(residuals, values)

    def take(self, systems: Array) -> _Separable:
        """The Hamiltonians of some potentials."""
        chosen, xp = copy(self), namespace(self.rest)
        for name in ("rest", "levels", "x", "y", "x_columns", "y_columns"):
            setattr(chosen, name, xp.take(getattr(self, name), systems, axis=0))
        chosen.low = self.low and self.low.take(systems)
        return chosen

    def block(self, functions: np.ndarray) -> Array:
        """H (B, d, d) among the basis ``functions`` (d,), numbers i * m + j."""
        xp, device, (n, m), b = namespace(self.rest), self.rest.device, self.shape, self.rest.shape[0]
        i, j, d = functions // m, functions % m, len(functions)
        few = max(int(i.max()), int(j.max())) + 1
        pairs = [
            xp.reshape(u[:, :, :few, None] * u[:, :, None, :few], (b, n, few**2)) for u in (self.x, self.y)
        ]  # u_i u_i' at the points
        v = xp.reshape((xp.matrix_transpose(pairs[0]) @ self.rest) @ pairs[1] * self.cell_area, (b, few**4))
        entry = np.add.outer(i * few, i) * few**2 + np.add.outer(j * few, j)
        h = xp.reshape(xp.take(v, xp.asarray(entry.ravel(), device=device), axis=1), (b, d, d))
        chosen = xp.asarray(functions, device=device)
        levels = xp.take(xp.reshape(self.levels, (b, -1)), chosen, axis=1)
        return h + levels[:, :, None] * xp.eye(d, dtype=h.dtype, device=device)

    def to_sines(self, vectors: Array) -> Array:
        """Coefficients of the sines (B, k, m, m) for vectors (B, k, m^2)."""
        xp, m = namespace(vectors), self.shape[1]
        c = xp.reshape(vectors, (*vectors.shape[:2], m, m))
        return _sides(self.x_columns, c, self.y_columns)


def _sides(left: Array, fields: Array, right: Array) -> Array:
    """Fields (B, k, j, j) as left @ field @ right^T with left, right (B, i, j); the right product as a large one."""
    xp, (b, k, j, _), i = namespace(fields), fields.shape, left.shape[1]
    rows = xp.reshape(fields, (b, k * j, j)) @ xp.matrix_transpose(right)
    return left[:, None, :, :] @ xp.reshape(rows, (b, k, j, i))


def lowest_orbitals(potential: Array, basis: SineBasis, n_orbitals: int, tolerance: float) -> Orbitals:
    """Lowest orbitals of each ``potential`` (B, n, n), with residuals below ``tolerance``.

    Matrix-free block Davidson in a basis adapted to each potential. Start vectors and preconditioner come from the
    dense problem in its lowest functions; above them H is taken for its diagonal. One more orbital guards the last. A
    system that does not converge, or whose orbitals are not orthonormal, is solved by LAPACK, if its matrix has at most
    ``DENSE_SIZE`` rows; else its residuals tell.
    """
    b, size = potential.shape[0], basis.n_modes**2
    n_block = min(n_orbitals + 1, size)
    hamiltonian = _Separable(basis, potential)
    if size <= 4 * n_block:
        return _orbitals(hamiltonian, _by_lapack(hamiltonian), n_orbitals, np.zeros(b, dtype=bool))
    xp, inside = basis.xp, basis.lowest_modes(min(max(START_SIZE, 4 * n_block), size))
    low_values, low_vectors = xp.linalg.eigh(hamiltonian.block(inside))
    hamiltonian.low = low = LowBlock(hamiltonian.diagonal, inside, low_values, low_vectors, n_block)
    patience = 80 if size <= DENSE_SIZE else 1000  # where there is no other way
    pairs = davidson(hamiltonian, start_vectors(low, n_block), n_orbitals, tolerance, patience)
    sound = to_numpy(non_orthogonality(pairs.vectors[:, :n_orbitals, :])) <= ORTHOGONAL
    failed = ~((to_numpy(pairs.residuals[:, :n_orbitals]) <= tolerance).all(axis=1) & sound)
    if size > DENSE_SIZE:
        failed[:] = False
    for i in np.flatnonzero(failed):
        exact = _by_lapack(hamiltonian.take(xp.asarray([i], device=potential.device))).first(n_block)
        for mine, its in zip(pairs, exact, strict=True):
            mine[i, ...] = its[0, ...]
    return _orbitals(hamiltonian, pairs, n_orbitals, failed)


def _by_lapack(hamiltonian: _Separable) -> Eigenpairs:
    """All orbitals from the whole matrices: slow, and the last word."""
    xp, size = namespace(hamiltonian.rest), hamiltonian.shape[1] ** 2
    h = hamiltonian.block(np.arange(size))
    values, columns = xp.linalg.eigh(h)
    vectors = xp.matrix_transpose(columns)
    return Eigenpairs(values, vectors, norms(vectors @ h - values[..., None] * vectors))


def _orbitals(hamiltonian: _Separable, pairs: Eigenpairs, n_orbitals: int, fallback: np.ndarray) -> Orbitals:
    found = pairs.first(n_orbitals)
    energies = pairs.values[:, : min(n_orbitals + 1, pairs.values.shape[1])]
    return Orbitals(energies, hamiltonian.to_sines(found.vectors), found.residuals, fallback)


def dense_orbitals(potential: Array, basis: SineBasis, n_orbitals: int) -> Orbitals:
    """The same as ``lowest_orbitals``, by LAPACK in the full basis: what its tests compare with."""
    hamiltonian = _Separable(basis, potential)
    return _orbitals(hamiltonian, _by_lapack(hamiltonian), n_orbitals, np.ones(potential.shape[0], dtype=bool))
