"""Exact ground states of a few electrons in a two-dimensional quantum dot, in NumPy and SciPy.

``solve`` is the call to make: any batch of potentials in eV, N electrons, full configuration interaction in the M
lowest orbitals. The potentials come from ``solvers.potentials``, from a file, or from a formula. For one electron
alone, ``finite_difference_levels`` answers the same question on a stencil: slower to converge, independent, and there
to check the sine basis. What M to choose: 8 is the paper's, 16 for labels to better than 1 % (DESIGN.md).
"""

from solvers.coulomb import Interaction
from solvers.finite_difference import finite_difference_levels
from solvers.grid import Grid
from solvers.solve import PRESETS, Solution, solve
from solvers.units import Material
from solvers.wavefunction import Wavefunction

__all__ = [
    "PRESETS",
    "Grid",
    "Interaction",
    "Material",
    "Solution",
    "Wavefunction",
    "finite_difference_levels",
    "solve",
]
