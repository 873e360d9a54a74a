"""Energies of the planar Potts model on a square lattice with periodic boundaries.

    H = J sum_<ij> cos(a_i - a_j),   angles a_i in [0, pi),   J = 1

The sign is that of Mills and Tamblyn (Phys. Rev. E 97, 032119 (2018), equation 2): bonds prefer different angles, the
opposite of the Ising model of ``ising``. Bonds are counted as there, once each, and twice for L = 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.checks import as_plain, check_integer, check_kind
from solvers.spins.ising import Floats


def as_angles(name: str, value: object) -> Floats:
    """Return ``value`` (..., L, L) as floats, or raise ValueError unless it is square lattices of [0, pi), L >= 2."""
    angles = as_plain(name, value)
    if angles.ndim < 2 or angles.shape[-1] != angles.shape[-2] or angles.shape[-1] < 2:
        raise ValueError(f"{name}: expected square lattices (..., L, L) with L of at least 2, got shape {angles.shape}")
    if angles.dtype.kind not in "iuf" or not ((angles >= 0) & (angles < np.pi)).all():
        todo = "Reduce angles modulo pi only if the model has this symmetry; this one has not"
        raise ValueError(f"{name}: expected angles in [0, pi) radians, got other values of {angles.dtype}. {todo}.")
    return angles.astype(np.float64, copy=False)


def potts_energies(configurations: Any) -> Floats:
    """Return the energies (...), in units of J, of ``configurations`` (..., L, L), angles in [0, pi).

    Raises:
        ValueError: the lattices are not square, have a side below 2, or hold other values.
    """
    angles = as_angles("configurations", configurations)
    bonds = np.cos(angles - np.roll(angles, -1, axis=-1)) + np.cos(angles - np.roll(angles, -1, axis=-2))
    return bonds.sum(axis=(-1, -2))


def random_angles(rng: np.random.Generator, count: int, side: int) -> Floats:
    """Return ``count`` configurations (count, L, L) of independent angles, uniform in [0, pi).

    Raises:
        ValueError: a number is out of range.
    """
    check_kind("rng", rng, np.random.Generator)
    check_integer("count", count, 0)
    check_integer("side", side, 2)
    return np.minimum(np.pi * rng.random((count, side, side)), np.nextafter(np.pi, 0))
