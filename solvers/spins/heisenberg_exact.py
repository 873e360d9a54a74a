"""Thermal averages of the Heisenberg antiferromagnet on 2 x 2 and 4 x 4 sites, by diagonalisation.

    H = J sum_<ij> S_i . S_j,   J = 1, periodic boundaries

The states are divided by S^z and by the momentum k of translations. In a sector, the states are labelled by one
representative a of each orbit, |a, k> = N_a^(-1/2) sum_T exp(-i k . d_T) T |a>, with the sum over all L^2 translations.
Sectors of S^z and -S^z, and momenta that a mirror or a diagonal maps to one another, have equal levels: one of each is
diagonalised, and its correlations are averaged over these symmetries.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np

from solvers.checks import check_choice, check_number
from solvers.spins.ising import Floats, Integers

SIDES = (2, 4)


@dataclass(frozen=True)
class ThermalHeisenberg:
    """Averages at one temperature.

    Attributes:
        energy: energy of the lattice, J.
        correlations: <S^z_i S^z_(i + d)> by displacement d, (L, L).
    """

    energy: float
    correlations: Floats


def exact_heisenberg(side: int, temperature: float) -> ThermalHeisenberg:
    """Return the averages on ``side`` 2 or 4 at a ``temperature`` (J); the first call for 4 takes some seconds.

    Raises:
        ValueError: another side, or a temperature below 0.01.
    """
    check_choice("side", str(side), map(str, SIDES))
    check_number("temperature", temperature, 0.01, 1e6)
    energies, weights, correlations = spectrum(int(side))
    p = weights * np.exp(-(energies - energies.min()) / temperature)
    p /= p.sum()
    return ThermalHeisenberg(float(p @ energies), np.tensordot(p, correlations, 1))


@cache
def spectrum(side: int) -> tuple[Floats, Floats, Floats]:
    """Return levels (levels,), numbers of equal ones (levels,), and correlations in each eigenstate (levels, L, L)."""
    parts = []
    for up in range(side**2 // 2 + 1):
        orbits = _orbits(side, up)
        for momentum, stars in _momenta(side).items():
            energies, correlations = _sector(side, momentum, *orbits)
            weight = stars * (1 if 2 * up == side**2 else 2)
            parts.append((energies, np.full(len(energies), float(weight)), correlations))
    energies, weights, correlations = (np.concatenate(part) for part in zip(*parts, strict=True))
    return energies, weights, correlations


def _momenta(side: int) -> dict[tuple[int, int], int]:
    """Return momenta (multiples of 2 pi / L), one of each star of the square's symmetries, and the stars' sizes."""
    stars: dict[tuple[int, int], int] = {}
    for k in itertools.product(range(side), repeat=2):
        low, high = sorted(min(q, side - q) for q in k)
        stars[low, high] = stars.get((low, high), 0) + 1
    return stars


def _orbits(side: int, up: int) -> tuple[Integers, Integers, Integers]:
    """Return the representatives (R,) of states with ``up`` up spins, and of every state (2^N,) number and translation.

    A state is a number whose bit i is the spin of site i; others than those with ``up`` have the number -1.
    """
    sites = side**2
    states = np.arange(2**sites, dtype=np.int64)
    chosen = states[_bits(states, sites).sum(1) == up]
    images = np.stack([_translated(chosen, side, *d) for d in itertools.product(range(side), repeat=2)])
    least = images.min(0)
    representatives = np.unique(least)
    number, translation = np.full(2**sites, -1, dtype=np.int64), np.zeros(2**sites, dtype=np.int64)
    number[chosen] = np.searchsorted(representatives, least)
    translation[chosen] = images.argmin(0)  # T of this number maps the state to its representative
    return representatives, number, translation


def _bits(states: Integers, sites: int) -> Integers:
    return states[:, None] >> np.arange(sites) & 1


def _translated(states: Integers, side: int, dx: int, dy: int) -> Integers:
    bits = np.roll(_bits(states, side**2).reshape(-1, side, side), (dx, dy), (1, 2))
    return bits.reshape(len(states), -1) @ (1 << np.arange(side**2, dtype=np.int64))


def _sector(
    side: int, momentum: tuple[int, int], representatives: Integers, number: Integers, translation: Integers
) -> tuple[Floats, Floats]:
    """Return levels (levels,) and correlations (levels, L, L) of one momentum."""
    shifts = np.array([*itertools.product(range(side), repeat=2)])
    phases = np.exp(2j * np.pi / side * (shifts @ np.array(momentum)))
    fixed = np.stack([_translated(representatives, side, *d) == representatives for d in shifts])
    norms = (fixed * phases[:, None]).sum(0).real  # of the sum over translations, per L^2; 0 if it vanishes
    kept = np.flatnonzero(norms > 1e-9)
    place = np.full(len(representatives), -1)
    place[kept] = np.arange(len(kept))
    states, norms = representatives[kept], norms[kept]
    spins = _bits(states, side**2).reshape(-1, side, side) - 0.5
    matrix = np.zeros((len(kept), len(kept)), dtype=np.complex128)
    for axis, i in itertools.product((0, 1), range(side**2)):
        step = np.array([axis == 0, axis == 1], dtype=int)
        j = int(np.ravel_multi_index(tuple((np.array(divmod(i, side)) + step) % side), (side, side)))
        differ = (states >> i & 1) != (states >> j & 1)
        matrix[np.diag_indices(len(kept))] += np.where(differ, -0.25, 0.25)
        flipped = states[differ] ^ ((1 << i) | (1 << j))
        rows, columns = place[number[flipped]], np.flatnonzero(differ)
        allowed = rows >= 0
        rows, columns, shift = rows[allowed], columns[allowed], translation[flipped[allowed]]
        np.add.at(matrix, (rows, columns), 0.5 * phases[shift] * np.sqrt(norms[rows] / norms[columns]))
    energies, vectors = np.linalg.eigh(matrix)
    by_state = np.stack([(spins * np.roll(spins, tuple(-d), (1, 2))).mean((1, 2)) for d in shifts], axis=1)
    correlations = (np.abs(vectors) ** 2).T @ by_state
    return energies, _symmetric(correlations.reshape(-1, side, side))


def _symmetric(correlations: Floats) -> Floats:
    """Return the averages over the symmetries of the square: those of all momenta of a star."""
    mirrored = np.roll(correlations[:, :, ::-1], 1, 2)  # displacements d -> -d along y
    both = (correlations + mirrored) / 2
    return (both + both.transpose(0, 2, 1)) / 2
