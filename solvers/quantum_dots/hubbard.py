"""The Hubbard model of a dot with several sites: its couplings, and the exchange coupling beside that of full CI.

The k lowest states of one electron are rotated into k localised orbitals (``localisation.py``), one for each site. In
these, with (pq|rs) the integrals of the interaction, H of the sites is

    H = sum_p e_p n_p - sum_pq t_pq E_pq + sum_p U_p n_p(up) n_p(down) + sum_p<q U'_pq n_p n_q + exchange + hopping,

    e_p = h_pp,  t_pq = -h_pq,  U_p = (pp|pp),  U'_pq = (pp|qq),  K_pq = (pq|pq),  X_pq = (pp|pq):

K is the direct exchange, and X the hopping that an electron of the other spin on site p assists. H of the sites
contains all other integrals as well. For two electrons on two equal sites

    J = E(triplet) - E(singlet) = [sqrt((U - U')^2 + 16 (t - X)^2) - (U - U')] / 2 - 2 K,

4 t^2 / (U - U') where the barrier is high (Burkard, Loss, DiVincenzo, Phys. Rev. B 59, 2070 (1999)).

Three kinds of uncertainty are kept apart. ``errors`` bound what the grid leaves out of the couplings as defined above:
sine functions, and what V may be between its points (``step_edges.py``).
``relaxed`` are the couplings in orbitals of the interacting electrons: their distance is the ambiguity of the model,
not an error of a number. And J of full CI, with its own error, shows what a model of k orbitals misses altogether.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.checks import check_array, check_flag, check_function, check_integer, check_kind, check_positive
from solvers.grid import Grid
from solvers.quantum_dots.configuration_interaction import spin_block
from solvers.quantum_dots.coulomb import COULOMB, Interaction
from solvers.quantum_dots.density import spin_densities, symmetric_matrix
from solvers.quantum_dots.exchange_points import ExchangeTask
from solvers.quantum_dots.localisation import positions
from solvers.quantum_dots.options import check_options
from solvers.quantum_dots.settings import modes_of
from solvers.quantum_dots.sites import (
    COARSE,
    Couplings,
    changes,
    coarse_sites,
    grid_errors,
    has_steps,
    localised,
    response,
    sampling_errors,
    sampling_errors_of_slopes,
    sites,
    sites_basis,
    with_sampling,
)
from solvers.quantum_dots.solution import Solution
from solvers.quantum_dots.solve import PRESETS, solve
from solvers.quantum_dots.step_edges import cell_of
from solvers.units import HIGHEST, Material

Floats = NDArray[np.float64]

MOST_SITES = 8
"""Largest number of sites."""
SAME_SITE = 0.5
"""Smallest overlap of the orbitals of a site at both ends of a step."""


@dataclass(frozen=True)
class Hubbard:
    """The Hubbard model of a dot; energies in eV.

    Attributes:
        couplings: in localised combinations of the lowest states of one electron.
        errors: error bars of these by the grid alone: finite number of points and sine functions.
        relaxed: the couplings in localised natural orbitals of the interacting electrons, one for each site; None
            without ``compare``.
        orbitals: localised orbitals, (k, n_x, n_y) in nm^-1, in the order of their x, then y; their integrals are
        positive. centers, spreads: <r>, (k, 2), and (<r^2> - <r>^2)^1/2, (k,), of the orbitals, in nm. separation:
        distance from the highest of the states used to the next: a small one makes the choice of the
            orbitals, and with it all couplings, arbitrary.
        J, J_error: exchange coupling of two electrons on two sites by diagonalisation of the model, and its error by
            the grid; NaN for other numbers of sites.
        J_ci, J_ci_error: the same by full CI, with the error of orbitals and grid (``exchange_points.py``); NaN without
            ``compare``, for other numbers of sites, and without a triplet among the states.
        solution: full CI for one electron per site; None without ``compare``.
    """

    couplings: Couplings
    errors: Couplings
    relaxed: Couplings | None
    orbitals: Floats
    centers: Floats
    spreads: Floats
    separation: float
    J: float
    J_error: float
    J_ci: float
    J_ci_error: float
    solution: Solution | None


def hubbard(
    V: ArrayLike,
    grid: Grid,
    material: Material,
    n_sites: int = 2,
    interaction: Interaction = COULOMB,
    n_modes: int | tuple[int, int] | None = None,
    compare: bool = True,
    **options: Any,
) -> Hubbard:
    """Return the Hubbard model of ``n_sites`` sites in the potential ``V``.

    Args:
        V: potential in eV, shape (n_x, n_y).
        grid: points and sides (nm) of the square or rectangle.
        material: effective mass, or masses along x and y, and permittivity.
        n_sites: number of sites k.
        interaction: interaction of the electrons.
        n_modes: sine functions per direction, as in ``solve``.
        compare: also solve for one electron per site by full CI, for ``relaxed`` and ``J_ci``.
        options: further arguments of ``solve`` for this; by default those of ``PRESETS["converged"]``.

    Raises:
        ValueError: an argument is out of range.
    """
    check_flag("compare", compare)
    check_options(options, caller="number of sites")
    modes = _checked(grid, material, n_sites, interaction, n_modes)
    potential = _potential("V", V, grid, material)
    options = PRESETS["converged"] | {"interaction": interaction, "n_modes": modes, **options}
    solve(np.zeros((0, *grid.shape)), grid, n_sites if compare else 1, material, **options)  # checks them without work
    pair = ExchangeTask.of_dot(grid, material, options) if compare and n_sites == 2 else None
    if pair is not None:
        pair.check()
    dot = solve(potential, grid, n_sites, material, **(options | {"wavefunction": True})) if compare else None
    exchange = None if pair is None or dot is None else pair.points(potential[None], dot)[0]
    found = sites(potential, modes, grid, material, n_sites, interaction)
    coarse = coarse_sites(potential, modes, grid, material, n_sites, interaction)
    others, stepped = [other.couplings for other in coarse], has_steps(potential)
    unit, nm = material.hartree, material.bohr
    cell = cell_of(material.in_bohr(grid.steps), material.inverse_masses)
    sampled, J_sampled = sampling_errors(found, potential / unit, cell)
    moved = response(sampled, found, potential / unit, cell, found.couplings)
    errors = with_sampling(grid_errors(found.couplings, others, found.residual, stepped), sampled, moved)
    x = positions(found.orbitals / nm, grid.x, grid.y, grid.cell_area)
    squared = positions(found.orbitals / nm, grid.x**2, grid.y**2, grid.cell_area)
    centers = np.diagonal(x, axis1=1, axis2=2).T
    factor = changes(found.couplings, others, stepped).factor
    J_error = (factor * max(abs(found.J - other.J) for other in coarse) + 2 * errors.exchange.max() + J_sampled) * unit
    return Hubbard(
        couplings=_scaled(found.couplings, unit),
        errors=_scaled(errors, unit),
        relaxed=None if dot is None else _relaxed(dot, potential, grid, material, n_sites, interaction, modes),
        orbitals=found.orbitals / nm,
        centers=centers,
        spreads=np.sqrt(np.einsum("kpp->p", squared) - (centers**2).sum(1)),
        separation=found.separation * unit,
        J=found.J * unit,
        J_error=J_error,
        J_ci=float("nan") if exchange is None else float(exchange.J),
        J_ci_error=float("nan") if exchange is None else float(exchange.error),
        solution=dot,
    )


def coupling_slopes(
    V_of: Callable[..., ArrayLike],
    gates: ArrayLike,
    step: float,
    grid: Grid,
    material: Material,
    n_sites: int = 2,
    interaction: Interaction = COULOMB,
    n_modes: int | tuple[int, int] | None = None,
) -> tuple[Couplings, Couplings]:
    """Return the derivatives of all couplings with respect to each gate, and their errors.

    Each array has a leading axis of the gates: ``site_energy`` (gates, k) are the lever arms. They are central
    differences; the error is that of the grid and of the points of V, and the change when ``step`` is halved.

    Args:
        V_of: function of one number for each gate that returns a potential (n_x, n_y) in eV.
        gates: the numbers at which the derivatives are taken, (gates,).
        step: change of a gate, in its unit.
        grid: as in ``hubbard``, like the other arguments.

    Raises:
        ValueError: an argument is out of range, or the step is so large that the sites change.
    """
    check_function("V_of", V_of)
    at = check_array("gates", gates, ("gates",)).astype(np.float64)
    check_positive("step", step)
    modes = _checked(grid, material, n_sites, interaction, n_modes)
    if (at + float(step) / 2 == at).any():
        raise ValueError(f"step: expected a change that the digits of gates resolve, got {step}. Use a larger step")

    def difference(number: int, h: float) -> tuple[list[Couplings], Floats, list[Floats]]:
        """Return the central differences on the grid itself and on the coarse ones, and their errors by its points.

        The latter are those of h_pq, and those of U, U', K and X by the product rule.
        """
        ends, potentials = [], []
        for place in (at + h * np.eye(len(at))[number], at - h * np.eye(len(at))[number]):
            V = _potential("V_of", V_of(*place.tolist()), grid, material)
            fine = sites(V, modes, grid, material, n_sites, interaction)
            ends.append([fine, *coarse_sites(V, modes, grid, material, n_sites, interaction)])
            potentials.append(V / material.hartree)
        cell = cell_of(material.in_bohr(grid.steps), material.inverse_masses)
        (end, *_), V = ends[0], potentials[0]
        overlaps = np.abs(np.einsum("pij,pij->p", end.orbitals, ends[1][0].orbitals)) * cell.area
        if overlaps.min() < SAME_SITE:
            raise ValueError(
                f"step: expected a change within which the sites stay the same, got {step}. Use a smaller one"
            )
        sampled = sampling_errors_of_slopes((end, ends[1][0]), (V, potentials[1]), 2 * h, cell)
        slopes = [
            Couplings(*((a - b) / (2 * h) for a, b in zip(up.couplings, down.couplings, strict=True)))
            for up, down in zip(*ends, strict=True)
        ]
        of_orbitals = response(sampled, end, V, cell, end.couplings)
        of_slopes = response(sampling_errors(end, V, cell)[0], end, V, cell, slopes[0], mixing=True)
        return slopes, sampled, [a + b for a, b in zip(of_orbitals, of_slopes, strict=True)]

    stepped = has_steps(_potential("V_of", V_of(*at.tolist()), grid, material))
    slopes, errors = [], []
    for number in range(len(at)):
        (fine, *coarse), sampled, moved = difference(number, float(step) / 2)
        (rough, *_), *_ = difference(number, float(step))
        change, factor = changes(fine, coarse, stepped)
        slopes.append(fine)
        own = Couplings(*(factor * e + np.abs(a - b) for e, a, b in zip(change, fine, rough, strict=True)))
        errors.append(with_sampling(own, sampled, moved))
    return _stacked(slopes, material.hartree), _stacked(errors, material.hartree)


def _stacked(rows: Sequence[Sequence[Floats]], unit: float) -> Couplings:
    return Couplings(*(np.stack(arrays) * unit for arrays in zip(*rows, strict=True)))


def _checked(
    grid: Grid,
    material: Material,
    n_sites: int,
    interaction: Interaction,
    n_modes: int | tuple[int, int] | None,
) -> tuple[int, int]:
    """Return the numbers of sine functions; ``solve`` checks all that it takes, without work."""
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    check_integer("n_sites", n_sites, 1, high=MOST_SITES)
    modes = modes_of(grid, n_modes)
    hint = (
        f"Errors follow from calculations with {COARSE[0]:g} of the sine functions, {n_sites + 1} or more; raise grid.n"
    )
    for number in modes:
        check_integer("n_modes", number, math.ceil((n_sites + 1) / COARSE[0]), hint)
    nothing = np.zeros((0, *grid.shape))
    solve(nothing, grid, 1, material, n_orbitals=n_sites, interaction=interaction, n_modes=modes)
    return modes


def _potential(name: str, V: ArrayLike, grid: Grid, material: Material) -> Floats:
    """Return a potential that ``solve`` would take."""
    highest = HIGHEST * material.hartree
    return check_array(name, V, grid.shape, -highest, highest).astype(np.float64)


def _relaxed(
    dot: Solution,
    V: Floats,
    grid: Grid,
    material: Material,
    k: int,
    interaction: Interaction,
    n_modes: tuple[int, int],
) -> Couplings:
    """Return the couplings in natural orbitals of the lowest states of full CI, averaged with equal weights."""
    wave = dot.wavefunction
    assert wave is not None
    block, vectors = spin_block(wave.orbitals.shape[1], k), wave.vectors[:, : wave.n_states]
    up, down = spin_densities(block, vectors, np.full(vectors.shape[:2], 1 / wave.n_states))
    _, columns = np.linalg.eigh(symmetric_matrix(up + down)[0])
    natural = np.tensordot(columns.T[::-1][:k], wave.orbitals[0], 1) * material.bohr
    basis = sites_basis(grid.shape, n_modes, grid, material)
    found = localised(basis.from_grid(natural), V, V.min(), basis, material, interaction, 0.0, 0.0)
    return _scaled(found.couplings, material.hartree)


def _scaled(couplings: Couplings, unit: float) -> Couplings:
    return Couplings(*(np.asarray(a) * unit for a in couplings))
