"""One electron in a square with hard walls, in the sine basis.

phi(x, y) = sum_{mn} c_mn s_m(x) s_n(y),  s_m(x) = sqrt(2/L) sin(m pi x / L),  m = 1 ... n_modes, and
(H c)_mn = [(m pi / L)^2 + (n pi / L)^2] / 2 c_mn + [S^T (V * (S c S^T)) S]_mn dx^2   with S_im = s_m(x_i).

Effective atomic units throughout. On cell-centred points the first n - 1 sines are orthonormal under the midpoint rule,
so that norms and densities computed on the grid are exact.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import LowBlock, davidson, non_orthogonality, norms, start_vectors

START_MODES = 128
"""The guess comes from the dense problem in this many of the lowest sine functions."""
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

    def lowest_modes(self, count: int) -> np.ndarray:
        """Flat numbers of the ``count`` sine functions of lowest kinetic energy."""
        return np.sort(np.argsort(to_numpy(self.kinetic), axis=None, kind="stable")[:count])

    def dense_hamiltonian(self, potential: Array, modes: np.ndarray) -> Array:
        """H (B, d, d) among the sine functions ``modes`` (d,), flat numbers, for ``potential`` (B, n, n)."""
        xp, device = self.xp, self.sines.device
        m, d = max(int((modes // self.n_modes).max()), int((modes % self.n_modes).max())) + 1, len(modes)
        s = self.sines[:, :m]
        pairs = xp.reshape(s[:, :, None] * s[:, None, :], (self.n, m**2))  # s_m s_m' at x_i
        v = _both_sides(xp.matrix_transpose(pairs), potential) * self.cell_area  # (B, m m', n n')
        along_x, along_y = modes // self.n_modes, modes % self.n_modes
        entry = np.add.outer(along_x * m, along_x) * m**2 + np.add.outer(along_y * m, along_y)
        chosen = xp.take(xp.reshape(v, (-1, m**4)), xp.asarray(entry.ravel(), device=device), axis=1)
        kinetic = xp.take(xp.reshape(self.kinetic, (-1,)), xp.asarray(modes, device=device))
        return xp.reshape(chosen, (-1, d, d)) + kinetic * xp.eye(d, dtype=v.dtype, device=device)


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


def dense_orbitals(potential: Array, basis: SineBasis, n_orbitals: int) -> Orbitals:
    """The same as ``lowest_orbitals``, by LAPACK in the full basis: slow, and the last word."""
    xp, m, parts = basis.xp, basis.n_modes, []
    for i in range(potential.shape[0]):
        h = basis.dense_hamiltonian(potential[i : i + 1, :, :], np.arange(m**2))
        values, columns = xp.linalg.eigh(h)
        vectors = xp.matrix_transpose(columns[:, :, :n_orbitals])
        residuals = norms(vectors @ h - values[:, :n_orbitals, None] * vectors)
        parts.append((values[:, : n_orbitals + 1], xp.reshape(vectors, (1, n_orbitals, m, m)), residuals))
    energies, coefficients, residuals = (xp.concat(list(a)) for a in zip(*parts, strict=True))
    return Orbitals(energies, coefficients, residuals, np.ones(potential.shape[0], dtype=bool))


class _Hamiltonian:
    """H of each potential as an ``eigensolver.Operator`` on flat coefficients."""

    def __init__(self, basis: SineBasis, potential: Array, low: LowBlock) -> None:
        self.basis, self.potential, self.low = basis, potential, low

    def apply(self, vectors: Array) -> Array:
        xp, m = self.basis.xp, self.basis.n_modes
        c = xp.reshape(vectors, (*vectors.shape[:2], m, m))
        return xp.reshape(self.basis.hamiltonian(c, self.potential), vectors.shape)

    def precondition(self, residuals: Array, values: Array) -> Array:
        return self.low.solve(residuals, values)

    def take(self, systems: Array) -> _Hamiltonian:
        return _Hamiltonian(self.basis, self.basis.xp.take(self.potential, systems, axis=0), self.low.take(systems))


def lowest_orbitals(potential: Array, basis: SineBasis, n_orbitals: int, tolerance: float) -> Orbitals:
    """Lowest orbitals of each ``potential`` (B, n, n), with residuals below ``tolerance``.

    Matrix-free block Davidson. Start vectors and preconditioner come from the dense problem in the lowest modes; above
    them H is taken for its diagonal T + <V>. One more orbital guards the last. A system that does not converge, or
    whose orbitals are not orthonormal, is solved by ``dense_orbitals``.
    """
    xp, size = basis.xp, basis.n_modes**2
    n_block = min(n_orbitals + 1, size)
    if potential.shape[0] == 0:
        return _nothing(basis, n_orbitals, n_block)
    if size <= 4 * n_block:
        exact = dense_orbitals(potential, basis, n_orbitals)
        return exact._replace(fallback=np.zeros(potential.shape[0], dtype=bool))
    modes = basis.lowest_modes(min(max(START_MODES, 4 * n_block), size))
    low_values, low_vectors = xp.linalg.eigh(basis.dense_hamiltonian(potential, modes))
    diagonal = xp.reshape(basis.kinetic, (1, -1)) + xp.mean(potential, axis=(1, 2))[:, None]
    low = LowBlock(diagonal, modes, low_values, low_vectors, n_block)
    pairs = davidson(_Hamiltonian(basis, potential, low), start_vectors(low, n_block), n_orbitals, tolerance)
    vectors, residuals = pairs.vectors[:, :n_orbitals, :], pairs.residuals[:, :n_orbitals]
    failed = ~(to_numpy(residuals) <= tolerance).all(axis=1) | ~(to_numpy(non_orthogonality(vectors)) <= ORTHOGONAL)
    coefficients = xp.reshape(vectors, (-1, n_orbitals, basis.n_modes, basis.n_modes))
    found = Orbitals(pairs.values, coefficients, residuals, failed)
    for i in np.flatnonzero(failed):
        dense = dense_orbitals(potential[i : i + 1, :, :], basis, n_orbitals)
        for mine, its in zip(found[:3], dense[:3], strict=True):
            mine[i, ...] = its[0, ...]
    return found


def _nothing(basis: SineBasis, n_orbitals: int, n_block: int) -> Orbitals:
    xp, m, device = basis.xp, basis.n_modes, basis.sines.device
    shapes = ((0, n_block), (0, n_orbitals, m, m), (0, n_orbitals))
    energies, coefficients, residuals = (xp.zeros(shape, device=device) for shape in shapes)
    return Orbitals(energies, coefficients, residuals, np.zeros(0, dtype=bool))
