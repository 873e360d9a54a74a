"""Ground states of spinless fermions on a ring, by exact diagonalisation.

    H = -J sum_i (c+_i c_(i+1) + c+_(i+1) c_i) + U sum_i n_i n_(i+1) + sum_i V_i n_i,    site L is site 0

All energies are in units of the hopping J. Small sectors are diagonalised by LAPACK, all others by block Davidson with
the diagonal of H as preconditioner. At a chemical potential mu the ground state has the N with the lowest E(N) - mu N.

Below U = -2 J (the ferromagnetic side of the XXZ chain) the fermions of a flat ring gather in one cluster. Its L places
are a band of nearly degenerate states, in which a narrow block of vectors hardly converges; it has L more there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.checks import as_plain, check_integer, check_number
from solvers.eigensolver import Eigenpairs, davidson
from solvers.lattices.fock_space import Sector, sector

SHORTEST, LONGEST = 3, 20
"""Sites of a ring; beyond 20 the largest sector has 352 716 states."""
DENSE = 130
"""Largest number of states for which LAPACK is faster."""
CELLS = 50_000
"""States times systems that advance together."""
FLOOR = 0.3
"""Smallest magnitude of a denominator of the preconditioner, in J."""
SAME = 1e-6
"""Distance of levels, in J, within which they are one."""
LOOSE, TIGHT = 1e-5, 1e-7
"""Residuals in J of energies, whose error is the square of it, and of states."""
ITERATIONS = 300
CLUSTERS = -2.0
"""Interaction in J below which fermions gather in clusters."""
BLOCKS, WIDE_BLOCKS = 8, 4
"""Blocks of a basis before its restart, also for blocks that hold a band of clusters."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GroundStates:
    """The ground states of N fermions in each of B potentials.

    Attributes:
        sector: the states of N fermions.
        energy: energy, (B,), in J.
        gap: distance of the next level of N fermions, (B,), in J; NaN where N fermions have no other state.
        degeneracy: number of states within 1e-6 J, (B,).
        vectors: orthonormal states, (B, k, d).
        weights: weight of each state in the mean over a degenerate level, (B, k).
    """

    sector: Sector
    energy: Floats
    gap: Floats
    degeneracy: NDArray[np.int64]
    vectors: Floats
    weights: Floats


@dataclass(frozen=True)
class _Operator:
    """H = hops + diagonal, and (D - e)^-1 as its preconditioner, for potentials (B, d)."""

    sector: Sector
    diagonal: Floats

    def apply(self, vectors: Floats) -> Floats:
        """Return H v for vectors (B, k, d)."""
        b, k, d = vectors.shape
        columns = np.ascontiguousarray(vectors.reshape(b * k, d).T)
        hopped = self.sector.hops.times(columns).T.reshape(b, k, d)
        return self.diagonal[:, None, :] * vectors - hopped

    def solve(self, residuals: Floats, values: Floats) -> Floats:
        """Return (D - e)^-1 r for residuals (B, k, d) and values e (B, k)."""
        gap = self.diagonal[:, None, :] - values[..., None]
        return residuals / np.where(np.abs(gap) < FLOOR, np.where(gap < 0, -FLOOR, FLOOR), gap)

    def select(self, systems: NDArray[np.intp]) -> _Operator:
        """Return the operator of the chosen ``systems`` (b,)."""
        return _Operator(self.sector, self.diagonal[systems])

    def cast(self, dtype: Any) -> _Operator:
        """Return the operator in another precision."""
        return _Operator(self.sector, self.diagonal.astype(dtype))


def check_rings(
    potentials: ArrayLike, interaction: object, name: str = "potentials", longest: float = LONGEST
) -> Floats:
    """Return potentials (B, L) as numbers, with L from ``SHORTEST`` to ``longest``.

    Raises:
        ValueError: another shape, values that are not finite, too few or too many sites, or U is not a number.
    """
    values = as_plain(name, potentials, "numbers of shape (B, L)")
    if values.ndim != 2 or not SHORTEST <= values.shape[-1] <= longest or values.dtype.kind not in "fiu":
        sites = f"{SHORTEST} ... {longest}" if longest < math.inf else f"at least {SHORTEST}"
        raise ValueError(
            f"{name}: expected numbers of shape (B, L) with {sites} sites, got {values.dtype} of shape {values.shape}"
        )
    if not np.isfinite(values).all() or np.abs(values).max(initial=0) > 1e6:
        extent = f"{values.min():g} ... {values.max():g}"
        raise ValueError(f"{name}: expected finite values below 1e6 J of shape (B, L), got {extent}")
    check_number("interaction", interaction, -1e3, 1e3)
    return values.astype(np.float64)


def diagonal(potentials: Floats, interaction: float, states: Sector) -> Floats:
    """Return the energy without hops of each state, (B, d), in J."""
    on_sites = np.einsum("bl,dl->bd", potentials, states.occupation)  # unlike @, its digits do not depend on B
    return on_sites + interaction * states.pairs.sum(axis=1)


def lowest_states(potentials: Floats, interaction: float, states: Sector, n: int, tolerance: float) -> Eigenpairs:
    """Return the ``n`` lowest states of a sector in potentials (B, L), or all where there are fewer.

    Raises:
        ValueError: a state is not converged.
    """
    diagonals, n = diagonal(potentials, interaction, states), min(n, states.dimension)
    if states.dimension <= DENSE:
        return _dense(diagonals, states).first(n)
    parts = []
    clusters = interaction < CLUSTERS
    block = min(n + (states.sites if clusters else 1), states.dimension)
    blocks = WIDE_BLOCKS if clusters else BLOCKS
    at_once = max(1, CELLS // states.dimension // (states.sites // 2 if clusters else 1))
    for first in range(0, len(diagonals), at_once):
        operator = _Operator(states, diagonals[first : first + at_once])
        start = _start(operator.diagonal, block)
        parts.append(davidson(operator, operator, start, n, tolerance, ITERATIONS, max_blocks=blocks).first(n))
    values, vectors, residuals = (np.concatenate(part) for part in zip(*parts, strict=True))
    if failed := int((residuals > tolerance).any(1).sum()):
        raise ValueError(
            f"potentials: {failed} of {len(residuals)} rings of {states.sites} sites with {states.particles} fermions "
            f"did not converge to {tolerance:g} J in {ITERATIONS} iterations"
        )
    return Eigenpairs(values, vectors, residuals)


def _dense(diagonals: Floats, states: Sector) -> Eigenpairs:
    matrix = np.zeros((len(diagonals), states.dimension, states.dimension))
    matrix -= states.hops.times(np.eye(states.dimension))
    places = np.arange(states.dimension)
    matrix[:, places, places] += diagonals
    values, columns = np.linalg.eigh(matrix)
    return Eigenpairs(values, columns.swapaxes(1, 2), np.zeros_like(values))


def _start(diagonals: Floats, n: int) -> Floats:
    """Return the states of lowest diagonal (B, n, d) with random parts of all others, which break their symmetries."""
    noise = np.random.default_rng(0).normal(size=(n, diagonals.shape[1])) * 0.02 / diagonals.shape[1] ** 0.5
    start = np.broadcast_to(noise, (len(diagonals), *noise.shape)).copy()
    lowest = np.argsort(diagonals, axis=1, kind="stable")[:, :n]
    np.put_along_axis(start, lowest[:, :, None], 1.0, axis=2)
    return start


def ground_energies(potentials: ArrayLike, interaction: float) -> Floats:
    """Return E(N) of all N = 0 ... L in potentials (B, L): (B, L + 1), in J.

    Raises:
        ValueError: see ``check_rings`` and ``lowest_states``.
    """
    values = check_rings(potentials, interaction)
    sites = values.shape[1]
    found = [lowest_states(values, interaction, sector(sites, n), 1, LOOSE).values[:, 0] for n in range(sites + 1)]
    return np.stack(found, axis=1)


def ground_states(potentials: ArrayLike, interaction: float, particles: int, n: int = 2) -> GroundStates:
    """Return the ground states of ``particles`` fermions in potentials (B, L).

    Args:
        potentials: V_i, in J.
        interaction: U, in J.
        particles: N.
        n: states that are computed first, at least one; more of them where all are one level.

    Raises:
        ValueError: ``particles`` or ``n`` is out of range; see also ``check_rings`` and ``lowest_states``.
    """
    values = check_rings(potentials, interaction)
    check_integer("particles", particles, 0, high=values.shape[1])
    check_integer("n", n, 1)
    states = sector(values.shape[1], particles)
    pairs = lowest_states(values, interaction, states, n, TIGHT)
    same = pairs.values - pairs.values[:, :1] < SAME
    if same.all(1).any() and same.shape[1] < states.dimension:
        return ground_states(values, interaction, particles, 2 * n)
    degeneracy = same.sum(1)
    above = np.where(same, np.inf, pairs.values).min(1)
    gap = np.where(np.isfinite(above), above - pairs.values[:, 0], np.nan)
    return GroundStates(states, pairs.values[:, 0], gap, degeneracy, pairs.vectors, same / degeneracy[:, None])


def crossings(potentials: ArrayLike, interaction: float, particles: int) -> tuple[Floats, Floats]:
    """Return E(N) - E(N - 1) and E(N + 1) - E(N) in potentials (B, L): (B,) each, in J; infinite for N = 0 and L.

    Between them N fermions are the ground state, if E(N) is convex.

    Raises:
        ValueError: N is out of range; see also ``check_rings`` and ``lowest_states``.
    """
    values = check_rings(potentials, interaction)
    sites = values.shape[1]
    check_integer("particles", particles, 0, high=sites)
    below, here, above = (
        lowest_states(values, interaction, sector(sites, n), 1, LOOSE).values[:, 0]
        if 0 <= n <= sites
        else np.full(len(values), np.inf)
        for n in (particles - 1, particles, particles + 1)
    )
    return here - below, above - here


def chemical_potentials(potentials: ArrayLike, interaction: float, particles: int) -> tuple[Floats, Floats]:
    """Return the ends of the interval of chemical potentials at which N fermions are the ground state: (B,) each, in J.

    Where there is none, the first end is the larger one. Of fermions that repel, E(N) is convex, and the ends are
    those of ``crossings``. Of others it need not be, and all N are compared.

    Raises:
        ValueError: see ``crossings``.
    """
    values = check_rings(potentials, interaction)
    if interaction >= 0:
        return crossings(values, interaction, particles)
    check_integer("particles", particles, 0, high=values.shape[1])
    energies = ground_energies(values, interaction)
    fewer, more = np.arange(particles), np.arange(particles + 1, energies.shape[1])
    here = energies[:, [particles]]
    low = (here - energies[:, fewer]) / (particles - fewer)
    high = (energies[:, more] - here) / (more - particles)
    return low.max(1, initial=-np.inf), high.min(1, initial=np.inf)
