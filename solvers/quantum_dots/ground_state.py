"""The ground states of a batch of dots, from V to n(r): orbitals, full CI, refined orbitals, observables and guards.

Effective atomic units throughout; ``solve`` converts from and to nm and eV.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import select
from solvers.quantum_dots import configuration_interaction as ci
from solvers.quantum_dots.active_space import (
    LOST,
    ActiveSpace,
    Surroundings,
    active_space,
    enlarge,
    natural_orbitals,
    surroundings,
)
from solvers.quantum_dots.configuration_interaction import States
from solvers.quantum_dots.cusp import cusp_energies, mean_of_levels
from solvers.quantum_dots.density import aufbau_occupations, noninteracting_density
from solvers.quantum_dots.errors import (
    Errors,
    grid_error_of_gap,
    order_certain,
    resolved,
    truncation_errors,
    with_order,
)
from solvers.quantum_dots.expectation_values import (
    DEGENERACY,
    Observables,
    charge_moved,
    next_level,
    observables,
    waves_left_out,
)
from solvers.quantum_dots.leftover import at_least, judged_twice, leftover
from solvers.quantum_dots.pairs import SpinBlock
from solvers.quantum_dots.settings import Settings
from solvers.quantum_dots.shells import first_orbitals
from solvers.quantum_dots.single_particle import Orbitals, lowest_orbitals
from solvers.quantum_dots.solution import Solution, columns
from solvers.quantum_dots.symmetry import symmetrised

ORBITAL_TOLERANCE = 1e-7
"""Largest residual of orbitals, like all tolerances a part of the dot's scale: the kinetic energy of one electron."""
STATE_TOLERANCE = 1e-8
"""Largest residual of many-electron states."""
ROUGH_TOLERANCE = 1e-5
"""Largest residual of states whose orbitals will be refined, small enough to recognise degenerate states."""
SPARE_ORBITALS, MORE_SPARE = 2, 4
"""Additional orbitals, so that the first ones can be chosen in whole shells; more in a dot with symmetries, and for
``leftover.py``."""
TRUSTED_RESIDUAL = 1e-6
"""Largest residual of a converged result."""
MOST_STATES = 64
"""A ground state that is degenerate beyond this many states is averaged over these."""
EXCITED_SHARE = 0.2
"""Weight of the excited states in the average for which orbitals are chosen, so that gaps converge too."""


class Amplitudes(NamedTuple):
    """Orbitals ``functions`` (B, M, n_x, n_y), states ``vectors`` (B, k, determinants), their ``weights`` (B, k)."""

    functions: Array
    vectors: Array
    weights: Array


class Batch(NamedTuple):
    """A ``Solution`` (B, ...) in effective atomic units, and the amplitudes of its states if they are kept."""

    solution: Solution
    amplitudes: Amplitudes | None


def solve_batch(potential: Array, sides: tuple[float, float], settings: Settings) -> Batch:
    """Return the solution for potentials (B, n_x, n_y), B > 0, in a rectangle of these ``sides``.

    Dots with a symmetry need more orbitals to choose from, and small ones a fine enlarged space: each kind of the
    batch is solved by itself. Dots of one kind are searched together, each with as many vectors as the one that needs
    most: neighbours change energies by less than the tolerance, and their estimated errors by some tenths.
    """
    xp = namespace(potential)
    bottom = xp.min(potential, axis=(1, 2))  # energies relative to it: a constant offset of V costs no precision
    relative = potential - bottom[:, None, None]
    around = surroundings(relative, sides, settings.n_modes, settings.interaction, settings.inverse_masses)
    parts, numbers = [], []
    symmetric = around.group.members[:, 1:].any(axis=1)
    for kind in (False, True):
        systems = np.flatnonzero(symmetric == kind)
        if len(systems) == 0:
            continue
        spare = MORE_SPARE if kind else SPARE_ORBITALS if settings.refined else 0
        orbitals = _orbitals(xp.take(around.potential, _on(systems, potential), axis=0), around, spare, settings)
        lost = to_numpy(around.lost(orbitals.coefficients)) > LOST
        for fine in (False, True):
            some = np.flatnonzero(lost == fine)
            if len(some):
                mine = select(orbitals, _on(some, potential))
                coarse = around.basis if fine else around.coarse
                own = around.select(_on(systems[some], potential), mine.scale, coarse)
                parts.append(_solve_alike(mine, bottom[_on(systems[some], potential)], own, settings))
                numbers.append(systems[some])
    return joined(parts, np.concatenate(numbers))


def _on(numbers: np.ndarray, like: Array) -> Array:
    return namespace(like).asarray(numbers, device=like.device)


def _orbitals(potential: Array, around: Surroundings, spare: int, settings: Settings) -> Orbitals:
    wanted = min(settings.n_orbitals + spare, math.prod(settings.n_modes))
    with settings.timer("orbitals"):
        found = lowest_orbitals(potential, around.basis, wanted, ORBITAL_TOLERANCE)
    return found._replace(fallback=_on(found.fallback, potential))


def _solve_alike(orbitals: Orbitals, bottom: Array, around: Surroundings, settings: Settings) -> Batch:
    """Return the solution of dots of one kind; ``bottom`` (B,) are the minima of their potentials."""
    xp, m, n_electrons = namespace(bottom), settings.n_orbitals, settings.n_electrons
    levels = orbitals.energies[:, :m]
    functions = around.basis.to_grid(orbitals.coefficients[:, :m, ...])
    block, space, states, split = _correlate(*first_orbitals(orbitals, around, settings), around, settings)
    ground, _ = _weights(states, around, settings)
    degeneracy, plain = _degeneracy(around, settings), States(*states[:4])
    cusp = states.cusp if settings.cusp else xp.zeros_like(states.cusp)
    with settings.timer("observables"):
        found = observables(space, block, plain, cusp, ground, degeneracy, around, settings)
    errors = _errors(orbitals, space, block, states, found, around, settings)
    state_residual = xp.max(xp.where(ground > 0, states.residuals, 0.0), axis=1)
    residual = xp.maximum(xp.max(orbitals.residuals[:, :m], axis=1), state_residual)
    converged = _converged(found, residual, around.scale)
    certain = xp.zeros_like(converged)
    if settings.estimate or not settings.correlated:
        moved = charge_moved(space, block, plain, found, degeneracy)
        of_grid = grid_error_of_gap(found, moved, waves_left_out(space, block, plain, ground, around.basis))
        certain = order_certain(states.values, errors.gap_error, of_grid, degeneracy, settings.rounds)
    trusted = converged & resolved(found, errors, settings)
    if settings.correlated and settings.estimate:
        errors = with_order(errors, next_level(states.values, degeneracy), moved, certain, settings.rounds)
    occupations = aufbau_occupations(levels, n_electrons, degeneracy[:, None])
    found = found._replace(
        energy=found.energy + n_electrons * bottom,
        confinement=found.confinement + n_electrons * bottom,
        energies=found.energies + n_electrons * bottom[:, None],
        density=symmetrised(found.density, around.group),
        spin_density=symmetrised(found.spin_density, around.group),
    )
    solution = Solution(
        **found._asdict(),
        **errors._asdict(),
        order_certain=certain,
        directions=xp.full_like(states.values[:, 0], settings.n_directions, dtype=xp.int64),
        density_noninteracting=symmetrised(noninteracting_density(occupations, functions), around.group),
        orbital_energies=levels + bottom[:, None],
        splits_shell=_on(split, bottom),
        residual=residual,
        fallback=orbitals.fallback | _on(states.fallback, bottom),
        converged=converged,
        trusted=trusted,
    )
    kept = Amplitudes(space.functions, states.vectors, ground) if settings.wavefunction else None
    return Batch(solution, kept)


def joined(parts: list[Batch], numbers: np.ndarray | None = None) -> Batch:
    """Return batches as one, in their order or in that of ``numbers``: the places (B,) of their systems."""
    xp = namespace(parts[0].solution.energy)
    order = None if numbers is None else _on(np.argsort(numbers), parts[0].solution.energy)

    def ordered(arrays: list[Array]) -> Array:
        whole = arrays[0] if len(arrays) == 1 else xp.concat(arrays)
        return whole if order is None else xp.take(whole, order, axis=0)

    arrays = {c.name: ordered([getattr(part.solution, c.name) for part in parts]) for c in columns()}
    kept = [part.amplitudes for part in parts if part.amplitudes is not None]
    if not kept:
        return Batch(Solution(**arrays), None)
    most = max(part.weights.shape[1] for part in kept)

    def padded(array: Array) -> Array:  # with states of no weight
        shape = (array.shape[0], most - array.shape[1], *array.shape[2:])
        return xp.concat([array, xp.zeros(shape, dtype=array.dtype, device=array.device)], axis=1)

    vectors, weights = (ordered([padded(a) for a in some]) for some in zip(*(k[1:] for k in kept), strict=True))
    return Batch(Solution(**arrays), Amplitudes(ordered([k.functions for k in kept]), vectors, weights))


def _degeneracy(around: Surroundings, settings: Settings) -> Array:
    """Return the distance (B,) within which levels count as degenerate."""
    if settings.degeneracy is None:
        return DEGENERACY * around.scale
    return namespace(around.scale).full_like(around.scale, settings.degeneracy)


def _correlate(
    coefficients: Array, split: np.ndarray, around: Surroundings, settings: Settings
) -> tuple[SpinBlock, ActiveSpace, CorrelatedStates, np.ndarray]:
    """Return block, space and states of full CI in the given orbitals after all rounds of refinement.

    ``split`` (B,) is True where the orbitals are a part of a shell; so is the last result.
    """
    block = ci.spin_block(settings.n_orbitals, settings.n_electrons)
    rounds = settings.refinements if settings.refined else 0
    with settings.timer("integrals"):
        space = active_space(coefficients, around)
    for done in range(rounds + 1):
        last = done == rounds
        with settings.timer("states"):
            states = _states(block, space, around, settings, STATE_TOLERANCE if last else ROUGH_TOLERANCE)
        if not last:
            few, ground, average = _used(states, around, settings)
            with settings.timer("enlargement"):
                enlarged = enlarge(space, block, few, ground, average, settings.n_directions, around, exact=True)
            better, cut = natural_orbitals(enlarged, settings.n_orbitals, around.group)
            with settings.timer("integrals"):
                space, split = active_space(better, around), split | cut
    return block, space, states, split


def _states(
    block: SpinBlock, space: ActiveSpace, around: Surroundings, settings: Settings, tolerance: float
) -> CorrelatedStates:
    """Return at least ``n_states`` and two states, and as many more as complete a level.

    The level is that of the ground state, or, where orbitals are refined for an average of states, that of the last
    requested state: one of two degenerate states in an average would break the symmetry of the orbitals.
    """
    last = max(settings.n_states, 2) - 1
    limits, degeneracy = tolerance * around.scale, _degeneracy(around, settings)
    level, wanted = (last, last + 2) if settings.refined else (0, last + 1)
    while True:
        states = ci.lowest_states(block, space.one_body, space.integrals, wanted, limits)
        xp, found = namespace(states.values), states.values.shape[1]
        cut = xp.any(states.values[:, -1] - states.values[:, min(level, found - 1)] <= degeneracy)
        if not bool(cut) or found == block.size or found >= MOST_STATES:
            # NaN in the vectors of one system must not stop the others; its guards fail in any case
            finite = states._replace(vectors=xp.where(xp.isfinite(states.vectors), states.vectors, 0.0))
            return _with_cusp(block, space, finite, around, settings)
        wanted = min(3 * wanted, MOST_STATES)


class CorrelatedStates(NamedTuple):
    """``States`` in ascending order of ``values`` (B, k), with the energy ``cusp`` (B, k) of the cusp.

    With ``settings.cusp`` it is a part of the values.
    """

    values: Array
    vectors: Array
    residuals: Array
    fallback: np.ndarray
    cusp: Array


def _with_cusp(
    block: SpinBlock, space: ActiveSpace, states: States, around: Surroundings, settings: Settings
) -> CorrelatedStates:
    """Return states with the energy of their cusps, if it is requested or needed for an estimate."""
    xp = namespace(states.values)
    if not (settings.correlated and (settings.cusp or settings.estimate)):
        return CorrelatedStates(*states, xp.zeros_like(states.values))
    coarse = around.coarse
    functions = space.functions if coarse is around.basis else coarse.to_grid(around.cut(space.coefficients))
    arguments = block, states.vectors, settings.interaction, settings.inverse_masses
    cusp = -cusp_energies(functions, coarse.cell_area, *arguments)
    if not settings.cusp:
        return CorrelatedStates(*states, cusp)
    cusp = mean_of_levels(cusp, states.values, _degeneracy(around, settings))
    values = states.values + cusp
    order = xp.argsort(values, axis=1, stable=True)
    wide = xp.broadcast_to(order[:, :, None], states.vectors.shape)
    return CorrelatedStates(
        xp.take_along_axis(values, order, axis=1),
        xp.take_along_axis(states.vectors, wide, axis=1),
        xp.take_along_axis(states.residuals, order, axis=1),
        states.fallback,
        xp.take_along_axis(cusp, order, axis=1),
    )


def _weights(states: CorrelatedStates, around: Surroundings, settings: Settings) -> tuple[Array, Array]:
    """Return weights (B, k) of the states in the ground state, equal if degenerate, and in the orbitals' average."""
    xp, values = namespace(states.values), states.values
    degeneracy = _degeneracy(around, settings)[:, None]
    last = min(max(settings.n_states, 2), values.shape[1]) - 1
    is_ground = xp.astype(values - values[:, :1] <= degeneracy, values.dtype)
    count = xp.sum(is_ground, axis=1, keepdims=True)
    ground = is_ground / xp.maximum(count, xp.ones_like(count))  # none where the values are NaN
    requested = xp.astype(values - values[:, last : last + 1] <= degeneracy, values.dtype)
    excited = requested * (1 - is_ground)
    n_excited = xp.sum(excited, axis=1, keepdims=True)
    share = EXCITED_SHARE * xp.astype(n_excited > 0, values.dtype)
    return ground, (1 - share) * ground + share * excited / xp.maximum(n_excited, xp.ones_like(n_excited))


def _used(states: CorrelatedStates, around: Surroundings, settings: Settings) -> tuple[States, Array, Array]:
    """Return the states that have a weight, and their weights (B, k) in the ground state and in the average."""
    ground, average = _weights(states, around, settings)
    used = int(np.flatnonzero(to_numpy(average).any(axis=0)).max(initial=0)) + 1
    few = States(states.values[:, :used], states.vectors[:, :used, :], states.residuals[:, :used], states.fallback)
    return few, ground[:, :used], average[:, :used]


def _errors(
    orbitals: Orbitals,
    space: ActiveSpace,
    block: SpinBlock,
    states: CorrelatedStates,
    found: Observables,
    around: Surroundings,
    settings: Settings,
) -> Errors:
    """Return the estimates: zero for one electron or in the full basis, NaN if they are not asked for."""
    xp = namespace(states.values)
    if not (settings.correlated and settings.estimate):
        nothing = xp.full_like(states.values[:, 0], xp.nan if settings.correlated else 0.0)
        return Errors(nothing, nothing, nothing)
    few, ground, average = _used(states, around, settings)
    with settings.timer("enlargement"):
        enlarged = enlarge(space, block, few, ground, average, settings.n_directions, around, exact=False)
        errors = truncation_errors(enlarged, states.cusp[:, : ground.shape[1]], ground, found, settings)
        twice = judged_twice(found, not around.group.trivial, settings)
        if not bool(xp.any(twice)):
            return errors
        if orbitals.coefficients.shape[1] == settings.n_orbitals:
            orbitals = _orbitals(around.potential, around, MORE_SPARE, settings)
        more = leftover(space, orbitals, settings.n_directions)
        second = enlarge(space, block, few, ground, average, more, around, exact=False)
        bounded = at_least(errors, second, ground, settings)
        return Errors(*(xp.where(twice, ours, first) for ours, first in zip(bounded, errors, strict=True)))


def _converged(found: Observables, residual: Array, scale: Array) -> Array:
    """Return whether every guard holds, (B,); False where one is NaN."""
    size = scale + found.kinetic + found.interaction + namespace(found.energy).abs(found.confinement)
    return (
        (residual <= TRUSTED_RESIDUAL * scale)
        & (found.orthogonality <= 1e-8)
        & (found.charge_error <= 1e-8)
        & (found.imbalance <= 1e-9 * size)
    )
