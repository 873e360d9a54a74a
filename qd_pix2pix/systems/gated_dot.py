"""What is computed for the gates of one dot: lever arms, a charge-stability diagram, and J over detuning and barrier.

The dot lies in the window of a device; see ``one_dot.py`` for parts and ``gate_rows.py`` for their numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.systems import gate_rows
from qd_pix2pix.systems.dot_rows import Row
from solvers import (
    Device,
    Grid,
    Interaction,
    LeverArms,
    Material,
    charge_lines,
    count_sites,
    exchange_sweep,
    lever_arms,
    stability_diagram,
)
from solvers.quantum_dots.devices import Knob, VoltageFamily
from solvers.quantum_dots.exchange import checked_sweep
from solvers.quantum_dots.exchange_points import OWN
from solvers.quantum_dots.settings import modes_of
from solvers.quantum_dots.sites import sites
from solvers.quantum_dots.stability import CHEAP, checked_diagram

Floats = NDArray[np.float64]
Result = tuple[list[Row], dict[str, NDArray[Any]], list[str]]
Nodes = float | list[float] | None
Computation = tuple[str, str, dict[str, Any], float, Callable[[], Result]]
"""Name, label, settings, expected seconds, and the function of a part."""

CHEAPER = 0.2
"""Duration of a point of a diagram over that of a solution by the preset ``converged``."""


@dataclass(frozen=True)
class Diagram:
    """Options of a charge-stability diagram, see ``stability_diagram``.

    ``gate1`` and ``gate2`` are knobs of ``Device.V_of``, ``range1`` and ``range2`` their numbers. ``temperature`` and
    ``width`` (eV) broaden the steps of the signal.
    """

    gate1: Knob
    gate2: Knob
    range1: list[float]
    range2: list[float]
    n_max: int = 2
    mu: float = 0.0
    dots: list[list[float]] | None = None
    cells: int = 8
    divisions: int = 3
    n_orbitals: int = CHEAP["n_orbitals"]
    temperature: float = 0.0
    width: float = 0.0


@dataclass(frozen=True)
class Exchange:
    """Options of a sweep of J, see ``exchange_sweep``; ``detuning`` and ``barrier`` are knobs of ``Device.V_of``."""

    detuning: Knob
    range: list[float]
    barrier: Knob | None = None
    barriers: Nodes = None
    dots: list[list[float]] | None = None
    points: int = 9
    divisions: int = 3
    tolerance: float = 0.02


@dataclass(frozen=True, eq=False)
class Gated:
    """The gates of a dot, and what is asked of them.

    Attributes:
        device: the gates.
        path: its file.
        V: potential (n_x, n_y) in eV at ``voltages``.
        grid: points in the window of the device.
        material: effective mass and permittivity.
        options: options of ``solve``.
        voltages: voltages (V) that differ from those of the device.
        n_sites: number of sites; None: as many as the potential has.
        diagram, exchange: what is computed besides lever arms.
        processes: processes that solve points at once.
        progress: show the points done, their rate and remaining time.
    """

    device: Device
    path: str
    V: Floats
    grid: Grid
    material: Material
    options: dict[str, Any]
    voltages: dict[str, float]
    n_sites: int | None = None
    diagram: Diagram | None = None
    exchange: Exchange | None = None
    processes: int = 1
    progress: bool = False

    def check(self) -> None:
        """Raise ValueError for any option that a calculation would refuse; no point is computed."""
        if (diagram := self.diagram) is not None:
            with _named("diagram", {"gate1": "range1", "gate2": "range2"}):
                checked_diagram(*self._diagram_arguments(diagram), **self._few(diagram))
                gate_rows.check_widths(diagram.temperature, diagram.width)
        if (exchange := self.exchange) is not None:
            with _named("exchange", {"detuning": "range", "barrier": "barriers"}):
                checked_sweep(*self._exchange_arguments(exchange), **self._sweep(exchange))

    def computations(self, cache: Path, seconds: Callable[[int], float]) -> list[Computation]:
        """Return the parts; ``cache`` is the folder of finished points, ``seconds`` the duration of N electrons."""
        arms: Computation = ("gates", "lever arms", self._settings(), 4 * seconds(1), self._lever_arms)
        found = [arms]
        if (diagram := self.diagram) is not None:
            points = (diagram.cells + 1) ** 2 + 6 * diagram.cells * (2**diagram.divisions - 1)
            cost = CHEAPER * points * sum(seconds(n) for n in range(1, diagram.n_max + 1)) / self.processes
            settings = self._settings() | asdict(diagram)
            found.append(("diagram", "stability diagram", settings, cost, partial(self._diagram, diagram, cache)))
        if (exchange := self.exchange) is not None:
            points = exchange.points ** (2 if isinstance(exchange.barriers, list) else 1)
            cost = 3 * points * seconds(2) / self.processes
            settings = self._settings() | asdict(exchange)
            found.append(("exchange", "exchange coupling", settings, cost, partial(self._exchange, exchange, cache)))
        return found

    @cached_property
    def sites(self) -> int:
        """The number of sites at the voltages of the dot."""
        return count_sites(self.V, self.grid, self.material) if self.n_sites is None else self.n_sites

    @cached_property
    def centers(self) -> list[list[float]] | None:
        """The centres of two or more sites in the window, in nm."""
        return None if self.sites < 2 else self._centers(self.sites)

    def _centers(self, n_sites: int) -> list[list[float]]:
        """Return the centres of so many sites in the window, in nm."""
        modes = modes_of(self.grid, self.options.get("n_modes"))
        found = sites(self.V, modes, self.grid, self.material, n_sites, self._interaction)
        x, y = self.grid.mesh()
        parts = found.orbitals**2 / (found.orbitals**2).sum((1, 2), keepdims=True)
        return [[float((part * x).sum()), float((part * y).sum())] for part in parts]

    def python(self) -> list[str]:
        """Return lines of Python that compute the same from the file of the device."""
        lines = [
            "from solvers import charge_lines, exchange_sweep, fit_constant_interaction, lever_arms, load_device",
            "from solvers import stability_diagram, triple_points",
            f"device = load_device({self.path!r})",
            f"voltages = {self.device.voltages | self.voltages}",
            f"arms = lever_arms(device, voltages, grid, material, {self.sites}, n_modes={self.options.get('n_modes')})",
            "print(arms.names, arms.matrix, arms.errors)",
        ]
        if (diagram := self.diagram) is not None:
            knobs = f"{diagram.gate1!r}, {diagram.gate2!r}"
            stated = ", ".join(f"{k}={v!r}" for k, v in self._few(diagram).items() if k != "processes")
            ranges = f"{diagram.range1}, {diagram.range2}, {diagram.n_max}"
            lines += [
                f"V_of = device.V_of({knobs}, grid=grid, voltages=voltages)",
                f"diagram = stability_diagram(V_of, {ranges}, grid, material, {stated})",
                "lines = charge_lines(diagram)",
                "print(lines, triple_points(diagram, lines))",
                "if any(line.adds for line in lines):",
                "    print(fit_constant_interaction(diagram, lines))",
            ]
        if (exchange := self.exchange) is not None:
            knobs = ", ".join(repr(knob) for knob in (exchange.detuning, exchange.barrier) if knob is not None)
            stated = ", ".join(f"{k}={v!r}" for k, v in self._sweep(exchange).items() if k != "processes")
            lines += [
                f"V_of = device.V_of({knobs}, grid=grid, voltages=voltages)",
                f"sweep = exchange_sweep(V_of, {exchange.range}, grid, material, {stated})",
                "print(sweep.detuning, sweep.J, sweep.errors)",
            ]
        return lines

    def stated(self) -> dict[str, str]:
        """Return the file and the knobs as text."""
        knobs = {name: getattr(self.diagram, name) for name in ("gate1", "gate2")} if self.diagram else {}
        if self.exchange:
            knobs |= {name: getattr(self.exchange, name) for name in ("detuning", "barrier")}
        texts = {name: gate_rows.knob_text(knob) for name, knob in knobs.items() if knob is not None}
        voltages = ", ".join(f"{name} {value:g} V" for name, value in (self.device.voltages | self.voltages).items())
        return {"file": self.path, "voltages": voltages} | texts

    @property
    def _interaction(self) -> Interaction:
        return self.options.get("interaction", Interaction())

    def _family(self, knobs: dict[str, Any]) -> VoltageFamily:
        """Return the function of one number for each knob; an error names the option of the knob."""
        for name, knob in knobs.items():
            try:
                self.device.V_of(knob, grid=self.grid, voltages=self.voltages)
            except ValueError as error:
                raise ValueError(f"{name}:{str(error).partition(':')[2]}") from None
        try:
            return self.device.V_of(*knobs.values(), grid=self.grid, voltages=self.voltages)
        except ValueError:  # each knob is valid: both have a gate
            first, second = knobs
            texts = [gate_rows.knob_text(knob) for knob in knobs.values()]
            raise ValueError(
                f"{second}: expected another gate than {first}={texts[0]}, got {texts[1]}; voltages would be added"
            ) from None

    def _settings(self) -> dict[str, Any]:
        """Return what fixes the family of potentials, and the sites."""
        whole = hashlib.sha256(np.ascontiguousarray(self.device.responses(self.grid)).tobytes())
        voltages = self.device.voltages | self.voltages
        return {"responses": whole.hexdigest(), "voltages": voltages, "n_sites": self.n_sites}

    def _diagram_arguments(self, given: Diagram) -> tuple[Any, ...]:
        family = self._family({"diagram.gate1": given.gate1, "diagram.gate2": given.gate2})
        return family, given.range1, given.range2, given.n_max, self.grid, self.material

    def _few(self, given: Diagram) -> dict[str, Any]:
        """Return the keyword arguments of ``stability_diagram``; fewer orbitals than those of the dot itself."""
        kept = {k: v for k, v in self.options.items() if k in ("interaction", "n_modes")}
        names = ("mu", "cells", "divisions", "n_orbitals")
        dots = self.centers if given.dots is None else given.dots
        return {name: getattr(given, name) for name in names} | kept | {"dots": dots, "processes": self.processes}

    def _exchange_arguments(self, given: Exchange) -> tuple[Any, ...]:
        if (given.barrier is None) != (given.barriers is None):
            missing, other = ("barrier", "barriers") if given.barrier is None else ("barriers", "barrier")
            raise ValueError(f"exchange.{missing}: expected a value beside exchange.{other}, got none")
        knobs = {"exchange.detuning": given.detuning, "exchange.barrier": given.barrier}
        family = self._family({name: knob for name, knob in knobs.items() if knob is not None})
        return family, given.range, self.grid, self.material

    def _sweep(self, given: Exchange) -> dict[str, Any]:
        """Return the keyword arguments of ``exchange_sweep``."""
        kept = {k: v for k, v in self.options.items() if k not in (*OWN, "backend", "memory", "threads")}
        dots = self.centers if given.dots is None else given.dots
        named = {"barrier": given.barriers, "points": given.points, "divisions": given.divisions}
        return kept | named | {"tolerance": given.tolerance, "dots": dots, "processes": self.processes}

    def _check_sites_are_apart(self, dots: list[list[float]] | None) -> None:
        """Raise ValueError if the first two sites lie in one dot, as two levels of the lower well do.

        ``dots`` are those of ``exchange_sweep``: their centres in nm, or None for the halves of the window in x.
        """
        x, y = self.grid.sides
        known = np.array([[x / 4, y / 2], [3 * x / 4, y / 2]] if dots is None else dots)
        first, second = (np.argmin(np.hypot(*(known - c).T)) for c in self._centers(max(2, self.sites))[:2])
        if first == second:
            raise ValueError("the two lowest levels lie in one dot at the voltages of the device")

    def _arms(self, n_sites: int) -> LeverArms:
        """Return the lever arms of all gates at the voltages of the dot."""
        voltages, modes = self.device.voltages | self.voltages, self.options.get("n_modes")
        return lever_arms(
            self.device, voltages, self.grid, self.material, n_sites, interaction=self._interaction, n_modes=modes
        )

    def _lever_arms(self) -> Result:
        return gate_rows.lever_arm_rows(self._arms(self.sites)), gate_rows.outlines(self.device), []

    def _diagram(self, given: Diagram, cache: Path) -> Result:
        options = self._few(given) | {"cache": cache, "progress": self.progress}
        found = stability_diagram(*self._diagram_arguments(given), **options)
        names = (gate_rows.knob_text(given.gate1), gate_rows.knob_text(given.gate2))
        lines = charge_lines(found)
        rows = gate_rows.diagram_rows(found, lines, names)
        remarks = gate_rows.diagram_remarks(found, lines, options["dots"] is None)
        return rows, gate_rows.diagram_arrays(found, lines, given.temperature, given.width), remarks

    def _exchange(self, given: Exchange, cache: Path) -> Result:
        options = self._sweep(given) | {"cache": cache, "progress": self.progress}
        found = exchange_sweep(*self._exchange_arguments(given), **options)
        rows, remarks = gate_rows.exchange_rows(found), gate_rows.exchange_remarks(found)
        try:
            self._check_sites_are_apart(options["dots"])
            rows.append(gate_rows.detuning_row(self._arms(max(2, self.sites)), given.detuning))
        except ValueError as error:  # levels that do not form two sites
            remarks.append(f"J(ε): the detuning has no lever arm ({error}).")
        return rows, gate_rows.exchange_arrays(found), remarks


@contextmanager
def _named(option: str, renamed: dict[str, str]) -> Iterator[None]:
    """Name the options in errors about arguments of a function; ``renamed`` are those with other names."""
    known = {f.name for kind in (Diagram, Exchange) for f in fields(kind)}
    try:
        yield
    except ValueError as error:
        argument, colon, rest = str(error).partition(":")
        name = renamed.get(argument, argument)
        prefix = f"{option}." if name.partition("[")[0] in known else ""
        raise ValueError(f"{prefix}{name}{colon}{rest}") from None
