"""The magnetic field on a dot, in tesla and in effective atomic units.

    H = sum_i [(p_i + e A(r_i))^2 / 2 m* + V(r_i)] + interaction + g mu_B sum_i [B s_z,i + b_x(x_i) s_x,i],

rot A = B along z, perpendicular to the plane of the electrons, and b_x(x) = gradient (x - x_0) in the plane. Electrons
have the charge -e: for B > 0 they turn counter-clockwise, and states of negative L_z are the lower ones. The Zeeman
energy of an electron of spin up is g mu_B B / 2: where g < 0, as in GaAs, spin up is the lower one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from solvers.checks import check_number, use_python_numbers
from solvers.grid import Grid
from solvers.units import UNITS, Material

FLUX = {"nm, eV": 658.2119569, "bohr, hartree": 658.2119569 / 0.0529177210903**2}
"""hbar / e in tesla times the square of the unit of length."""
BOHR_MAGNETON = {"nm, eV": 5.788381806e-5, "bohr, hartree": 5.788381806e-5 / 27.211386245988}
"""mu_B in units of energy per tesla."""
STRONGEST = 1e12
"""Largest field and gradient, in tesla, and in tesla per unit of length."""
POINTS = 2
"""Points within a magnetic length, at least: the phase of an orbital turns by less than half a circle between two."""


@dataclass(frozen=True)
class MagneticField:
    """A field ``B`` (tesla) perpendicular to the plane, with the ``g`` factor of the electrons.

    ``gradient``: of a field in the plane, b_x = gradient (x - x_0), in tesla per nm (per bohr), such as that of a
    micromagnet. It is 0 in the middle of the grid, or at the ``origin`` given, and mixes states of different S_z.

    Raises:
        ValueError: a number is out of range.
    """

    B: float
    g: float = 2.0
    gradient: float = 0.0

    def __post_init__(self) -> None:
        check_number("field.B", self.B, -STRONGEST, STRONGEST, "It is given in tesla")
        check_number("field.g", self.g, -STRONGEST, STRONGEST)
        check_number("field.gradient", self.gradient, -STRONGEST, STRONGEST, "It is given in tesla per nm")
        use_python_numbers(self, "B", "g", "gradient")

    def strength(self, material: Material) -> float:
        """Return b = e B a*^2 / hbar: the field in effective atomic units; 1 / b is the square of l_B."""
        return self.B * material.bohr**2 / FLUX[material.units]

    def zeeman(self, material: Material) -> float:
        """Return g mu_B B in effective Hartree energies: the energy of spin up minus that of spin down."""
        return self.g * BOHR_MAGNETON[material.units] * self.B / material.hartree

    def slope(self, material: Material) -> float:
        """Return g mu_B times the gradient, in effective Hartree energies per effective Bohr radius."""
        return self.g * BOHR_MAGNETON[material.units] * self.gradient * material.bohr / material.hartree


def magnetic_length(B: float, material: Material) -> float:
    """Return l_B = (hbar / e |B|)^1/2 in nm (bohr); infinite without a field."""
    return math.sqrt(FLUX[material.units] / abs(B)) if B else math.inf


def cyclotron_energy(B: float, material: Material) -> float:
    """Return hbar omega_c = hbar e |B| / m* in eV (hartree), m* = (m_x m_y)^1/2."""
    return 2 * UNITS[material.units][0] / material.mass * abs(B) / FLUX[material.units]


def check_resolved(field: MagneticField, grid: Grid, material: Material) -> None:
    """Raise ValueError unless the points of ``grid`` resolve the magnetic length."""
    step = max(grid.steps)
    if magnetic_length(field.B, material) < POINTS * step:
        most = FLUX[material.units] / (POINTS * step) ** 2
        raise ValueError(
            f"field.B: expected at most {most:.3g} T, where the magnetic length is {POINTS} points of this grid "
            f"({POINTS * step:.3g}), got {field.B:g} T. Lower B, or raise grid.n"
        )
