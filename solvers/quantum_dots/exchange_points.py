"""The exchange coupling of one dot by full CI, with its error and the numbers from which errors of derivatives follow.

    J = E(lowest triplet) - E(lowest singlet)

of two electrons. Both states have the same orbitals and grid, and most of their errors cancel. What is left:

    orbitals    parts of the change of J from fewer orbitals, and of the error of the gap by ``solve``,
    grid        the change of J in few orbitals on fewer points, to which V is resampled by its cosine components,
    steps of V  whose places are uncertain by the distance of points (``step_edges.py``).

experiments/exchange compares the sum with true errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from solvers.grid import Grid
from solvers.quantum_dots.configuration_interaction import block_size
from solvers.quantum_dots.gate_points import point_key, stated_options
from solvers.quantum_dots.settings import modes_of
from solvers.quantum_dots.sites import has_steps
from solvers.quantum_dots.solution import Solution
from solvers.quantum_dots.solve import solve
from solvers.quantum_dots.step_edges import DEVIATIONS, cell_of, step_deviation
from solvers.units import Material

Floats = NDArray[np.float64]

FORMAT = 5
"""Version of the files."""
COARSE = (0.8, 0.9)
"""Points and sine functions of the calculations on fewer points, as parts of those of the first."""
FEWER = 4 / 7
"""Orbitals of these, as a part of those of the first."""
GRID_FACTOR, STEP_FACTOR = 2.0, 0.25
"""Error by the grid over the change on fewer points, without and with steps of V; the places of steps count apart."""
CHANCE = 0.1
"""The change on most points counts at least as this part of that on fewest: it may be small by chance. With steps of V
the larger of the two counts."""
ORBITAL_SHARE, GAP_SHARE = 0.3, 0.3
"""Error by the orbitals: parts of the change of J from fewer ones, and of the error of the gap, which is that of any
two states. The second share is 1 in fewer than ``ENOUGH`` orbitals, without the cusp, and for other than one round of
refinement."""
ENOUGH = 12
"""Orbitals from which the bars were compared with true errors."""
MORE_STATES = 6
"""States in which the lowest triplet is sought where it is not one of the two lowest."""
PURE = 0.1
"""Deviation of a spin from 0 or 1 up to which a state is no mixture."""
OWN = ("n_electrons", "n_states", "wavefunction", "estimate", "timer", "backend")
"""Arguments of ``solve`` that are no options of a point."""
SINGLET, TRIPLET = 0, 1


class ExchangePoint(NamedTuple):
    """Results at one point, in eV: arrays without or with axes of the spin S = 0, 1 and of the dots.

    ``J`` and ``error``; ``fewer`` is J in fewer orbitals, ``coarse`` (2,) the same on fewer points; ``energies`` (2,)
    of the lowest singlet and triplet; ``charges`` (2, dots) of these; ``trusted`` is 1 where the solver trusts them.
    """

    J: Floats
    error: Floats
    fewer: Floats
    coarse: Floats
    energies: Floats
    charges: Floats
    trusted: Floats


class _Row(NamedTuple):
    energies: Floats
    spins: Floats
    energy_error: float
    gap_error: float
    trusted: bool


@dataclass(frozen=True)
class ExchangeTask:
    """What is computed at each point. ``nearest`` (n, n) is the number of the dot that a point of the grid belongs to.

    ``options`` are those of ``solve``.
    """

    grid: Grid
    material: Material
    nearest: NDArray[np.intp]
    n_dots: int
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each array of an ``ExchangePoint``."""
        return (), (), (), (len(COARSE),), (2,), (2, self.n_dots), ()

    def key(self, V: Floats) -> str:
        """Return the name of the result for the potential ``V`` (n, n)."""
        stated = [
            "exchange",
            FORMAT,
            COARSE,
            FEWER,
            GRID_FACTOR,
            STEP_FACTOR,
            CHANCE,
            DEVIATIONS,
            ORBITAL_SHARE,
            GAP_SHARE,
            ENOUGH,
            asdict(self.grid),
            asdict(self.material),
        ]
        return point_key([*stated, self.n_dots, *stated_options(self.options)], self.nearest, V)

    def check(self) -> None:
        """Raise ValueError for options of which a calculation is impossible, that on fewest points included."""
        nothing = np.zeros((0, *self.grid.shape))
        solve(nothing, self.grid, 2, self.material, wavefunction=True, **self.options)
        modes, few = self._modes(COARSE[0]), self._few(COARSE[0])["n_orbitals"]
        if math.prod(modes) < few:
            raise ValueError(
                f"n_orbitals: expected fewer, got {self.options['n_orbitals']}: the error by the grid follows from "
                f"{few} orbitals of {modes[0]} x {modes[1]} sine functions. Raise grid.n or n_modes, lower n_orbitals"
            )

    def solve(self, V: Floats) -> list[ExchangePoint]:
        """Return the results for potentials (k, n, n)."""
        return self.points(V, solve(V, self.grid, 2, self.material, wavefunction=True, **self.options))

    def points(self, V: Floats, found: Solution) -> list[ExchangePoint]:
        """Return the results for potentials (k, n, n) from their solutions; k = 1 for that of a potential (n, n)."""
        fewer = self._exchange(V, self.grid, self._few())
        parts = [(*self._resampled(V, part), self._few(part)) for part in COARSE]
        coarse = np.stack([self._exchange(*part) for part in parts], axis=1)
        return [self._point(found, i, V[i], fewer[i], coarse[i]) for i in range(len(V))]

    @classmethod
    def of_dot(cls, grid: Grid, material: Material, options: Mapping[str, Any]) -> ExchangeTask:
        """Return the task of a dot that is not divided, from options of ``solve``."""
        own = {name: value for name, value in options.items() if name not in OWN}
        return cls(grid, material, np.zeros(grid.shape, dtype=np.intp), 1, own)

    def _few(self, part: float = 1.0) -> dict[str, Any]:
        """Return the options of a calculation in fewer orbitals, on this part of the points."""
        few = {"estimate": False, "n_orbitals": max(2, round(FEWER * self.options["n_orbitals"]))}
        if part < 1 and self.options.get("n_modes") is not None:
            few["n_modes"] = self._modes(part)
        return few

    def _modes(self, part: float) -> tuple[int, int]:
        """Return the numbers of sine functions along x and y on this part of the points."""
        if self.options.get("n_modes") is None:
            return modes_of(self._fewer_points(part), None)
        x, y = (max(int(part * number), 2) for number in modes_of(self.grid, self.options["n_modes"]))
        return x, y

    def _fewer_points(self, part: float) -> Grid:
        n: Any = tuple(max(int(part * number), 4) for number in self.grid.shape)
        return Grid(n[0] if n[0] == n[1] else n, self.grid.extent)

    def _exchange(self, V: Floats, grid: Grid, few: dict[str, Any]) -> Floats:
        """Return J (k,) in fewer orbitals, without an error."""
        options = self.options | few
        found = solve(V, grid, 2, self.material, **options)
        values = np.array([_splitting(e, s)[0] for e, s in zip(found.energies, found.spins, strict=True)])
        for i in np.flatnonzero(np.isnan(values)):
            more = solve(V[i], grid, 2, self.material, n_states=_more(options["n_orbitals"]), **options)
            values[i] = _splitting(more.energies, more.spins)[0]
        return values

    def _resampled(self, V: Floats, part: float) -> tuple[Floats, Grid]:
        """Return potentials on fewer points, by their cosine components, and their grid."""
        grid = self._fewer_points(part)
        components = scipy.fft.dctn(V, axes=(1, 2), norm="ortho")
        kept = components[:, : grid.shape[0], : grid.shape[1]]
        scale = np.sqrt(np.prod(grid.shape) / np.prod(V.shape[1:]))
        return scipy.fft.idctn(kept, axes=(1, 2), norm="ortho") * scale, grid

    def _orbital_error(self, change: float, gap_error: float) -> float:
        """Return the error of J by the orbitals from its ``change`` from fewer ones, and the error of the gap."""
        known = self.options.get("refinements") == 1 and self.options.get("cusp", False)
        well = known and self.options["n_orbitals"] >= ENOUGH
        return ORBITAL_SHARE * abs(change) + (GAP_SHARE if well else 1.0) * gap_error

    def _point(self, found: Solution, i: int, V: Floats, fewer: float, coarse: Floats) -> ExchangePoint:
        """Return the result of the potential number ``i`` of a batch, ``V`` (n_x, n_y)."""
        row = _row(found, i)
        J, places = _splitting(row.energies, row.spins)
        gap_error = row.gap_error
        if np.isnan(J):
            more = {"wavefunction": True, "n_states": _more(self.options["n_orbitals"])} | self.options
            found, i = solve(V[None], self.grid, 2, self.material, **more), 0
            row = _row(found, i)
            J, places = _splitting(row.energies, row.spins)
            gap_error = row.gap_error + 2 * row.energy_error  # the gap is that of another state
        wave = found.wavefunction
        assert wave is not None
        densities = [up[i] + down[i] for up, down in map(wave.density, places)]
        charges = [
            [float(self.grid.integrate(n * (self.nearest == dot))) for dot in range(self.n_dots)] for n in densities
        ]
        error = self._orbital_error(J - fewer, gap_error) + _grid_error(np.abs(coarse - fewer), has_steps(V))
        cell = cell_of(self.grid.steps, self.material.inverse_masses, self.material.hartree * self.material.bohr**2)
        error += DEVIATIONS * step_deviation(V, densities[1] - densities[0], cell)
        trusted = row.trusted and not np.isnan(J)
        numbers = (J, error, fewer, coarse, row.energies[list(places)], charges, float(trusted))
        return ExchangePoint(*(np.asarray(value, dtype=np.float64) for value in numbers))


def _more(n_orbitals: int) -> int:
    """Return the number of states in which a triplet is sought."""
    return min(MORE_STATES, block_size(n_orbitals, 2))


def _row(found: Solution, i: int) -> _Row:
    """Return the numbers of the potential number ``i`` of a batch, or of a single one."""
    energies, spins = (np.reshape(values, (-1, np.shape(values)[-1]))[i] for values in (found.energies, found.spins))
    energy_error, gap_error = (float(np.ravel(values)[i]) for values in (found.energy_error, found.gap_error))
    return _Row(energies, spins, energy_error, gap_error, bool(np.ravel(found.trusted)[i]))


def _grid_error(changes: Floats, stepped: bool) -> float:
    """Return the error of J by the grid from its ``changes`` on fewest and on most of fewer points."""
    fewest, most = (float(change) for change in changes)
    return STEP_FACTOR * max(fewest, most) if stepped else GRID_FACTOR * max(CHANCE * fewest, most)


def _splitting(energies: Floats, spins: Floats) -> tuple[float, tuple[int, int]]:
    """Return J, NaN without a triplet among the states, and the places of the lowest singlet and triplet.

    Spins between 0 and 1 are those of mixtures of a degenerate singlet and triplet.
    """
    singlets, triplets = np.flatnonzero(spins < 1 - PURE), np.flatnonzero(spins > PURE)
    if not len(singlets) or not len(triplets):
        return float("nan"), (0, min(1, len(spins) - 1))
    places = int(singlets[0]), int(triplets[0])
    return float(energies[places[1]] - energies[places[0]]), places
