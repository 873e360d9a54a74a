"""PySCF's full CI on the integrals of a solution: a second opinion on everything that can be asked of a state."""

import numpy as np
import pytest
from dots import four_index

from solvers.quantum_dots.coulomb import COULOMB, coulomb_integrals, pair_densities


class Exact:
    """PySCF's full CI for the orbitals of one ``solution``, in eV; T and V of these orbitals found here once more."""

    def __init__(self, v, grid, n_electrons, material, solution, n_states, interaction=COULOMB):
        fci = pytest.importorskip("pyscf.fci")
        functions = solution.wavefunction.orbitals[0]
        self.m = m = len(functions)
        x, modes = (np.arange(grid.n) + 0.5) / grid.n, np.arange(1, grid.n // 2 + 1)
        sines = np.sqrt(2 / grid.extent) * np.sin(np.pi * np.outer(modes, x))
        c = (sines @ functions @ sines.T * grid.cell_area).reshape(m, -1)
        hbar2_over_2m = 0.0380998212 / material.m_eff
        k_squared = np.add.outer(modes**2, modes**2).ravel() * (np.pi / grid.extent) ** 2
        self.kinetic = hbar2_over_2m * (c * k_squared) @ c.T
        self.confinement = np.einsum("pxy,qxy,xy->pq", functions, functions, v, optimize=True) * grid.cell_area
        length, units = grid.extent / material.bohr, interaction.in_units(material.bohr)
        pairs = pair_densities(functions[None] * material.bohr)
        self.repulsion = four_index(coulomb_integrals(pairs, length, units)[0], m) * material.hartree
        self.n_spins = (n_electrons + 1) // 2, n_electrons // 2
        self.solver = fci.direct_spin1.FCI()
        self.solver.conv_tol, self.solver.pspace_size = 1e-13, 500
        found = self.solver.kernel(self.kinetic + self.confinement, self.repulsion, m, self.n_spins, nroots=n_states)
        self.energies, self.vectors = (np.atleast_1d(found[0]), found[1] if n_states > 1 else [found[1]])

    def spin(self, state):
        """S, of 2S + 1."""
        return (self.solver.spin_square(self.vectors[state], self.m, self.n_spins)[1] - 1) / 2

    def one_particle(self, state):
        """Density matrices of the up and of the down electrons, (M, M)."""
        return self.solver.make_rdm1s(self.vectors[state], self.m, self.n_spins)

    def two_particle(self, state):
        """<a+_p a+_r a_s a_q>, (M, M, M, M), spins summed."""
        return self.solver.make_rdm12(self.vectors[state], self.m, self.n_spins)[1]
