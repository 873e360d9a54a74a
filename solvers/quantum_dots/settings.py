"""The arguments of ``solve`` in effective atomic units, the memory that they need, and the timer of the stages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

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
    n_modes: int
    refinements: int
    n_states: int
    n_directions: int
    interaction: Interaction
    estimate: bool
    wavefunction: bool
    degeneracy: float | None
    cusp: bool
    timer: Timer

    @property
    def correlated(self) -> bool:
        """True if the result depends on the choice of orbitals: several electrons, and not all sine functions."""
        return self.n_electrons > 1 and self.n_orbitals < self.n_modes**2

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
    interaction: Interaction,
    estimate: bool,
    wavefunction: bool,
    degeneracy: float | None,
    cusp: bool,
    timer: Timer,
) -> Settings:
    """Return the settings for these ``numbers``.

    A space is enlarged by half its orbitals, if there are so many, and if the enlarged one stays below
    ``MOST_DETERMINANTS``.
    """
    m, n_modes = int(numbers["n_orbitals"]), int(numbers["n_modes"])
    wanted = max(m // 2, 1) if estimate or numbers["refinements"] else 0
    n_electrons = int(numbers["n_electrons"])
    fitting = (k for k in range(wanted, 1, -1) if ci.block_size(m + k, n_electrons) <= MOST_DETERMINANTS)
    n_directions = min(wanted, n_modes**2 - m, next(fitting, 1))
    whole = {name: int(value) for name, value in numbers.items()}
    return Settings(
        **whole,
        n_directions=n_directions,
        interaction=interaction,
        estimate=estimate,
        wavefunction=wavefunction,
        degeneracy=degeneracy,
        cusp=cusp,
        timer=timer,
    )


def bytes_needed(n: int, settings: Settings) -> int:
    """Return the working memory for one system, in bytes."""
    m, n_modes, k = settings.n_orbitals, settings.n_modes, settings.n_directions if settings.correlated else 0
    block, n_pairs, n_larger = m + 1, m * (m + 1) // 2, (m + k) * (m + k + 1) // 2
    orbitals = block * (20 * n_modes**2 + 4 * n**2) + 6 * 128**2
    fields = n_pairs * (4 * n**2 + 8 * (n + 1) ** 2) + 2 * m**2 * n**2 // 4
    enlarged = n_larger * (2 * n**2 + 2 * (n + 1) ** 2) // 2 + (m + k) * 6 * n_modes**2
    states = max(settings.n_states, 2)
    correlated = ci.bytes_needed(m, settings.n_electrons, states)
    larger = ci.bytes_needed(m + k, settings.n_electrons, states) if k else 0
    return 8 * (orbitals + fields + enlarged) + correlated + larger  # tables of both spaces are kept
