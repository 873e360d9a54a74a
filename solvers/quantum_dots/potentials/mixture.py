"""A mixture of families: each potential is drawn from one of them, with equal probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_kind
from solvers.grid import Grid
from solvers.quantum_dots.potentials.double_gaussian import RandomDoubleGaussian
from solvers.quantum_dots.potentials.harmonic import RandomHarmonic


class Family(Protocol):
    """A random potential, such as the ``RandomX`` of this package."""

    def sample(self, rng: np.random.Generator, grid: Grid) -> Callable[[Grid], NDArray[np.float64]]:
        """Draw one potential."""


@dataclass(frozen=True)
class RandomMixture:
    """A distribution that draws one of ``families``, with equal probabilities, and then a potential of this family.

    Raises:
        ValueError: there is no family, or one of them cannot be sampled.
    """

    families: Sequence[Family] = (RandomHarmonic(), RandomDoubleGaussian())

    def __post_init__(self) -> None:
        families: Any = self.families
        if not isinstance(families, (list, tuple)) or not families:
            raise ValueError(f"potential.families: expected a list of families of potentials, got {families!r}")
        for family in families:
            if not callable(getattr(family, "sample", None)):
                raise ValueError(f"potential.families: expected families of potentials, got {family!r}")

    def sample(self, rng: np.random.Generator, grid: Grid) -> Callable[[Grid], NDArray[np.float64]]:
        """Draw one potential."""
        check_kind("rng", rng, np.random.Generator)
        return self.families[int(rng.integers(len(self.families)))].sample(rng, grid)
