"""A second estimate of the errors: the space enlarged by single-particle states that it does not contain.

A direction has the symmetry of an orbital of the space (``active_space.py``). An orbital of a symmetry that none of
them has, such as another angular momentum in a round dot, enters the state only as a partner in a pair of electrons:
its gradient vanishes, and the change of energy by the directions is too small. The lowest single-particle states, of
which more are computed than are kept, contain what is missing; what the space lacks of them bounds the errors.

Without refinement the same happens in any dot to three and more electrons that repel each other strongly: in the M
lowest orbitals they may have another arrangement than in the exact state, to which no gradient points.
"""

from __future__ import annotations

from solvers.backend import Array, namespace
from solvers.quantum_dots.active_space import ActiveSpace, EnlargedSpace
from solvers.quantum_dots.errors import Errors
from solvers.quantum_dots.expectation_values import Observables
from solvers.quantum_dots.settings import Settings
from solvers.quantum_dots.single_particle import Orbitals

LEFTOVER_ENERGY, LEFTOVER_DENSITY = 1.5, (1.2, 5.0)
"""Least errors over the changes by these orbitals, those of the density without and with refinement; chosen on round
dots of experiments/solver_accuracy/unseen.py. The first is that of the directions, ``MISSING_DENSITY``."""
STRONG = 1.5
"""Energy of the interaction over the kinetic energy from which on this is done without symmetries, too; one of the
crossed wires of unseen.py needs it, and dots without symmetry below it do not."""
LACKING = 1e8
"""Weight of the part in the space beside the energy: orbitals outside come first, in the order of their energies."""


def judged_twice(found: Observables, symmetric: bool, settings: Settings) -> Array:
    """Return for which dots the second estimate is made, (B,); ``symmetric`` is True if they have symmetries."""
    strong = found.interaction > STRONG * found.kinetic
    if settings.rounds or settings.n_electrons == 2:
        return namespace(strong).full_like(strong, symmetric and settings.rounds > 0)
    return strong | symmetric


def leftover(space: ActiveSpace, lowest: Orbitals, most: int) -> Array:
    """Return orthonormal orbitals outside the space, (B, j, m_x, m_y): mixtures of the ``lowest`` K states.

    At least K - M of them exist; j is that number, or ``most``.
    """
    xp, (b, k, *modes) = namespace(lowest.coefficients), lowest.coefficients.shape
    rows, own = (xp.reshape(a, (b, a.shape[1], -1)) for a in (lowest.coefficients, space.coefficients))
    overlaps = rows @ xp.matrix_transpose(own)
    unit = xp.eye(k, dtype=rows.dtype, device=rows.device)
    energies = (lowest.energies[:, :k] - lowest.energies[:, :1]) / lowest.scale[:, None]
    _, columns = xp.linalg.eigh(LACKING * (overlaps @ xp.matrix_transpose(overlaps)) + energies[:, :, None] * unit)
    count = min(k - own.shape[1], most)
    return xp.reshape(xp.matrix_transpose(columns[:, :, :count]) @ rows, (b, count, *modes))


def at_least(errors: Errors, enlarged: EnlargedSpace, ground: Array, settings: Settings) -> Errors:
    """Return the estimates (B,), at least those of the space ``enlarged`` by leftover orbitals.

    ``ground`` (B, k) are the weights of the states in the ground state.
    """
    xp, changes = namespace(ground), -enlarged.energy_changes
    above, missing = min(1, changes.shape[1] - 1), LEFTOVER_DENSITY[min(settings.rounds, 1)]
    return Errors(
        xp.maximum(errors.density_error, missing * enlarged.density_change / settings.n_electrons),
        xp.maximum(errors.energy_error, LEFTOVER_ENERGY * xp.sum(ground * changes, axis=1)),
        xp.maximum(errors.gap_error, LEFTOVER_ENERGY * xp.abs(changes[:, above] - changes[:, 0])),
    )
