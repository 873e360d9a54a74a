"""Sums of potentials of several families: V = sum_j f_j V_j, such as wells with disorder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.checks import SMALLEST, check_array, check_kind, check_range
from solvers.grid import Grid
from solvers.quantum_dots.potentials.axes import log_uniform
from solvers.quantum_dots.potentials.disorder import RandomDisorder
from solvers.quantum_dots.potentials.gaussian_wells import RandomGaussianWells
from solvers.quantum_dots.potentials.mixture import Family, check_families


@dataclass(frozen=True)
class Sum:
    """V = sum_j f_j V_j with ``factors`` f (k,) and ``parts`` V_j, k functions of the grid in eV.

    Raises:
        ValueError: there is no part, one of them cannot be called, or the factors are not one finite number per part.
    """

    parts: Sequence[Callable[[Grid], NDArray[np.float64]]]
    factors: Sequence[float]

    def __post_init__(self) -> None:
        parts: Any = self.parts
        if not isinstance(parts, (list, tuple)) or not parts or not all(map(callable, parts)):
            raise ValueError(f"potential.parts: expected a list of potentials, functions of the grid, got {parts!r}")
        check_array("potential.factors", self.factors, (len(parts),))

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        V = np.zeros(grid.shape)
        for factor, part in zip(self.factors, self.parts, strict=True):
            V += factor * part(grid)
        return V


@dataclass(frozen=True)
class RandomSum:
    """A distribution of sums of one potential of each of ``families``, each times a random factor.

    ``factors`` has one range (low, high) per family, in which the factor is log-uniform; without it all are 1.

    Raises:
        ValueError: there is no family, one of them cannot be sampled, or ``factors`` has not one positive range per
            family.
    """

    families: Sequence[Family] = (RandomGaussianWells(), RandomDisorder(std=(0.01, 0.06)))
    factors: Sequence[tuple[float, float]] | None = None

    def __post_init__(self) -> None:
        check_families(self.families)
        if self.factors is None:
            return
        if not isinstance(self.factors, (list, tuple)) or len(self.factors) != len(self.families):
            raise ValueError(
                f"potential.factors: expected one range for each of {len(self.families)} families, got {self.factors!r}"
            )
        for j, bounds in enumerate(self.factors):
            check_range(f"potential.factors[{j}]", bounds, low=SMALLEST)

    def sample(self, rng: np.random.Generator, grid: Grid) -> Sum:
        """Draw one sum."""
        check_kind("rng", rng, np.random.Generator)
        factors = self.factors or [(1.0, 1.0)] * len(self.families)
        parts = [family.sample(rng, grid) for family in self.families]
        return Sum(parts, [float(log_uniform(rng, bounds)) for bounds in factors])
