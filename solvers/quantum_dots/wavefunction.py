"""The many-electron states of a solution: densities of single states, natural orbitals, pair densities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.backend import Array, namespace
from solvers.checks import check_integer, check_number
from solvers.grid import Grid
from solvers.quantum_dots.configuration_interaction import spin_block
from solvers.quantum_dots.coulomb import pair_densities
from solvers.quantum_dots.density import density, spin_densities, symmetric_matrix, two_particle
from solvers.quantum_dots.pairs import SpinBlock


@dataclass(frozen=True)
class Wavefunction:
    """The states of B dots as coefficients of determinants, in orbitals on the grid.

    Attributes:
        grid: points and sides of the square or rectangle.
        n_electrons: N.
        orbitals: (B, M, n_x, n_y), orthonormal, in nm^-1.
        vectors: (B, k, determinants), of the lowest states, in the order of ``configuration_interaction``.
        weights: (B, k) of the states in the ground state: more than one where it is degenerate.
        n_states: the number of states that all dots have, which methods accept as ``state``.
    """

    grid: Grid
    n_electrons: int
    orbitals: Array
    vectors: Array
    weights: Array
    n_states: int

    def density(self, state: int | None = None) -> tuple[Array, Array]:
        """Return the spin-up and spin-down density (B, n_x, n_y) in nm^-2 of one ``state``, or of the ground state."""
        up, down = spin_densities(self._block, self.vectors, self._of(state))
        return density(up, self._pairs), density(down, self._pairs)

    def natural_orbitals(self, state: int | None = None) -> tuple[Array, Array]:
        """Return occupations (B, M), descending, and natural orbitals (B, M, n_x, n_y) in nm^-1 of one ``state``."""
        xp, shape = namespace(self.orbitals), self.orbitals.shape
        up, down = spin_densities(self._block, self.vectors, self._of(state))
        occupations, columns = xp.linalg.eigh(symmetric_matrix(up + down))
        rows = xp.flip(xp.matrix_transpose(columns), axis=1)
        functions = rows @ xp.reshape(self.orbitals, (*shape[:2], -1))
        return xp.flip(occupations, axis=1), xp.reshape(functions, shape)

    def pair_density(self, x: float, y: float, state: int | None = None) -> Array:
        """Return n_2(r0, r) = sum_{i != j} <delta(r_i - r0) delta(r_j - r)>, (B, n_x, n_y) in nm^-4.

        r0 is the point of the grid next to (``x``, ``y``) in nm. The integral over r is (N - 1) n(r0).

        Raises:
            ValueError: the point lies outside the rectangle.
        """
        grid, place = self.grid, []
        for name, value, side, step, n in zip("xy", (x, y), grid.sides, grid.steps, grid.shape, strict=True):
            check_number(name, value, 0.0, side, "The point must lie in the square or rectangle of the grid")
            place.append(min(int(value / step), n - 1))
        xp, pairs = namespace(self.orbitals), self._pairs
        gamma = two_particle(self._block, self.vectors, self._of(state))
        here = xp.matmul(pairs[:, None, :, place[0], place[1]], gamma)[:, 0, :]
        return density(here, pairs)

    @property
    def _block(self) -> SpinBlock:
        return spin_block(self.orbitals.shape[1], self.n_electrons)

    @property
    def _pairs(self) -> Array:
        return pair_densities(self.orbitals)

    def _of(self, state: int | None) -> Array:
        """Return the weights (B, k) of ``state``, or of the ground state."""
        if state is None:
            return self.weights
        xp, k = namespace(self.weights), self.weights.shape[1]
        check_integer("state", state, 0, "solve(n_states=...) sets how many there are", high=self.n_states - 1)
        chosen = xp.asarray(np.arange(k) == state, device=self.weights.device)
        return xp.zeros_like(self.weights) + xp.astype(chosen, self.weights.dtype)
