"""One electron on a five-point stencil: levels that are independent of the sine basis.

-nabla^2/2 psi(x_i) ~ [2 psi_i - psi_{i-1} - psi_{i+1}] / (2 dx^2) in each direction. The walls stand half a cell beyond
the outermost points, where psi is odd: psi_{-1} = -psi_0. Second order in dx.
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
    """Return the ``n_levels`` lowest single-particle energies (eV), ascending, of one potential ``V`` (n, n) in eV.

    Raises:
        ValueError: an argument is out of range.
    """
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    check_kind("material", material, Material, "Material(m_eff, eps_r)")
    material.in_bohr(grid.extent)
    limit = HIGHEST * material.hartree
    potential = check_array("V", V, (grid.n, grid.n), -limit, limit).astype(np.float64) / material.hartree
    check_integer("n_levels", n_levels, 1, f"The grid has {grid.n**2} points", high=grid.n**2 - 1)
    main, off = np.full(grid.n, 2.0), np.full(grid.n - 1, -1.0)
    main[[0, -1]] = 3.0
    dx = grid.dx / material.bohr
    one_way = scipy.sparse.diags_array([off, main, off], offsets=[-1, 0, 1]) / (2 * dx**2)
    unit = scipy.sparse.eye_array(grid.n)
    kinetic = scipy.sparse.kron(one_way, unit) + scipy.sparse.kron(unit, one_way)
    hamiltonian = (kinetic + scipy.sparse.diags_array(potential.ravel())).tocsc()
    # the levels nearest to a point below the bottom of the potential are the lowest
    levels = eigsh(hamiltonian, k=n_levels, sigma=potential.min() - 1e-3, return_eigenvectors=False)
    return np.sort(levels) * material.hartree
