"""The energy of one electron from its density: the Rayleigh quotient of psi = sqrt(n).

    E[n] = <psi| T + V |psi> / <psi|psi>,    psi = P sqrt(n),    E[n] >= eps_0

with the projection P on the sine functions of ``solve``, so that E[n] is never below the lowest level that ``solve``
finds with the same ``n_modes``. A ground state without nodes has E[n_0] = eps_0. The error of E is of second order in
that of psi, and therefore small for a predicted density.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.checks import check_array, check_kind
from solvers.grid import Grid
from solvers.quantum_dots.settings import modes_of
from solvers.quantum_dots.single_particle import SineBasis
from solvers.units import HIGHEST, Material


class RayleighQuotient(NamedTuple):
    """Expectation values of one electron in eV, (S,) each: ``energy`` is the sum of ``kinetic`` and ``confinement``."""

    energy: NDArray[np.float64]
    kinetic: NDArray[np.float64]
    confinement: NDArray[np.float64]


def rayleigh_quotient(
    density: ArrayLike,
    V: ArrayLike,
    grid: Grid,
    material: Material,
    n_modes: int | tuple[int, int] | None = None,
) -> RayleighQuotient:
    """Return energies of one electron of each ``density`` in nm^-2 in the potentials ``V`` in eV, (S, n_x, n_y) both.

    Args:
        density: non-negative densities, solved or predicted; their integrals do not matter.
        V: a potential for each density, hard walls around.
        grid: points and sides of the square or rectangle.
        material: effective mass, and the units of all lengths and energies.
        n_modes: sine functions per direction, one number or a pair, those of the solver; by default n / 2, as in
            ``solve``.

    Raises:
        ValueError: an argument is out of range, or a density is zero everywhere.
    """
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    check_kind("material", material, Material, "Material(m_eff, eps_r)")
    sides, limit = material.in_bohr(grid.sides), HIGHEST * material.hartree
    n = check_array("density", density, ("systems", *grid.shape), low=0.0).astype(np.float64)
    potential = check_array("V", V, n.shape, -limit, limit).astype(np.float64) / material.hartree
    modes = modes_of(grid, n_modes)
    highest = n.max(axis=(1, 2), keepdims=True)
    if not highest.all():
        raise ValueError("density: expected densities with an electron, got one that is zero everywhere; leave it out")
    basis = SineBasis(grid.shape, sides, modes, inverse_masses=material.inverse_masses)
    c = basis.from_grid(np.sqrt(n / highest))
    norm = (c**2).sum((1, 2)) / material.hartree
    kinetic = (basis.kinetic * c**2).sum((1, 2)) / norm
    confinement = (potential * basis.to_grid(c) ** 2).sum((1, 2)) * basis.cell_area / norm
    return RayleighQuotient(kinetic + confinement, kinetic, confinement)
