"""The extended Bose-Hubbard model on a periodic chain or rectangle, with one potential a site.

    H = -t sum_<ij> (b+_i b_j + h.c.) + U/2 sum_i n_i (n_i - 1) + V sum_<ij> n_i n_j + sum_i (V_i - mu) n_i

with 0 <= n_i <= n_max. With n_max = 1 (hard-core bosons) U has no effect. Averages are those of the grand-canonical
ensemble exp(-beta H). Along an axis of two sites both bonds of a pair of neighbours, one of them through the boundary,
count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import as_plain, check_array, check_integer, check_number, check_positive

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Bosons:
    """One system; energies are in units of the caller, such as those of the hopping.

    Attributes:
        potential: V_i - mu of each site, (L,) or (L, L'), with at least two sites along each axis.
        beta: inverse temperature.
        onsite: U.
        neighbour: V.
        n_max: largest number of bosons on a site.
        hopping: t; 0 leaves n_i fixed.
    """

    potential: Floats
    beta: float
    onsite: float = 0.0
    neighbour: float = 0.0
    n_max: int = 1
    hopping: float = 1.0

    def __post_init__(self) -> None:
        potential = as_plain("potential", self.potential, "numbers of shape (L,) or (L, L')")
        shape = ("L",) if potential.ndim == 1 else ("L", "L'")
        potential = check_array("potential", potential, shape).astype(np.float64)
        if min(potential.shape) < 2:
            raise ValueError(f"potential: expected at least 2 sites along each axis, got shape {potential.shape}")
        object.__setattr__(self, "potential", potential)
        check_positive("beta", self.beta, 1e6)
        for name in ("onsite", "neighbour"):
            check_number(name, getattr(self, name), -1e6, 1e6)
        check_number("hopping", self.hopping, 0.0, 1e6)
        check_integer("n_max", self.n_max, 1, high=100)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sites along each axis."""
        return self.potential.shape

    @property
    def neighbours(self) -> Integers:
        """The neighbours (sites, 2 d) of each site: those in the positive direction of each axis, then the others."""
        sites = np.arange(self.potential.size).reshape(self.shape)
        axes = range(self.potential.ndim)
        moved = [np.roll(sites, step, axis).ravel() for step in (-1, 1) for axis in axes]
        return np.ascontiguousarray(np.stack(moved, axis=1), dtype=np.int64)
