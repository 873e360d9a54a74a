"""The arguments of ``solve`` in effective atomic units, the memory that they need, and the timer of the stages."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from solvers.checks import check_integer
from solvers.grid import Grid, along_both
from solvers.quantum_dots import configuration_interaction as ci
from solvers.quantum_dots.coulomb import Interaction

STAGES = ("orbitals", "integrals", "states", "enlargement", "observables")
"""Stages that a timer is called with."""

MOST_DETERMINANTS = 470_000
"""Largest size of an enlarged space: three directions for six electrons in fourteen orbitals."""

MOST_TOGETHER = 10_000
"""Largest size of a space for which several dots are advanced together on a processor; larger ones leave the cache."""

Timer = Callable[[str], AbstractContextManager[object]]


def untimed(stage: str) -> AbstractContextManager[object]:
    """Return a context manager that does nothing: the default timer."""
    return nullcontext(stage)


@dataclass(frozen=True)
class Settings:
    """The arguments of ``solve`` in effective atomic units; see there."""

    n_electrons: int
    n_orbitals: int
    n_modes: tuple[int, int]
    refinements: int
    n_states: int
    n_directions: int
    interaction: Interaction
    estimate: bool
    wavefunction: bool
    degeneracy: float | None
    cusp: bool
    timer: Timer
    inverse_masses: tuple[float, float]

    @property
    def correlated(self) -> bool:
        """True if the result depends on the choice of orbitals: several electrons, and not all sine functions."""
        return self.n_electrons > 1 and self.n_orbitals < math.prod(self.n_modes)

    @property
    def rounds(self) -> int:
        """Rounds of refinement that are done."""
        return self.refinements if self.correlated else 0

    @property
    def largest_space(self) -> int:
        """The number of determinants of the largest space."""
        enlarged = self.n_directions if self.correlated else 0
        return ci.block_size(self.n_orbitals + enlarged, self.n_electrons)

    @property
    def refined(self) -> bool:
        """True if the orbitals are refined."""
        return self.refinements > 0 and self.correlated


def make_settings(
    numbers: dict[str, int],
    n_modes: tuple[int, int],
    interaction: Interaction,
    estimate: bool,
    wavefunction: bool,
    degeneracy: float | None,
    cusp: bool,
    timer: Timer,
    inverse_masses: tuple[float, float],
) -> Settings:
    """Return the settings for these ``numbers``.

    A space is enlarged by half its orbitals, if there are so many, and if the enlarged one stays below
    ``MOST_DETERMINANTS``.
    """
    m = int(numbers["n_orbitals"])
    wanted = max(m // 2, 1) if estimate or numbers["refinements"] else 0
    n_electrons = int(numbers["n_electrons"])
    fitting = (k for k in range(wanted, 1, -1) if ci.block_size(m + k, n_electrons) <= MOST_DETERMINANTS)
    n_directions = min(wanted, math.prod(n_modes) - m, next(fitting, 1))
    whole = {name: int(value) for name, value in numbers.items()}
    return Settings(
        **whole,
        n_modes=n_modes,
        n_directions=n_directions,
        interaction=interaction,
        estimate=estimate,
        wavefunction=wavefunction,
        degeneracy=degeneracy,
        cusp=cusp,
        timer=timer,
        inverse_masses=inverse_masses,
    )


def modes_of(grid: Grid, n_modes: int | tuple[int, int] | None) -> tuple[int, int]:
    """Return the numbers of sine functions along x and y: half the points, or those given, one number or a pair.

    Raises:
        ValueError: ``n_modes`` is not a number or a pair of numbers that the grid resolves.
    """
    if n_modes is None:
        return max(grid.shape[0] // 2, 2), max(grid.shape[1] // 2, 2)
    given: Any = tuple(n_modes) if isinstance(n_modes, list) else n_modes
    if isinstance(given, tuple) and len(given) != 2:
        raise ValueError(f"n_modes: expected a whole number, or one for x and y, got {n_modes!r}")
    pair = along_both(given)
    for modes, points in zip(pair, grid.shape, strict=True):
        check_integer("n_modes", modes, 1)
        hint = f"The grid has {points} points per side, which resolve products of grid.n / 2 sine functions"
        check_integer("n_modes", modes, 1, hint, high=points - 1)
    return int(pair[0]), int(pair[1])


def bytes_needed(shape: tuple[int, int], settings: Settings) -> int:
    """Return the working memory for one system on (n_x, n_y) points, in bytes."""
    m, k = settings.n_orbitals, settings.n_directions if settings.correlated else 0
    modes, points, waves = math.prod(settings.n_modes), math.prod(shape), math.prod(n + 1 for n in shape)
    block, n_pairs, n_larger = m + 1, m * (m + 1) // 2, (m + k) * (m + k + 1) // 2
    orbitals = block * (20 * modes + 4 * points) + 6 * 128**2
    fields = n_pairs * (4 * points + 8 * waves) + 2 * m**2 * points // 4
    enlarged = n_larger * (2 * points + 2 * waves) // 2 + (m + k) * 6 * modes
    states = max(settings.n_states, 2)
    correlated = ci.bytes_needed(m, settings.n_electrons, states)
    larger = ci.bytes_needed(m + k, settings.n_electrons, states) if k else 0
    return 8 * (orbitals + fields + enlarged) + correlated + larger  # tables of both spaces are kept
