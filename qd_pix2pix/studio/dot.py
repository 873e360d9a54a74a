"""The dot that is drawn in one window: a frozen description.

Lengths are in nm from the lower left corner of the square, energies in meV, voltages in mV.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.square import on_cells
from qd_pix2pix.studio.brush import Stroke
from solvers import Grid, Material
from solvers.checks import check_choice, check_integer, check_number, check_positive

Floats = NDArray[np.float64]

SIDES = (1.0, 2000.0)
"""Smallest and largest side (nm)."""
POINTS = (32, 48, 64, 96, 128)
"""Points per side that can be chosen."""
MOST_ELECTRONS = 6
MOST_OBJECTS = 40
"""Largest number of wells, of gates, and of strokes."""
HIGHEST = 1e4
"""Largest magnitude of an energy (meV) or a voltage (mV)."""
STORED = 64
"""Points per side of a background: those of the network."""
LEVELS = 2**16 - 1
"""Steps into which the range of a background is divided."""


@dataclass(frozen=True)
class Well:
    """A Gaussian well -depth exp[-(r / width)^2] at (x, y); a negative depth is a hill."""

    x: float
    y: float
    depth: float
    width: float

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            check_number(f"well.{name}", getattr(self, name), -SIDES[1], 2 * SIDES[1])
        check_number("well.depth", self.depth, -HIGHEST, HIGHEST)
        check_number("well.width", self.width, 0.05, SIDES[1])


@dataclass(frozen=True)
class Gate:
    """A rectangular gate on the surface: its middle (x, y), its sides, and its voltage (mV)."""

    x: float
    y: float
    width: float
    height: float
    voltage: float

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            check_number(f"gate.{name}", getattr(self, name), -SIDES[1], 2 * SIDES[1])
        for name in ("width", "height"):
            check_positive(f"gate.{name}", getattr(self, name), 4 * SIDES[1])
        check_number("gate.voltage", self.voltage, -HIGHEST, HIGHEST)


@dataclass(frozen=True)
class Background:
    """A potential from a file or a design, on 64 x 64 points in steps of 1 / 65535 of its range.

    ``levels`` are the steps above ``low`` (meV) as unsigned 16-bit integers, little-endian, indexed [ix, iy].
    """

    name: str
    low: float
    high: float
    levels: bytes

    def __post_init__(self) -> None:
        check_number("background.low", self.low, -HIGHEST, HIGHEST)
        check_number("background.high", self.high, self.low, HIGHEST)
        if len(self.levels) != 2 * STORED**2:
            raise ValueError(f"background.levels: expected {2 * STORED**2} bytes, got {len(self.levels)}")

    @classmethod
    def of(cls, name: str, V: Floats) -> Background:
        """Return the background of a potential (64, 64) in eV.

        Raises:
            ValueError: it has another shape, or is too high.
        """
        if V.shape != (STORED, STORED) or not np.isfinite(V).all():
            raise ValueError(f"background: expected {STORED} x {STORED} finite numbers, got shape {V.shape}")
        low, high = (round(1e3 * float(v), 6) for v in (V.min(), V.max()))
        share = (1e3 * V - low) / (high - low) if high > low else np.zeros(V.shape)
        levels = np.clip(np.round(share * LEVELS), 0, LEVELS).astype("<u2")
        return cls(name[:60], low, high, levels.tobytes())

    def __call__(self, grid: Grid) -> Floats:
        """Return the potential on a grid, (n, n) in eV, interpolated where it has other than 64 points."""
        share = np.frombuffer(self.levels, dtype="<u2").reshape(STORED, STORED) / LEVELS
        values = 1e-3 * (self.low + (self.high - self.low) * share)
        n = grid.shape[0]
        if n == STORED:
            return values
        own = (np.arange(STORED) + 0.5) / STORED
        return on_cells(values, (own, own), (1.0, 1.0), grid.shape)


@dataclass(frozen=True)
class Dot:
    """All that one window shows: conditions, wells, gates, strokes of the brush, background, and a painted density.

    Attributes:
        side: side of the square (nm); n: points per side.
        n_electrons: number of electrons; m_eff, eps_r: effective mass and permittivity.
        wells, gates, strokes: what is drawn; gas_depth: depth (nm) of the electrons below the gates.
        detuning: energy (meV) that lowers the first well by half of it, and raises the second.
        barrier: height (meV) of a Gaussian hill half-way between the first two wells.
        background: a potential below all of it, or None.
        target: strokes of a painted density.

    Raises:
        ValueError: a number is out of range, or there are too many objects.
    """

    side: float = 120.0
    n: int = 64
    n_electrons: int = 2
    m_eff: float = 0.067
    eps_r: float = 12.9
    wells: tuple[Well, ...] = ()
    gates: tuple[Gate, ...] = ()
    strokes: tuple[Stroke, ...] = ()
    gas_depth: float = 30.0
    detuning: float = 0.0
    barrier: float = 0.0
    background: Background | None = None
    target: tuple[Stroke, ...] = ()

    def __post_init__(self) -> None:
        check_number("side", self.side, *SIDES)
        check_choice("points", str(self.n), map(str, POINTS))
        check_integer("n_electrons", self.n_electrons, 1, high=MOST_ELECTRONS)
        check_number("m_eff", self.m_eff, 1e-3, 100.0)
        check_number("eps_r", self.eps_r, 1.0, 1e3)
        check_number("gas_depth", self.gas_depth, 0.01, SIDES[1])
        check_number("detuning", self.detuning, -HIGHEST, HIGHEST)
        check_number("barrier", self.barrier, -HIGHEST, HIGHEST)
        for name in ("wells", "gates", "strokes", "target"):
            if len(getattr(self, name)) > MOST_OBJECTS:
                raise ValueError(f"{name}: expected at most {MOST_OBJECTS}, got {len(getattr(self, name))}; undo some")

    @property
    def material(self) -> Material:
        """The material of the solver."""
        return Material(self.m_eff, self.eps_r)

    @property
    def grid(self) -> Grid:
        """The points and the side of the square."""
        return Grid(self.n, self.side)


def example() -> Dot:
    """Return the dot of a new window: two wells in GaAs with two electrons."""
    return Dot(wells=(Well(38.0, 60.0, 20.0, 20.0), Well(82.0, 60.0, 20.0, 20.0)))
