"""Geometric strings: lengths of the paths of a hole in an antiferromagnet.

A hole that moves by l sites displaces l spins by one site each. Its paths without immediate return are the nodes of a
Cayley tree with z = 4 branches at the root and z - 1 elsewhere, and their amplitudes obey (Casert, Mills et al., thesis
of K. Mills (2021), appendix A, equation 9; F. Grusdt et al., Phys. Rev. X 8, 011046 (2018))

    t sum_s psi_{l+1,s} + t psi_{l-1} + V_l psi_l = E psi_l,   V_l = (dE/dl) l + g delta_{l,0}

The source gives t / J by U / t = 8.1 and J = 4 t^2 / U, but neither dE/dl nor g. Here both follow from the correlations
C(d) = <S_0 . S_d> of the undoped lattice, counted along a straight string: the two bonds at the sides of each displaced
spin change from C(1, 0) to C(1, 1), and that behind the first one from C(1, 0) to C(2, 0), as long as l > 0:

    dE/dl = 2 J [C(1, 1) - C(1, 0)],   g = -J [C(2, 0) - C(1, 0)]

The energy of removed bonds is the same for all l and drops out.

The tree decomposes into chains by its symmetry. The symmetric, or radial, states are one chain from the root, with the
hoppings 2 t, sqrt(3) t, sqrt(3) t, ...; p(l) = |phi_l|^2 of a state contains all 4 * 3^(l-1) strings of length l.
States that are antisymmetric between the branches of a node at depth d form chains that begin at depth d + 1; there are
3 of them for d = 0, and 2 per node, 8 * 3^(d-1), for d > 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_array, check_choice, check_integer, check_number, check_positive
from solvers.spins.ising import Floats

BRANCHES = 4
"""Coordination number z of the tree."""
SECTORS = ("radial", "all")


def string_potential(nearest: float, diagonal: float, second: float) -> tuple[float, float]:
    """Return dE/dl and g (J) for <S_0 . S_d> at the displacements d = (1, 0), (1, 1) and (2, 0).

    Raises:
        ValueError: a correlation is outside [-3/4, 1/4], which no state of two spins 1/2 has.
    """
    for name, value in (("nearest", nearest), ("diagonal", diagonal), ("second", second)):
        check_number(name, value, -0.75, 0.25)
    return 2 * (diagonal - nearest), -(second - nearest)


def string_lengths(
    tension: float, attraction: float, hopping: float, temperature: float, sectors: str = "radial", longest: int = 40
) -> Floats:
    """Return p(l) of l = 0 ... ``longest``, (longest + 1,), in thermal equilibrium.

    The source does not name the states over which it averages. In ``radial`` states a hole has no angular momentum
    around the origin of its string; their p(l) does not depend on ``longest``. ``all`` has every state of the tree: for
    T ln 3 >= dE/dl the number of strings outgrows their Boltzmann factor, and ``longest`` determines the result.

    Args:
        tension: dE/dl, J.
        attraction: g, J; negative values attract the hole to the origin.
        hopping: t, J.
        temperature: T, J.
        sectors: "radial" or "all".
        longest: depth of the tree.

    Raises:
        ValueError: an argument is out of range.
    """
    check_number("tension", tension, 0.0, 1e3)
    check_number("attraction", attraction, -1e3, 1e3)
    check_positive("hopping", hopping, 1e3)
    check_number("temperature", temperature, 0.01, 1e6)
    check_choice("sectors", sectors, SECTORS)
    check_integer("longest", longest, 1, high=300)
    chains = [_chain(first, tension, attraction, hopping, longest) for first in range(longest + 1)]
    ground = chains[0][0][0]
    p = np.zeros(longest + 1)
    for first, (energies, occupation) in enumerate(chains[: None if sectors == "all" else 1]):
        p[first:] += _multiplicity(first) * occupation @ np.exp(-(energies - ground) / temperature)
    return p / p.sum()


def _multiplicity(first: int) -> float:
    """Return the number of chains that begin at depth ``first``."""
    if first < 2:
        return 1.0 if first == 0 else BRANCHES - 1.0
    nodes = BRANCHES * (BRANCHES - 1.0) ** (first - 2)
    return nodes * (BRANCHES - 2)


def _chain(first: int, tension: float, attraction: float, hopping: float, longest: int) -> tuple[Floats, Floats]:
    """Return levels (n,) and occupations by depth and level (n, n), n = longest - first + 1."""
    depth = np.arange(first, longest + 1)
    potential = tension * depth + attraction * (depth == 0)
    steps = hopping * np.sqrt(np.where(depth[:-1] == 0, BRANCHES, BRANCHES - 1.0))
    energies, vectors = np.linalg.eigh(np.diag(potential) + np.diag(steps, 1) + np.diag(steps, -1))
    return energies, vectors**2


def check_lengths(p: Any) -> NDArray[np.float64]:
    """Return p(l) as an array (l,), or raise ValueError unless it has no negative value and the sum 1."""
    found: Floats = check_array("lengths", p, ("l",), 0.0, 1.0).astype(np.float64)
    if abs(found.sum() - 1) > 1e-9:
        raise ValueError(f"lengths: expected probabilities with the sum 1, got the sum {found.sum():g}. Divide by it.")
    return found
