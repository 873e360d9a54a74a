"""Maps of ground states of spinless fermions on a ring. Each belongs to the sites, so that a mirror image of the
potential has the mirror images of all maps.

    n_i = <c+_i c_i>                                 density; its fluctuation n (1 - n) is no further number
    C_i = mean of <n_i n_j> - <n_i><n_j>             correlator with the neighbours j = i - 1 and i + 1
    T_i = mean of Re <c+_i c_j>                      coherence with the neighbours; -2 J sum_i T_i is the kinetic energy
    K_i = <j_(i-1) j_i>,                             correlator of the currents of the two bonds of a site
          j_i = i J (c+_i c_(i+1) - c+_(i+1) c_i)    current of the bond of sites i and i + 1

The current itself, <j_i> = -2 J Im <c+_i c_(i+1)>, is zero in every state with real coefficients, hence in all ground
states here. The commutator of j_(i-1) and j_i has no mean in a real state either, so that their order does not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_kind
from solvers.lattices.fermions import GroundStates

Floats = NDArray[np.float64]


def fermion_maps(states: GroundStates) -> dict[str, Floats]:
    """Return density, neighbour_correlator, coherence and current_correlator, (B, L) each; the last in J^2.

    Raises:
        ValueError: ``states`` are no ``GroundStates``.
    """
    check_kind("states", states, GroundStates, "result of ground_states(V, interaction, particles)")
    sector, weights = states.sector, states.weights
    probabilities = np.einsum("bk,bkd->bd", weights, states.vectors**2)
    density = probabilities @ sector.occupation
    together = probabilities @ sector.pairs
    used = states.vectors * np.sqrt(weights)[..., None]
    bonds, currents = np.empty_like(density), np.empty_like(density)
    last = sector.hopped(used, sector.sites - 1, odd=True)
    for bond in range(sector.sites):
        moved = sector.hopped(used, bond, odd=True)
        currents[:, bond] = np.einsum("bkd,bkd->b", last, moved)
        bonds[:, bond] = np.einsum("bkd,bkd->b", used, sector.hopped(used, bond)) / 2
        last = moved
    return {
        "density": density,
        "neighbour_correlator": _both_bonds(together - density * np.roll(density, -1, axis=1)),
        "coherence": _both_bonds(bonds),
        "current_correlator": currents,
    }


def _both_bonds(bonds: Floats) -> Floats:
    """Return the mean over the two bonds of each site, from values of the bonds i, i + 1: (B, L)."""
    return (bonds + np.roll(bonds, 1, axis=1)) / 2
