"""The ground states of a batch of dots, from V to n(r): orbitals, full CI, refined orbitals, observables and guards.

Effective atomic units throughout; ``solve`` converts from and to nm and eV.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.quantum_dots import configuration_interaction as ci
from solvers.quantum_dots.active_space import (
    ActiveSpace,
    EnlargedSpace,
    Surroundings,
    active_space,
    enlarge,
    natural_orbitals,
    surroundings,
    whole_shells,
)
from solvers.quantum_dots.configuration_interaction import SpinBlock, States
from solvers.quantum_dots.density import aufbau_occupations, noninteracting_density
from solvers.quantum_dots.expectation_values import DEGENERACY, Observables, observables
from solvers.quantum_dots.settings import Settings
from solvers.quantum_dots.single_particle import Orbitals, lowest_orbitals
from solvers.quantum_dots.solution import Solution

ORBITAL_TOLERANCE = 1e-7
"""Largest residual of orbitals in hartree; the error of their energies is its square over the level spacing."""
STATE_TOLERANCE = 1e-8
"""Largest residual of many-electron states in hartree."""
ROUGH_TOLERANCE = 1e-5
"""Largest residual of states whose orbitals will be refined, small enough to recognise degenerate states."""
SPARE_ORBITALS = 2
"""Additional orbitals, so that the first ones can be chosen in whole shells."""
TRUSTED_RESIDUAL = 1e-6
"""Largest residual in hartree of a trusted result."""
MOST_STATES = 64
"""A ground state that is degenerate beyond this many states is averaged over these."""
EXCITED_SHARE = 0.2
"""Weight of the excited states in the average for which orbitals are chosen, so that gaps converge too."""


class Factors(NamedTuple):
    """Factors for calculations in the ``lowest`` orbitals and in ``refined`` ones."""

    lowest: float
    refined: float

    def of(self, settings: Settings) -> float:
        """Return the factor for the orbitals of these settings."""
        return self.refined if settings.refined else self.lowest


MISSING_DENSITY = Factors(lowest=1.2, refined=2.3)
"""Ratio of the true density error to the change by the enlarged space, measured in experiments/solver_accuracy."""
MISSING_ENERGY = Factors(lowest=1.4, refined=2.6)
"""The same ratio for energies."""


class Amplitudes(NamedTuple):
    """Orbitals ``functions`` (B, M, n, n), states ``vectors`` (B, k, determinants), and their ``weights`` (B, k)."""

    functions: Array
    vectors: Array
    weights: Array


class Batch(NamedTuple):
    """A ``Solution`` (B, ...) in effective atomic units, and the amplitudes of its states if they are kept."""

    solution: Solution
    amplitudes: Amplitudes | None


def solve_batch(potential: Array, length: float, settings: Settings) -> Batch:
    """Return the solution for potentials (B, n, n), B > 0, in a square of side ``length``."""
    xp, m, n_electrons = namespace(potential), settings.n_orbitals, settings.n_electrons
    bottom = xp.min(potential, axis=(1, 2))  # energies relative to it: a constant offset of V costs no precision
    depth = potential - bottom[:, None, None]
    around = surroundings(depth, length, settings.n_modes, settings.interaction)
    spare = SPARE_ORBITALS if settings.refined else 0
    with settings.timer("orbitals"):
        orbitals = lowest_orbitals(depth, around.basis, min(m + spare, settings.n_modes**2), ORBITAL_TOLERANCE)
    levels = orbitals.energies[:, :m]
    functions = around.basis.to_grid(orbitals.coefficients[:, :m, ...])
    block, space, states, split = _correlate(*_start(orbitals, settings), around, settings)
    ground, _ = _weights(states, settings)
    errors = _errors(space, block, states, around, settings)
    with settings.timer("observables"):
        found = observables(space, block, states, ground, around, settings)
    state_residual = xp.max(xp.where(ground > 0, states.residuals, 0.0), axis=1)
    residual = xp.maximum(xp.max(orbitals.residuals, axis=1), state_residual)
    trusted = _trusted(found, residual, n_electrons)
    found = found._replace(
        energy=found.energy + n_electrons * bottom,
        confinement=found.confinement + n_electrons * bottom,
        energies=found.energies + n_electrons * bottom[:, None],
    )
    solution = Solution(
        **found._asdict(),
        **errors._asdict(),
        density_noninteracting=noninteracting_density(aufbau_occupations(levels, n_electrons, DEGENERACY), functions),
        orbital_energies=levels + bottom[:, None],
        splits_shell=xp.asarray(split, device=potential.device),
        residual=residual,
        fallback=xp.asarray(orbitals.fallback | states.fallback, device=potential.device),
        trusted=trusted,
    )
    kept = Amplitudes(space.functions, states.vectors, ground) if settings.wavefunction else None
    return Batch(solution, kept)


def _start(orbitals: Orbitals, settings: Settings) -> tuple[Array, np.ndarray]:
    """Return the coefficients (B, M, m, m) of the first orbitals, and where they are a part of a shell, (B,)."""
    if settings.refined:
        return _whole_levels(orbitals, settings.n_orbitals)
    xp, m = namespace(orbitals.energies), settings.n_orbitals
    last_step = orbitals.energies[:, m : m + 1] - orbitals.energies[:, m - 1 : m]
    return orbitals.coefficients[:, :m, ...], to_numpy(xp.any(last_step <= DEGENERACY, axis=1))


def _whole_levels(orbitals: Orbitals, m: int) -> tuple[Array, np.ndarray]:
    """Return coefficients (B, ``m``, m, m) of the lowest orbitals in whole shells, and where that fails, (B,)."""
    energies = to_numpy(orbitals.energies)
    xp, shape = namespace(orbitals.coefficients), orbitals.coefficients.shape
    flat = xp.reshape(orbitals.coefficients, (*shape[:2], -1))
    chosen, split = whole_shells(np.diff(energies, axis=1) <= DEGENERACY, m, like=flat)
    return xp.reshape(chosen @ flat, (shape[0], m, *shape[2:])), split


def _correlate(
    coefficients: Array, split: np.ndarray, around: Surroundings, settings: Settings
) -> tuple[SpinBlock, ActiveSpace, States, np.ndarray]:
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
            states = _states(block, space, settings, STATE_TOLERANCE if last else ROUGH_TOLERANCE)
        if not last:
            enlarged = _enlarged(space, block, states, around, settings)
            better, cut = natural_orbitals(enlarged, settings.n_orbitals)
            with settings.timer("integrals"):
                space, split = active_space(better, around), split | cut
    return block, space, states, split


def _states(block: SpinBlock, space: ActiveSpace, settings: Settings, tolerance: float) -> States:
    """Return at least ``n_states`` and two states, and as many more as complete a level.

    The level is that of the ground state, or, where orbitals are refined for an average of states, that of the last
    requested state: one of two degenerate states in an average would break the symmetry of the orbitals.
    """
    last = max(settings.n_states, 2) - 1
    level, wanted = (last, last + 2) if settings.refined else (0, last + 1)
    while True:
        states = ci.lowest_states(block, space.one_body, space.integrals, wanted, tolerance)
        xp, found = namespace(states.values), states.values.shape[1]
        cut = xp.any(states.values[:, -1] - states.values[:, min(level, found - 1)] <= DEGENERACY)
        if not bool(cut) or found == block.size or found >= MOST_STATES:
            # NaN in the vectors of one system must not stop the others; its guards fail in any case
            return states._replace(vectors=xp.where(xp.isfinite(states.vectors), states.vectors, 0.0))
        wanted = min(3 * wanted, MOST_STATES)


def _weights(states: States, settings: Settings) -> tuple[Array, Array]:
    """Return weights (B, k) of the states in the ground state, equal if degenerate, and in the orbitals' average."""
    xp, values = namespace(states.values), states.values
    last = min(max(settings.n_states, 2), values.shape[1]) - 1
    is_ground = xp.astype(values - values[:, :1] <= DEGENERACY, values.dtype)
    count = xp.sum(is_ground, axis=1, keepdims=True)
    ground = is_ground / xp.maximum(count, xp.ones_like(count))  # none where the values are NaN
    requested = xp.astype(values - values[:, last : last + 1] <= DEGENERACY, values.dtype)
    excited = requested * (1 - is_ground)
    n_excited = xp.sum(excited, axis=1, keepdims=True)
    share = EXCITED_SHARE * xp.astype(n_excited > 0, values.dtype)
    return ground, (1 - share) * ground + share * excited / xp.maximum(n_excited, xp.ones_like(n_excited))


def _enlarged(
    space: ActiveSpace, block: SpinBlock, states: States, around: Surroundings, settings: Settings
) -> EnlargedSpace:
    """Return the enlarged space for the states that have a weight."""
    ground, average = _weights(states, settings)
    used = int(np.flatnonzero(to_numpy(average).any(axis=0)).max(initial=0)) + 1
    few = States(states.values[:, :used], states.vectors[:, :used, :], states.residuals[:, :used], states.fallback)
    with settings.timer("enlargement"):
        return enlarge(space, block, few, ground[:, :used], average[:, :used], settings.n_directions, around)


class Errors(NamedTuple):
    """Estimated errors (B,) of the truncation to M orbitals: int |n - n_ref| / N, and energy."""

    density_error: Array
    energy_error: Array


def _errors(space: ActiveSpace, block: SpinBlock, states: States, around: Surroundings, settings: Settings) -> Errors:
    """Return the estimates: zero for one electron or in the full basis, NaN if there was no memory for directions."""
    if not (settings.correlated and settings.estimate and settings.n_directions):
        xp = namespace(states.values)
        nothing = xp.full_like(states.values[:, 0], xp.nan if settings.correlated else 0.0)
        return Errors(nothing, nothing)
    enlarged = _enlarged(space, block, states, around, settings)
    return Errors(
        MISSING_DENSITY.of(settings) * enlarged.density_change / settings.n_electrons,
        -MISSING_ENERGY.of(settings) * enlarged.energy_change,
    )


def _trusted(found: Observables, residual: Array, n_electrons: int) -> Array:
    """Return True where every guard holds; False where one is NaN."""
    scale = 1 + abs(n_electrons) + found.kinetic + namespace(found.energy).abs(found.energy)
    return (
        (residual <= TRUSTED_RESIDUAL)
        & (found.orthogonality <= 1e-8)
        & (found.charge_error <= 1e-8)
        & (found.imbalance <= 1e-9 * scale)
    )
