"""One electron in a square with hard walls, in the sine basis.

phi(x, y) = sum_{mn} c_mn s_m(x) s_n(y),  s_m(x) = sqrt(2/L) sin(m pi x / L),  m = 1 ... n_modes, and
(H c)_mn = [(m pi / L)^2 + (n pi / L)^2] / 2 c_mn + [S^T (V * (S c S^T)) S]_mn dx^2   with S_im = s_m(x_i).

Effective atomic units throughout. On cell-centred points the first n - 1 sines are orthonormal under the midpoint rule,
so that norms and densities computed on the grid are exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from solvers.eigensolver import davidson

Array = NDArray[np.float64]

START_MODES = 10
"""The guess comes from the dense problem in this many of the lowest modes per direction."""
GUARDS = 3
"""Orbitals carried along beyond those wanted; they speed up the convergence of the last one."""


class SineBasis:
    """The sine functions of a box of side ``length`` (bohr) with ``n`` cell-centred points per side."""

    def __init__(self, n: int, length: float, n_modes: int) -> None:
        m = np.arange(1, n_modes + 1)
        x = (np.arange(n) + 0.5) / n
        self.n, self.n_modes, self.cell_area = n, n_modes, (length / n) ** 2
        self.sines = np.sqrt(2 / length) * np.sin(np.pi * np.outer(x, m))  # (n, n_modes)
        one_way = (m * np.pi / length) ** 2 / 2
        self.kinetic = np.add.outer(one_way, one_way)  # (n_modes, n_modes)

    def to_grid(self, coefficients: Array) -> Array:
        """(..., n_modes, n_modes) -> (..., n, n)."""
        return self.sines @ coefficients @ self.sines.T

    def from_grid(self, field: Array) -> Array:
        """Projection on the basis: (..., n, n) -> (..., n_modes, n_modes)."""
        return (self.sines.T @ field @ self.sines) * self.cell_area

    def dense_hamiltonian(self, potential: Array, n_modes: int) -> Array:
        """H (B, n_modes^2, n_modes^2) in the lowest ``n_modes`` per direction, for ``potential`` (B, n, n)."""
        s = self.sines[:, :n_modes]
        pairs = (s[:, :, None] * s[:, None, :]).reshape(self.n, n_modes**2)  # s_m s_m' at x_i
        v = (pairs.T @ potential @ pairs) * self.cell_area  # (B, m m', n n')
        v = v.reshape(-1, *[n_modes] * 4).transpose(0, 1, 3, 2, 4).reshape(-1, n_modes**2, n_modes**2)
        v[:, range(n_modes**2), range(n_modes**2)] += self.kinetic[:n_modes, :n_modes].ravel()
        return v


class Orbitals(NamedTuple):
    """``energies`` (B, k), ``functions`` on the grid (B, k, n, n), ``residuals`` (B, k), in effective atomic units."""

    energies: Array
    functions: Array
    residuals: Array


def dense_orbitals(potential: Array, basis: SineBasis, n_orbitals: int) -> Orbitals:
    """The same as ``lowest_orbitals``, by LAPACK in the full basis: slow, and the last word."""
    energies, vectors, residuals = [], [], []
    for v in potential:
        h = basis.dense_hamiltonian(v[None], basis.n_modes)[0]
        e, c = scipy.linalg.eigh(h, subset_by_index=[0, n_orbitals - 1])
        energies.append(e)
        vectors.append(c.T)
        residuals.append(np.linalg.norm(h @ c - c * e, axis=0))
    coefficients = np.array(vectors).reshape(-1, n_orbitals, basis.n_modes, basis.n_modes)
    return Orbitals(np.array(energies), basis.to_grid(coefficients), np.array(residuals))


def lowest_orbitals(potential: Array, basis: SineBasis, n_orbitals: int, tolerance: float) -> Orbitals:
    """Lowest orbitals of each ``potential`` (B, n, n), with residuals below ``tolerance``.

    Matrix-free block Davidson, preconditioned with 1 / (T + <V> - min V), the diagonal of H without its last detail.
    A system that does not converge is solved by ``dense_orbitals``.
    """
    size, shape = basis.n_modes**2, (basis.n_modes, basis.n_modes)
    n_block = min(n_orbitals + GUARDS, size)
    n_start = min(basis.n_modes, max(START_MODES, int(np.ceil(np.sqrt(4 * n_block)))))
    if size <= 4 * n_block:
        return dense_orbitals(potential, basis, n_orbitals)
    guess = np.linalg.eigh(basis.dense_hamiltonian(potential, n_start))[1][:, :, :n_block].swapaxes(1, 2)
    # H keeps the symmetries of its potential: one that the coarse guess lacks comes in by this, or never
    noise = 0.01 / basis.n_modes * np.random.default_rng(0).normal(size=(n_block, *shape))
    start = np.tile(noise, (len(potential), 1, 1, 1))
    start[:, :, :n_start, :n_start] += guess.reshape(-1, n_block, n_start, n_start)
    kinetic = basis.kinetic.ravel()

    def apply(vectors: Array, systems: NDArray[np.intp]) -> Array:
        c = vectors.reshape(*vectors.shape[:2], *shape)
        v_phi = potential[systems, None] * basis.to_grid(c)
        return kinetic * vectors + basis.from_grid(v_phi).reshape(vectors.shape)

    depth = potential.mean(axis=(1, 2)) - potential.min(axis=(1, 2))  # so that an offset of V changes nothing

    def precondition(residual: Array, _values: Array, systems: NDArray[np.intp]) -> Array:
        return residual / (kinetic + depth[systems, None, None])

    pairs = davidson(apply, precondition, start.reshape(-1, n_block, size), n_orbitals, tolerance)
    values, vectors, residuals = (a[:, :n_orbitals] for a in pairs)
    functions = basis.to_grid(vectors.reshape(-1, n_orbitals, *shape))
    failed = np.flatnonzero((residuals > tolerance).any(axis=1))
    if failed.size:
        dense = dense_orbitals(potential[failed], basis, n_orbitals)
        values[failed], functions[failed], residuals[failed] = dense
    return Orbitals(values, functions, residuals)
