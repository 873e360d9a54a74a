"""Effective atomic units, used inside the solver; its input and output are in nm and eV, or in bohr and hartree.

With hbar = m* = e^2 / (4 pi eps_0 eps_r) = 1 the Hamiltonian has no parameters but the potential:
H = sum_i [-nabla_i^2 / 2 + V(r_i)] + sum_{i<j} 1 / |r_i - r_j|.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from solvers.checks import check_choice, check_positive, use_python_numbers

UNITS = {
    "nm, eV": (0.0380998212, 1.439964548),
    "bohr, hartree": (0.5, 1.0),
}
"""Units of length and energy of input and output: hbar^2 / (2 m_0) and e^2 / (4 pi eps_0) in these.

The digits are written out and not taken from ``scipy.constants``: later CODATA values would change the last digits of
every stored array.
"""

LARGEST_UNIT = 1e30
"""Effective units lie between its inverse and this, so that all their powers in the solver are representable."""
LARGEST_SIDE = 1e12
"""The side of a square in effective Bohr radii lies between its inverse and this, for the same reason."""

MOST_ANISOTROPIC = 100.0
"""Largest ratio of m* to the mass of one direction: heavier by 1e4 along the other, electrons move in one dimension."""

HIGHEST = 1e20
"""Largest magnitude of a potential in effective Hartree energies: digits of the levels are lost long before."""


@dataclass(frozen=True)
class Material:
    """Effective mass ``m_eff`` (in free electron masses) and relative permittivity ``eps_r`` of the host.

    ``units`` are those of every length and energy in the input and output of the solver: "nm, eV", or "bohr, hartree",
    the atomic units of the free electron. Docstrings of this package write nm and eV for both. One mass is that of
    every direction in the plane; a pair (m_x, m_y) are those along x and y, such as those of a valley of silicon. The
    effective units are then those of the mass of the density of states, m* = (m_x m_y)^1/2, and the kinetic energy is
    (k_x^2 m* / m_x + k_y^2 m* / m_y) / 2. Pairs of equal masses become one.

    Raises:
        ValueError: a number is not positive, the units are unknown, or the effective units overflow.
    """

    m_eff: float | tuple[float, float]
    eps_r: float
    units: str = "nm, eV"

    def __post_init__(self) -> None:
        check_choice("material.units", self.units, UNITS)
        if isinstance(self.m_eff, (tuple, list)):
            if len(self.m_eff) != 2:
                raise ValueError(
                    f"material.m_eff: expected one mass, or a pair (m_x, m_y) along x and y, got {self.m_eff!r}"
                )
            for mass in self.m_eff:
                check_positive("material.m_eff", mass)
            m_x, m_y = map(float, self.m_eff)
            object.__setattr__(self, "m_eff", m_x if m_x == m_y else (m_x, m_y))
        else:
            check_positive("material.m_eff", self.m_eff)
        check_positive("material.eps_r", self.eps_r)
        use_python_numbers(self, "m_eff", "eps_r")
        for unit, value in (("Bohr radius", self.bohr), ("Hartree energy", self.hartree)):
            if not 1 / LARGEST_UNIT <= value <= LARGEST_UNIT:
                raise ValueError(
                    f"material: expected an effective {unit} in [{1 / LARGEST_UNIT:g}, {LARGEST_UNIT:g}] "
                    f"({self.units}), got {value:g} from m_eff = {self.mass:g} and eps_r = {self.eps_r:g}. "
                    "Semiconductors have m_eff of 0.01 ... 1 and eps_r of 1 ... 100"
                )
        ratio = max(self.inverse_masses)
        if ratio > MOST_ANISOTROPIC:
            raise ValueError(
                f"material.m_eff: expected masses along x and y that differ by a factor of at most "
                f"{MOST_ANISOTROPIC**2:g}, got {self.m_eff}"
            )

    @property
    def mass(self) -> float:
        """The mass m* of the effective units: that of the density of states, (m_x m_y)^1/2 (free electron masses)."""
        return math.sqrt(self.m_eff[0]) * math.sqrt(self.m_eff[1]) if isinstance(self.m_eff, tuple) else self.m_eff

    @property
    def masses(self) -> tuple[float, float]:
        """The masses m_x, m_y (free electron masses)."""
        return self.m_eff if isinstance(self.m_eff, tuple) else (self.m_eff, self.m_eff)

    @property
    def inverse_masses(self) -> tuple[float, float]:
        """The inverse masses m* / m_x, m* / m_y along x and y, in effective units; their product is 1."""
        if not isinstance(self.m_eff, tuple):
            return 1.0, 1.0
        ratio = math.sqrt(self.m_eff[1]) / math.sqrt(self.m_eff[0])
        return ratio, 1 / ratio

    @property
    def bohr(self) -> float:
        """The effective Bohr radius hbar^2 4 pi eps_0 eps_r / (m* e^2), in nm (bohr)."""
        hbar2_over_2m0, coulomb = UNITS[self.units]
        return 2 * hbar2_over_2m0 / self.mass / (coulomb / self.eps_r)

    def in_bohr(self, sides: tuple[float, float]) -> tuple[float, float]:
        """Return the ``sides`` of a rectangle in effective Bohr radii.

        Raises:
            ValueError: the lengths and the material do not go together.
        """
        lengths = sides[0] / self.bohr, sides[1] / self.bohr
        for side, length in zip(sides, lengths, strict=True):
            if not 1 / LARGEST_SIDE <= length <= LARGEST_SIDE:
                raise ValueError(
                    f"grid.extent: expected a side in [{1 / LARGEST_SIDE:g}, {LARGEST_SIDE:g}] effective Bohr radii, "
                    f"got {side:g} or {length:g} radii of {self.bohr:g} ({self.units}). Check the units of both"
                )
        return lengths

    @property
    def hartree(self) -> float:
        """The effective Hartree energy e^2 / (4 pi eps_0 eps_r bohr), in eV (hartree)."""
        return UNITS[self.units][1] / self.eps_r / self.bohr
