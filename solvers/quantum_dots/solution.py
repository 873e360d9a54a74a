"""The result of ``solve``: energies, densities, spins and guards of a batch of dots."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from solvers.backend import Array, to_numpy
from solvers.quantum_dots.wavefunction import Wavefunction

ENERGY, DENSITY = (1, 0), (0, -2)
"""Units of columns as powers of (hartree, bohr)."""


def _column(shape: str = "", power: tuple[int, int] = (0, 0)) -> Any:
    """Return a field of ``Solution``: trailing shape by letters (x, y, M, k), unit as powers of (hartree, bohr)."""
    return field(metadata={"shape": tuple(shape), "power": power})


@dataclass(frozen=True)
class Solution:
    """The ground states of a batch of dots; arrays have the leading shape of the potentials and their library.

    Attributes:
        energy: ground-state energy (eV), shape (...).
        gap: energy of the next state of the same S_z block above the ground state (eV); 0 up to rounding where the
            ground state is degenerate, NaN where the block has one state only.
        energies: of the n_states lowest states of the block (eV), shape (..., n_states); NaN where there are fewer.
        spins: total spin S of these states, shape (..., n_states); an average where n_states cuts through a degenerate
            level of several spins.
        density: interacting density (nm^-2), shape (..., n_x, n_y), averaged over a degenerate ground state.
        spin_density: n_up - n_down of the same (nm^-2); it vanishes for even N.
        density_noninteracting: density without interaction (nm^-2), likewise averaged.
        orbital_energies: the lowest single-particle levels (eV), shape (..., n_orbitals).
        occupations: natural occupations, electrons in each natural orbital, descending, shape (..., n_orbitals).
        kinetic, confinement, interaction: the three parts of the energy (eV).
        cusp: energy of the electron-electron cusp beyond M orbitals (eV) in ``energy``, negative; 0 without ``cusp``.
        density_error: estimate of int |n - n_ref| / N, the error of the truncation to M orbitals, without that of the
            grid; at least the distance from the density of the next level where ``order_certain`` is False. NaN if
            ``estimate`` is False.
        energy_error: estimate of the error of the energy by the same truncation (eV); where ``order_certain`` is False,
            the energy may be that of the next level, lower by what the error of the gap exceeds it.
        gap_error: estimate of the error of the gap by the same truncation (eV).
        order_certain: False where the next level is within the error of the gap of the lowest one: ``gap_error``, twice
            that without refinement, and the error by the grid: ``grid_error`` times the part of the charge by which
            their densities differ, at least what the ripples of orbitals do that the grid does not resolve. Which of
            them is the ground state, with its spin and density, is then not known.
            Also False without ``estimate``, except for one electron.
        directions: orbitals by which the space was enlarged for estimates and refinements.
        degeneracy: number of states that share the ground-state energy in this block.
        splits_shell: True where the orbitals kept are a part of a nearly degenerate shell, so that the orbital space,
            and with it the result, is not unique: change n_orbitals. Shells that a symmetry of V makes are never cut.
        residual: largest norm of H psi - E psi of all orbitals and of the ground state (eV): the error of the
            iterations, not of the truncated basis.
        orthogonality: largest overlap of two orbitals, or of two states, or error of a norm.
        charge_error: |int n - N| / N.
        imbalance: |energy - kinetic - confinement - interaction| (eV), each part computed independently.
        fallback: True where an iteration failed and LAPACK solved the whole matrix.
        grid_error: estimate of the error of the energy (eV) by the sine functions that the grid leaves out, by its
            quadrature of the interaction, and by kinks and steps of V between its points.
        converged: False where a guard (residual, orthogonality, charge, imbalance) fails.
        trusted: False where the result is not converged, or its estimated errors are so large that M orbitals, or the
            grid, do not describe the state: do not use it. The order of the states has no part in it. Without
            ``estimate`` only the grid is judged.
        wavefunction: orbitals and states, if requested.
    """

    energy: Array = _column("", ENERGY)
    gap: Array = _column("", ENERGY)
    energies: Array = _column("k", ENERGY)
    spins: Array = _column("k")
    density: Array = _column("xy", DENSITY)
    spin_density: Array = _column("xy", DENSITY)
    density_noninteracting: Array = _column("xy", DENSITY)
    orbital_energies: Array = _column("M", ENERGY)
    occupations: Array = _column("M")
    kinetic: Array = _column("", ENERGY)
    confinement: Array = _column("", ENERGY)
    interaction: Array = _column("", ENERGY)
    cusp: Array = _column("", ENERGY)
    density_error: Array = _column()
    energy_error: Array = _column("", ENERGY)
    gap_error: Array = _column("", ENERGY)
    order_certain: Array = _column()
    directions: Array = _column()
    degeneracy: Array = _column()
    splits_shell: Array = _column()
    residual: Array = _column("", ENERGY)
    orthogonality: Array = _column()
    charge_error: Array = _column()
    imbalance: Array = _column("", ENERGY)
    fallback: Array = _column()
    grid_error: Array = _column("", ENERGY)
    converged: Array = _column()
    trusted: Array = _column()
    wavefunction: Wavefunction | None = None

    def to_numpy(self) -> Solution:
        """Return the solution in NumPy arrays, without the wavefunction."""
        arrays = {column.name: to_numpy(getattr(self, column.name)) for column in columns()}
        return replace(self, **arrays, wavefunction=None)


def columns() -> tuple[Field, ...]:
    """Return the fields of ``Solution`` that are arrays."""
    return tuple(f for f in fields(Solution) if f.metadata)
