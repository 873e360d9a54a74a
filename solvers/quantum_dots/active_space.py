"""The active space: M orbitals, their integrals, and their refinement.

Full CI in the M lowest single-particle states converges slowly in M, because these states do not depend on the
interaction. The best M orbitals, natural orbitals of the many-electron state, converge much faster. They are found in
rounds:

    gradient    dE / dphi_p = 2 sum_q gamma_pq h phi_q + sum_qRS Gamma_(pq)R W_R phi_q,   W_R the potential of pair R,
    directions  its part outside the space, divided by T + <V>: the few that carry most of it,
    enlarged    the space and these directions, in which the states are found to a loose tolerance,
    orbitals    the M natural orbitals of the enlarged space, averaged over the states.

Where no direction is left, the orbitals are those of a multiconfigurational self-consistent field (Werner, Meyer,
J. Chem. Phys. 73, 2342 (1980)); the enlarged space takes the place of its second derivatives. The change of energy and
density by the enlargement is also the estimate of the remaining error. Directions require little precision: on fine
grids their pair densities have half as many points per side. Effective atomic units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import TINY, davidson, norms, orthonormal
from solvers.quantum_dots.configuration_interaction import Hamiltonian, SpinBlock, States, low_block, spin_block
from solvers.quantum_dots.coulomb import Interaction, coulomb_integrals, coulomb_potentials, pair_densities
from solvers.quantum_dots.density import spin_densities, symmetric_matrix, two_particle
from solvers.quantum_dots.determinants import orbital_pairs, pair_numbers
from solvers.quantum_dots.single_particle import SineBasis

ENLARGED_TOLERANCE = 1e-4
"""Residual in hartree of the states in an enlarged space."""
ENLARGED_ITERATIONS = 4
"""Largest number of iterations for them: few are needed from the states of the space."""
ENLARGED_LOW_SIZE = 40
"""Determinants in which an enlarged space is diagonalised for its preconditioner."""
COARSE_FROM = 64
"""Grids with at least this many points per side have a coarse version."""


class ActiveSpace(NamedTuple):
    """Orbitals as sine ``coefficients`` (B, M, m, m), H times them ``images``, ``functions`` on the grid (B, M, n, n).

    ``one_body`` h_pq (B, P) for p <= q; ``pairs`` phi_p phi_q (B, P, n, n); ``integrals`` (B, P, P).
    """

    coefficients: Array
    images: Array
    functions: Array
    one_body: Array
    pairs: Array
    integrals: Array


class Surroundings(NamedTuple):
    """The environment of the orbitals: ``basis``, its ``coarse`` version, ``potential`` (B, n, n), the interaction."""

    basis: SineBasis
    coarse: SineBasis
    potential: Array
    interaction: Interaction


def surroundings(potential: Array, length: float, n_modes: int, interaction: Interaction) -> Surroundings:
    """Return the bases for ``potential`` (B, n, n) in a square of side ``length``; the coarse one has half of n."""
    n = potential.shape[-1]
    basis = SineBasis(n, length, n_modes, like=potential)
    if n < COARSE_FROM:
        return Surroundings(basis, basis, potential, interaction)
    coarse = SineBasis(n // 2, length, min(n_modes, 3 * n // 8), like=potential)
    return Surroundings(basis, coarse, potential, interaction)


def active_space(coefficients: Array, around: Surroundings) -> ActiveSpace:
    """Return the space of orthonormal orbitals given by their ``coefficients`` (B, M, m, m)."""
    basis = around.basis
    functions = basis.to_grid(coefficients)
    images = basis.hamiltonian(coefficients, around.potential, functions)
    pairs = pair_densities(functions)
    integrals = coulomb_integrals(pairs, basis.length, around.interaction)
    return ActiveSpace(coefficients, images, functions, _one_body(coefficients, images), pairs, integrals)


def _flat(fields: Array) -> Array:
    return namespace(fields).reshape(fields, (*fields.shape[:2], -1))


def _one_body(coefficients: Array, images: Array) -> Array:
    """Return h_pq (B, P) = <phi_p | H phi_q>."""
    xp, m = namespace(images), images.shape[1]
    h = _flat(coefficients) @ xp.matrix_transpose(_flat(images))
    p, q = orbital_pairs(m)
    return xp.take(xp.reshape(h, (-1, m * m)), xp.asarray(p * m + q, device=h.device), axis=1)


class EnlargedSpace(NamedTuple):
    """A space with its directions, and its states to a loose tolerance.

    ``coefficients`` (B, M + k, m, m); ``occupations`` <F_P> of the averaged states (B, P'); ``energy_change`` and
    ``density_change`` of the ground state, (B,) in hartree and (B,) as int |dn|.
    """

    coefficients: Array
    occupations: Array
    energy_change: Array
    density_change: Array


def enlarge(
    space: ActiveSpace,
    block: SpinBlock,
    states: States,
    ground: Array,
    average: Array,
    n_directions: int,
    around: Surroundings,
) -> EnlargedSpace:
    """Return the space enlarged by ``n_directions`` orbitals, with its states.

    ``ground`` and ``average`` (B, k) are weights of the states: of the ground state, and of the orbitals' average.
    """
    xp, m = namespace(space.one_body), block.n_orbitals
    directions = _directions(space, block, states, average, n_directions, around)
    whole = xp.concat([space.coefficients, directions], axis=1)
    images = xp.concat([space.images, around.basis.hamiltonian(directions, around.potential)], axis=1)
    one_body = _one_body(whole, images)
    pairs = pair_densities(around.coarse.to_grid(_coarse(whole, around)))
    integrals = coulomb_integrals(pairs, around.basis.length, around.interaction)
    larger_block = spin_block(m + n_directions, block.n_electrons)
    hamiltonian = Hamiltonian.of(larger_block, one_body, integrals)
    start = _embedded(states.vectors, larger_block, m)
    low = low_block(hamiltonian, start.shape[1], ENLARGED_LOW_SIZE)
    found = davidson(hamiltonian, low, start, start.shape[1], ENLARGED_TOLERANCE, ENLARGED_ITERATIONS)
    before = spin_densities(block, states.vectors, ground)
    n_pairs = space.one_body.shape[1]
    lowered = found.values - xp.sum(start * hamiltonian.apply(start), axis=2)
    after = spin_densities(larger_block, found.vectors, ground)
    change = xp.concat([after[0] + after[1], -(before[0] + before[1])], axis=1)
    density = xp.matmul(change[:, None, :], xp.concat([_flat(pairs), _flat(pairs)[:, :n_pairs, :]], axis=1))
    averaged = spin_densities(larger_block, found.vectors, average)
    return EnlargedSpace(
        whole,
        averaged[0] + averaged[1],
        xp.sum(ground * lowered, axis=1),
        xp.sum(xp.abs(density), axis=(1, 2)) * around.coarse.cell_area,
    )


def natural_orbitals(enlarged: EnlargedSpace, n_orbitals: int) -> tuple[Array, np.ndarray]:
    """Return coefficients (B, M, m, m) of the ``n_orbitals`` natural orbitals of largest occupation, in whole shells.

    The second result, (B,), is True where a shell had to be cut.
    """
    xp, shape = namespace(enlarged.coefficients), enlarged.coefficients.shape
    occupations, columns = xp.linalg.eigh(symmetric_matrix(enlarged.occupations))
    chosen, split = whole_shells(_alike(xp.flip(occupations, axis=1)), n_orbitals, like=columns)
    most = chosen @ xp.flip(xp.matrix_transpose(columns), axis=1)
    return xp.reshape(most @ _flat(enlarged.coefficients), (shape[0], n_orbitals, *shape[2:])), split


def _alike(values: Array) -> np.ndarray:
    """Return where neighbours among descending ``values`` (B, K) agree within a hundredth: (B, K - 1), NumPy."""
    values = np.abs(to_numpy(values))
    return np.abs(np.diff(values, axis=1)) <= 0.01 * np.maximum(values[:, 1:], values[:, :-1])


def whole_shells(together: np.ndarray, n: int, like: Array) -> tuple[Array, np.ndarray]:
    """Return a choice of ``n`` of K vectors, the first ones in whole shells, as ones and zeros (B, n, K).

    ``together`` (B, K - 1) is True for neighbours in one shell; with (B, K) the shell of the last vector may be
    incomplete. The density has the symmetry of the dot only if the orbitals do: a shell that does not fit is skipped
    in favour of later shells. If none fits, the first is cut: True in the second result, (B,).
    """
    xp, b, k = namespace(like), like.shape[0], like.shape[1]
    chosen, split = np.zeros((b, n, k)), np.zeros(b, dtype=bool)
    for i, same in enumerate(together):
        shells = np.split(np.arange(len(same) + 1), np.flatnonzero(~same) + 1)
        picked: list[int] = []
        for shell in shells:
            if shell[-1] < k and len(picked) + len(shell) <= n:
                picked += shell.tolist()
        split[i] = len(picked) < n
        picked = sorted(picked + [j for j in range(k) if j not in picked][: n - len(picked)])
        chosen[i, np.arange(n), picked] = 1.0
    return xp.asarray(chosen, device=like.device), split


def _coarse(coefficients: Array, around: Surroundings) -> Array:
    m = around.coarse.n_modes
    return coefficients[:, :, :m, :m]


def _directions(
    space: ActiveSpace, block: SpinBlock, states: States, weights: Array, n_directions: int, around: Surroundings
) -> Array:
    """Return orthonormal orbitals outside the space, (B, n_directions, m, m), of steepest descent of the energy."""
    xp, (b, _, n_modes, _) = namespace(space.coefficients), space.coefficients.shape
    up, down = spin_densities(block, states.vectors, weights)
    gamma = symmetric_matrix(up + down)
    gradient = 2 * (gamma @ _flat(space.images))
    repulsion = _repulsion(space, two_particle(block, states.vectors, weights), around)
    gradient = xp.reshape(gradient, space.coefficients.shape)
    cut = around.coarse.n_modes
    gradient[:, :, :cut, :cut] += repulsion
    own, outside = _flat(space.coefficients), _flat(gradient)
    outside = outside - (outside @ xp.matrix_transpose(own)) @ own
    depth = xp.mean(around.potential, axis=(1, 2))[:, None, None]
    outside = outside / (xp.reshape(around.basis.kinetic, (1, 1, -1)) + depth)
    gains, vectors = xp.linalg.eigh(outside @ xp.matrix_transpose(outside))
    chosen, _ = whole_shells(_alike(xp.flip(gains, axis=1)), n_directions, like=vectors)
    largest = chosen @ xp.flip(xp.matrix_transpose(vectors), axis=1) @ outside
    largest = largest / (norms(largest)[..., None] + TINY)
    return xp.reshape(orthonormal(largest, own), (b, n_directions, n_modes, n_modes))


def _repulsion(space: ActiveSpace, gamma: Array, around: Surroundings) -> Array:
    """Return sum_qR Gamma_(pq)R W_R phi_q, (B, M, m', m') in the coarse basis."""
    xp, m = namespace(gamma), space.coefficients.shape[1]
    functions = around.coarse.to_grid(_coarse(space.coefficients, around))
    potentials = coulomb_potentials(pair_densities(functions), around.basis.length, around.interaction)
    fields = gamma @ _flat(potentials)
    b, _, points = fields.shape
    numbers = xp.asarray(pair_numbers(m).ravel(), device=gamma.device)
    twice = xp.asarray((1 + np.eye(m))[:, :, None], device=gamma.device)  # both factors of phi_p^2 are phi_p
    acting = xp.reshape(xp.take(fields, numbers, axis=1), (b, m, m, points)) * twice
    total = xp.sum(acting * _flat(functions)[:, None, :, :], axis=2)
    return around.coarse.from_grid(xp.reshape(total, functions.shape))


def _embedded(vectors: Array, block: SpinBlock, n_orbitals: int) -> Array:
    """Return states (B, k, determinants) of the first ``n_orbitals`` orbitals as states of the larger ``block``."""
    xp, (b, k, d) = namespace(vectors), vectors.shape
    inside = block.corner(n_orbitals)
    order = np.argsort(np.r_[inside, np.setdiff1d(np.arange(block.size), inside)])
    padded = xp.concat([vectors, xp.zeros((b, k, block.size - d), device=vectors.device)], axis=2)
    return xp.take(padded, xp.asarray(order, device=vectors.device), axis=2)
