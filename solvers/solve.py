"""From potentials to ground states: the one call that users make."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers import configuration_interaction as ci
from solvers.coulomb import coulomb_integrals, pair_densities
from solvers.density import aufbau_occupations, interacting_density, noninteracting_density
from solvers.grid import Grid, check_integer, check_positive
from solvers.single_particle import SineBasis, lowest_orbitals
from solvers.units import Material

Array = NDArray[np.float64]

TOLERANCE = 1e-8
"""Largest residual of orbitals and states, in effective hartrees; energies are then exact to its square over a gap."""
DEGENERACY = 1e-7
"""States closer than this, in effective hartrees, count as degenerate."""


@dataclass(frozen=True)
class Solution:
    """Ground states of a batch of dots; every array has the leading shape of the potentials.

    Attributes:
        energy: ground-state energy (eV), shape (...).
        gap: energy of the next state of the same S_z block above the ground state (eV); 0 up to rounding where the
            ground state is degenerate, NaN where the block has one state only.
        density: interacting density (nm^-2), shape (..., n, n), averaged over a degenerate ground state.
        density_noninteracting: density without interaction (nm^-2), likewise.
        orbital_energies: the lowest single-particle levels (eV), shape (..., n_orbitals).
        residual: largest norm of H psi - E psi of all orbitals and of the ground state (eV): what is left of the
            iterations, not the error of the truncated basis.
        degeneracy: number of states that share the ground-state energy in this block.
        splits_shell: True where the last orbital kept is degenerate with the first one left out, so that the orbital
            space, and with it the result, is not unique: change n_orbitals.
    """

    energy: Array
    gap: Array
    density: Array
    density_noninteracting: Array
    orbital_energies: Array
    residual: Array
    degeneracy: NDArray[np.int64]
    splits_shell: NDArray[np.bool_]


def solve(
    V: ArrayLike,
    grid: Grid,
    n_electrons: int,
    material: Material,
    n_orbitals: int = 8,
    n_modes: int | None = None,
    memory: float = 2.0,
) -> Solution:
    """Exact ground states of ``n_electrons`` in the space of the ``n_orbitals`` lowest orbitals (full CI).

    Args:
        V: potentials in eV, shape (..., n, n) with n = ``grid.n``, hard walls around.
        grid: points and side (nm) of the square.
        n_electrons: number of electrons N, at most 2 n_orbitals.
        material: effective mass and permittivity.
        n_orbitals: M, the single-particle states kept; the error that this makes is discussed in DESIGN.md.
        n_modes: sine functions per direction; by default n / 2, whose products the grid just resolves.
        memory: working memory in GiB; larger batches are solved in pieces.

    Raises:
        ValueError: an argument is out of range, or one system would not fit into ``memory``; before any work.
    """
    potential = _checked_potential(V, grid)
    n_modes = max(grid.n // 2, 2) if n_modes is None else n_modes
    _check_numbers(grid, n_electrons, material, n_orbitals, n_modes, memory)
    flat = potential.reshape(-1, grid.n, grid.n)
    batch = max(1, int(memory * 2**30 // _bytes_per_system(grid.n, n_modes, n_orbitals, n_electrons)))
    basis = SineBasis(grid.n, grid.extent / material.bohr, n_modes)
    parts = [
        _solve_batch(flat[i : i + batch] / material.hartree, basis, n_electrons, n_orbitals)
        for i in range(0, max(len(flat), 1), batch)
    ]
    leading = potential.shape[:-2]
    arrays: dict[str, Any] = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Solution)}
    units = {name: material.hartree for name in ("energy", "gap", "orbital_energies", "residual")}
    units |= {name: material.bohr**-2 for name in ("density", "density_noninteracting")}
    return Solution(
        **{
            name: (array * units[name] if name in units else array).reshape(leading + array.shape[1:])
            for name, array in arrays.items()
        }
    )


def _solve_batch(potential: Array, basis: SineBasis, n_electrons: int, n_orbitals: int) -> Solution:
    """``solve`` in effective atomic units, for potentials (B, n, n)."""
    bottom = potential.min(axis=(1, 2))  # measured from there, an offset costs no digits
    potential = potential - bottom[:, None, None]
    n_extra = min(n_orbitals + 1, basis.n_modes**2)  # one more, to see whether a shell is split
    orbitals = lowest_orbitals(potential, basis, n_extra, TOLERANCE)
    energies, functions = orbitals.energies[:, :n_orbitals], orbitals.functions[:, :n_orbitals]
    length = math.sqrt(basis.cell_area) * basis.n
    pairs = pair_densities(functions)
    block = ci.spin_block(n_orbitals, n_electrons)
    integrals = coulomb_integrals(pairs, length)
    states = ci.lowest_states(block, energies, integrals, ci.n_states(n_electrons), TOLERANCE)
    above = states.values - states.values[:, :1]
    ground = above <= DEGENERACY
    degeneracy = ground.sum(axis=1)
    occupations = ci.pair_occupations(block, states.vectors, ground / degeneracy[:, None])
    aufbau = aufbau_occupations(energies, n_electrons, DEGENERACY)
    last_step = np.diff(orbitals.energies[:, n_orbitals - 1 :], axis=1)
    ground_residual = np.where(ground, states.residuals, 0.0).max(axis=1)
    return Solution(
        energy=states.values[:, 0] + n_electrons * bottom,
        gap=above[:, 1] if above.shape[1] > 1 else np.full(len(potential), np.nan),
        density=interacting_density(occupations, pairs),
        density_noninteracting=noninteracting_density(aufbau, functions),
        orbital_energies=energies + bottom[:, None],
        residual=np.maximum(orbitals.residuals[:, :n_orbitals].max(axis=1), ground_residual),
        degeneracy=degeneracy,
        splits_shell=np.any(last_step <= DEGENERACY, axis=1),
    )


def _checked_potential(V: ArrayLike, grid: Grid) -> Array:
    if not isinstance(grid, Grid):
        raise ValueError(f"grid: expected a Grid(n, extent), got {grid!r}")
    try:
        given = np.asarray(V)
        if given.dtype.kind in "cSU":  # NumPy would drop imaginary parts, and read numbers out of words
            raise TypeError(given.dtype)
        potential = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"V: expected an array of real numbers in eV, got {type(V).__name__}") from None
    if potential.ndim < 2 or potential.shape[-2:] != (grid.n, grid.n):
        raise ValueError(f"V: expected shape (..., {grid.n}, {grid.n}), the grid's, got {potential.shape}")
    if not np.isfinite(potential).all():
        raise ValueError(
            f"V: expected finite numbers, got {np.count_nonzero(~np.isfinite(potential))} that are NaN or infinite. "
            "Use a high step (some eV) for a wall."
        )
    return potential


def _check_numbers(
    grid: Grid, n_electrons: int, material: Material, n_orbitals: int, n_modes: int, memory: float
) -> None:
    if not isinstance(material, Material):
        raise ValueError(f"material: expected a Material(m_eff, eps_r), got {material!r}")
    check_integer("n_electrons", n_electrons, 1)
    check_integer("n_orbitals", n_orbitals, 1)
    check_integer("n_modes", n_modes, 1)
    check_positive("memory", memory)
    if n_modes >= grid.n:
        raise ValueError(f"n_modes: expected less than the {grid.n} points per side, got {n_modes}; grid.n / 2 is safe")
    if n_orbitals > n_modes**2:
        raise ValueError(f"n_orbitals: {n_orbitals} are more than the {n_modes}^2 sine functions; raise n_modes")
    if n_electrons > 2 * n_orbitals:
        raise ValueError(
            f"n_electrons: {n_electrons} electrons do not fit into n_orbitals = {n_orbitals}; "
            f"at least {(int(n_electrons) + 1) // 2} orbitals are needed"
        )
    needed = _bytes_per_system(grid.n, n_modes, n_orbitals, n_electrons)
    if needed > memory * 2**30:
        raise ValueError(
            f"n_orbitals: one system with N = {n_electrons} in M = {n_orbitals} orbitals has "
            f"{ci.block_size(n_orbitals, n_electrons)} determinants and needs about {needed / 2**30:.1f} GiB, "
            f"more than memory = {memory:g}. Lower n_orbitals or n_electrons, or raise memory."
        )


def _bytes_per_system(n: int, n_modes: int, n_orbitals: int, n_electrons: int) -> int:
    """Estimate of the working memory for one system."""
    n_pairs = n_orbitals * (n_orbitals + 1) // 2
    orbitals = 8 * (n_orbitals + 4) * (14 * n_modes**2 + 4 * n**2)
    coulomb = 8 * n_pairs * (3 * n**2 + 8 * n * (n + 1))
    return orbitals + coulomb + ci.bytes_needed(n_orbitals, n_electrons)
