"""Orbitals, full CI, better orbitals, and what there is to say about the result: a batch from V to n(r).

Effective atomic units throughout; ``solve`` turns nm and eV into them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import non_orthogonality
from solvers.quantum_dots import configuration_interaction as ci
from solvers.quantum_dots.active_space import (
    ActiveSpace,
    Surroundings,
    Union,
    active_space,
    enlarge,
    natural_orbitals,
    surroundings,
    whole_shells,
)
from solvers.quantum_dots.configuration_interaction import SpinBlock, States
from solvers.quantum_dots.coulomb import Interaction
from solvers.quantum_dots.density import aufbau_occupations, density, noninteracting_density
from solvers.quantum_dots.density_matrix import spin_densities, spin_squared, symmetric_matrix, two_particle
from solvers.quantum_dots.single_particle import Orbitals, lowest_orbitals

ORBITAL_TOLERANCE = 1e-7
"""Largest residual of orbitals in hartree; their energies are then exact to its square over the level spacing."""
STATE_TOLERANCE = 1e-8
"""Largest residual of many-electron states in hartree."""
ROUGH_TOLERANCE = 1e-5
"""Residual of states whose orbitals are about to be replaced; degenerate ones must still be seen to be so."""
SPARE_ORBITALS = 2
"""Orbitals found beyond those kept, so that whole shells can be chosen to begin from."""
TRUSTED_RESIDUAL = 1e-6
"""Largest residual in hartree of a result that is trusted."""
DEGENERACY = 1e-7
"""States closer than this, in hartree, count as degenerate."""
MOST_STATES = 64
"""A ground state that is degenerate beyond this many states is averaged over these."""
EXCITED_SHARE = 0.2
"""Weight of the excited states in the average for which orbitals are chosen; it keeps the gap right."""
MISSING_DENSITY = {False: 1.2, True: 2.3}
"""True error of a density over the change that the union brings, without and with refinement (solver_accuracy)."""
MISSING_ENERGY = {False: 1.4, True: 2.6}
"""The same for energies."""


@dataclass(frozen=True)
class Settings:
    """What ``solve`` was asked for, in effective atomic units; see there."""

    n_electrons: int
    n_orbitals: int
    n_modes: int
    refinements: int
    n_states: int
    n_directions: int
    interaction: Interaction
    estimate: bool
    wavefunction: bool

    @property
    def correlated(self) -> bool:
        """Whether more orbitals than these would change anything."""
        return self.n_electrons > 1 and self.n_orbitals < self.n_modes**2

    @property
    def refined(self) -> bool:
        """Whether the orbitals are replaced by better ones."""
        return self.refinements > 0 and self.correlated


def make_settings(numbers: dict[str, int], interaction: Interaction, estimate: bool, wavefunction: bool) -> Settings:
    """The settings of whole ``numbers``; a space is enlarged by half its orbitals, if there are so many."""
    m, n_modes = int(numbers["n_orbitals"]), int(numbers["n_modes"])
    wanted = max(m // 2, 1) if estimate or numbers["refinements"] else 0
    n_directions = min(wanted, n_modes**2 - m)
    whole = {name: int(value) for name, value in numbers.items()}
    return Settings(
        **whole, n_directions=n_directions, interaction=interaction, estimate=estimate, wavefunction=wavefunction
    )


def solve_batch(potential: Array, length: float, settings: Settings) -> dict[str, Any]:
    """Everything of a ``Solution`` for potentials (B, n, n), B > 0, in a square of side ``length``."""
    xp, m, n_electrons = namespace(potential), settings.n_orbitals, settings.n_electrons
    bottom = xp.min(potential, axis=(1, 2))  # measured from there, an offset costs no digits
    depth = potential - bottom[:, None, None]
    around = surroundings(depth, length, settings.n_modes, settings.interaction)
    spare = SPARE_ORBITALS if settings.refined else 0
    orbitals = lowest_orbitals(depth, around.basis, min(m + spare, settings.n_modes**2), ORBITAL_TOLERANCE)
    levels, lowest = orbitals.energies[:, :m], orbitals.coefficients[:, :m, ...]
    aufbau = aufbau_occupations(levels, n_electrons, DEGENERACY)
    functions = around.basis.to_grid(lowest)
    last_step = orbitals.energies[:, m : m + 1] - orbitals.energies[:, m - 1 : m]
    split = to_numpy(xp.any(last_step <= DEGENERACY, axis=1))
    start, split = _whole_levels(orbitals, m) if settings.refined else (lowest, split)
    block, space, states, split = _correlate(start, split, around, settings)
    ground, _ = _weights(states, settings)
    found = _errors(space, block, states, around, settings)
    found |= _observables(space, block, states, ground, around, settings)
    state_residual = xp.max(xp.where(ground > 0, states.residuals, 0.0), axis=1)
    found |= {
        "density_noninteracting": noninteracting_density(aufbau, functions),
        "orbital_energies": levels + bottom[:, None],
        "splits_shell": xp.asarray(split, device=potential.device),
        "residual": xp.maximum(xp.max(orbitals.residuals, axis=1), state_residual),
        "fallback": xp.asarray(orbitals.fallback | states.fallback, device=potential.device),
    }
    found["trusted"] = _trusted(found, n_electrons)
    for name in ("energy", "confinement"):
        found[name] = found[name] + n_electrons * bottom
    found["energies"] = found["energies"] + n_electrons * bottom[:, None]
    if settings.wavefunction:
        found |= {"functions": space.functions, "vectors": states.vectors, "weights": ground}
    return found


def _whole_levels(orbitals: Orbitals, m: int) -> tuple[Array, np.ndarray]:
    """Coefficients of ``m`` of the lowest orbitals in whole shells, to begin from; and where there are none such."""
    energies = to_numpy(orbitals.energies)
    xp, shape = namespace(orbitals.coefficients), orbitals.coefficients.shape
    flat = xp.reshape(orbitals.coefficients, (*shape[:2], -1))
    chosen, split = whole_shells(np.diff(energies, axis=1) <= DEGENERACY, m, like=flat)
    return xp.reshape(chosen @ flat, (shape[0], m, *shape[2:])), split


def _correlate(
    coefficients: Array, split: np.ndarray, around: Surroundings, settings: Settings
) -> tuple[SpinBlock, ActiveSpace, States, np.ndarray]:
    """Full CI in the given orbitals, which are made better as often as was asked for.

    ``split`` (B,) says whose orbitals are a part of a shell; so does the last result.
    """
    block = ci.spin_block(settings.n_orbitals, settings.n_electrons)
    rounds = settings.refinements if settings.refined else 0
    space = active_space(coefficients, around)
    for done in range(rounds + 1):
        last = done == rounds
        states = _states(block, space, settings, STATE_TOLERANCE if last else ROUGH_TOLERANCE)
        if not last:
            union = _enlarged(space, block, states, around, settings)
            better, cut = natural_orbitals(union, settings.n_orbitals)
            space, split = active_space(better, around), split | cut
    return block, space, states, split


def _states(block: SpinBlock, space: ActiveSpace, settings: Settings, tolerance: float) -> States:
    """At least ``n_states`` and two states, and as many more as it takes to know a whole level.

    The level is the ground state's, or, where orbitals are made better for an average of states, that of the last state
    that was asked for: half of a degenerate pair in an average would make orbitals without the dot's symmetry.
    """
    last = max(settings.n_states, 2) - 1
    level, wanted = (last, last + 2) if settings.refined else (0, last + 1)
    while True:
        states = ci.lowest_states(block, space.one_body, space.integrals, wanted, tolerance)
        xp, found = namespace(states.values), states.values.shape[1]
        cut = xp.any(states.values[:, -1] - states.values[:, min(level, found - 1)] <= DEGENERACY)
        if not bool(cut) or found == block.size or found >= MOST_STATES:
            # what is not a number makes the guards fail, but not the batch
            return states._replace(vectors=xp.where(xp.isfinite(states.vectors), states.vectors, 0.0))
        wanted = min(3 * wanted, MOST_STATES)


def _weights(states: States, settings: Settings) -> tuple[Array, Array]:
    """Weights (B, k) of the states: of the ground state, shared if degenerate; and of the average for the orbitals."""
    xp, values = namespace(states.values), states.values
    last = min(max(settings.n_states, 2), values.shape[1]) - 1
    is_ground = xp.astype(values - values[:, :1] <= DEGENERACY, values.dtype)
    count = xp.sum(is_ground, axis=1, keepdims=True)
    ground = is_ground / xp.maximum(count, xp.ones_like(count))  # none where the values are NaN
    asked = xp.astype(values - values[:, last : last + 1] <= DEGENERACY, values.dtype)
    excited = asked * (1 - is_ground)
    n_excited = xp.sum(excited, axis=1, keepdims=True)
    share = EXCITED_SHARE * xp.astype(n_excited > 0, values.dtype)
    return ground, (1 - share) * ground + share * excited / xp.maximum(n_excited, xp.ones_like(n_excited))


def _enlarged(space: ActiveSpace, block: SpinBlock, states: States, around: Surroundings, settings: Settings) -> Union:
    """The union for the states that have a weight."""
    ground, average = _weights(states, settings)
    used = int(np.flatnonzero(to_numpy(average).any(axis=0)).max(initial=0)) + 1
    few = States(states.values[:, :used], states.vectors[:, :used, :], states.residuals[:, :used], states.fallback)
    return enlarge(space, block, few, ground[:, :used], average[:, :used], settings.n_directions, around)


def _errors(
    space: ActiveSpace, block: SpinBlock, states: States, around: Surroundings, settings: Settings
) -> dict[str, Array]:
    """Estimates of what the M orbitals leave out: nothing for one electron, or where there are no more functions.

    NaN where there was no memory for directions.
    """
    if not (settings.correlated and settings.estimate and settings.n_directions):
        xp = namespace(states.values)
        nothing = xp.full_like(states.values[:, 0], xp.nan if settings.correlated else 0.0)
        return {"density_error": nothing, "energy_error": nothing}
    union = _enlarged(space, block, states, around, settings)
    refined = settings.refinements > 0
    return {
        "density_error": MISSING_DENSITY[refined] * union.density_change / settings.n_electrons,
        "energy_error": -MISSING_ENERGY[refined] * union.energy_change,
    }


def _observables(
    space: ActiveSpace, block: SpinBlock, states: States, ground: Array, around: Surroundings, settings: Settings
) -> dict[str, Array]:
    """Energies, densities, spins, occupations, and the guards that look at them."""
    xp, values = namespace(ground), states.values
    up, down = spin_densities(block, states.vectors, ground)
    n_up, n_down = density(up, space.pairs), density(down, space.pairs)
    gamma = symmetric_matrix(up + down)
    flat = xp.reshape(space.coefficients, (*space.coefficients.shape[:2], -1))
    kinetic = xp.sum(
        gamma * ((flat * xp.reshape(around.basis.kinetic, (-1,))) @ xp.matrix_transpose(flat)), axis=(1, 2)
    )
    confinement = xp.sum((n_up + n_down) * around.potential, axis=(1, 2)) * around.basis.cell_area
    interaction = xp.sum(two_particle(block, states.vectors, ground) * space.integrals, axis=(1, 2)) / 2
    energy, charge = xp.sum(ground * values, axis=1), xp.sum(n_up + n_down, axis=(1, 2)) * around.basis.cell_area
    spin = _spins(block, states)
    nothing = xp.full_like(energy, xp.nan)
    missing = [nothing[:, None]] * max(settings.n_states - values.shape[1], 0)
    return {
        "energy": values[:, 0],
        "gap": values[:, 1] - values[:, 0] if values.shape[1] > 1 else nothing,
        "energies": xp.concat([values, *missing], axis=1)[:, : settings.n_states],
        "spins": xp.concat([spin, *missing], axis=1)[:, : settings.n_states],
        "degeneracy": xp.astype(xp.sum(xp.astype(ground > 0, xp.int64), axis=1), xp.int64),
        "density": n_up + n_down,
        "spin_density": n_up - n_down,
        "occupations": xp.flip(xp.linalg.eigvalsh(gamma), axis=1),
        "kinetic": kinetic,
        "confinement": confinement,
        "interaction": interaction,
        "orthogonality": xp.maximum(non_orthogonality(flat), non_orthogonality(states.vectors)),
        "charge_error": xp.abs(charge - settings.n_electrons) / settings.n_electrons,
        "imbalance": xp.abs(energy - kinetic - confinement - interaction),
    }


def _spins(block: SpinBlock, states: States) -> Array:
    """Total spin S of each state (B, k), from S (S + 1); degenerate states are told apart by it."""
    xp, values = namespace(states.values), states.values
    level = xp.cumulative_sum(xp.astype(values[:, 1:] - values[:, :-1] > DEGENERACY, values.dtype), axis=1)
    level = xp.concat([xp.zeros_like(values[:, :1]), level], axis=1)
    apart = 1e4 * level[:, None, :] * xp.eye(values.shape[1], dtype=values.dtype, device=values.device)
    squared = xp.linalg.eigvalsh(spin_squared(block, states.vectors) + apart) - 1e4 * level
    return (xp.sqrt(xp.maximum(1 + 4 * squared, xp.zeros_like(squared))) - 1) / 2


def _trusted(found: dict[str, Array], n_electrons: int) -> Array:
    """True where every guard holds; not where one is NaN."""
    scale = 1 + abs(n_electrons) + found["kinetic"] + namespace(found["energy"]).abs(found["energy"])
    return (
        (found["residual"] <= TRUSTED_RESIDUAL)
        & (found["orthogonality"] <= 1e-8)
        & (found["charge_error"] <= 1e-8)
        & (found["imbalance"] <= 1e-9 * scale)
    )


def bytes_needed(n: int, settings: Settings) -> int:
    """Working memory for one system, in bytes."""
    m, n_modes, k = settings.n_orbitals, settings.n_modes, settings.n_directions if settings.correlated else 0
    block, n_pairs, n_union = m + 1, m * (m + 1) // 2, (m + k) * (m + k + 1) // 2
    orbitals = block * (20 * n_modes**2 + 4 * n**2) + 6 * 128**2
    fields = n_pairs * (4 * n**2 + 8 * (n + 1) ** 2) + 2 * m**2 * n**2 // 4
    union = n_union * (2 * n**2 + 2 * (n + 1) ** 2) // 2 + (m + k) * 6 * n_modes**2
    states = max(settings.n_states, 2)
    correlated = ci.bytes_needed(m, settings.n_electrons, states)
    larger = ci.bytes_needed(m + k, settings.n_electrons, states) if k else 0
    return 8 * (orbitals + fields + union) + max(correlated, larger)
