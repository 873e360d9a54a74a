"""Effective atomic units inside the solver; at its edges nm and eV, or bohr and hartree.

With hbar = m* = e^2 / (4 pi eps_0 eps_r) = 1 the Hamiltonian has no parameters but the potential:
H = sum_i [-nabla_i^2 / 2 + V(r_i)] + sum_{i<j} 1 / |r_i - r_j|.
"""

from __future__ import annotations

from dataclasses import dataclass

from solvers.checks import check_choice, check_positive

UNITS = {
    "nm, eV": (0.0380998212, 1.439964548),
    "bohr, hartree": (0.5, 1.0),
}
"""Units of length and energy at the edges: hbar^2 / (2 m_0) and e^2 / (4 pi eps_0) in these."""


@dataclass(frozen=True)
class Material:
    """Effective mass ``m_eff`` (in free electron masses) and relative permittivity ``eps_r`` of the host.

    ``units`` are those of every length and energy that goes into the solver and comes out of it: "nm, eV", or
    "bohr, hartree" for the atomic units of the free electron. Where a docstring of this package says nm and eV, it
    means these.

    Raises:
        ValueError: a number is not positive, or there are no such units.
    """

    m_eff: float
    eps_r: float
    units: str = "nm, eV"

    def __post_init__(self) -> None:
        check_choice("material.units", self.units, UNITS)
        check_positive("material.m_eff", self.m_eff)
        check_positive("material.eps_r", self.eps_r)

    @property
    def bohr(self) -> float:
        """Effective Bohr radius hbar^2 4 pi eps_0 eps_r / (m* e^2), in nm (bohr)."""
        hbar2_over_2m0, coulomb = UNITS[self.units]
        return 2 * hbar2_over_2m0 / self.m_eff / (coulomb / self.eps_r)

    @property
    def hartree(self) -> float:
        """Effective Hartree energy e^2 / (4 pi eps_0 eps_r bohr), in eV (hartree)."""
        return UNITS[self.units][1] / self.eps_r / self.bohr
