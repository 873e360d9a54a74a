"""The lowest multiplets of N electrons: for each total spin S the lowest states with S_z = S, and their Zeeman levels.

    E(S, i, S_z) = E_i(S) + g mu_B B S_z,    S_z = -S ... S.

The orbital energy E_i(S) does not depend on S_z, so that the state of the highest S_z stands for its multiplet, in the
smallest sector of S_z. Effective atomic units.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from solvers.quantum_dots.determinants import n_strings
from solvers.quantum_dots.magnetic.hermitian import Eigenpairs, LowBlock, davidson
from solvers.quantum_dots.magnetic.sectors import Floats, Hamiltonian, Integrals, Values, sector, total_spins
from solvers.quantum_dots.pairs import SpinBlock

DENSE_SIZE = 120
"""Up to this many determinants LAPACK finds all states."""
LOW_SIZE = 160
"""Determinants of the first orbitals that span the preconditioner."""
GUARDS = 2
"""Additional states in the iteration, which guard the requested ones."""
PENALTY = 8.0
"""First energy of a triplet pair, in units of the dot's scale; doubled while states of another spin are in the way."""
MOST_DOUBLINGS = 12
PURE = 1e-2
"""Largest deviation of S of a multiplet."""
DEGENERACY = 1e-7
"""Levels closer than this part of the dot's scale count as one."""


class Multiplets(NamedTuple):
    """The lowest multiplets of one total spin, by their states of S_z = S.

    ``energies`` (k,) without the Zeeman energy; ``vectors`` (k, determinants); ``residuals`` (k,); ``penalty``: energy
    of a triplet pair by which they were found.
    """

    spin: float
    block: SpinBlock
    energies: Floats
    vectors: Values
    residuals: Floats
    penalty: float


class Level(NamedTuple):
    """One state: its energy, the total spin, S_z, and the number of its multiplet among those of this spin."""

    energy: float
    spin: float
    s_z: float
    number: int


def total_spins_of(n_electrons: int, n_orbitals: int) -> list[float]:
    """Return every total spin of N electrons in M orbitals, ascending."""
    most = min(n_electrons, 2 * n_orbitals - n_electrons)
    return [s / 2 for s in range(n_electrons % 2, most + 1, 2)]


def count_of(n_orbitals: int, n_electrons: int, spin: float) -> int:
    """Return the number of multiplets of total ``spin``: the states of S_z = S without those of S_z = S + 1."""
    up, down = round(n_electrons / 2 + spin), round(n_electrons / 2 - spin)
    own = n_strings(n_orbitals, up) * n_strings(n_orbitals, down)
    return own - (n_strings(n_orbitals, up + 1) * n_strings(n_orbitals, down - 1) if down else 0)


def _matrix(h: Hamiltonian) -> Values:
    matrix = h.apply(np.eye(h.block.size, dtype=h.integrals.one_body.dtype)).T
    return (matrix + matrix.conj().T) / 2


def _corner(block: SpinBlock, n_block: int) -> int:
    """Return how many orbitals span the preconditioner."""
    up, down = block.up.n_electrons, block.down.n_electrons
    sizes = [n_strings(m, up) * n_strings(m, down) for m in range(block.n_orbitals + 1)]
    enough = min(3 * n_block, block.size)
    least = next(m for m, size in enumerate(sizes) if size >= enough)
    return max([least, *(m for m, size in enumerate(sizes) if enough <= size <= LOW_SIZE)])


def lowest_states(
    h: Hamiltonian, count: int, tolerance: float, start: Values | None, iterations: int, least: int = 1
) -> Eigenpairs:
    """Return the ``count`` lowest states of ``h``, from ``start`` vectors (j, determinants) if there are any.

    ``least`` and ``iterations`` are the smallest and largest numbers of iterations.
    """
    size, block = h.block.size, h.block
    if size <= DENSE_SIZE:
        values, columns = np.linalg.eigh(_matrix(h))
        vectors = columns.T[:count]
        return Eigenpairs(
            values[:count], vectors, np.linalg.norm(h.apply(vectors) - values[:count, None] * vectors, axis=1)
        )
    n_block = min(count + GUARDS, size)
    m = _corner(block, n_block)
    corner = sector(m, block.up.n_electrons, block.down.n_electrons)
    inner = (np.arange(corner.up.count)[:, None] * block.down.count + np.arange(corner.down.count)).ravel()
    low = LowBlock.of(h.diagonal(), inner, _matrix(Hamiltonian(corner, h.integrals.first(m), h.penalty)), n_block)
    first = low.start(n_block)
    if start is not None:
        first[: len(start)] = start[:n_block]
    return davidson(h.apply, low, first, count, tolerance, iterations, least)


def lowest_multiplets(
    integrals: Integrals, n_electrons: int, spin: float, count: int, scale: float, tolerance: float
) -> Multiplets:
    """Return the ``count`` lowest multiplets of total ``spin``, or all; ``tolerance`` is a part of ``scale``."""
    m, up, down = len(integrals.one_body), round(n_electrons / 2 + spin), round(n_electrons / 2 - spin)
    block = sector(m, up, down)
    count = min(count, count_of(m, n_electrons, spin))
    penalty = PENALTY * scale if down else 0.0
    for _ in range(MOST_DOUBLINGS):
        h = Hamiltonian(block, integrals, penalty)
        found = lowest_states(h, count, tolerance * scale, None, 200)
        spins = total_spins(block, found.vectors)
        if (np.abs(spins - spin) < PURE).all() or penalty == 0:
            break
        penalty *= 2  # states of higher spin are still among the lowest
    own = np.abs(spins - spin) < PURE
    return Multiplets(spin, block, found.values[own], found.vectors[own], found.residuals[own], penalty)


def sort_levels(multiplets: Mapping[float, Multiplets], zeeman: float) -> list[Level]:
    """Return all levels in ascending order; those of one energy in the order of S, then S_z."""
    levels = [
        Level(float(energy) + zeeman * m, spin, m, number)
        for spin, some in multiplets.items()
        for number, energy in enumerate(some.energies)
        for m in (spin - j for j in range(round(2 * spin) + 1))
    ]
    return sorted(levels, key=lambda level: (level.energy, level.spin, -level.s_z))


def solve_multiplets(
    integrals: Integrals,
    n_electrons: int,
    n_states: int,
    zeeman: float,
    scale: float,
    tolerance: float,
    corrected: Callable[[Multiplets], Multiplets],
    at_least: int = 1,
) -> dict[float, Multiplets]:
    """Return for each spin so many multiplets that the ``n_states`` lowest levels, and all equal ones, are among them.

    Their energies are ``corrected``. ``at_least`` multiplets of each spin are returned in any case.
    """
    m, close = len(integrals.one_body), 2 * DEGENERACY * scale
    spins = total_spins_of(n_electrons, m)
    counts = {s: max(math.ceil((n_states + 1) / (2 * s + 1) / len(spins)), 2, at_least) for s in spins}
    found: dict[float, Multiplets] = {}
    while True:
        for s in spins:
            if s not in found or len(found[s].energies) < min(counts[s], count_of(m, n_electrons, s)):
                found[s] = corrected(lowest_multiplets(integrals, n_electrons, s, counts[s], scale, tolerance))
        levels = sort_levels(found, zeeman)
        last = levels[min(n_states, len(levels)) - 1].energy + close
        incomplete = [
            s
            for s, some in found.items()
            if some.energies[-1] - abs(zeeman) * s <= last and len(some.energies) < count_of(m, n_electrons, s)
        ]
        if not incomplete:
            return found
        for s in incomplete:
            counts[s] = 2 * counts[s]
