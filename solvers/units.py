"""Effective atomic units inside the solver; nm and eV at its edges.

With hbar = m* = e^2 / (4 pi eps_0 eps_r) = 1 the Hamiltonian has no parameters but the potential:
H = sum_i [-nabla_i^2 / 2 + V(r_i)] + sum_{i<j} 1 / |r_i - r_j|.
"""

from __future__ import annotations

from dataclasses import dataclass

from solvers.grid import check_positive

HBAR2_OVER_2M0 = 0.0380998212
"""hbar^2 / (2 m_0) in eV nm^2."""
COULOMB = 1.439964548
"""e^2 / (4 pi eps_0) in eV nm."""


@dataclass(frozen=True)
class Material:
    """Effective mass ``m_eff`` (in free electron masses) and relative permittivity ``eps_r`` of the host."""

    m_eff: float
    eps_r: float

    def __post_init__(self) -> None:
        check_positive("material.m_eff", self.m_eff)
        check_positive("material.eps_r", self.eps_r)

    @property
    def bohr(self) -> float:
        """Effective Bohr radius hbar^2 4 pi eps_0 eps_r / (m* e^2), in nm."""
        return 2 * HBAR2_OVER_2M0 / self.m_eff / (COULOMB / self.eps_r)

    @property
    def hartree(self) -> float:
        """Effective Hartree energy e^2 / (4 pi eps_0 eps_r bohr), in eV."""
        return COULOMB / self.eps_r / self.bohr
