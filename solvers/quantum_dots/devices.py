"""Gated devices: named gates above an electron gas, and the window of the chip in which a dot is solved.

A ``Device`` turns voltages into potentials by ``PolygonGates``. ``device_files.py`` reads devices from YAML and GDS.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_array, check_choice, check_kind, check_number
from solvers.grid import Grid
from solvers.quantum_dots.potentials.axes import FARTHEST, NEAREST
from solvers.quantum_dots.potentials.overlap import overlap
from solvers.quantum_dots.potentials.polygon_gates import PolygonGates, check_polygon, chip_mesh, covered

Floats = NDArray[np.float64]
Knob = str | Mapping[str, float]

CARRIERS = {"electrons": 1.0, "holes": -1.0}
"""Sign of the voltage of a gate that attracts the carriers."""
NEGLIGIBLE = 1e-3
"""A gate that changes the potential nowhere in the window by more than this part of its voltage is outside of it."""
PROBES = 16
"""Points along each side of the window at which this is judged."""
SAME = 1e-6
"""Relative difference of two sides that count as equal."""


@dataclass(frozen=True, eq=False)
class Gate:
    """A gate of one or more ``polygons`` (corners, 2) in nm, which do not overlap, at a ``voltage`` in V.

    Raises:
        ValueError: a polygon has fewer than three corners, no area, or edges that cross; two polygons overlap.
    """

    name: str
    polygons: Sequence[Floats]
    voltage: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"gates.name: expected a name, got {self.name!r}")
        if not isinstance(self.polygons, (list, tuple)) or not self.polygons:
            raise ValueError(f"gates.{self.name}: expected a list of polygons (corners, 2), got {self.polygons!r}")
        checked = tuple(check_polygon(f"gates.{self.name}", p) for p in self.polygons)
        for p, q in itertools.combinations(checked, 2):
            if overlap(p, q):
                raise ValueError(
                    f"gates.{self.name}: expected polygons that do not overlap, because the potential is the sum over "
                    f"them, got one from {_place(p)} and one from {_place(q)}. Use their union"
                )
        object.__setattr__(self, "polygons", checked)
        check_number(f"gates.{self.name}.voltage", self.voltage)


@dataclass(frozen=True, eq=False)
class Device:
    """Gates at the depth ``gas_depth`` (nm) above an electron gas.

    Attributes:
        gates: the gates; their names differ.
        gas_depth: distance of the gas from the gates, in nm.
        origin: coordinates on the chip of the corner x = y = 0 of the grid, in nm.
        extent: sides (L_x, L_y) of the window in nm.
        offset: potential energy without voltages, in eV.
        carriers: "electrons", or "holes", which positive voltages repel.

    Raises:
        ValueError: a value is out of range, two gates have one name or overlap, or a gate lies outside of the window.
    """

    gates: Sequence[Gate]
    gas_depth: float
    origin: tuple[float, float]
    extent: tuple[float, float]
    offset: float = 0.0
    carriers: str = "electrons"
    _names: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.gates, (list, tuple)) or not self.gates:
            raise ValueError(f"gates: expected a list of gates, got {self.gates!r}")
        for gate in self.gates:
            check_kind("gates", gate, Gate, "Gate(name, polygons)")
        names = tuple(gate.name for gate in self.gates)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"gates: expected a different name for each gate, got {twice!r} twice")
        check_number("gas_depth", self.gas_depth, NEAREST, FARTHEST)
        check_array("origin", self.origin, (2,), -FARTHEST, FARTHEST)
        check_array("extent", self.extent, (2,), NEAREST, FARTHEST)
        check_number("offset", self.offset)
        check_choice("carriers", self.carriers, CARRIERS)
        object.__setattr__(self, "_names", names)
        self._check_gates_reach()
        self._check_gates_are_apart()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the gates."""
        return self._names

    @property
    def voltages(self) -> dict[str, float]:
        """The voltage of each gate, in V."""
        return {gate.name: float(gate.voltage) for gate in self.gates}

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the window in coordinates of the chip, in nm."""
        (x, y), (a, b) = self.origin, self.extent
        return float(x) + float(a) / 2, float(y) + float(b) / 2

    def grid(self, n: int | tuple[int, int]) -> Grid:
        """Return a grid of n points per side in the window."""
        a, b = (float(side) for side in self.extent)
        return Grid(n, a if abs(a - b) <= SAME * a else (a, b))  # type: ignore[arg-type]

    def potential(self, voltages: Mapping[str, float] | None = None) -> PolygonGates:
        """Return the potential, a function of the grid, with some ``voltages`` (V) changed.

        Raises:
            ValueError: there is no such gate, or a voltage is no number.
        """
        applied = self.voltages | self._checked("voltages", voltages or {})
        sign = CARRIERS[self.carriers]
        pairs = [(polygon, sign * applied[gate.name]) for gate in self.gates for polygon in gate.polygons]
        polygons, values = zip(*pairs, strict=True)
        return PolygonGates(polygons, np.array(values), self.gas_depth, self.center, self.offset)

    def responses(self, grid: Grid) -> Floats:
        """Return dV / dV_g of each gate, (gates, n_x, n_y) in eV / V.

        Raises:
            ValueError: the grid is not that of the window.
        """
        return _responses(self, self.check_grid(grid))

    def V_of(self, *knobs: Knob, grid: Grid, voltages: Mapping[str, float] | None = None) -> VoltageFamily:
        """Return a function of one number for each knob that returns a potential (n_x, n_y) in eV.

        Args:
            knobs: the name of a gate, whose voltage is the number; or weights of several gates, {"P1": 1, "P2": -1}:
                their voltages are those of the device plus the number times the weight.
            grid: points in the window, such as ``device.grid(64)``.
            voltages: voltages that differ from those of the device, in V.

        Raises:
            ValueError: there is no such gate, a knob has no weight, a gate that is a knob is in another one too, or
                the grid is not that of the window.
        """
        base = self.voltages | self._checked("voltages", voltages or {})
        if not knobs:
            raise ValueError(f"knobs: expected names of gates out of {', '.join(self.names)}, got none")
        weights = np.zeros((len(knobs), len(self.names)))
        for row, knob in zip(weights, knobs, strict=True):
            parts = self._checked("knobs", {knob: 1.0} if isinstance(knob, str) else knob)
            if not any(parts.values()):
                raise ValueError(f"knobs: expected the name of a gate, or weights of gates, got {knob!r}")
            for name, weight in parts.items():
                row[self.names.index(name)] = weight
            if isinstance(knob, str):
                base[knob] = 0.0
        for knob in knobs:
            if isinstance(knob, str) and np.count_nonzero(weights[:, self.names.index(knob)]) > 1:
                raise ValueError(
                    f"knobs: expected {knob!r} in one knob, whose number is its voltage, got it in several; name "
                    f"another gate, or give weights, {{{knob!r}: 1.0}}, whose numbers are added to the voltage"
                )
        constant = np.array([base[name] for name in self.names])
        return VoltageFamily(self, self.check_grid(grid), weights, constant)

    def _checked(self, name: str, voltages: object) -> dict[str, float]:
        """Return numbers by the name of a gate."""
        if not isinstance(voltages, Mapping):
            raise ValueError(f"{name}: expected numbers by the names of gates, got {voltages!r}")
        for gate, value in voltages.items():
            if gate not in self.names:
                raise ValueError(f"{name}: expected names out of {', '.join(self.names)}; got {gate!r}")
            check_number(f"{name}.{gate}", value)
        return {gate: float(value) for gate, value in voltages.items()}

    def check_grid(self, grid: object) -> Grid:
        """Return the grid, or raise ValueError unless its sides are those of the window."""
        check_kind("grid", grid, Grid, "Grid(n, extent), such as device.grid(64)")
        assert isinstance(grid, Grid)
        x, y = grid.mesh()
        sides = float(x[0, 0] + x[-1, -1]), float(y[0, 0] + y[-1, -1])
        if not np.allclose(sides, self.extent, rtol=SAME, atol=0.0):
            wanted, got = (" x ".join(f"{float(s):g}" for s in pair) for pair in (self.extent, sides))
            raise ValueError(
                f"grid.extent: expected {wanted} nm, that of the window of the device, got {got}. Use device.grid(n), "
                "or change the window"
            )
        return grid

    def _check_gates_are_apart(self) -> None:
        """Raise ValueError, with their names, for two gates that overlap: all lie in one plane."""
        for first, second in itertools.combinations(self.gates, 2):
            pairs = itertools.product(map(np.asarray, first.polygons), map(np.asarray, second.polygons))
            for p, q in pairs:
                if overlap(p, q):
                    raise ValueError(
                        f"gates.{second.name}: expected gates of one plane that do not overlap, got {_place(q)} "
                        f"over {first.name}, {_place(p)}. Give the upper one level: 1, so that it is cut where the "
                        "lower one screens it (load_device), or cut it"
                    )

    def _check_gates_reach(self) -> None:
        """Raise ValueError, with its name, for a gate that is not seen from the window."""
        ends = [(o, o + float(side)) for o, side in zip(map(float, self.origin), self.extent, strict=True)]
        x, y = np.meshgrid(*(np.linspace(*end, PROBES) for end in ends), indexing="ij")
        for gate in self.gates:
            share = sum(covered(np.asarray(p), x, y, float(self.gas_depth)) for p in gate.polygons)
            if np.max(share) < NEGLIGIBLE:
                corners = np.concatenate([np.asarray(p) for p in gate.polygons])
                box = ", ".join(
                    f"{axis} = {low:g} ... {high:g}"
                    for axis, low, high in zip("xy", corners.min(axis=0), corners.max(axis=0), strict=True)
                )
                window = ", ".join(
                    f"{axis} = {low:g} ... {high:g}" for axis, (low, high) in zip("xy", ends, strict=True)
                )
                raise ValueError(
                    f"gates.{gate.name}: expected a gate in or near the window {window} nm, got one at {box} nm, which "
                    f"changes the potential there by less than {NEGLIGIBLE:g} of its voltage. Check units and origin, "
                    "or leave it out"
                )


@dataclass(frozen=True, eq=False)
class VoltageFamily:
    """A function of one number for each knob that returns the potential (n_x, n_y) of a device in eV.

    V = offset + sum_g r_g (c_g + sum_k number_k w_kg) with ``weights`` w (knobs, gates), ``constant`` c (gates,) in V,
    and r = ``device.responses(grid)``.
    """

    device: Device
    grid: Grid
    weights: Floats
    constant: Floats

    def __call__(self, *numbers: float) -> Floats:
        """Return the potential at the numbers of the knobs.

        Raises:
            ValueError: there is not one finite number for each knob.
        """
        values = check_array("numbers", list(numbers), (len(self.weights),))
        voltages = self.constant + values @ self.weights
        return float(self.device.offset) + np.tensordot(voltages, self.device.responses(self.grid), 1)


def check_family(V_of: object, grid: object) -> None:
    """Raise ValueError if a function of ``Device.V_of`` is used with another grid than its own."""
    if isinstance(V_of, VoltageFamily) and isinstance(grid, Grid) and V_of.grid != grid:
        raise ValueError(f"grid: expected that of the function of voltages, {V_of.grid}, got {grid}")


def _place(polygon: Floats) -> str:
    """Return the lower left and upper right corners of a polygon for a message."""
    corners = polygon.min(axis=0), polygon.max(axis=0)
    return " to ".join(f"({x:g}, {y:g})" for x, y in corners) + " nm"


@lru_cache(maxsize=8)
def _responses(device: Device, grid: Grid) -> Floats:
    x, y = chip_mesh(grid, device.center)
    depth, sign = float(device.gas_depth), CARRIERS[device.carriers]
    shares = [sum(covered(np.asarray(p), x, y, depth) for p in gate.polygons) for gate in device.gates]
    found = -sign * np.stack(shares)
    found.flags.writeable = False
    return found
