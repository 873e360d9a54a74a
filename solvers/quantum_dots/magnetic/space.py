"""The active space in a field: M complex orbitals, their integrals, and their refinement as in ``active_space.py``.

    dE / dphi_p^* = sum_q gamma_pq h phi_q + sum_qrs Gamma_prqs W_rs phi_q,    W_rs the potential of phi_r^* phi_s.

Its part outside the space, divided by T + <V>, gives the directions by which the space is enlarged. The changes of
energies and of the density matrix there are the estimate of what M orbitals miss; the natural orbitals of the enlarged
space are the refined ones. Effective atomic units.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np

from solvers.quantum_dots.coulomb import Interaction
from solvers.quantum_dots.cusp import EDGE, contact_of, missing_per_pair
from solvers.quantum_dots.determinants import orbital_pairs
from solvers.quantum_dots.leftover import LACKING
from solvers.quantum_dots.magnetic.hermitian import orthonormal
from solvers.quantum_dots.magnetic.interaction import Products
from solvers.quantum_dots.magnetic.multiplets import Multiplets, lowest_states
from solvers.quantum_dots.magnetic.one_electron import Floats, OneElectron, Values
from solvers.quantum_dots.magnetic.orbitals import first_shells
from solvers.quantum_dots.magnetic.sectors import (
    Hamiltonian,
    Integrals,
    density_matrix,
    pair_matrix,
    removed,
    sector,
)
from solvers.quantum_dots.pairs import singlets

ENLARGED_TOLERANCE = 1e-4
"""Residual of the states in an enlarged space, as a part of the dot's scale."""
ENLARGED_LEAST, ENLARGED_ITERATIONS = 2, 5
"""Least and largest number of iterations for them; for the least see ``quantum_dots/active_space.py``."""
LEFTOVER_ITERATIONS = 40
"""The same with orbitals that are left over: an electron that escapes to one of them is far from where it starts."""
ALIKE = 0.01
"""Occupations, or losses of energy, that agree within this part are one shell."""

Weights = Mapping[float, Floats]
"""For each total spin the weights (k,) of its multiplets; all together have the sum 1."""


class Space:
    """Orthonormal orbitals by their sine ``coefficients`` (M, mx, my), with all that depends on them."""

    def __init__(self, coefficients: Values, h: OneElectron, interaction: Interaction) -> None:
        self.coefficients, self.h, self.interaction = coefficients, h, interaction
        self.flat = coefficients.reshape(len(coefficients), -1)
        self.images = h.on_sines(coefficients).reshape(self.flat.shape)
        self.functions = h.sides.to_grid(coefficients)
        self.products = Products.of(self.functions)

    @cached_property
    def integrals(self) -> Integrals:
        """The integrals of H."""
        one_body = self.flat.conj() @ self.images.T
        return Integrals(one_body, self.products.integrals(self.h.sides, self.interaction))

    def gradient(self, gamma: Values, pairs: Values) -> Values:
        """Return dE / dphi_p^*, (M, mx my), for density matrices (M, M) and Gamma (M, M, M, M)."""
        m, sides = len(self.flat), self.h.sides
        found = gamma @ self.images
        if pairs.any():
            potentials = self.products.potentials(sides, self.interaction).reshape(m * m, -1)
            acting = pairs.transpose(0, 2, 1, 3).reshape(m * m, m * m) @ potentials  # (p q), (r s)
            fields = (acting.reshape(m, m, -1) * self.functions.reshape(1, m, -1)).sum(1)
            found = found + sides.from_grid(fields.reshape(m, *sides.shape)).reshape(m, -1)
        return found


def mean_matrices(multiplets: Mapping[float, Multiplets], weights: Weights) -> tuple[Values, Values]:
    """Return gamma (M, M) and Gamma (M, M, M, M), summed over spins, of the weighted multiplets."""
    gamma, pairs = [], []
    for spin, some in multiplets.items():
        used = np.flatnonzero(weights[spin])
        if len(used):
            vectors = some.vectors[used] * np.sqrt(weights[spin][used])[:, None]
            gamma.append(density_matrices(some, vectors).sum(0))
            pairs.append(pair_matrix(some.block, vectors))
    return np.sum(gamma, axis=0), np.sum(pairs, axis=0)


def density_matrices(some: Multiplets, vectors: Values) -> Values:
    """Return <a+_p a_q> of up and down electrons, (2, M, M), the sum over ``vectors`` (k, determinants)."""
    k, (up, down) = len(vectors), some.block
    c = vectors.reshape(k, up.count, down.count)
    of_up = density_matrix(up, c.transpose(1, 2, 0).reshape(up.count, -1))
    of_down = density_matrix(down, c.transpose(2, 1, 0).reshape(down.count, -1))
    return np.stack([of_up, of_down])


def _alike(values: Floats) -> np.ndarray:
    """Return where neighbours among ``values`` (1, K) agree within a hundredth: (1, K - 1)."""
    sizes = np.abs(values)
    return np.abs(np.diff(sizes, axis=1)) <= ALIKE * np.maximum(sizes[:, 1:], sizes[:, :-1])


def directions(space: Space, gamma: Values, pairs: Values, count: int) -> Values:
    """Return ``count`` orthonormal orbitals outside the space, (count, mx, my), of steepest descent of the energy."""
    h = space.h
    outside = space.gradient(gamma, pairs)
    outside = outside - (outside @ space.flat.conj().T) @ space.flat
    depth = float(np.mean(h.potential - h.potential.min()))
    outside = outside / (h.sides.kinetic.ravel() + depth)
    losses, columns = np.linalg.eigh(-(outside.conj() @ outside.T))
    steepest = columns.T @ outside
    steepest /= np.linalg.norm(steepest, axis=1)[:, None] + 1e-300
    steepest = steepest.reshape(space.coefficients.shape)
    largest, _ = first_shells(steepest, losses, min(count, len(losses)), h.group, _alike)
    return orthonormal(largest.reshape(len(largest), -1), space.flat).reshape(largest.shape)


class Enlarged(NamedTuple):
    """The enlarged space, and the multiplets there to a loose tolerance, in the order of those of the space.

    ``changes``: of their energies by spin, each (k,), negative.
    """

    space: Space
    multiplets: dict[float, Multiplets]
    changes: dict[float, Floats]


def leftover(space: Space, lowest: tuple[Floats, Values], most: int) -> Values:
    """Return orthonormal orbitals outside the space, (j, mx, my), mixtures of ``lowest``, as in ``leftover.py``."""
    energies, coefficients = lowest
    rows = coefficients.reshape(len(coefficients), -1)
    overlaps = rows @ space.flat.conj().T
    operator = LACKING * (overlaps @ overlaps.conj().T) + np.diag((energies - energies[0]) / space.h.scale)
    _, columns = np.linalg.eigh(operator)
    mixtures = columns[:, : min(len(rows) - len(space.flat), most)].conj().T @ rows
    return mixtures.reshape(-1, *coefficients.shape[1:])


def enlarge(
    space: Space, multiplets: Mapping[float, Multiplets], weights: Weights, count: int, more: Values | None = None
) -> Enlarged:
    """Return the space enlarged by ``count`` directions, or by ``more``, for the multiplets that have a weight."""
    iterations = ENLARGED_ITERATIONS if more is None else LEFTOVER_ITERATIONS
    if more is None:
        gamma, pairs = mean_matrices(multiplets, weights)
        more = directions(space, gamma, pairs, count)
    whole = Space(np.concatenate([space.coefficients, more]), space.h, space.interaction)
    scale, found, changes = space.h.scale, {}, {}
    for spin, some in multiplets.items():
        used = len(np.trim_zeros(weights[spin], "b"))
        if used:
            h = Hamiltonian(some.block, space.integrals)
            before = (some.vectors[:used].conj() * h.apply(some.vectors[:used])).real.sum(1)
            found[spin], after = _in_larger_space(whole, some, used, scale, iterations)
            changes[spin] = after - before
    return Enlarged(whole, found, changes)


def _in_larger_space(
    whole: Space, some: Multiplets, used: int, scale: float, iterations: int
) -> tuple[Multiplets, Floats]:
    """Return the first ``used`` multiplets in a larger space, and their energies in the order of ``some``."""
    (up, down), m = some.block, len(whole.flat)
    block = sector(m, up.n_electrons, down.n_electrons)
    within = np.zeros((len(some.vectors), block.up.count, block.down.count), dtype=some.vectors.dtype)
    within[:, : up.count, : down.count] = some.vectors.reshape(-1, up.count, down.count)
    start = within.reshape(len(within), -1)
    h = Hamiltonian(block, whole.integrals, some.penalty)
    found = lowest_states(h, used, ENLARGED_TOLERANCE * scale, start, iterations, ENLARGED_LEAST)
    overlap = np.abs(start[:used].conj() @ found.vectors.T) ** 2
    overlap /= overlap.sum(1, keepdims=True)  # states that are close may change their order
    return some._replace(
        block=block, energies=found.values, vectors=found.vectors, residuals=found.residuals
    ), overlap @ found.values


def natural_orbitals(enlarged: Enlarged, weights: Weights, count: int) -> Values:
    """Return coefficients (count, mx, my) of the natural orbitals of largest occupation."""
    short = {spin: weights[spin][: len(some.energies)] for spin, some in enlarged.multiplets.items()}
    gamma = sum(
        density_matrices(some, some.vectors * np.sqrt(short[spin])[:, None]).sum(0)
        for spin, some in enlarged.multiplets.items()
    )
    occupations, columns = np.linalg.eigh(-np.conj(gamma))
    space = enlarged.space
    vectors = (columns.T @ space.flat).reshape(space.coefficients.shape)
    chosen, _ = first_shells(vectors, occupations, count, space.h.group, _alike)
    return np.linalg.qr(chosen.reshape(count, -1).T)[0].T.reshape(chosen.shape)


def cusp_energies(space: Space, some: Multiplets) -> Floats:
    """Return the energy (k,), negative, of the cusp of each multiplet; see ``cusp.py``."""
    if not some.block.down.n_electrons:
        return np.zeros(len(some.energies))  # electrons of one spin do not meet
    m, functions = len(space.flat), space.functions.reshape(len(space.flat), -1)
    low, high = orbital_pairs(m)
    products = functions[low] * functions[high]
    local = (np.abs(functions) ** 2).sum(0)
    sides = space.h.sides
    contact = contact_of((1 / sides.x.mass, 1 / sides.y.mass))
    weight = missing_per_pair(local, space.interaction, contact) * sides.cell_area * (1 + EDGE / m)
    norm = np.sqrt(2 / (1.0 + (low == high)))
    overlap = (products.conj() * weight) @ products.T * norm * norm[:, None]
    rows = removed(singlets(some.block), some.vectors)
    each = (rows.conj() * (overlap @ rows)).real.reshape(-1, len(some.vectors)).sum(0)
    return -np.maximum(each, 0.0)
