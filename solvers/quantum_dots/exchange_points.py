"""The exchange coupling of one dot by full CI, with its error and the numbers from which errors of derivatives follow.

    J = E(lowest triplet) - E(lowest singlet)

of two electrons. The truncation to M orbitals is estimated by ``solve`` for this difference. What the grid leaves out
follows from two further calculations in few orbitals on fewer points, to which V is resampled by its cosine
components, against the same few orbitals on all points.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from solvers.grid import Grid
from solvers.quantum_dots.gate_points import point_key, stated_options
from solvers.quantum_dots.settings import modes_of
from solvers.quantum_dots.sites import has_steps
from solvers.quantum_dots.solution import Solution
from solvers.quantum_dots.solve import solve
from solvers.units import Material

Floats = NDArray[np.float64]

FORMAT = 1
"""Version of the files."""
COARSE = (0.8, 0.9)
"""Points and sine functions of the calculations on fewer points, as parts of those of the first."""
FEWER = 4 / 7
"""Orbitals of these, as a part of those of the first."""
GRID_FACTOR, STEP_FACTOR = 2.0, 4.0
"""Error by the grid over the change on fewer points, without and with steps of V."""
CHANCE = 0.1
"""The change on most points counts at least as this part of that on fewest: it may be small by chance. With steps of V
the larger of the two counts."""
MORE_STATES = 6
"""States in which the lowest triplet is sought where it is not one of the two lowest."""
PURE = 0.1
"""Deviation of a spin from 0 or 1 up to which a state is no mixture."""
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
        found = solve(V, self.grid, 2, self.material, wavefunction=True, **self.options)
        fewer = self._exchange(V, self.grid, self._few())
        parts = [(*self._resampled(V, part), self._few(part)) for part in COARSE]
        coarse = np.stack([self._exchange(*part) for part in parts], axis=1)
        by_grid = [_grid_error(np.abs(coarse[i] - fewer[i]), has_steps(V[i])) for i in range(len(V))]
        return [self._point(found, V, i, fewer[i], coarse[i], by_grid[i]) for i in range(len(V))]

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
            more = solve(V[i], grid, 2, self.material, n_states=MORE_STATES, **options)
            values[i] = _splitting(more.energies, more.spins)[0]
        return values

    def _resampled(self, V: Floats, part: float) -> tuple[Floats, Grid]:
        """Return potentials on fewer points, by their cosine components, and their grid."""
        grid = self._fewer_points(part)
        components = scipy.fft.dctn(V, axes=(1, 2), norm="ortho")
        kept = components[:, : grid.shape[0], : grid.shape[1]]
        scale = np.sqrt(np.prod(grid.shape) / np.prod(V.shape[1:]))
        return scipy.fft.idctn(kept, axes=(1, 2), norm="ortho") * scale, grid

    def _point(self, found: Solution, V: Floats, i: int, fewer: float, coarse: Floats, by_grid: float) -> ExchangePoint:
        """Return the result of the potential number ``i`` of a batch."""
        J, places = _splitting(found.energies[i], found.spins[i])
        error = float(found.gap_error[i])
        if np.isnan(J):
            found, i = (
                solve(V[i][None], self.grid, 2, self.material, wavefunction=True, n_states=MORE_STATES, **self.options),
                0,
            )
            J, places = _splitting(found.energies[i], found.spins[i])
            error = float(found.gap_error[i] + 2 * found.energy_error[i])  # the gap is that of another state
        wave = found.wavefunction
        assert wave is not None
        densities = [up[i] + down[i] for up, down in map(wave.density, places)]
        charges = [
            [float(self.grid.integrate(n * (self.nearest == dot))) for dot in range(self.n_dots)] for n in densities
        ]
        trusted = bool(found.trusted[i]) and not np.isnan(J)
        numbers = (J, error + by_grid, fewer, coarse, found.energies[i][list(places)], charges, float(trusted))
        return ExchangePoint(*(np.asarray(value, dtype=np.float64) for value in numbers))


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
