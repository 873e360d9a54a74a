"""The exchange coupling of the quartic double dot in the Heitler-London approximation, in a perpendicular field B.

Burkard, Loss, DiVincenzo, Phys. Rev. B 59, 2070 (1999): two electrons in

    V = (m w^2 / 2) [(x^2 - a^2)^2 / (4 a^2) + y^2],

each in the lowest state of Fock and Darwin of the harmonic well at x = -a or a. With d = a / a_B, a_B =
(hbar / m w)^1/2, b = (1 + w_L^2 / w^2)^1/2, the Larmor frequency w_L = e B / 2 m, and the ratio c = (pi / 2)^1/2
e^2 / (4 pi eps_0 eps_r a_B hbar w) of repulsion to confinement,

    J = hbar w / sinh(2 d^2 (2 b - 1 / b)) { c b^1/2 [exp(-b d^2) I_0(b d^2) - exp(u) I_0(u)] + 3 (1 + b d^2) / (4 b) },

u = d^2 (b - 1 / b). The energy of the spins in the field is not part of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0, i0e

from solvers import Grid, Material
from solvers.quantum_dots.magnetic.field import BOHR_MAGNETON
from solvers.units import UNITS

CONFINEMENT = 3e-3
"""hbar w in eV."""
GAAS = Material(m_eff=0.067, eps_r=13.1)
"""Mass and permittivity of the publication."""
SILICON = Material(m_eff=0.19, eps_r=11.7)
"""The same for silicon, one valley."""
CAP = 0.06
"""Height (eV) at which the potential is bent: the electrons do not reach it, and x^4 would be far above it."""


def length(material: Material = GAAS, confinement: float = CONFINEMENT) -> float:
    """Return a_B in nm."""
    return float(np.sqrt(2 * UNITS[material.units][0] / (material.m_eff * confinement)))


def repulsion(material: Material = GAAS, confinement: float = CONFINEMENT) -> float:
    """Return c."""
    return float(
        np.sqrt(np.pi / 2) * UNITS[material.units][1] / (material.eps_r * length(material, confinement)) / confinement
    )


def coupling(d: float, B: float = 0.0, material: Material = GAAS, confinement: float = CONFINEMENT) -> float:
    """Return J in eV, in a field of ``B`` tesla."""
    c, b = (
        repulsion(material, confinement),
        np.hypot(1.0, BOHR_MAGNETON[material.units] * B / (material.m_eff * confinement)),
    )
    u = d**2 * (b - 1 / b)
    coulomb = c * b**0.5 * (i0e(b * d**2) - np.exp(u) * i0(u))
    return float(confinement / np.sinh(2 * d**2 * (2 * b - 1 / b)) * (coulomb + 0.75 / b * (1 + b * d**2)))


def quartic(grid: Grid, d: float, material: Material = GAAS, confinement: float = CONFINEMENT) -> NDArray[np.float64]:
    """Return the potential on a grid around its middle, bent at ``CAP``: shape (n_x, n_y), in eV."""
    x, y = (c - (c[0, 0] + c[-1, -1]) / 2 for c in grid.mesh())
    bohr = length(material, confinement)
    a = d * bohr
    v = confinement / 2 * ((x**2 - a**2) ** 2 / (4 * a**2) + y**2) / bohr**2
    return CAP * np.tanh(v / CAP)
