"""Estimates of the errors that the truncation to M orbitals leaves.

Two quantities measure what is missing: the change of energies and densities in an enlarged space
(``active_space.py``), which responds to orbitals of a wrong shape, and the energy of the cusp (``cusp.py``), of which a
few more orbitals recover little. The factors below relate them to true errors: the better the orbitals, the smaller
the fraction that a few more of them recover. They were chosen on twenty dots of each of the seven families in
experiments/solver_accuracy, which measures all 76; ``LEAST_GAP_SHARE`` on all of these. Effective atomic units.
"""

from __future__ import annotations

from typing import NamedTuple

from solvers.backend import Array, namespace
from solvers.quantum_dots.active_space import EnlargedSpace
from solvers.quantum_dots.coulomb import COULOMB, Interaction
from solvers.quantum_dots.expectation_values import Observables, next_level
from solvers.quantum_dots.settings import Settings

MISSING_DENSITY = (1.2, 3.0, 5.0)
"""True density error over the change by the enlarged space, after no, one and more rounds of refinement."""
SOFT = (0.0, 2.4, 2.4)
"""Density error over the change of energy times W / T^2: strongly repelling electrons move at little cost."""
SHORT_DENSITY = 0.5
"""Density error over the missing energy of the cusp, in units of T, at least, for other interactions than 1 / r: where
they are short, most of the repulsion is cusp, and a few more orbitals recover a small part of its effect on n(r)."""
MISSING_ENERGY = (1.5, 3.5, 4.5)
"""True energy error over the change, without the cusp; the energy of the cusp counts where it is larger."""
MOST_MISSING = (2.0, 5.0, 5.0)
"""Its upper end: with the cusp, what this leaves beyond the energy of the cusp counts as error."""
CUSP_SHARE, CROWDED_SHARE = 0.1, 2.0
"""Error of the energy of the cusp, as a part of it; the second for each electron after the second, over M: where many
electrons share few orbitals, more than the cusp is missing."""
SOFTENED_SHARE = 0.2
"""The first one, at least, for a screened or softened interaction, whose effect on the cusp is interpolated."""
FULL = 14
"""Orbitals from which on this is the share; fewer have less local resolution, and the share is larger as 1 / M."""
LEAST_GAP_SHARE = 0.2
"""The same for a gap between states whose cusps differ, at least: in rings the cusp of a singlet is overestimated."""
CERTAIN = (2.0, 1.0, 1.0)
"""Levels that are further apart than this times the error of their distance are in a certain order, after no, one and
more rounds: in orbitals that are not refined for both, two close states of three electrons are parted too far."""
RIPPLES = 6e-3
"""Error of a gap by sine functions that the grid leaves out, over their squared part of the energy in units of T. Such
orbitals have ripples in all of the square: those of distant dots overlap, and a triplet came out below the singlet. It
is twice the largest gap of this kind in pairs of Gaussian and of parabolic wells."""
MOST_GRID_ERROR, MOST_ENERGY_ERROR = 0.25, 0.1
"""Largest estimated errors of the energy of a trusted result, as parts of the kinetic energy."""
MOST_DENSITY_ERROR = 0.3
"""Largest estimated error of the density of a trusted result."""


class Errors(NamedTuple):
    """Estimates (B,) of the errors int |n - n_ref| / N, of the energy and of the gap."""

    density_error: Array
    energy_error: Array
    gap_error: Array


def truncation_errors(
    enlarged: EnlargedSpace, cusp: Array, ground: Array, found: Observables, settings: Settings
) -> Errors:
    """Return the estimates.

    Args:
        enlarged: the enlarged space of the first k states.
        cusp: energies of their cusps, (B, k), negative.
        ground: weights of these states in the ground state, (B, k).
        found: observables of the ground state.
        settings: with ``cusp`` the energies include that of the cusp.
    """
    xp, rounds = namespace(cusp), min(settings.rounds, 2)
    changes, missing = -enlarged.energy_changes, -cusp
    change, missing_of_ground = (xp.sum(ground * a, axis=1) for a in (changes, missing))
    above = min(1, changes.shape[1] - 1)
    change_apart, missing_apart = (xp.abs(a[:, above] - a[:, 0]) for a in (changes, missing))
    if settings.cusp:
        zero = xp.zeros_like(change)
        share = cusp_share(settings.interaction, settings.n_orbitals)
        share += crowded_share(settings.n_electrons, settings.n_orbitals)
        unseen = xp.maximum(MOST_MISSING[rounds] * change - missing_of_ground, zero)
        unseen_apart = xp.maximum(MOST_MISSING[rounds] * change_apart - missing_apart, zero)
        energy_error = share * missing_of_ground + 0.2 * change + unseen
        gap_share = max(share, LEAST_GAP_SHARE)
        gap_error = gap_share * (missing_apart + 2 * missing_of_ground) + 0.5 * change + unseen_apart
        if rounds:  # where strong repulsion makes both spins alike, a triplet misses as much, and it has no cusp
            rest = xp.maximum(MISSING_ENERGY[rounds] * changes - missing, xp.zeros_like(missing))
            gap_error = gap_error + xp.abs(rest[:, above] - rest[:, 0])
    else:
        energy_error = xp.maximum(missing_of_ground, MISSING_ENERGY[rounds] * change)
        gap_error = xp.maximum(missing_apart, MISSING_ENERGY[rounds] * change_apart) + 0.2 * change
    soft = SOFT[rounds] * change * found.interaction / found.kinetic**2
    density_error = MISSING_DENSITY[rounds] * enlarged.density_change / settings.n_electrons + soft
    if settings.interaction != COULOMB:
        density_error = xp.maximum(density_error, SHORT_DENSITY * missing_of_ground / found.kinetic)
    return Errors(density_error, energy_error, gap_error)


def cusp_share(interaction: Interaction, n_orbitals: int) -> float:
    """Return the error of the energy of the cusp for two electrons in ``n_orbitals``, as a part of it."""
    share = SOFTENED_SHARE if interaction.screening or interaction.thickness else CUSP_SHARE
    return share * max(FULL / n_orbitals, 1.0)


def crowded_share(n_electrons: int, n_orbitals: int) -> float:
    """Return what ``n_electrons`` in ``n_orbitals`` add to it."""
    return CROWDED_SHARE * max(n_electrons - 2, 0) / n_orbitals


def grid_error_of_gap(found: Observables, moved: Array, left_out: Array) -> Array:
    """Return the error (B,) of the gap by the grid: that of the moved charge, at least what ripples do.

    ``moved`` is the part of the charge by which the states differ, ``left_out`` the part of ``grid_error`` by the sine
    functions that the grid leaves out, (B,) both.
    """
    return namespace(moved).maximum(found.grid_error * moved, RIPPLES * left_out**2 / found.kinetic)


def order_certain(values: Array, gap_error: Array, of_grid: Array, degeneracy: Array, rounds: int) -> Array:
    """Return whether the lowest of the levels ``values`` (B, k) is certain after these ``rounds``, (B,).

    ``of_grid`` (B,) is the error of the gap by the grid.
    """
    return next_level(values, degeneracy) > CERTAIN[min(rounds, 2)] * gap_error + of_grid


def with_order(errors: Errors, above: Array, moved: Array, certain: Array, rounds: int) -> Errors:
    """Return the estimates, those of energy and density larger where the order of states is not ``certain``, (B,).

    The next level, which lies ``above`` (B,), may then be the lowest: the energy is as much lower as the error of the
    gap exceeds the gap, and the density is another one, by the part ``moved`` (B,) of the electrons.
    """
    xp = namespace(above)
    lower = xp.maximum(CERTAIN[min(rounds, 2)] * errors.gap_error - above, xp.zeros_like(moved))
    return errors._replace(
        energy_error=errors.energy_error + xp.where(certain, 0.0, lower),
        density_error=xp.maximum(errors.density_error, xp.where(certain, 0.0, 2 * moved)),
    )


def resolved(found: Observables, errors: Errors, settings: Settings) -> Array:
    """Return whether orbitals and grid can hold the state, (B,): its errors are small beside its energies."""
    xp = namespace(found.kinetic)
    small = xp.isfinite(found.energy) & (found.grid_error <= MOST_GRID_ERROR * found.kinetic)
    if settings.correlated and settings.estimate:
        small = small & (errors.energy_error <= MOST_ENERGY_ERROR * found.kinetic)
        small = small & (errors.density_error <= MOST_DENSITY_ERROR)
    return small
