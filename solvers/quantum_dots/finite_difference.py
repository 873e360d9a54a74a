"""One electron on a five-point stencil: levels that are independent of the sine basis.

-nabla^2/2 psi(x_i) ~ [2 psi_i - psi_{i-1} - psi_{i+1}] / (2 dx^2) in each direction, times m* / m. The walls stand half
a cell beyond the outermost points, where psi is odd: psi_{-1} = -psi_0. Second order in dx.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import eigsh

from solvers.checks import check_array, check_integer, check_kind
from solvers.grid import Grid
from solvers.units import HIGHEST, Material


def finite_difference_levels(V: ArrayLike, grid: Grid, material: Material, n_levels: int) -> NDArray[np.float64]:
    """Return the ``n_levels`` lowest single-particle energies (eV), ascending, of one potential ``V`` (n_x, n_y) in eV.

    Raises:
        ValueError: an argument is out of range.
    """
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    check_kind("material", material, Material, "Material(m_eff, eps_r)")
    material.in_bohr(grid.sides)
    limit = HIGHEST * material.hartree
    potential = check_array("V", V, grid.shape, -limit, limit).astype(np.float64) / material.hartree
    check_integer("n_levels", n_levels, 1, f"The grid has {potential.size} points", high=potential.size - 1)
    x, y = (
        _second_derivative(n, step / material.bohr) * a
        for n, step, a in zip(grid.shape, grid.steps, material.inverse_masses, strict=True)
    )
    unit_x, unit_y = (scipy.sparse.eye_array(n) for n in grid.shape)
    kinetic = scipy.sparse.kron(x, unit_y) + scipy.sparse.kron(unit_x, y)
    hamiltonian = (kinetic + scipy.sparse.diags_array(potential.ravel())).tocsc()
    # the levels nearest to a point below the bottom of the potential are the lowest
    levels = eigsh(hamiltonian, k=n_levels, sigma=potential.min() - 1e-3, return_eigenvectors=False)
    return np.sort(levels) * material.hartree


def _second_derivative(n: int, step: float) -> scipy.sparse.sparray:
    """Return -d^2/dx^2 / 2 on ``n`` points between two walls, (n, n)."""
    main, off = np.full(n, 2.0), np.full(n - 1, -1.0)
    main[[0, -1]] = 3.0
    return scipy.sparse.diags_array([off, main, off], offsets=[-1, 0, 1]) / (2 * step**2)
