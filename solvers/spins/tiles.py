"""Energies that are sums over tiles of a lattice, such as those of an extensive network, in whole numbers.

    E = sum_t C_t

Tile t has a focus of f sites per side, which no other tile has, and c more sites on every side; C_t is any function of
its spins. Contributions are rounded to multiples of 2^-30 J. Sums of whole numbers are independent of their order, so
that an energy which is updated with each flip remains, bit for bit, the sum over all tiles of the configuration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from solvers.checks import check_flag, check_integer
from solvers.spins.ising import Floats, Integers, Spins, as_spins

UNIT = 2.0**-30
"""Unit of contributions in J. Rounding changes an energy by 3e-10 J times the root of the number of tiles."""
LARGEST_SUM = 2.0**62
AT_ONCE = 2**16
"""Tiles of which contributions are calculated at once."""


class TileEnergy(Protocol):
    """An energy that is a sum over tiles.

    Attributes:
        focus, context: sites f per side that belong to one tile only, and further sites c on every side.
        periodic: True if tiles extend through the boundary; otherwise sites beyond it are 0.
    """

    focus: int
    context: int
    periodic: bool

    def contributions(self, tiles: Spins) -> Floats:
        """Return C_t (n,) in J of ``tiles`` (n, f + 2c, f + 2c): equal numbers for equal tiles in any order."""


@dataclass(frozen=True)
class Tiling:
    """The tiles of a lattice of ``side`` sites per side.

    Attributes:
        side, focus, context, periodic: see ``TileEnergy``.
        first, count: number of the first tile with a site, and how many tiles have it, (L,) along each axis. Numbers
            below 0, or beyond the last tile, are those of tiles through the boundary.

    Raises:
        ValueError: the side is no multiple of the focus, or the energy has another kind of attribute.
    """

    side: int
    focus: int
    context: int
    periodic: bool

    def __post_init__(self) -> None:
        check_integer("energy.focus", self.focus, 1)
        check_integer("energy.context", self.context, 0)
        check_flag("energy.periodic", self.periodic)
        if self.side % self.focus:
            raise ValueError(f"side: expected a multiple of the focus {self.focus} of the tiles, got {self.side}")
        if self.periodic and self.context > self.side:
            raise ValueError(f"side: expected at least the context {self.context} of the tiles, got {self.side}")

    @property
    def tiles(self) -> int:
        """Number of tiles along each axis."""
        return self.side // self.focus

    @property
    def width(self) -> int:
        """Number of sites of a tile along each axis."""
        return self.focus + 2 * self.context

    @property
    def first(self) -> Integers:
        """See the class."""
        low = -(-(np.arange(self.side) - self.focus - self.context + 1) // self.focus)
        return low if self.periodic else np.maximum(low, 0)

    @property
    def count(self) -> Integers:
        """See the class."""
        last = (np.arange(self.side) + self.context) // self.focus
        if not self.periodic:
            last = np.minimum(last, self.tiles - 1)
        return np.minimum(last - self.first + 1, self.tiles)  # a tile wider than the lattice has a site several times

    @property
    def near(self) -> Integers:
        """Numbers of the tiles that have a site, (L, m) along each axis, where their number m is the same for all."""
        return (self.first[:, None] + np.arange(self.count.max())) % self.tiles


def tiling_of(energy: Any, side: int) -> Tiling:
    """Return the tiles of an energy on a lattice.

    Raises:
        ValueError: the object is no energy of tiles, or its tiles do not fit.
    """
    missing = [name for name in ("focus", "context", "periodic", "contributions") if not hasattr(energy, name)]
    if missing:
        raise ValueError(
            f"energy: expected a sum over tiles with {', '.join(missing)}, got {type(energy).__name__}. "
            "qd_pix2pix.inference.tile_energy.NetworkEnergy makes one of a network"
        )
    return Tiling(int(side), energy.focus, energy.context, energy.periodic)


def tile_energies(configurations: Any, energy: TileEnergy) -> Floats:
    """Return the energies (...) in J of ``configurations`` (..., L, L): the sums over all tiles.

    Raises:
        ValueError: the lattices are not square or hold other values than +1 and -1, or the tiles do not fit them.
    """
    spins = as_spins("configurations", configurations)
    flat = spins.reshape(-1, *spins.shape[-2:])
    tiling = tiling_of(energy, spins.shape[-1])
    found = np.array([all_contributions(lattice, energy, tiling).sum() for lattice in flat], dtype=np.int64)
    return np.asarray(found * UNIT).reshape(spins.shape[:-2])


def all_contributions(lattice: Spins, energy: TileEnergy, tiling: Tiling) -> Integers:
    """Return the contributions (tiles, tiles) of all tiles of one lattice (L, L), in units of ``UNIT``."""
    k, width = tiling.tiles, tiling.width
    found = np.empty((k, k), dtype=np.int64)
    rows = max(1, AT_ONCE // k)
    for start in range(0, k, rows):
        stop = min(start + rows, k)
        tiles = np.empty(((stop - start) * k, width, width), dtype=np.int8)
        _cut_rows(lattice, start, stop, tiling.focus, tiling.context, tiling.periodic, tiles)
        found[start:stop] = rounded(energy.contributions(tiles), k * k).reshape(-1, k)
    return found


def rounded(contributions: Floats, tiles: int) -> Integers:
    """Return contributions (n,) in units of ``UNIT``; there are ``tiles`` tiles in all.

    Raises:
        ValueError: a contribution is not finite, or so large that the sum overflows.
    """
    scaled = np.asarray(contributions, dtype=np.float64) * (1 / UNIT)
    bound = LARGEST_SUM / tiles
    if not (np.abs(scaled) < bound).all():
        raise ValueError(
            f"energy: expected contributions of tiles below {bound * UNIT:.3g} J, so that their sum is a number of 64 "
            f"bits; got {float(np.max(np.abs(contributions))):.3g} J"
        )
    return np.rint(scaled).astype(np.int64)


def every_tile(width: int) -> Spins:
    """Return all tiles (2^(width^2), width, width): bit width · i + j of the number of a tile is its site (i, j)."""
    bits = np.arange(2 ** (width**2))[:, None] >> np.arange(width**2) & 1
    return (2 * bits - 1).astype(np.int8).reshape(-1, width, width)


@njit(cache=True, nogil=True)
def cut(lattice: Any, t: int, u: int, focus: int, context: int, periodic: bool, tile: Any) -> None:
    """Write the sites of tile (``t``, ``u``) of ``lattice`` into ``tile``, 0 beyond the edge."""
    side = lattice.shape[0]
    for i in range(tile.shape[0]):
        x = t * focus - context + i
        for j in range(tile.shape[1]):
            y = u * focus - context + j
            if periodic:
                tile[i, j] = lattice[x % side, y % side]
            elif 0 <= x < side and 0 <= y < side:
                tile[i, j] = lattice[x, y]
            else:
                tile[i, j] = 0


@njit(cache=True, nogil=True)
def _cut_rows(lattice: Any, start: int, stop: int, focus: int, context: int, periodic: bool, tiles: Any) -> None:
    k = lattice.shape[0] // focus
    for t in range(start, stop):
        for u in range(k):
            cut(lattice, t, u, focus, context, periodic, tiles[(t - start) * k + u])


def most_touched(tiling: Tiling) -> int:
    """Return the largest number of tiles that have one site."""
    return int(tiling.count.max()) ** 2


Codes = NDArray[np.uint16]


def codes_of(spins: Spins, tiling: Tiling) -> Codes:
    """Return the numbers (chains, tiles, tiles) of the tiles of ``spins`` (chains, L, L), as in ``every_tile``."""
    f, c, width = tiling.focus, tiling.context, tiling.width
    padded = np.pad(spins > 0, [(0, 0), (c, c), (c, c)], mode="wrap").astype(np.uint16)
    found = np.zeros((len(spins), tiling.tiles, tiling.tiles), dtype=np.uint16)
    for place in range(width**2):
        i, j = divmod(place, width)
        found |= padded[:, i : i + tiling.side : f, j : j + tiling.side : f] << np.uint16(place)
    return found


def flips_of(table: Integers, tiling: Tiling) -> tuple[Integers, Codes]:
    """Return the changes (f, f, m^2, tiles of ``every_tile``) by a flip of a site, and its bit (f, f, m^2).

    The first two axes are the place of the site in its focus, the third the m^2 tiles that have it.
    """
    f, c, width = tiling.focus, tiling.context, tiling.width
    place = np.arange(f)[:, None] - (tiling.first[:f, None] + np.arange(tiling.count.max())) * f + c
    sites = width * place[:, None, :, None] + place[None, :, None, :]
    bits = 1 << sites.reshape(f, f, -1)
    return table[np.arange(len(table)) ^ bits[..., None]] - table, bits.astype(np.uint16)


def can_tabulate(tiling: Tiling, points: int = 16) -> bool:
    """Return True if tiles have at most ``points`` sites, no site twice, and each site is in as many tiles."""
    inside = tiling.periodic or not tiling.context
    even = tiling.width % tiling.focus == 0
    return inside and even and tiling.width <= min(tiling.side, math.isqrt(points))
