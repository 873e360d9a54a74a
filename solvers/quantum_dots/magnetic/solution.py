"""The result of ``solve_in_field``: levels, spins, densities and currents of dots in a field, with error bars."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ENERGY, DENSITY, LENGTH, CURRENT, NUMBER = (1, 0), (0, -2), (0, 1), (1, -1), (0, 0)
"""Units of columns as powers of (hartree, bohr), with hbar = 1."""


def _column(shape: str = "", power: tuple[int, int] = NUMBER) -> Any:
    """Return a field of ``FieldSolution``: trailing shape by letters (g: grid, k, M, 2), and the powers of its unit."""
    return field(metadata={"shape": shape, "power": power})


@dataclass(frozen=True)
class FieldSolution:
    """The lowest states of dots in a field; arrays have the leading shape (...) of the potentials.

    Attributes:
        energies: of the n_states lowest states of all S_z, with their Zeeman energy (eV), shape (..., n_states); NaN
            where there are fewer.
        energy_errors: estimates of the error of each by the truncation to M orbitals, and, with a gradient, to some
            multiplets (eV), (..., n_states); NaN without ``estimate``.
        gap_errors: the same of each distance from the ground state, energies[k] - energies[0] (eV), and its error by
            the grid.
        spins: total spin S, (..., n_states); with a gradient from <S^2>.
        s_z: S_z, (..., n_states); with a gradient its mean.
        angular_momenta: <L_z> about the origin in hbar, (..., n_states): independent of the gauge, and
            x p_y - y p_x in the symmetric one. States of one level are those of the computation. There is no error bar:
            where L_z is conserved, the result is a whole number, and the spread is what orbitals and walls break of
            the symmetry; elsewhere the mean depends on the state as the density does, see ``density_error``.
        angular_spreads: root of the variance of L_z, (..., n_states): 0 where L_z is conserved.
        energy, energy_error: of the ground state (eV), shape (...). Where ``order_certain`` is False, the error, like
            the ``energy_errors`` of the ground level, includes by how much another level may be lower.
        gap, gap_error: energy of the next level above the ground state (eV), and its error; NaN where there is none.
        density: n(r) in nm^-2, (..., n_x, n_y), averaged over a degenerate ground state, like all that follows.
        spin_density: n_up - n_down (nm^-2).
        current: j(r), of particles, along x and y in eV / (hbar nm), (..., 2, n_x, n_y); 1 eV / hbar is 1519.27 / ps,
            and an electric current of 243.41 microampere.
        paramagnetic, diamagnetic: its two parts, in the symmetric gauge about the origin.
        magnetisation: -dE / dB (eV per tesla): of the currents and of the spins.
        density_error: estimate of int |n - n_ref| / N by the truncation.
        current_error: estimate of int |j - j_ref| / int |j| by truncation and grid; 0 without a current.
        magnetisation_error: estimate of the error of the magnetisation by both (eV per tesla). Where ``order_certain``
            is False, these three are at least the distances from the other levels that may be the lowest.
        divergence: root of int |j_l|^2 / int |j|^2, j_l the part of j with a divergence: 0 for exact states.
        origin: that of the gauge and of L_z, (..., 2) in nm.
        orbital_energies: the lowest levels of one electron without spin (eV), (..., M).
        kinetic, confinement, interaction: the three parts of the orbital energy of the ground state (eV).
        cusp: energy of the electron-electron cusp in it (eV); 0 without ``cusp``.
        degeneracy: number of states of the ground level.
        grid_error: estimate of the error of the ground-state energy by the grid (eV); ``gauge_error`` is a part of it.
        gauge_error: change of the energy of the orbitals in a gauge with another origin, for all electrons (eV).
        residual: largest norm of H psi - E psi of orbitals and states (eV).
        charge_error: |int n - N| / N.
        imbalance: |energy - kinetic - confinement - interaction - Zeeman| (eV), each computed independently.
        order_certain: False where another level is as close as in ``Solution``, or without ``estimate``.
        converged: False where a guard (residual, charge, imbalance) fails.
        trusted: False where it is not converged, where its estimated errors are too large, or where the M lowest
            orbitals in a field are closer than the interaction energy per electron: parts of a Landau level.
    """

    energies: Floats = _column("k", ENERGY)
    energy_errors: Floats = _column("k", ENERGY)
    gap_errors: Floats = _column("k", ENERGY)
    spins: Floats = _column("k")
    s_z: Floats = _column("k")
    angular_momenta: Floats = _column("k")
    angular_spreads: Floats = _column("k")
    energy: Floats = _column("", ENERGY)
    energy_error: Floats = _column("", ENERGY)
    gap: Floats = _column("", ENERGY)
    gap_error: Floats = _column("", ENERGY)
    density: Floats = _column("g", DENSITY)
    spin_density: Floats = _column("g", DENSITY)
    current: Floats = _column("2g", CURRENT)
    paramagnetic: Floats = _column("2g", CURRENT)
    diamagnetic: Floats = _column("2g", CURRENT)
    magnetisation: Floats = _column("", ENERGY)
    density_error: Floats = _column()
    current_error: Floats = _column()
    magnetisation_error: Floats = _column("", ENERGY)
    divergence: Floats = _column()
    origin: Floats = _column("2", LENGTH)
    orbital_energies: Floats = _column("M", ENERGY)
    kinetic: Floats = _column("", ENERGY)
    confinement: Floats = _column("", ENERGY)
    interaction: Floats = _column("", ENERGY)
    cusp: Floats = _column("", ENERGY)
    degeneracy: NDArray[np.int64] = _column()
    grid_error: Floats = _column("", ENERGY)
    gauge_error: Floats = _column("", ENERGY)
    residual: Floats = _column("", ENERGY)
    charge_error: Floats = _column()
    imbalance: Floats = _column("", ENERGY)
    order_certain: NDArray[np.bool_] = _column()
    converged: NDArray[np.bool_] = _column()
    trusted: NDArray[np.bool_] = _column()


def columns() -> tuple[Field, ...]:
    """Return the fields of ``FieldSolution``."""
    return fields(FieldSolution)
