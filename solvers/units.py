"""Effective atomic units, used inside the solver; its input and output are in nm and eV, or in bohr and hartree.

With hbar = m* = e^2 / (4 pi eps_0 eps_r) = 1 the Hamiltonian has no parameters but the potential:
H = sum_i [-nabla_i^2 / 2 + V(r_i)] + sum_{i<j} 1 / |r_i - r_j|.
"""

from __future__ import annotations

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

HIGHEST = 1e20
"""Largest magnitude of a potential in effective Hartree energies: digits of the levels are lost long before."""


@dataclass(frozen=True)
class Material:
    """Effective mass ``m_eff`` (in free electron masses) and relative permittivity ``eps_r`` of the host.

    ``units`` are those of every length and energy in the input and output of the solver: "nm, eV", or "bohr, hartree",
    the atomic units of the free electron. Docstrings of this package write nm and eV for both. The mass is that of
    every direction in the plane.

    Raises:
        ValueError: a number is not positive, the units are unknown, or the effective units overflow.
    """

    m_eff: float
    eps_r: float
    units: str = "nm, eV"

    def __post_init__(self) -> None:
        check_choice("material.units", self.units, UNITS)
        if isinstance(self.m_eff, (tuple, list)) and len(self.m_eff) > 1:
            raise ValueError(
                f"material.m_eff: expected one number, got {self.m_eff}. Masses that differ along x and y are not "
                "supported; that of the density of states is (m_x m_y)^1/2"
            )
        check_positive("material.m_eff", self.m_eff)
        check_positive("material.eps_r", self.eps_r)
        use_python_numbers(self, "m_eff", "eps_r")
        for unit, value in (("Bohr radius", self.bohr), ("Hartree energy", self.hartree)):
            if not 1 / LARGEST_UNIT <= value <= LARGEST_UNIT:
                raise ValueError(
                    f"material: expected an effective {unit} in [{1 / LARGEST_UNIT:g}, {LARGEST_UNIT:g}] "
                    f"({self.units}), got {value:g} from m_eff = {self.m_eff:g} and eps_r = {self.eps_r:g}. "
                    "Semiconductors have m_eff of 0.01 ... 1 and eps_r of 1 ... 100"
                )

    @property
    def bohr(self) -> float:
        """The effective Bohr radius hbar^2 4 pi eps_0 eps_r / (m* e^2), in nm (bohr)."""
        hbar2_over_2m0, coulomb = UNITS[self.units]
        return 2 * hbar2_over_2m0 / self.m_eff / (coulomb / self.eps_r)

    def in_bohr(self, extent: float) -> float:
        """Return the side ``extent`` of a square in effective Bohr radii.

        Raises:
            ValueError: the length and the material do not go together.
        """
        length = extent / self.bohr
        if not 1 / LARGEST_SIDE <= length <= LARGEST_SIDE:
            raise ValueError(
                f"grid.extent: expected a side in [{1 / LARGEST_SIDE:g}, {LARGEST_SIDE:g}] effective Bohr radii, got "
                f"{extent:g} or {length:g} radii of {self.bohr:g} ({self.units}). Check the units of both"
            )
        return length

    @property
    def hartree(self) -> float:
        """The effective Hartree energy e^2 / (4 pi eps_0 eps_r bohr), in eV (hartree)."""
        return UNITS[self.units][1] / self.eps_r / self.bohr
