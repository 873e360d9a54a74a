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

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import TINY, davidson, norms, orthonormal
from solvers.quantum_dots.configuration_interaction import Hamiltonian, States, low_block, spin_block
from solvers.quantum_dots.coulomb import Interaction, coulomb_integrals, coulomb_potentials, pair_densities
from solvers.quantum_dots.density import spin_densities, symmetric_matrix, two_particle
from solvers.quantum_dots.determinants import orbital_pairs, pair_numbers
from solvers.quantum_dots.pairs import SpinBlock
from solvers.quantum_dots.single_particle import SineBasis
from solvers.quantum_dots.symmetry import Group, choose_shells, group_of, in_shells

ENLARGED_TOLERANCE = 1e-4
"""Residual of the states in an enlarged space, as a part of the dot's scale."""
ENLARGED_LEAST, ENLARGED_ITERATIONS = 2, 4
"""Least and largest number of iterations for them, the start included: few are needed from the states of the space.
Without one, a weak interaction would seem to change nothing: its states are within the tolerance from the start."""
ENLARGED_LOW_SIZE = 40
"""Determinants in which an enlarged space is diagonalised for its preconditioner."""
COARSE_FROM = 64
"""Grids with at least this many points per side have a coarse version."""
LOST = 1e-3
"""Largest part of an orbital outside the coarse version; a dot that is small in its square has more."""


class ActiveSpace(NamedTuple):
    """Orbitals as sine ``coefficients``, H times them ``images`` (B, M, m_x, m_y), ``functions`` (B, M, n_x, n_y).

    ``one_body`` h_pq (B, P) for p <= q; ``pairs`` phi_p phi_q (B, P, n_x, n_y); ``integrals`` (B, P, P).
    """

    coefficients: Array
    images: Array
    functions: Array
    one_body: Array
    pairs: Array
    integrals: Array


class Surroundings(NamedTuple):
    """The environment of the orbitals.

    Attributes:
        basis, coarse: the basis, and its version for enlarged spaces.
        potential: V from its minimum, (B, n_x, n_y).
        interaction: the interaction.
        scale: energy of which tolerances are parts, (B,); see ``single_particle.Separable.scale``.
        group: symmetries of V.
    """

    basis: SineBasis
    coarse: SineBasis
    potential: Array
    interaction: Interaction
    scale: Array
    group: Group

    def select(self, systems: Array, scale: Array, coarse: SineBasis) -> Surroundings:
        """Return the environment of the chosen ``systems`` (b,), with their scales and basis for enlarged spaces."""
        xp, host = namespace(self.potential), to_numpy(systems)
        group = Group(self.group.members[host], self.group.weights[host])
        return self._replace(
            potential=xp.take(self.potential, systems, axis=0), scale=scale, group=group, coarse=coarse
        )

    def cut(self, coefficients: Array) -> Array:
        """Return coefficients (B, k, m_x', m_y') of the coarse basis."""
        m_x, m_y = self.coarse.modes
        return coefficients[:, :, :m_x, :m_y]

    def lost(self, coefficients: Array) -> Array:
        """Return the largest part of orbitals (B, k, m_x, m_y) outside the coarse basis, (B,)."""
        xp = namespace(coefficients)
        return xp.max(1 - xp.sum(self.cut(coefficients) ** 2, axis=(2, 3)), axis=1)


def surroundings(
    potential: Array,
    length: float | tuple[float, float],
    n_modes: int | tuple[int, int],
    interaction: Interaction,
    inverse_masses: tuple[float, float] = (1.0, 1.0),
) -> Surroundings:
    """Return the bases for ``potential`` (B, n_x, n_y) in a rectangle of sides ``length``.

    The coarse basis has half of the points along each side that has ``COARSE_FROM`` of them.
    """
    xp, (b, *shape) = namespace(potential), potential.shape
    basis = coarse = SineBasis((shape[0], shape[1]), length, n_modes, potential, inverse_masses)
    if max(shape) >= COARSE_FROM:
        halved = [n >= COARSE_FROM for n in shape]
        points = [n // 2 if half else n for n, half in zip(shape, halved, strict=True)]
        modes = [min(m, 3 * n // 8) if half else m for m, n, half in zip(basis.modes, shape, halved, strict=True)]
        coarse = SineBasis((points[0], points[1]), length, (modes[0], modes[1]), potential, inverse_masses)
    scale = xp.ones(b, dtype=potential.dtype, device=potential.device)
    group = group_of(potential, transposable=basis.symmetric)
    return Surroundings(basis, coarse, potential, interaction, scale, group)


def active_space(coefficients: Array, around: Surroundings) -> ActiveSpace:
    """Return the space of orthonormal orbitals given by their ``coefficients`` (B, M, m_x, m_y)."""
    basis = around.basis
    functions = basis.to_grid(coefficients)
    images = basis.hamiltonian(coefficients, around.potential, functions)
    pairs = pair_densities(functions)
    integrals = coulomb_integrals(pairs, basis.sides, around.interaction)
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

    ``coefficients`` (B, M + k, m_x, m_y); ``occupations`` <F_P> of the averaged states (B, P'); ``energy_changes`` of
    the states, (B, k) in hartree; ``density_change`` of the ground state, (B,) as int |dn|.
    """

    coefficients: Array
    occupations: Array
    energy_changes: Array
    density_change: Array


def enlarge(
    space: ActiveSpace,
    block: SpinBlock,
    states: States,
    ground: Array,
    average: Array,
    more: int | Array,
    around: Surroundings,
    exact: bool,
) -> EnlargedSpace:
    """Return the space enlarged by ``more`` orbitals, with its states.

    These are so many directions, or the given orbitals (B, j, m_x, m_y), orthonormal and orthogonal to the space.
    ``ground`` and ``average`` (B, k) are weights of the states: of the ground state, and of the orbitals' average.
    Without ``exact`` the states are computed in single precision: enough for an estimate, and twice as fast.
    """
    xp, n_pairs = namespace(space.one_body), space.one_body.shape[1]
    directions = _directions(space, block, states, average, more, around, exact) if isinstance(more, int) else more
    whole = xp.concat([space.coefficients, directions], axis=1)
    images = xp.concat([space.images, around.basis.hamiltonian(directions, around.potential)], axis=1)
    pairs = pair_densities(around.coarse.to_grid(around.cut(whole)))
    integrals, one_body = coulomb_integrals(pairs, around.basis.sides, around.interaction), _one_body(whole, images)
    alone = Hamiltonian.of(block, one_body[:, :n_pairs], integrals[:, :n_pairs, :n_pairs])
    energies = xp.sum(states.vectors * alone.apply(states.vectors), axis=2)
    larger = Hamiltonian.of(spin_block(whole.shape[1], block.n_electrons), one_body, integrals)
    start = larger.block.corner(block.n_orbitals).embedded(states.vectors)
    values, vectors = _loosely_solved(larger, start, ENLARGED_TOLERANCE * around.scale, exact)
    before, after = spin_densities(block, states.vectors, ground), spin_densities(larger.block, vectors, ground)
    change = xp.concat([after[0] + after[1], -(before[0] + before[1])], axis=1)
    density = xp.matmul(change[:, None, :], xp.concat([_flat(pairs), _flat(pairs)[:, :n_pairs, :]], axis=1))
    averaged = spin_densities(larger.block, vectors, average)
    return EnlargedSpace(
        whole,
        averaged[0] + averaged[1],
        _same_states(start, vectors, values) - energies,
        xp.sum(xp.abs(density), axis=(1, 2)) * around.coarse.cell_area,
    )


def _loosely_solved(hamiltonian: Hamiltonian, start: Array, limits: Array, exact: bool) -> tuple[Array, Array]:
    """Return energies (B, k) and vectors (B, k, determinants) of as many states as ``start`` has.

    The error of an energy is the square of that of its state: the expectation value in double precision of a state in
    single precision is good to the last digit.
    """
    xp, k = namespace(start), start.shape[1]
    kind = xp.float64 if exact else xp.float32
    search = hamiltonian if exact else hamiltonian.cast(kind)
    low = low_block(search, k, ENLARGED_LOW_SIZE)
    found = davidson(search, low, xp.astype(start, kind), k, limits, ENLARGED_ITERATIONS, min_iterations=ENLARGED_LEAST)
    if exact:
        return found.values, found.vectors
    vectors = orthonormal(xp.astype(found.vectors, xp.float64))
    return xp.sum(vectors * hamiltonian.apply(vectors), axis=2), vectors


def _same_states(start: Array, vectors: Array, values: Array) -> Array:
    """Return the energy (B, k) of each state in the enlarged space: of the vectors in the order of ``start``.

    States that are close may change their order. A state is the mean of those that it overlaps with.
    """
    xp = namespace(start)
    overlap = (start @ xp.matrix_transpose(vectors)) ** 2
    return xp.sum(overlap * values[:, None, :], axis=2) / xp.sum(overlap, axis=2)


def natural_orbitals(enlarged: EnlargedSpace, n_orbitals: int, group: Group) -> tuple[Array, np.ndarray]:
    """Return coefficients (B, M, m_x, m_y) of ``n_orbitals`` natural orbitals of largest occupation, in whole shells.

    The second result, (B,), is True where a shell had to be cut.
    """
    xp, shape = namespace(enlarged.coefficients), enlarged.coefficients.shape
    occupations, columns = xp.linalg.eigh(-symmetric_matrix(enlarged.occupations))
    vectors = xp.reshape(xp.matrix_transpose(columns) @ _flat(enlarged.coefficients), shape)
    return first_shells(vectors, occupations, n_orbitals, group, _alike)


def first_shells(
    vectors: Array, values: Array, n: int, group: Group, alike: Callable[[np.ndarray], np.ndarray]
) -> tuple[Array, np.ndarray]:
    """Return the first ``n`` of orthonormal ``vectors`` (B, K, m_x, m_y) in whole shells, and where one is cut, (B,).

    ``values`` (B, K) order them, ascending; ``alike`` returns which neighbours are one shell, (B, K - 1).
    """
    xp, (b, k, *shape) = namespace(vectors), vectors.shape
    shells = in_shells(vectors, values, group)
    order, cut = choose_shells(shells.paired, alike(shells.values), shells.kinds, n)
    numbers = xp.asarray((order + k * np.arange(b)[:, None]).ravel(), device=vectors.device)
    flat = xp.reshape(shells.vectors, (b * k, *shape))
    chosen = xp.reshape(xp.take(flat, numbers, axis=0), (b, n, *shape))
    if not group.trivial:  # orbitals of the same representation have lost a little of their orthogonality
        chosen = xp.reshape(orthonormal(_flat(chosen)), chosen.shape)
    return chosen, cut


def _alike(values: np.ndarray) -> np.ndarray:
    """Return where neighbours among ``values`` (B, K) agree within a hundredth: (B, K - 1)."""
    sizes = np.abs(values)
    return np.abs(np.diff(sizes, axis=1)) <= 0.01 * np.maximum(sizes[:, 1:], sizes[:, :-1])


def _directions(
    space: ActiveSpace,
    block: SpinBlock,
    states: States,
    weights: Array,
    n_directions: int,
    around: Surroundings,
    exact: bool,
) -> Array:
    """Return orthonormal orbitals outside the space, (B, n_directions, m_x, m_y), of steepest descent of the energy."""
    xp, (b, _, *modes) = namespace(space.coefficients), space.coefficients.shape
    up, down = spin_densities(block, states.vectors, weights)
    gamma = symmetric_matrix(up + down)
    gradient = 2 * (gamma @ _flat(space.images))
    kind = xp.float64 if exact else xp.float32
    repulsion = _repulsion(space, xp.astype(two_particle(block, states.vectors, weights), kind), around)
    gradient = xp.reshape(gradient, space.coefficients.shape)
    m_x, m_y = around.coarse.modes
    gradient[:, :, :m_x, :m_y] += repulsion
    own, outside = _flat(space.coefficients), _flat(gradient)
    outside = outside - (outside @ xp.matrix_transpose(own)) @ own
    depth = xp.mean(around.potential, axis=(1, 2))[:, None, None]
    outside = outside / (xp.reshape(around.basis.kinetic, (1, 1, -1)) + depth)
    losses, vectors = xp.linalg.eigh(-(outside @ xp.matrix_transpose(outside)))
    steepest = xp.matrix_transpose(vectors) @ outside
    steepest = steepest / (norms(steepest)[..., None] + TINY)
    steepest = xp.reshape(steepest, (b, -1, *modes))
    largest, _ = first_shells(steepest, losses, n_directions, around.group, _alike)
    return xp.reshape(orthonormal(_flat(largest), own), (b, n_directions, *modes))


def _repulsion(space: ActiveSpace, gamma: Array, around: Surroundings) -> Array:
    """Return sum_qR Gamma_(pq)R W_R phi_q, (B, M, m_x', m_y') in the coarse basis, in the precision of Gamma."""
    xp, m = namespace(gamma), space.coefficients.shape[1]
    functions = xp.astype(around.coarse.to_grid(around.cut(space.coefficients)), gamma.dtype)
    potentials = coulomb_potentials(pair_densities(functions), around.basis.sides, around.interaction)
    fields = gamma @ _flat(potentials)
    b, _, points = fields.shape
    numbers = xp.asarray(pair_numbers(m).ravel(), device=gamma.device)
    twice = xp.asarray(
        (1 + np.eye(m))[:, :, None], dtype=gamma.dtype, device=gamma.device
    )  # both factors of phi_p^2 are phi_p
    acting = xp.reshape(xp.take(fields, numbers, axis=1), (b, m, m, points)) * twice
    total = xp.sum(acting * _flat(functions)[:, None, :, :], axis=2)
    return around.coarse.from_grid(xp.astype(xp.reshape(total, functions.shape), xp.float64))
