"""Exact ground states of a few electrons in a two-dimensional quantum dot, in NumPy and SciPy.

``solve`` is the call to make: any batch of potentials, N electrons, full configuration interaction in the M lowest
orbitals; in nm and eV or, where the ``Material`` says so, in bohr and hartree. The potentials come from
``solvers.potentials``, from a file, or from a formula. For one electron alone, ``finite_difference_levels`` answers
the same question on a stencil: slower to converge, independent, and there to check the sine basis. What M to choose: 8
is the paper's, 16 for labels to better than 1 % (DESIGN.md).
"""

from solvers.finite_difference import finite_difference_levels
from solvers.grid import Grid
from solvers.solve import Solution, solve
from solvers.units import Material

__all__ = ["Grid", "Material", "Solution", "finite_difference_levels", "solve"]
