"""Random configurations, one at a time: what a data set of spins is drawn from.

An ensemble has ``sample(rng, side)``, which returns one configuration. All its randomness comes from ``rng``, so that
a sample depends on its own stream of random numbers and on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.checks import check_integer, check_positive, check_range, use_python_numbers
from solvers.spins.ising import Floats, Spins, levels, random_spins
from solvers.spins.potts import random_angles

FLIPS = 10
"""Proposed flips of a targeted run, per site."""
STAYING_KT = 0.01
"""kT (J^2) at which a run never leaves its target."""


@dataclass(frozen=True)
class RandomSpins:
    """Independent spins, both signs equally likely: energies near 0."""

    def sample(self, rng: np.random.Generator, side: int) -> Spins:
        """Return one configuration (L, L), int8."""
        return random_spins(rng, 1, side)[0]


@dataclass(frozen=True)
class RandomAngles:
    """Independent angles, uniform in [0, pi)."""

    def sample(self, rng: np.random.Generator, side: int) -> Floats:
        """Return one configuration (L, L)."""
        return random_angles(rng, 1, side)[0]


@dataclass(frozen=True)
class FlatSpins:
    """Spins whose Ising energies are spread evenly over all levels, by targeted sampling (``targeted``).

    A level is drawn, and runs start from independent spins until one ends in it; after ``attempts`` runs another level
    is drawn. The extreme levels have two configurations each.

    Attributes:
        kt: width of the acceptance, in J^2. With 16 a run walks through a level; with the 0.01 of the source it stays.
        attempts: runs before a level is given up.

    Raises:
        ValueError: a number is out of range.
    """

    kt: float = 16.0
    attempts: int = 40

    def __post_init__(self) -> None:
        check_positive("ensemble.kt", self.kt)
        check_integer("ensemble.attempts", self.attempts, 1)
        use_python_numbers(self, "kt", "attempts")

    def sample(self, rng: np.random.Generator, side: int) -> Spins:
        """Return one configuration (L, L), int8, of an even side."""
        from solvers.spins.targeted import sample_targeted  # numba

        known = levels(side)
        while True:
            target = int(rng.choice(known))
            for _ in range(self.attempts):
                start = random_spins(rng, 1, side)[0]
                for kt in (self.kt, STAYING_KT):  # the second run ends in the target, which it cannot leave
                    seed = int(rng.integers(2**63))
                    run = sample_targeted(side, target, 1, 1, FLIPS * side**2, kt, start=start, seed=seed, threads=1)
                    start = run.last[0]
                if run.energy[0, 0] == target:
                    return start


@dataclass(frozen=True)
class ThermalSpins:
    """Ising spins in equilibrium at temperatures drawn uniformly from ``temperature`` (units of J), by Wolff clusters.

    Attributes:
        temperature: lowest and highest temperature.
        clusters: clusters flipped from a start with all spins up, per site of a side.

    Raises:
        ValueError: a number is out of range.
    """

    temperature: tuple[float, float] = (1.0, 4.0)
    clusters: int = 20

    def __post_init__(self) -> None:
        check_range("ensemble.temperature", self.temperature, low=0.01)
        check_integer("ensemble.clusters", self.clusters, 1)

    def sample(self, rng: np.random.Generator, side: int) -> Spins:
        """Return one configuration (L, L), int8, of an even side."""
        from solvers.spins.wolff import sample_wolff  # numba

        temperature, seed = float(rng.uniform(*self.temperature)), int(rng.integers(2**63))
        run = sample_wolff(side, temperature, 1, 1, burn_in=self.clusters * side, seed=seed, threads=1)
        return run.last[0]
