"""A mixture of families: each potential is drawn from one of them, with equal or given probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_array, check_kind, check_positive
from solvers.grid import Grid
from solvers.quantum_dots.potentials.double_gaussian import RandomDoubleGaussian
from solvers.quantum_dots.potentials.harmonic import RandomHarmonic


class Family(Protocol):
    """A random potential, such as the ``RandomX`` of this package."""

    def sample(self, rng: np.random.Generator, grid: Grid) -> Callable[[Grid], NDArray[np.float64]]:
        """Draw one potential."""


def check_families(families: Any) -> None:
    """Raise ValueError unless ``families`` is a list of one family or more."""
    if not isinstance(families, (list, tuple)) or not families:
        raise ValueError(f"potential.families: expected a list of families of potentials, got {families!r}")
    for family in families:
        if not callable(getattr(family, "sample", None)):
            raise ValueError(f"potential.families: expected families of potentials, got {family!r}")


@dataclass(frozen=True)
class RandomMixture:
    """A distribution that draws one of ``families``, and then a potential of this family.

    The probabilities of the families are proportional to ``weights``; without these they are equal.

    Raises:
        ValueError: there is no family, one of them cannot be sampled, or the weights are not one per family,
            non-negative, with a positive sum.
    """

    families: Sequence[Family] = (RandomHarmonic(), RandomDoubleGaussian())
    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        check_families(self.families)
        if self.weights is not None:
            weights = check_array("potential.weights", self.weights, (len(self.families),), low=0.0)
            check_positive("potential.weights, their sum", float(weights.sum()))

    def sample(self, rng: np.random.Generator, grid: Grid) -> Callable[[Grid], NDArray[np.float64]]:
        """Draw one potential."""
        check_kind("rng", rng, np.random.Generator)
        if self.weights is None:
            number = int(rng.integers(len(self.families)))  # these draws define existing datasets
        else:
            weights = np.asarray(self.weights, dtype=np.float64)
            number = int(rng.choice(len(weights), p=weights / weights.sum()))
        return self.families[number].sample(rng, grid)
