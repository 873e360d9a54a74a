"""Distributions of Bose-Hubbard systems, for data sets; all energies are in units of the hopping t.

``SoftCore`` draws as Blania et al. 2022 (appendix I.1). Without an on-site energy that sets the scale, ``HardCore`` is
stated in V and t instead: mu between an empty and a full lattice, and fields up to half of this width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from solvers.checks import check_integer, check_kind, check_positive, check_range
from solvers.lattices.bosons import Bosons
from solvers.lattices.random_fields import power_law_field

NEIGHBOURS = 4
SMALLEST = 1e-3


@dataclass(frozen=True)
class HardCore:
    """Hard-core bosons, n_max = 1, on a square.

    mu is uniform between -4 - ``margin`` and 4 V + 4 + ``margin``: a lattice is empty below -4 and full above 4 V + 4.
    The largest modulus of the field is uniform within ``amplitude`` times 2 V + 4.

    Attributes:
        beta: inverse temperature, 1 / t.
        neighbour: lowest and highest V / t, drawn uniformly.
        margin: t.
        powers: lowest and highest p of the field, drawn log-uniformly.
        amplitude: lowest and highest modulus, in half widths of the band.
    """

    beta: float
    neighbour: tuple[float, float]
    margin: float
    powers: tuple[float, float]
    amplitude: tuple[float, float]

    def __post_init__(self) -> None:
        check_positive("data.ensemble.beta", self.beta, 1e3)
        check_range("data.ensemble.neighbour", self.neighbour, 0.0, 100.0)
        check_positive("data.ensemble.margin", self.margin, 1e3)
        check_range("data.ensemble.powers", self.powers, SMALLEST, 20.0)
        check_range("data.ensemble.amplitude", self.amplitude, 0.0, 100.0)

    @property
    def n_max(self) -> int:
        """Largest number of bosons on a site."""
        return 1

    def sample(self, rng: np.random.Generator, side: int) -> Bosons:
        """Return one system of ``side`` x ``side`` sites.

        Raises:
            ValueError: ``rng`` is no generator, or the side no whole number.
        """
        check_kind("rng", rng, np.random.Generator, "numpy.random.Generator, such as numpy.random.default_rng(0)")
        v = rng.uniform(*self.neighbour)
        half = NEIGHBOURS * v / 2 + NEIGHBOURS
        mu = NEIGHBOURS * v / 2 + rng.uniform(-1, 1) * (half + self.margin)
        field = rng.uniform(*self.amplitude) * half * _field(rng, side, self.powers)
        return Bosons(field - mu, self.beta, 0.0, v, 1)


@dataclass(frozen=True)
class SoftCore:
    r"""Bosons with an on-site repulsion on a square; numbers are uniform in their ranges.

    Attributes:
        beta: inverse temperature, 1 / t.
        n_max: largest number of bosons on a site.
        hopping: lowest and highest 4 t / U.
        neighbour: lowest and highest 4 V / U.
        mu: lowest and highest mu / U.
        powers: lowest and highest p of the field, drawn log-uniformly.
        amplitude: lowest and highest ratio of the largest modulus of the field and \|mu\|.
    """

    beta: float
    n_max: int
    hopping: tuple[float, float]
    neighbour: tuple[float, float]
    mu: tuple[float, float]
    powers: tuple[float, float]
    amplitude: tuple[float, float]

    def __post_init__(self) -> None:
        check_positive("data.ensemble.beta", self.beta, 1e3)
        check_integer("data.ensemble.n_max", self.n_max, 2, high=20)
        check_range("data.ensemble.hopping", self.hopping, SMALLEST, 1e3)
        check_range("data.ensemble.neighbour", self.neighbour, 0.0, 100.0)
        check_range("data.ensemble.mu", self.mu, -1e3, 1e3)
        check_range("data.ensemble.powers", self.powers, SMALLEST, 20.0)
        check_range("data.ensemble.amplitude", self.amplitude, 0.0, 100.0)

    def sample(self, rng: np.random.Generator, side: int) -> Bosons:
        """Return one system of ``side`` x ``side`` sites.

        Raises:
            ValueError: ``rng`` is no generator, or the side no whole number.
        """
        check_kind("rng", rng, np.random.Generator, "numpy.random.Generator, such as numpy.random.default_rng(0)")
        u = NEIGHBOURS / rng.uniform(*self.hopping)
        v, mu = u / NEIGHBOURS * rng.uniform(*self.neighbour), u * rng.uniform(*self.mu)
        field = rng.uniform(*self.amplitude) * abs(mu) * _field(rng, side, self.powers)
        return Bosons(field - mu, self.beta, u, v, self.n_max)


def _field(rng: np.random.Generator, side: int, powers: tuple[float, float]) -> np.ndarray:
    return power_law_field(rng, (side, side), math.exp(rng.uniform(*np.log(powers))))
