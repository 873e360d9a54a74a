"""The public function: the lowest states of dots in a magnetic field."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from solvers.checks import check_array, check_flag, check_integer, check_kind, check_number, check_plain
from solvers.grid import Grid
from solvers.quantum_dots.coulomb import COULOMB, Interaction
from solvers.quantum_dots.determinants import n_strings
from solvers.quantum_dots.magnetic.dot import Problem, solve_dot
from solvers.quantum_dots.magnetic.field import BOHR_MAGNETON, FLUX, MagneticField, check_resolved
from solvers.quantum_dots.magnetic.multiplets import count_of, total_spins_of
from solvers.quantum_dots.magnetic.one_electron import Floats, Rectangle, Side
from solvers.quantum_dots.magnetic.orbitals import centre
from solvers.quantum_dots.magnetic.results import Columns, observables
from solvers.quantum_dots.magnetic.solution import FieldSolution, columns
from solvers.quantum_dots.settings import MOST_DETERMINANTS, modes_of
from solvers.units import HIGHEST, Material

MOST_ELECTRONS = 6
"""Largest number of electrons."""


def solve_in_field(
    V: ArrayLike,
    grid: Grid,
    n_electrons: int,
    material: Material,
    field: MagneticField,
    n_orbitals: int = 14,
    n_states: int = 4,
    interaction: Interaction = COULOMB,
    estimate: bool = True,
    refinements: int = 1,
    cusp: bool = True,
    n_modes: int | tuple[int, int] | None = None,
    origin: tuple[float, float] | None = None,
    coupled: int = 6,
) -> FieldSolution:
    """Return the lowest states of ``n_electrons`` in a magnetic field, of all S_z, by full CI in ``n_orbitals``.

    Args:
        V: potentials in eV, shape (..., n_x, n_y), hard walls around.
        grid: points and sides (nm).
        n_electrons: number of electrons N, at most 6.
        material: effective mass, or masses along x and y, and permittivity.
        field: the magnetic field, with the g factor.
        n_orbitals: M, the orbitals kept.
        n_states: requested number of lowest states; refined orbitals are an average for all of them.
        interaction: bare Coulomb, or screened, softened, or below a metal plane.
        estimate: estimate the errors of the truncation; otherwise they are NaN.
        refinements: rounds in which the lowest orbitals are replaced by natural orbitals, as in ``solve``.
        cusp: add the energy of the electron-electron cusp that M orbitals miss.
        n_modes: sine functions per direction, one number or a pair; by default n / 2.
        origin: (x, y) in nm of the gauge, of L_z and of the gradient. Default of gauge and L_z: the centre of charge of
            the M lowest orbitals without a field; of the gradient: the middle of the grid.
        coupled: multiplets of each spin that a gradient couples.

    Raises:
        ValueError: an argument is out of range, or the grid does not resolve the magnetic length; before any work.
    """
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    check_kind("material", material, Material, "Material(m_eff, eps_r)")
    check_kind("field", field, MagneticField, "MagneticField(B)")
    check_kind("interaction", interaction, Interaction, "Interaction(screening, thickness)")
    modes = modes_of(grid, n_modes)
    numbers = {
        "n_electrons": n_electrons,
        "n_orbitals": n_orbitals,
        "n_states": n_states,
        "refinements": refinements,
        "coupled": coupled,
    }
    _check_numbers(numbers, modes)
    for name, flag in (("estimate", estimate), ("cusp", cusp)):
        check_flag(name, flag)
    check_resolved(field, grid, material)
    potential = _potential(V, grid, material)
    centre_of = None if origin is None else _origin(origin, grid, material)
    sides = _sides(grid, material, modes)
    shared: dict[str, Any] = {name: int(value) for name, value in numbers.items()}
    shared |= {
        "sides": sides,
        "strength": field.strength(material),
        "zeeman": field.zeeman(material),
        "slope": field.slope(material),
        "zero": sides.x.length / 2 if centre_of is None else centre_of[0],  # a magnet does not follow the electrons
        "interaction": interaction.in_units(material.bohr),
        "cusp": bool(cusp),
        "estimate": bool(estimate),
    }
    rows = []
    with threadpool_limits(1, "blas"):  # the products are small: more threads would only wait for each other
        for one in potential.reshape(-1, *potential.shape[-2:]):
            bottom, v = float(one.min()) / material.hartree, (one - one.min()) / material.hartree
            place = centre_of or centre(v, sides, shared["n_orbitals"])
            found = observables(solve_dot(Problem(potential=v, origin=place, **shared)))
            rows.append(_from_bottom(found, bottom, shared["n_electrons"]))
    return _solution(rows, potential.shape[:-2], field, material, grid, shared)


def _sides(grid: Grid, material: Material, modes: tuple[int, int]) -> Rectangle:
    """Return the two sides in effective Bohr radii, each with its mass in units of m*."""
    lengths, masses = material.in_bohr(grid.sides), (1 / a for a in material.inverse_masses)
    return Rectangle(*map(Side, grid.shape, lengths, modes, masses))


def _from_bottom(found: Columns, bottom: float, n_electrons: int) -> Columns:
    """Return columns with energies from the zero of V instead of its minimum ``bottom``."""
    shifted = {name: found[name] + n_electrons * bottom for name in ("energies", "energy", "confinement")}
    return found | shifted | {"orbital_energies": found["orbital_energies"] + bottom}


def _solution(
    rows: list[Columns],
    leading: tuple[int, ...],
    field: MagneticField,
    material: Material,
    grid: Grid,
    shared: dict[str, Any],
) -> FieldSolution:
    """Return the dots as one solution in the units of the material."""
    sizes = {"k": (shared["n_states"],), "M": (shared["n_orbitals"],), "2": (2,), "g": grid.shape}
    kinds = {"degeneracy": np.int64, "order_certain": np.bool_, "converged": np.bool_, "trusted": np.bool_}
    arrays = {}
    for column in columns():
        energy, length = column.metadata["power"]
        shape = tuple(size for letter in column.metadata["shape"] for size in sizes[letter])
        values: Any = np.array([row[column.name] for row in rows], dtype=kinds.get(column.name, np.float64))
        values = values.reshape((*leading, *shape))
        arrays[column.name] = (
            values * (material.hartree**energy * material.bohr**length) if (energy, length) != (0, 0) else values
        )
    per_tesla = material.bohr**2 / FLUX[material.units]
    spins, of_one = grid.integrate(arrays["spin_density"]) / 2, field.g * BOHR_MAGNETON[material.units]
    s_z_errors = np.array([row["s_z_error"] for row in rows]).reshape(leading)
    arrays["magnetisation"] = arrays["magnetisation"] * per_tesla - of_one * spins
    arrays["magnetisation_error"] = arrays["magnetisation_error"] * per_tesla + abs(of_one) * s_z_errors
    return FieldSolution(**arrays)


def _potential(V: ArrayLike, grid: Grid, material: Material) -> Floats:
    """Return V as an array of real numbers of the grid's shape; it may hold no dot."""
    check_plain("V", V)
    highest = HIGHEST * material.hartree
    return check_array("V", V, (*_leading(V), *grid.shape), -highest, highest).astype(np.float64)


def _leading(V: ArrayLike) -> tuple[int, ...]:
    """Return the leading axes of an array or a list; none for anything else."""
    try:
        return np.shape(V)[:-2] if isinstance(V, (np.ndarray, list, tuple)) else ()
    except (TypeError, ValueError):  # a ragged list
        return ()


def _origin(origin: object, grid: Grid, material: Material) -> tuple[float, float]:
    """Return the origin in effective Bohr radii."""
    place = check_array("origin", origin, (2,), 0.0, max(grid.sides)).astype(np.float64)
    for along, side in zip(place.tolist(), grid.sides, strict=True):
        check_number("origin", along, 0.0, side, "It lies on the grid")
    x, y = place / material.bohr
    return float(x), float(y)


def _check_numbers(given: dict[str, int], modes: tuple[int, int]) -> None:
    """Raise ValueError for a whole number out of range."""
    for name, value in given.items():
        check_integer(name, value, 0 if name == "refinements" else 1, high=10**6)
    n, m = int(given["n_electrons"]), int(given["n_orbitals"])
    check_integer("n_electrons", n, 1, "Full CI in a field is limited to six electrons", high=MOST_ELECTRONS)
    check_integer(
        "n_orbitals", m, 1, f"There are {modes[0]} x {modes[1]} sine functions; raise n_modes", high=math.prod(modes)
    )
    hint = f"n_orbitals = {m} hold two electrons each; at least {(n + 1) // 2} orbitals are needed"
    check_integer("n_electrons", n, 1, hint, high=2 * m)
    size = n_strings(m, (n + 1) // 2) * n_strings(m, n // 2)
    if size > MOST_DETERMINANTS:
        raise ValueError(
            f"n_orbitals: expected at most {MOST_DETERMINANTS} determinants, got {size:.2g} for N = {n} in M = {m} "
            "orbitals. Lower n_orbitals"
        )
    states = sum(count_of(m, n, s) * round(2 * s + 1) for s in total_spins_of(n, m))
    hint = f"N = {n} in M = {m} orbitals has so many states"
    check_integer("n_states", int(given["n_states"]), 1, hint, high=states)
