"""Measurable quantities of a dot: moments of its charge, and the energies at which electrons enter."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from solvers.backend import Array, as_field, namespace
from solvers.checks import check_integer, check_kind
from solvers.grid import Grid
from solvers.quantum_dots.options import check_options
from solvers.quantum_dots.solve import solve
from solvers.units import Material


def dipole(density: Array, grid: Grid) -> Array:
    """Return int n (r - r_0) d^2r about the middle r_0 of the rectangle: (..., n_x, n_y) in nm^-2 -> (..., 2) in nm."""
    xp, density, *middle = _from_middle(density, grid)
    return xp.stack([grid.integrate(density * c) for c in middle], axis=-1)


def quadrupole(density: Array, grid: Grid) -> Array:
    """Return int n (r - r_0)_i (r - r_0)_j d^2r about the middle of the rectangle: (..., 2, 2) in nm^2."""
    xp, density, *middle = _from_middle(density, grid)
    rows = [xp.stack([grid.integrate(density * a * b) for b in middle], axis=-1) for a in middle]
    return xp.stack(rows, axis=-2)


def _from_middle(density: Array, grid: Grid) -> tuple[Any, Array, Array, Array]:
    """Return library, plain ``density``, and coordinates x (n_x, 1), y (n_y,) from the middle of the rectangle (nm)."""
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    density = as_field("density", density, grid.shape)
    xp = namespace(density)
    x, y = (xp.asarray(a, device=density.device) for a in grid.from_middle())
    return xp, density, x[:, None], y


class Charging(NamedTuple):
    """The filling of a dot with electrons, in eV; ``energies`` (..., N_max + 1) of N = 0 ... N_max electrons.

    ``chemical_potentials`` (..., N_max): mu(N) = E(N) - E(N - 1), N = 1 ... N_max, at which electron N enters.
    ``addition_energies`` (..., N_max - 1): mu(N + 1) - mu(N), N = 1 ... N_max - 1: the distance of two Coulomb peaks.
    """

    energies: Array
    chemical_potentials: Array
    addition_energies: Array


def charging(V: ArrayLike, grid: Grid, max_electrons: int, material: Material, **options: Any) -> Charging:
    """Return the ground-state energies of 0 ... ``max_electrons`` electrons in potentials ``V`` (..., n_x, n_y) in eV.

    ``options`` are those of ``solve``.

    Raises:
        ValueError: as ``solve``.
    """
    check_integer("max_electrons", max_electrons, 1)
    check_options(options)
    found = [solve(V, grid, n, material, **options).energy for n in range(max_electrons, 0, -1)][::-1]
    xp = namespace(found[0])
    energies = xp.stack([xp.zeros_like(found[0]), *found], axis=-1)
    potentials = energies[..., 1:] - energies[..., :-1]
    return Charging(energies, potentials, potentials[..., 1:] - potentials[..., :-1])
