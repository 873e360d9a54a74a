"""Exact ground states of a few electrons in a two-dimensional quantum dot, in NumPy and SciPy, or in CuPy.

``solve`` is the call to make: any batch of potentials, N electrons, full configuration interaction in M orbitals, with
an estimate of what M leaves out; in nm and eV or, where the ``Material`` says so, in bohr and hartree.
``solve(..., **PRESETS["paper"])`` keeps the paper's eight lowest orbitals, fast; ``PRESETS["converged"]`` finds the
best fourteen, for labels with nothing left to learn below them. The potentials come from ``solvers.potentials``, from a
file, or from a formula. ``charging`` solves for one electron after the other. For one electron alone,
``finite_difference_levels`` answers the same question on a stencil: slower to converge, independent, and there to check
the sine basis.
"""

from solvers.coulomb import Interaction
from solvers.finite_difference import finite_difference_levels
from solvers.grid import Grid
from solvers.observables import Charging, charging, dipole, quadrupole
from solvers.solve import PRESETS, Solution, solve
from solvers.units import Material
from solvers.wavefunction import Wavefunction

__all__ = [
    "PRESETS",
    "Charging",
    "Grid",
    "Interaction",
    "Material",
    "Solution",
    "Wavefunction",
    "charging",
    "dipole",
    "finite_difference_levels",
    "quadrupole",
    "solve",
]
