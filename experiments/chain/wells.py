"""The step wells of this folder: V - mu on rings longer than those of the training, in units of the hopping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.lattices import well

BARRIER = 8
"""Sites of the barrier on either side of a well beyond which the density is negligible."""


@dataclass(frozen=True)
class Well:
    """A step well on a ring.

    Attributes:
        sites: L.
        width: sites of the well.
        inside, outside: V - mu in the well and beside it, in J.
    """

    sites: int
    width: int
    inside: float
    outside: float

    @property
    def potential(self) -> NDArray[np.float64]:
        """V - mu, (L,), with the well in the middle of the array, so that its ends lie deep in the barrier."""
        start = (self.sites - self.width) // 2
        return self.outside + well(self.sites, self.width, self.outside - self.inside, start)

    @property
    def part(self) -> slice:
        """The sites of the well and of the barrier beside it, which hold all fermions."""
        first = max((self.sites - self.width) // 2 - BARRIER, 0)
        return slice(first, min(first + self.width + 2 * BARRIER, self.sites))


def random_wells(number: int = 16, sites: int = 48, seed: int = 0) -> list[Well]:
    """Return wells between empty sites, 6 ... 11 sites wide; those of the training are at most as wide."""
    rng = np.random.default_rng(seed)
    widths = rng.integers(6, 12, number)
    inside, outside = rng.uniform(-4.5, 0.5, number).round(3), rng.uniform(3, 5, number).round(3)
    return [Well(sites, int(w), float(i), float(o)) for w, i, o in zip(widths, inside, outside, strict=True)]


def depths(points: int = 24, sites: int = 28, width: int = 9, outside: float = 3.0) -> list[Well]:
    """Return one well whose depth rises in steps of 0.3 J, from two fermions on."""
    return [Well(sites, width, round(1.6 - 0.3 * i, 4), outside) for i in range(points)]


def wide_wells(sites: int = 48, width: int = 16, outside: float = 4.0) -> list[Well]:
    """Return wells wider than any ring of the training."""
    return [Well(sites, width, inside, outside) for inside in (-1.0, 0.3)]


SETS = {"wells": random_wells, "depths": depths, "wide": wide_wells}
