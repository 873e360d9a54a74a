"""Long calculations of the studio, each a function of a dot that reports its progress; ``jobs`` runs them in processes.

``report(share, text)`` is called with the finished share, 0 ... 1, and ``report(share, text, part)`` with a result of
one point. This module imports neither torch nor the page.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from qd_pix2pix.studio.dot import STORED, Dot
from qd_pix2pix.studio.knobs import MOST_STEPS, check_sweep, turned
from qd_pix2pix.studio.potential import charges, potential, sites, target_density
from solvers import PRESETS, Grid, draw_stability, solve, stability_diagram
from solvers.checks import check_integer, check_number
from solvers.quantum_dots.exchange_points import ExchangeTask
from solvers.quantum_dots.settings import STAGES

MEMORY = 2.0
"""Working memory of the solver in GiB."""
DIAGRAM_POINTS = 32
"""Points per side of the dots of a stability diagram."""
CELLS = 8
"""Cells along each gate at the beginning of a stability diagram."""
MOST_DIVISIONS = 3
MOST_NUMBER = 4
"""Largest number of electrons of a stability diagram."""


class Report(Protocol):
    """A function that is called with the finished share, what is done, and results of one point."""

    def __call__(self, share: float, text: str, part: Any = None) -> None:
        """Take a report."""


@dataclass(frozen=True)
class Solved:
    """The solver's answer; energies in eV, densities in nm^-2.

    Attributes:
        density: density (n, n).
        density_error: estimated error int |n - n_ref| / N.
        energy, energy_error: energy and its estimated error, of the truncation and of the grid.
        gap, gap_error: distance of the next state, and its error; NaN where there is no next state.
        spin: total spin of the ground state.
        J, J_error: triplet minus singlet of two electrons; NaN otherwise.
        charges: electrons near each of the sites, (k,).
        trusted, order_certain: see ``solvers.Solution``.
        seconds: time of the calculation.
    """

    density: NDArray[np.float64]
    density_error: float
    energy: float
    energy_error: float
    gap: float
    gap_error: float
    spin: float
    J: float
    J_error: float
    charges: NDArray[np.float64]
    trusted: bool
    order_certain: bool
    seconds: float


def solved(dot: Dot, report: Report) -> Solved:
    """Return the converged ground state of a dot.

    Raises:
        ValueError: the solver does not take this dot.
    """
    with threadpool_limits(1):  # the products are small, and other calculations use the other cores
        return _solved(dot, report)


def _solved(dot: Dot, report: Report) -> Solved:
    began = time.perf_counter()
    V, grid, material = potential(dot), dot.grid, dot.material
    options: dict[str, Any] = PRESETS["converged"] | {"memory": MEMORY, "timer": _timer(report)}
    found = solve(V, grid, dot.n_electrons, material, **options, wavefunction=dot.n_electrons == 2)
    J = J_error = float("nan")
    if dot.n_electrons == 2:
        pair = ExchangeTask.of_dot(grid, material, options).points(V[None], found)[0]
        J, J_error = float(pair.J), float(pair.error)
    density = np.asarray(found.density)
    return Solved(
        density=density,
        density_error=float(found.density_error),
        energy=float(found.energy),
        energy_error=float(found.energy_error + found.grid_error),
        gap=float(found.gap),
        gap_error=float(found.gap_error),
        spin=float(found.spins[0]),
        J=J,
        J_error=J_error,
        charges=charges(dot, density),
        trusted=bool(found.trusted),
        order_certain=bool(found.order_certain),
        seconds=time.perf_counter() - began,
    )


def _timer(report: Report) -> Callable[[str], Any]:
    """Return a timer of the solver that reports the stage at which a calculation is."""
    furthest = 0

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        nonlocal furthest  # a refinement repeats stages
        furthest = max(furthest, STAGES.index(name) if name in STAGES else 0)
        report(furthest / len(STAGES), name)
        yield

    return stage


def swept(dot: Dot, report: Report, knob: str, values: Sequence[float]) -> None:
    """Solve a dot for values of a knob; each part has the value, J, the gap, the charges, and their errors.

    Raises:
        ValueError: the dot has no such knob, a value is out of range, or there are too many.
    """
    check_integer("points", len(values), 1, high=MOST_STEPS)
    states = [turned(dot, knob, value) for value in values]
    centres = sites(dot)
    for number, (value, state) in enumerate(zip(values, states, strict=True)):
        found = solved(state, lambda share, text, part=None: None)
        part = {
            "value": value, "J": found.J, "J_error": found.J_error, "gap": found.gap, "gap_error": found.gap_error,
            "charges": found.charges if len(found.charges) == len(centres) else np.full(len(centres), np.nan),
            "spin": found.spin, "trusted": found.trusted,
        }  # fmt: skip
        report((number + 1) / len(values), f"{number + 1} of {len(values)} points", part)


@dataclass(frozen=True)
class Diagram:
    """A finished charge-stability diagram: its figure as PNG and SVG, and a line about it."""

    png: bytes
    svg: bytes
    summary: str


def stability(
    dot: Dot,
    report: Report,
    knobs: tuple[str, str],
    ranges: tuple[tuple[float, float], tuple[float, float]],
    n_max: int = 2,
    mu: float = 0.0,
    divisions: int = 2,
    cache: str | None = None,
) -> Diagram:
    """Return a charge-stability diagram; each part is a list of (gate 1, gate 2, electrons in each dot) of its points.

    Args:
        dot: the dot whose knobs are turned.
        report: called with shares and points.
        knobs: names of two knobs; ranges: (low, high) of each, in meV or mV.
        n_max: largest number of electrons; mu: chemical potential of the leads (meV).
        divisions: number of times that cells with a line are divided.
        cache: folder of solved points.

    Raises:
        ValueError: an argument is out of range.
    """
    for knob, (low, high) in zip(knobs, ranges, strict=True):
        check_sweep(dot, knob, low, high)
    if knobs[0] == knobs[1]:
        raise ValueError(f"gates: expected two different ones, got {knobs[0]} twice")
    check_integer("n_max", n_max, 1, high=MOST_NUMBER)
    check_integer("divisions", divisions, 0, high=MOST_DIVISIONS)
    check_number("mu", mu)
    grid, expected, done = Grid(DIAGRAM_POINTS, dot.side), 0, 0

    def V_of(first: float, second: float) -> NDArray[np.float64]:
        nonlocal expected
        expected += 1
        return potential(turned(turned(dot, knobs[0], first), knobs[1], second), DIAGRAM_POINTS)

    def watch(gates: NDArray[np.float64], configurations: Sequence[tuple[int, ...]]) -> None:
        nonlocal done
        done += len(gates)
        names = [f"({', '.join(map(str, electrons))})" for electrons in configurations]
        found = [(float(a), float(b), name) for (a, b), name in zip(gates, names, strict=True)]
        report(done / expected, f"{done} of {expected} points, more where lines pass", found)

    diagram = stability_diagram(
        V_of, *ranges, n_max, grid, dot.material, 1e-3 * mu, sites(dot), CELLS, divisions, cache, watch=watch,
        memory=MEMORY,
    )  # fmt: skip
    report(1.0, "fitting the lines")
    with tempfile.TemporaryDirectory() as folder:
        png, svg = (draw_stability(diagram, Path(folder) / f"diagram.{end}").read_bytes() for end in ("png", "svg"))
    return Diagram(png, svg, f"{len(diagram.places)} points, cells of 1/{diagram.steps} of each range")


@dataclass(frozen=True)
class Proposal:
    """A potential proposed for a painted density: V (64, 64) in eV, and its solved state.

    ``distance`` is int |n - n_target| / N of the solver's density, NaN where it was not solved.
    """

    V: NDArray[np.float64]
    predicted: NDArray[np.float64]
    solved: NDArray[np.float64]
    distance: float
    energy: float
    gap: float


def designed(dot: Dot, report: Report, highest: float, starts: int = 2, steps: int = 60) -> list[Proposal]:
    """Return potentials of at most ``highest`` (meV) for the density painted on a dot, the nearest first, and solved.

    Raises:
        ValueError: nothing is painted, or an argument is out of range.
    """
    check_number("highest", highest, 0.1, 1e4)
    check_integer("starts", starts, 1, high=4)
    check_integer("steps", steps, 5, high=300)
    target = target_density(dot, STORED)
    report(0.0, "loading the network")
    from qd_pix2pix.inversion.design import design
    from qd_pix2pix.studio.prediction import network

    surrogate, passes = network(), iter(range(10**9))

    def count(*_: object) -> None:
        done = min(next(passes) / steps, 1.0)
        report(0.8 * done, f"descent, step {min(int(done * steps) + 1, steps)} of {steps}")

    handle = surrogate.predictor.network.register_forward_hook(count)
    found = design(
        surrogate, target, bounds=(0.0, 1e-3 * highest), starts=starts, steps=steps, identify=False, progress=False,
        n_electrons=dot.n_electrons, m_eff=dot.m_eff, eps_r=dot.eps_r, extent=dot.side,
    )  # fmt: skip
    handle.remove()
    report(0.8, f"solving {len(found.potentials)} proposals")
    solved = found.verify(len(found.potentials))
    area = Grid(STORED, dot.side).cell_area
    return sorted(
        (
            Proposal(
                V=V, predicted=found.predictions["n_int"][k], solved=solved["n_int"][k],
                distance=float(abs(solved["n_int"][k] - target).sum() * area / dot.n_electrons),
                energy=float(solved["energy"][k]), gap=float(solved["gap"][k]),
            )
            for k, V in enumerate(found.potentials)
        ),
        key=lambda proposal: proposal.distance,
    )  # fmt: skip


TASKS: dict[str, Callable[..., Any]] = {
    "solve": solved,
    "sweep": swept,
    "stability": stability,
    "design": designed,
}
"""Calculations by name."""
