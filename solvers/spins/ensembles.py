"""Random configurations, one at a time: what a data set of spins is drawn from.

An ensemble has ``sample(rng, side)``, which returns one configuration. All its randomness comes from ``rng``, so that
a sample depends on its own stream of random numbers and on nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solvers.checks import check_integer, check_positive, check_range, use_python_numbers
from solvers.spins.ising import Floats, Integers, Spins, energies, levels, random_spins
from solvers.spins.potts import random_angles

FLIPS = 10
"""Proposed flips of a targeted run, per site."""
STAYING_KT = 0.01
"""kT (J^2) at which a run never leaves its target."""
TARGETS = 1000
"""Targets that are given up before windows of the (E, m) plane are called empty."""


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


@dataclass(frozen=True)
class PlaneSpins:
    """Spins whose Ising energies and magnetisations are spread evenly over windows of the (E, m) plane (``plane``).

    All pairs of an energy level and a magnetisation in the windows that satisfy ``energy_bounds`` are equally likely. A
    pair that ``attempts`` runs have not reached is replaced by another: near the bounds some pairs have no
    configuration, or too few to be found. All configurations of a pair are equally likely.

    Attributes:
        energy: intervals [low, high] of the energy per site (J), in -2 ... 2.
        magnetisation: interval [low, high] of the mean spin, in -1 ... 1.
        sweeps: steps of a run at its target, per site.
        attempts: runs before a pair is given up.

    Raises:
        ValueError: an interval or a number is out of range.
    """

    energy: Sequence[Sequence[float]] = ((-2.0, 2.0),)
    magnetisation: Sequence[float] = (-1.0, 1.0)
    sweeps: int = 5
    attempts: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.energy, (tuple, list)) or not self.energy:
            raise ValueError(f"ensemble.energy: expected a list of intervals [low, high], got {self.energy!r}")
        for interval in self.energy:
            check_range("ensemble.energy", interval, -2, 2)
        check_range("ensemble.magnetisation", self.magnetisation, -1, 1)
        for name in ("sweeps", "attempts"):
            check_integer(f"ensemble.{name}", getattr(self, name), 1)
        use_python_numbers(self, "sweeps", "attempts")

    def sample(self, rng: np.random.Generator, side: int) -> Spins:
        """Return one configuration (L, L), int8, of an even side.

        Raises:
            ValueError: the windows have no configuration of this side, or runs have reached none.
        """
        from solvers.spins.plane import sample_plane  # numba

        known, total, count = self._pairs(side)
        for _ in range(TARGETS if count.any() else 0):
            pair = int(rng.integers(count[-1]))
            column = int(np.searchsorted(count, pair, side="right"))
            e, m = int(known[column][count[column] - 1 - pair]), int(total[column])
            seed = int(rng.integers(2**63))
            spins = sample_plane(side, [e / side**2], [m / side**2], seed, 1, self.sweeps, self.attempts)[0]
            if energies(spins) == e and spins.sum(dtype=np.int64) == m:
                return spins
        raise ValueError(
            f"ensemble.energy: expected windows with configurations of {side} x {side} sites, found none with energies "
            f"in {self.energy!r} J per site and magnetisations in {self.magnetisation!r}. Enlarge the windows; "
            "energy_bounds shows what is possible."
        )

    def _pairs(self, side: int) -> tuple[list[Integers], Integers, Integers]:
        """Return the levels of each magnetisation, the sums of the spins, and the cumulated numbers of pairs."""
        from solvers.spins.plane import energy_bounds, magnetisations  # numba

        site, total = levels(side) / side**2, magnetisations(side)
        inside = np.any([(site >= low) & (site <= high) for low, high in self.energy], axis=0)
        known, (low, high) = levels(side)[inside], self.magnetisation
        total = total[(total / side**2 >= low) & (total / side**2 <= high)]
        bounds = zip(*energy_bounds(side, total), strict=True)
        columns = [known[(known >= least) & (known <= most)] for least, most in bounds]
        return columns, total, np.cumsum([len(column) for column in columns], dtype=np.int64)
