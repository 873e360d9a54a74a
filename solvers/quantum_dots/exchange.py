"""The public function that sweeps the exchange coupling of a double dot over one or two parameters.

An interval is halved where the interpolation misses more of J than its error bar. Axes remain those of a product, so
that the sweep is one spline. ``exchange_sweep.py`` holds the result, ``exchange_points.py`` the calculation at a point.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.checks import check_array, check_flag, check_function, check_integer, check_kind, check_number
from solvers.grid import Grid
from solvers.quantum_dots.coulomb import COULOMB, Interaction
from solvers.quantum_dots.devices import check_family
from solvers.quantum_dots.exchange_points import OWN, ExchangePoint, ExchangeTask
from solvers.quantum_dots.exchange_sweep import KNOBS, ExchangeSweep
from solvers.quantum_dots.gate_points import Cache, progress_bar, solve_points
from solvers.quantum_dots.options import check_options
from solvers.quantum_dots.solve import PRESETS
from solvers.quantum_dots.stability import MOST_PROCESSES
from solvers.quantum_dots.worker_processes import workers
from solvers.units import HIGHEST, Material

Floats = NDArray[np.float64]

MOST_NODES = 1025
"""Largest number of nodes of an axis, after all divisions."""


@dataclass
class Axis:
    """Nodes of a parameter: from ``low`` to ``high`` in parts i / ``steps``, i in ``places``; or the ``given`` ones."""

    low: float
    high: float
    steps: int
    places: list[int]
    given: Floats | None = None

    @property
    def nodes(self) -> Floats:
        """The nodes, increasing."""
        if self.given is not None:
            return self.given
        return _between(self.low, self.high, np.array(self.places) / self.steps)

    def divide(self, intervals: NDArray[np.bool_]) -> bool:
        """Add the middle of these intervals (n - 1,) where they can be halved, and return whether there were any."""
        if self.given is not None:
            return False
        pairs = zip(self.places[:-1], self.places[1:], intervals, strict=True)
        middles = [(a + b) // 2 for a, b, wanted in pairs if wanted and b - a > 1]
        self.places = sorted([*self.places, *middles])
        return bool(middles)


def exchange_sweep(
    V_of: Callable[..., ArrayLike],
    detuning: Sequence[float] | Floats,
    grid: Grid,
    material: Material,
    barrier: float | Sequence[float] | Floats | None = None,
    dots: ArrayLike | None = None,
    points: int = 9,
    divisions: int = 3,
    tolerance: float = 0.0,
    cache: str | os.PathLike[str] | None = None,
    processes: int = 1,
    progress: bool = False,
    **options: Any,
) -> ExchangeSweep:
    """Return J = E(triplet) - E(singlet) of two electrons over the detuning, and over a barrier if given.

    Args:
        V_of: function of the detuning, and of the barrier if this is given, that returns a potential (n, n) in eV.
        detuning: a range (low, high), in which nodes are added where they are needed; or three numbers or more,
            increasing, which are the nodes.
        grid: points and side (nm) of the square.
        material: effective mass and permittivity.
        barrier: one number, a range, or the nodes of a second axis; None: ``V_of`` is a function of one number.
        dots: centres of the dots, (dots, 2) in nm; an electron counts for the nearest. None: the halves in x.
        points: nodes of a range at the beginning; what is narrower may be missed.
        divisions: number of times that an interval of a range can be halved.
        tolerance: part of J that the interpolation may miss even where the error bar of J is smaller.
        cache: folder for the results, one file a point; a later run with the same settings reads them.
        processes: processes that solve at once. With more than one, a script needs ``if __name__ == "__main__":``.
        progress: show points done, rate and remaining time.
        options: further arguments of ``solve``; by default those of ``PRESETS["converged"]``.

    Raises:
        ValueError: an argument is out of range; before any work.
    """
    axes, fixed, task = checked_sweep(
        V_of, detuning, grid, material, barrier, dots, points, divisions, tolerance, processes, **options
    )
    check_flag("progress", progress)
    stored, found = Cache(cache, ExchangePoint), dict[tuple[float, ...], ExchangePoint]()
    with workers(int(processes)) as pool:
        while True:
            new = [place for place in itertools.product(*(a.nodes.tolist() for a in axes)) if place not in found]
            potentials = [_potential(V_of, (*place, *fixed), grid, material) for place in new]
            with progress_bar(progress, len(new), "exchange") as done:
                found.update(zip(new, solve_points(task, potentials, stored, pool, done), strict=True))
            sweep = _assembled(axes, fixed, found)
            wanted = _missed(sweep, float(tolerance))
            if not any([axis.divide(some) for axis, some in zip(axes, wanted, strict=True)]):
                return sweep


def checked_sweep(
    V_of: Callable[..., ArrayLike],
    detuning: Sequence[float] | Floats,
    grid: Grid,
    material: Material,
    barrier: float | Sequence[float] | Floats | None = None,
    dots: ArrayLike | None = None,
    points: int = 9,
    divisions: int = 3,
    tolerance: float = 0.0,
    processes: int = 1,
    **options: Any,
) -> tuple[list[Axis], tuple[float, ...], ExchangeTask]:
    """Return the axes, the barrier if it is one number, and what is computed, from arguments of ``exchange_sweep``.

    Raises:
        ValueError: an argument is out of range; nothing is computed.
    """
    check_function("V_of", V_of)
    check_family(V_of, grid)
    axes, fixed = _axes(detuning, barrier, points, divisions)
    check_number("tolerance", tolerance, 0.0, 1.0)
    check_integer("processes", processes, 1, high=MOST_PROCESSES)
    alone = {"threads": 1} if processes > 1 else {}  # each process has its own
    return axes, fixed, _task(grid, material, dots, alone | options)


def _missed(sweep: ExchangeSweep, tolerance: float) -> list[NDArray[np.bool_]]:
    """Return, for each axis, the intervals (n - 1,) in which the interpolation misses more than the error bar."""
    if not np.isfinite(sweep.J).all():
        return [np.zeros(len(axis) - 1, dtype=bool) for axis in sweep.axes]
    allowed = np.maximum(sweep.errors, tolerance * np.abs(sweep.J))
    wanted: list[NDArray[np.bool_]] = []
    for axis, missed in enumerate(sweep.spline_errors):
        bars = np.moveaxis(allowed, axis, 0)
        bars = np.moveaxis(np.minimum(bars[1:], bars[:-1]), 0, axis)
        others = tuple(k for k in range(missed.ndim) if k != axis)
        wanted.append(np.asarray((missed > bars).any(axis=others), dtype=bool))
    return wanted


def _assembled(
    axes: list[Axis], fixed: tuple[float, ...], found: dict[tuple[float, ...], ExchangePoint]
) -> ExchangeSweep:
    nodes = [axis.nodes for axis in axes]
    shape = tuple(len(axis) for axis in nodes)
    rows = [found[place] for place in itertools.product(*(axis.tolist() for axis in nodes))]
    columns = {
        name: np.stack([getattr(row, name) for row in rows]).reshape(*shape, *getattr(rows[0], name).shape)
        for name in ExchangePoint._fields
    }
    return ExchangeSweep(
        detuning=nodes[0],
        barrier=nodes[1] if len(nodes) == 2 else np.array(fixed),
        J=columns["J"],
        errors=columns["error"],
        fewer=columns["fewer"],
        coarse=columns["coarse"],
        energies=columns["energies"],
        charges=columns["charges"],
        trusted=columns["trusted"] > 0,
    )


def _axes(detuning: object, barrier: object, points: int, divisions: int) -> tuple[list[Axis], tuple[float, ...]]:
    """Return the axes that are swept, and the barrier if it is one number."""
    check_integer("points", points, 3, "The interpolation is judged by leaving out a node", high=MOST_NODES)
    most = int(np.log2((MOST_NODES - 1) / (points - 1)))
    check_integer("divisions", divisions, 0, "Each one halves the intervals", high=most)
    axes = [_axis(KNOBS[0], detuning, int(points), int(divisions))]
    if barrier is None:
        return axes, ()
    if not isinstance(barrier, (list, tuple, np.ndarray)):
        check_number(KNOBS[1], barrier)
        return axes, (float(barrier),)  # type: ignore[arg-type]
    return [*axes, _axis(KNOBS[1], barrier, int(points), int(divisions))], ()


def _axis(name: str, value: object, points: int, divisions: int) -> Axis:
    nodes = check_array(name, value, ("nodes",)).astype(np.float64)
    if len(nodes) < 2 or not (np.diff(nodes) > 0).all():
        raise ValueError(f"{name}: expected a range (low, high), or increasing nodes, got {value!r}")
    low, high = float(nodes[0]), float(nodes[-1])
    if len(nodes) > 2:
        if len(nodes) > MOST_NODES:
            raise ValueError(f"{name}: expected at most {MOST_NODES} nodes, got {len(nodes)}")
        return Axis(low, high, 1, [], nodes)
    half = 2**divisions
    axis = Axis(low, high, (points - 1) * half, [i * half for i in range(points)])
    if not (np.diff(_between(low, high, np.arange(axis.steps + 1) / axis.steps)) > 0).all():
        raise ValueError(f"{name}: expected a range that {axis.steps} steps resolve, got {value!r}")
    return axis


def _between(low: float, high: float, parts: Floats) -> Floats:
    """Return numbers between two, which are met without rounding."""
    return low * (1 - parts) + high * parts


def _task(grid: Grid, material: Material, dots: ArrayLike | None, given: dict[str, Any]) -> ExchangeTask:
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    check_kind("material", material, Material, "Material(m_eff, eps_r)")
    check_options(given, OWN, "sweep")
    options = PRESETS["converged"] | given
    check_kind("interaction", options.get("interaction", COULOMB), Interaction, "Interaction(screening, thickness)")
    check_integer("n_orbitals", options["n_orbitals"], 4, "J needs a few orbitals of each dot")
    x, y = grid.mesh()
    sides = float(x[0, 0] + x[-1, -1]), float(y[0, 0] + y[-1, -1])
    halves = [[sides[0] / 4, sides[1] / 2], [3 * sides[0] / 4, sides[1] / 2]]
    centers = check_array("dots", halves if dots is None else dots, ("dots", 2), 0.0, max(sides))
    if len(centers) < 2:
        raise ValueError(f"dots: expected the centres of two dots or more, got {len(centers)}")
    nearest = np.argmin([(x - a) ** 2 + (y - b) ** 2 for a, b in centers.tolist()], axis=0)
    task = ExchangeTask(grid, material, nearest, len(centers), options)
    task.check()
    return task


def _potential(V_of: Callable[..., ArrayLike], numbers: tuple[float, ...], grid: Grid, material: Material) -> Floats:
    highest = HIGHEST * material.hartree
    name = f"V_of({', '.join(f'{number:g}' for number in numbers)})"
    return check_array(name, V_of(*numbers), grid.mesh()[0].shape, -highest, highest).astype(np.float64)
