"""Estimates of the errors that M orbitals leave, for each multiplet, by the rules of ``quantum_dots.errors``.

The change of energy in the enlarged space and the energy of the cusp are multiplied by the factors found there without
a field; experiments/magnetic_field measures how many true errors they cover in a field. Effective atomic units.
"""

from __future__ import annotations

from typing import NamedTuple

from solvers.quantum_dots.coulomb import COULOMB, Interaction
from solvers.quantum_dots.errors import (
    FULL,
    LEAST_GAP_SHARE,
    MISSING_DENSITY,
    MISSING_ENERGY,
    MOST_MISSING,
    SHORT_DENSITY,
    SOFT,
    crowded_share,
    cusp_share,
)
from solvers.quantum_dots.leftover import LEFTOVER_ENERGY

EXCITED_CUSP_SHARE = 0.5
"""Error of the energy of the cusp of an excited state, as a part of it: the orbitals are chosen for the ground level
first, and describe less of the cusp of a state of other angular momentum."""


class Missing(NamedTuple):
    """What a multiplet misses, all positive.

    ``change`` of its energy by the enlarged space, its ``cusp``, and the change by orbitals that are ``left`` over.
    """

    change: float
    cusp: float
    left: float = 0.0


class Rules(NamedTuple):
    """The conditions of the estimates: rounds of refinement, N, M, the interaction, whether energies have the cusp."""

    rounds: int
    n_electrons: int
    n_orbitals: int
    interaction: Interaction
    cusp: bool

    @property
    def _share(self) -> float:
        few = max(cusp_share(self.interaction, FULL), 1 / self.n_orbitals)  # a handful has no local resolution
        return few + crowded_share(self.n_electrons, self.n_orbitals)

    def energy_error(self, m: Missing, excited: bool = False) -> float:
        """Return the error of the energy of a multiplet, that of the ground state or an ``excited`` one."""
        r = min(self.rounds, 2)
        least = LEFTOVER_ENERGY * m.left
        if not self.cusp:
            return max(m.cusp, MISSING_ENERGY[r] * m.change, least)
        share = max(self._share, EXCITED_CUSP_SHARE if excited else 0.0)
        return max(share * m.cusp + 0.2 * m.change + max(MOST_MISSING[r] * m.change - m.cusp, 0.0), least)

    def gap_error(self, a: Missing, b: Missing) -> float:
        """Return the error of the difference of the energies of two multiplets."""
        r = min(self.rounds, 2)
        change, cusp, most = abs(a.change - b.change), abs(a.cusp - b.cusp), max(a.change, b.change)
        least = LEFTOVER_ENERGY * abs(a.left - b.left)
        if not self.cusp:
            return max(max(cusp, MISSING_ENERGY[r] * change) + 0.2 * most, least)
        share = max(self._share, LEAST_GAP_SHARE)
        unseen = max(MOST_MISSING[r] * change - cusp, 0.0)
        of_triplet = MISSING_ENERGY[r] if r else 0.0  # in refined orbitals it misses what it has no cusp for
        rest, other = (max(of_triplet * m.change - m.cusp, 0.0) for m in (a, b))
        return max(share * (cusp + 2 * max(a.cusp, b.cusp)) + 0.5 * most + unseen + abs(rest - other), least)

    def density_error(self, density_change: float, m: Missing, interaction: float, kinetic: float) -> float:
        """Return int |dn| / N for the change int |dn| by the enlarged space.

        ``m`` is what the state misses: strongly repelling electrons move at little cost.
        """
        r = min(self.rounds, 2)
        least = SHORT_DENSITY * m.cusp / kinetic if self.interaction != COULOMB else 0.0
        soft = SOFT[r] * m.change * interaction / kinetic**2
        return max(MISSING_DENSITY[r] * density_change / self.n_electrons + soft, least)
