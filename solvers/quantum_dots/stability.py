"""Charge-stability diagrams: the number of electrons in the ground state over two gates, from full CI.

At the chemical potential mu of the leads, a dot holds the N electrons for which Omega_N = E_N - mu N is lowest. Its
configuration (n_1, n_2, ...) is N shared among the dots by the charge near each. Cells of gate space whose corners have
different configurations are divided, so that points concentrate at the lines (``charge_lines.py`` finds these).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.special import digamma, expit

from solvers.checks import (
    SMALLEST,
    check_array,
    check_flag,
    check_function,
    check_integer,
    check_kind,
    check_number,
    check_range,
)
from solvers.grid import Grid
from solvers.quantum_dots.coulomb import COULOMB, Interaction
from solvers.quantum_dots.devices import check_family
from solvers.quantum_dots.gate_points import Cache, Point, Task, progress_bar, solve_points
from solvers.quantum_dots.options import check_options
from solvers.quantum_dots.solve import solve
from solvers.quantum_dots.worker_processes import workers
from solvers.units import Material

Floats = NDArray[np.float64]
Place = tuple[int, int]
Configuration = tuple[int, ...]

CHEAP: dict[str, Any] = {"n_orbitals": 8, "refinements": 1, "cusp": True}
"""Arguments of ``solve`` for the thousands of dots of a diagram."""
MOST_CELLS = 4096
"""Largest number of cells along a gate, after all divisions."""
MOST_PROCESSES = 1024
"""Largest number of processes."""


@dataclass(frozen=True)
class StabilityDiagram:
    """Energies and charges at P points of gate space, N = 0 ... n_max; energies in eV.

    Attributes:
        gate1, gate2: ranges of the gates.
        steps: cells along each gate at the finest division.
        mu: chemical potential of the leads.
        places: integer coordinates of the points in units of the finest cells, (P, 2).
        energies, errors: E_N and its estimated error, (P, n_max + 1); E_0 = 0.
        charges: electrons nearest to each dot in the ground state of N, (P, n_max + 1, dots).
        cells: lower left corner and side of the cells that were not divided, (C, 3) in the same units.
    """

    gate1: tuple[float, float]
    gate2: tuple[float, float]
    steps: int
    mu: float
    places: NDArray[np.intp]
    energies: Floats
    errors: Floats
    charges: Floats
    cells: NDArray[np.intp]

    @property
    def n_max(self) -> int:
        """The largest number of electrons."""
        return self.energies.shape[1] - 1

    @property
    def gates(self) -> Floats:
        """The points in the units of the gates, (P, 2)."""
        return self.in_gates(self.places)

    def in_gates(self, places: ArrayLike) -> Floats:
        """Return integer or other coordinates (..., 2) of places in the units of the gates."""
        low = np.array([self.gate1[0], self.gate2[0]])
        high = np.array([self.gate1[1], self.gate2[1]])
        return low + np.asarray(places) / self.steps * (high - low)

    @cached_property
    def omega(self) -> Floats:
        """Omega_N = E_N - mu N, (P, n_max + 1)."""
        return self.energies - self.mu * np.arange(self.n_max + 1)

    @cached_property
    def numbers(self) -> NDArray[np.intp]:
        """N of the ground state, (P,)."""
        return np.argmin(self.omega, axis=1)

    @cached_property
    def configurations(self) -> list[Configuration]:
        """Electrons in each dot, one tuple a point."""
        return [_shared(charges[n], int(n)) for charges, n in zip(self.charges, self.numbers, strict=True)]

    @cached_property
    def place_numbers(self) -> dict[Place, int]:
        """The number of the point at each place."""
        return {(int(i), int(j)): number for number, (i, j) in enumerate(self.places)}

    def raster(self, n: int = 200) -> tuple[Floats, Floats, Floats]:
        """Return gates (n,) and (n,), and Omega_N (n, n, n_max + 1), linear between the points."""
        check_integer("n", n, 2, high=10_000)
        along = np.linspace(0.0, self.steps, n)
        first, second = np.meshgrid(along, along, indexing="ij")
        omega = LinearNDInterpolator(self.places, self.omega)(np.stack([first, second], axis=-1))
        axes = self.in_gates(np.stack([along, along], axis=-1))
        return axes[:, 0], axes[:, 1], omega

    def mean_number(self, n: int = 200, temperature: float = 0.0, width: float = 0.0) -> Floats:
        """Return the mean number of electrons on a raster, (n, n): the signal of a charge sensor.

        Each electron enters at Omega_N = Omega_(N - 1) over a step that is thermal and broadened by tunnelling. Steps
        are independent: this holds where addition energies exceed both widths, and leaves out spin degeneracies.

        Args:
            n: points of the raster along each gate.
            temperature: k T in eV.
            width: full width hbar Gamma (eV) of the Lorentzian of a level.

        Raises:
            ValueError: a width is negative.
        """
        check_number("temperature", temperature, 0.0)
        check_number("width", width, 0.0)
        omega = self.raster(n)[2]
        return sum(
            (broadened_step(omega[..., k] - omega[..., k - 1], temperature, width) for k in range(1, self.n_max + 1)),
            start=np.zeros(omega.shape[:2]),
        )


def broadened_step(energy: ArrayLike, temperature: float, width: float) -> Floats:
    """Return the occupation of a level at ``energy`` (eV) above mu: the Fermi function convolved with a Lorentzian.

    1/2 - Im psi(1/2 + (Gamma / 2 + i E) / (2 pi k T)) / pi, with its limits: the Fermi function for ``width`` 0, and
    1/2 - arctan(2 E / Gamma) / pi for ``temperature`` 0. Widths below ``SMALLEST`` count as 0.
    """
    e = np.asarray(energy, dtype=np.float64)
    temperature, width = (0.0 if w < SMALLEST else float(w) for w in (temperature, width))
    if temperature == 0 and width == 0:
        return np.heaviside(-e, 0.5)
    if temperature == 0:
        return 0.5 - np.arctan(2 * e / width) / np.pi
    if width == 0:
        return expit(-e / temperature)
    return 0.5 - digamma(0.5 + (width / 2 + 1j * e) / (2 * np.pi * temperature)).imag / np.pi


def stability_diagram(
    V_of: Callable[[float, float], ArrayLike],
    gate1: tuple[float, float],
    gate2: tuple[float, float],
    n_max: int,
    grid: Grid,
    material: Material,
    mu: float = 0.0,
    dots: ArrayLike | None = None,
    cells: int = 8,
    divisions: int = 3,
    cache: str | os.PathLike[str] | None = None,
    processes: int = 1,
    progress: bool = False,
    watch: Callable[[Floats, list[Configuration]], object] | None = None,
    **options: Any,
) -> StabilityDiagram:
    """Return the diagram of a family of potentials.

    Args:
        V_of: function of two numbers that returns a potential (n_x, n_y) in eV.
        gate1: range (low, high) of its first number.
        gate2: range of its second number.
        n_max: largest number of electrons.
        grid: points and sides (nm) of the square or rectangle.
        material: effective mass, or masses along x and y, and permittivity.
        mu: chemical potential of the leads (eV).
        dots: centres of the dots, (dots, 2) in nm; an electron counts for the nearest. None: one dot.
        cells: cells along each gate at the beginning; what is smaller may be missed.
        divisions: number of times that cells with a line are divided in four.
        cache: folder for the results, one file a point; a later run with the same settings reads them.
        processes: processes that solve at once. With more than one, a script needs ``if __name__ == "__main__":``.
        progress: show points done, rate and remaining time of each division.
        watch: called with the gates (k, 2) and the k configurations of points that are done, some at a time.
        options: further arguments of ``solve``; by default eight refined orbitals, ``CHEAP``.

    Raises:
        ValueError: an argument is out of range.
    """
    ranges, task = checked_diagram(
        V_of, gate1, gate2, n_max, grid, material, mu, dots, cells, divisions, processes, **options
    )
    check_flag("progress", progress)
    if watch is not None:
        check_function("watch", watch)
    stored, points = Cache(cache), dict[Place, Point]()
    steps = int(cells) * 2 ** int(divisions)
    scale = [(high - low) / steps for low, high in ranges]
    size = 2 ** int(divisions)
    leaves: list[tuple[int, int, int]] = []
    active = [(i * size, j * size) for i in range(int(cells)) for j in range(int(cells))]
    with workers(int(processes)) as pool:
        while active:
            new = sorted({corner for cell in active for corner in _corners(*cell, size)} - set(points))
            gates = [(ranges[0][0] + i * scale[0], ranges[1][0] + j * scale[1]) for i, j in new]
            potentials = [_potential(V_of, *point, grid) for point in gates]
            watching = _watching(watch, gates, mu)
            with progress_bar(progress, len(new), f"cells of 1/{steps // size}", watching) as done:
                found = solve_points(task, potentials, stored, pool, done)
            points.update(zip(new, found, strict=True))
            mixed = [len({_configuration(points[c], mu) for c in _corners(*cell, size)}) > 1 for cell in active]
            leaves += [(*cell, size) for cell, some in zip(active, mixed, strict=True) if not some or size == 1]
            if size == 1:
                break
            divided, size = [cell for cell, some in zip(active, mixed, strict=True) if some], size // 2
            active = [corner for i, j in divided for corner in _corners(i, j, size)]
    places = sorted(points)
    return StabilityDiagram(
        gate1=ranges[0],
        gate2=ranges[1],
        steps=steps,
        mu=float(mu),
        places=np.array(places),
        energies=np.stack([points[p].energies for p in places]),
        errors=np.stack([points[p].errors for p in places]),
        charges=np.stack([points[p].charges for p in places]),
        cells=np.array(sorted(leaves)),
    )


def checked_diagram(
    V_of: Callable[[float, float], ArrayLike],
    gate1: tuple[float, float],
    gate2: tuple[float, float],
    n_max: int,
    grid: Grid,
    material: Material,
    mu: float = 0.0,
    dots: ArrayLike | None = None,
    cells: int = 8,
    divisions: int = 3,
    processes: int = 1,
    **options: Any,
) -> tuple[list[tuple[float, float]], Task]:
    """Return the ranges of both gates and what is computed at each point, from arguments of ``stability_diagram``.

    Raises:
        ValueError: an argument is out of range; nothing is computed.
    """
    check_function("V_of", V_of)
    check_family(V_of, grid)
    ranges = _checked_ranges(gate1, gate2, mu, cells, divisions, processes)
    alone = {"threads": 1} if processes > 1 else {}  # each process has its own
    return ranges, _task(grid, material, n_max, dots, alone | options)


def _corners(i: int, j: int, size: int) -> list[Place]:
    return [(i, j), (i + size, j), (i, j + size), (i + size, j + size)]


def _configuration(point: Point, mu: float) -> Configuration:
    n = int(np.argmin(point.energies - mu * np.arange(len(point.energies))))
    return _shared(point.charges[n], n)


def _shared(charges: Floats, n: int) -> Configuration:
    """Return whole numbers next to ``charges`` (dots,) that sum to ``n``: the largest remainders are rounded up."""
    whole = np.floor(charges + 1e-9).astype(int)
    order = np.argsort(whole - charges, kind="stable")
    for dot in order[: max(n - int(whole.sum()), 0)]:
        whole[dot] += 1
    return tuple(int(k) for k in whole)


def _potential(V_of: Callable[[float, float], ArrayLike], first: float, second: float, grid: Grid) -> Floats:
    return check_array(f"V_of({first:g}, {second:g})", V_of(first, second), grid.shape).astype(np.float64)


def _checked_ranges(
    gate1: object, gate2: object, mu: float, cells: int, divisions: int, processes: int
) -> list[tuple[float, float]]:
    ranges = []
    for name, value in (("gate1", gate1), ("gate2", gate2)):
        given: Any = value.tolist() if isinstance(value, np.ndarray) else value
        check_range(name, given)
        low, high = (float(v) for v in given)
        if low == high:
            raise ValueError(f"{name}: expected [low, high] with low < high, got {given}")
        ranges.append((low, high))
    check_number("mu", mu)
    check_integer("cells", cells, 1, high=MOST_CELLS)
    check_integer("divisions", divisions, 0, "Each one halves the cells", high=int(np.log2(MOST_CELLS / cells)))
    check_integer("processes", processes, 1, high=MOST_PROCESSES)
    return ranges


def _task(grid: Grid, material: Material, n_max: int, dots: ArrayLike | None, options: dict[str, Any]) -> Task:
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    check_kind("material", material, Material, "Material(m_eff, eps_r)")
    check_options(options, caller="diagram")
    options = CHEAP | options
    if isinstance(orbitals := options["n_orbitals"], int):
        check_integer("n_orbitals", orbitals, 1)
        check_integer("n_max", n_max, 1, f"n_orbitals = {orbitals} hold two electrons each", high=2 * orbitals)
    check_kind("interaction", options.get("interaction", COULOMB), Interaction, "Interaction(screening, thickness)")
    middle = [[side / 2 for side in grid.sides]]
    centers = check_array("dots", middle if dots is None else dots, ("dots", 2), 0.0, max(grid.sides))
    for axis, side in enumerate(grid.sides):
        check_array(f"dots[:, {axis}]", centers[:, axis], ("dots",), 0.0, side)
    x, y = grid.mesh()
    distances = [(x - a) ** 2 + (y - b) ** 2 for a, b in centers.tolist()]
    nearest = np.argmin(distances, axis=0)
    solve(np.zeros((0, *grid.shape)), grid, n_max, material, **options)  # checks all that it takes, without work
    return Task(grid, material, int(n_max), nearest, len(centers), options)


def _watching(
    watch: Callable[[Floats, list[Configuration]], object] | None, gates: list[tuple[float, float]], mu: float
) -> Callable[[list[int], list[Point]], object] | None:
    """Return a function of the numbers and results of points, which passes gates and configurations to ``watch``."""
    if watch is None:
        return None
    chosen = watch

    def pass_on(numbers: list[int], points: list[Point]) -> None:
        chosen(np.array([gates[i] for i in numbers]), [_configuration(point, mu) for point in points])

    return pass_on
