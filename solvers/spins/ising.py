"""Energies of the Ising model on a square lattice with periodic boundaries.

    H = -J sum_<ij> s_i s_j,   s_i = +1 or -1,   J = 1

Each site has one bond to the right and one downwards, so that each bond counts once: 2 L^2 bonds. For L = 2 the two
bonds of a pair of neighbours, one of them through the boundary, both count.

For even L the energies are the multiples of 4 in -2 L^2 ... 2 L^2 without -2 L^2 + 4 and 2 L^2 - 4, which no
configuration has: L^2 - 1 levels, 15 for L = 4 and 63 for L = 8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.checks import as_plain, check_integer, check_kind

Spins = NDArray[np.int8]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

ENUMERABLE = (2, 4)
"""Sides whose configurations fit into memory: 2^4 and 2^16 of them; L = 6 has 7e10."""


def check_side(name: str, side: object, high: int = 4096) -> None:
    """Raise ValueError unless ``side`` is an even whole number in 2 ... ``high``."""
    check_integer(name, side, 2, "Use an even number of sites along each side", high)
    if int(side) % 2:  # type: ignore[call-overload]  # a whole number since the check
        raise ValueError(
            f"{name}: expected an even number of sites, got {side!r}. Odd sides frustrate antiparallel spins."
        )


def as_spins(name: str, value: object) -> Spins:
    """Return ``value`` (..., L, L) as int8, or raise ValueError unless it is square lattices of +1 and -1, L >= 2."""
    spins = as_plain(name, value)
    if spins.ndim < 2 or spins.shape[-1] != spins.shape[-2] or spins.shape[-1] < 2:
        raise ValueError(f"{name}: expected square lattices (..., L, L) with L of at least 2, got shape {spins.shape}")
    if spins.dtype.kind not in "if" or not (np.abs(spins) == 1).all():
        todo = "Map zeros and ones by 2 x - 1"
        raise ValueError(f"{name}: expected spins of +1 and -1, got other values of {spins.dtype}. {todo}.")
    return spins.astype(np.int8, copy=False)


def energies(configurations: Any) -> Integers:
    """Return the energies (...) of ``configurations`` (..., L, L), spins of +1 and -1.

    Raises:
        ValueError: the lattices are not square, have a side below 2, or hold other values.
    """
    spins = as_spins("configurations", configurations)
    bonds = spins * np.roll(spins, -1, axis=-1) + spins * np.roll(spins, -1, axis=-2)
    return -bonds.sum(axis=(-1, -2), dtype=np.int64)


def magnetisation(configurations: Any) -> Floats:
    """Return the mean spin (...) of ``configurations`` (..., L, L), with its sign.

    Raises:
        ValueError: as in ``energies``.
    """
    return as_spins("configurations", configurations).mean(axis=(-1, -2), dtype=np.float64)


def levels(side: int) -> Integers:
    """Return the energies that configurations of an even ``side`` have, ascending, (L^2 - 1,).

    Raises:
        ValueError: the side is odd or below 2.
    """
    check_side("side", side)
    every = np.arange(-2 * side**2, 2 * side**2 + 1, 4, dtype=np.int64)
    return np.delete(every, [1, len(every) - 2]) if side > 2 else every[::2]


def energy_class(energy: Any, side: int) -> Integers:
    """Return the numbers (...) of the levels of ``energy`` (...), 0 for the lowest.

    Raises:
        ValueError: an energy is no level of this side, or the side is odd.
    """
    known, given = levels(side), as_plain("energy", energy)
    place = np.searchsorted(known, given).clip(0, len(known) - 1)
    if given.dtype.kind not in "if" or not (known[place] == given).all():
        raise ValueError(f"energy: expected levels of a lattice of side {side} (see levels), got other values")
    return place


def energy_of_class(number: Any, side: int) -> Integers:
    """Return the energies (...) of the levels with these numbers (...): the inverse of ``energy_class``.

    Raises:
        ValueError: a number is not in 0 ... L^2 - 2, or the side is odd.
    """
    known, given = levels(side), as_plain("number", number)
    if given.dtype.kind not in "iu" or not ((given >= 0) & (given < len(known))).all():
        raise ValueError(f"number: expected whole numbers in 0 ... {len(known) - 1}, got other values")
    return known[given]


def random_spins(rng: np.random.Generator, count: int, side: int) -> Spins:
    """Return ``count`` configurations (count, L, L) of independent spins, both signs equally likely.

    Raises:
        ValueError: a number is out of range.
    """
    check_kind("rng", rng, np.random.Generator)
    check_integer("count", count, 0)
    check_integer("side", side, 2)
    return 2 * rng.integers(2, size=(count, side, side), dtype=np.int8) - 1


def all_configurations(side: int) -> Spins:
    """Return every configuration of side 2 or 4, (2^(L^2), L, L).

    Bit b of the number of a configuration, the least significant one first, is the spin of site b in row-major order:
    1 for +1, 0 for -1.

    Raises:
        ValueError: the side is neither 2 nor 4.
    """
    if side not in ENUMERABLE or isinstance(side, bool):
        todo = "Larger lattices have too many configurations; estimate_log_g samples them"
        raise ValueError(f"side: expected 2 or 4, got {side!r}. {todo}.")
    bits = np.arange(2 ** (side**2))[:, None] >> np.arange(side**2) & 1
    return (2 * bits - 1).astype(np.int8).reshape(-1, side, side)


def density_of_states(side: int) -> Integers:
    """Return g(E, m), the number of configurations of each level and magnetisation, for side 2 or 4.

    Its shape is (levels, L^2 + 1): energies as in ``levels``, magnetisations -1 ... 1 in steps of 2 / L^2.

    Raises:
        ValueError: the side is neither 2 nor 4.
    """
    every = all_configurations(side)
    ups = (every == 1).sum(axis=(1, 2))
    counts = np.zeros((len(levels(side)), side**2 + 1), dtype=np.int64)
    np.add.at(counts, (energy_class(energies(every), side), ups), 1)
    return counts
