"""Sites: localised orbitals of the lowest states of one electron, their couplings, and the error of these by the grid.

The symbols are those of ``hubbard.py``. Inside, energies are in hartree, lengths in bohr.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from solvers.eigensolver import TINY
from solvers.grid import Grid
from solvers.quantum_dots.active_space import active_space, surroundings
from solvers.quantum_dots.coulomb import Interaction
from solvers.quantum_dots.determinants import pair_numbers
from solvers.quantum_dots.ground_state import ORBITAL_TOLERANCE
from solvers.quantum_dots.localisation import localising_rotation, positions
from solvers.quantum_dots.pairs import pair_interaction
from solvers.quantum_dots.shells import SHELL
from solvers.quantum_dots.single_particle import SineBasis, lowest_orbitals
from solvers.quantum_dots.step_edges import Cell, sampling_error
from solvers.units import Material

Floats = NDArray[np.float64]

COARSE = (0.7, 0.77, 0.85)
"""Points and sine functions of further calculations, as parts of those of the first: their changes are the error of the
grid. There are three, because a step of V makes them erratic, and one of them small by chance."""
GRID_FACTOR, STEP_FACTOR = 8.0, 16.0
"""Error of a coupling by the grid over its largest change on these, without and with steps of V."""
FALL = 4.0
"""Where changes fall from the coarsest to the finest of these, errors are smaller, by four times their ratio. Not with
steps of V: there the changes may fall by chance."""
STEPPED = 0.08
"""Part of V that the coarsest grid leaves out, from which V has steps: cosine components fall as 1 / k at a step."""


class Couplings(NamedTuple):
    """The parameters of a Hubbard model with k sites, in eV; ``site_energy`` and ``U`` (k,), all others (k, k).

    The diagonals of ``t``, ``U_prime``, ``exchange`` and ``assisted`` are 0. ``assisted`` [p, q] is X_pq = (pp|pq).
    """

    site_energy: Floats
    t: Floats
    U: Floats
    U_prime: Floats
    exchange: Floats
    assisted: Floats


class Sites(NamedTuple):
    """Couplings in hartree, ``orbitals`` (k, n_x, n_y) in 1 / bohr, J, ``separation`` and ``residual`` in hartree.

    ``one_body`` (1, P) and ``integrals`` (1, P, P) are h_pq and (P|Q) of the pairs p <= q.
    """

    couplings: Couplings
    orbitals: Floats
    one_body: Floats
    integrals: Floats
    J: float
    separation: float
    residual: float


def coarse_sites(
    V: Floats, n_modes: tuple[int, int], grid: Grid, material: Material, n_sites: int, interaction: Interaction
) -> list[Sites]:
    """Return the sites on fewer points, to which V is resampled by its cosine components."""
    components, found = scipy.fft.dctn(V, norm="ortho"), []
    for part in COARSE:
        x, y = (max(int(part * n), 4) for n in grid.shape)
        scale = math.sqrt(x / grid.shape[0] * (y / grid.shape[1]))  # of components that are normalised on each grid
        resampled = scipy.fft.idctn(components[:x, :y], norm="ortho") * scale
        modes = int(part * n_modes[0]), int(part * n_modes[1])
        found.append(sites(resampled, modes, grid, material, n_sites, interaction))
    return found


def sites(
    V: Floats, n_modes: tuple[int, int], grid: Grid, material: Material, n_sites: int, interaction: Interaction
) -> Sites:
    """Return the sites of a potential in eV, at any number of points (n_x, n_y) of the rectangle of ``grid``."""
    basis, bottom = sites_basis((V.shape[0], V.shape[1]), n_modes, grid, material), V.min()
    potential = (V - bottom)[None] / material.hartree
    lowest = lowest_orbitals(potential, basis, n_sites, ORBITAL_TOLERANCE)
    energies = lowest.energies[0]
    step = float(energies[n_sites] - energies[n_sites - 1])
    if step <= SHELL * float(lowest.scale[0]):
        raise ValueError(
            f"n_sites: expected a number that keeps shells of degenerate orbitals whole, got {n_sites}: the next level "
            f"is only {step * material.hartree:.2g} eV higher. Use another number of sites"
        )
    return localised(
        lowest.coefficients[0], V, bottom, basis, material, interaction, step, float(lowest.residuals.max())
    )


def sites_basis(shape: tuple[int, int], n_modes: tuple[int, int], grid: Grid, material: Material) -> SineBasis:
    """Return the sine functions on ``shape`` points of the rectangle of ``grid``."""
    return SineBasis(shape, material.in_bohr(grid.sides), n_modes, inverse_masses=material.inverse_masses)


def localised(
    coefficients: Floats,
    V: Floats,
    bottom: float,
    basis: SineBasis,
    material: Material,
    interaction: Interaction,
    step: float,
    residual: float,
) -> Sites:
    """Return the sites in localised combinations of orbitals with these sine ``coefficients`` (k, m_x, m_y)."""
    k = len(coefficients)
    x, y = ((np.arange(n) + 0.5) * side / n for n, side in zip(basis.shape, basis.sides, strict=True))
    matrices = positions(basis.to_grid(coefficients), x, y, basis.cell_area)
    turned = np.tensordot(localising_rotation(matrices), coefficients, 1)
    functions = basis.to_grid(turned)
    centers = np.einsum("pij,pij->p", functions, functions * x[:, None]) * basis.cell_area / basis.sides[0]
    rows = np.einsum("pij,pij->p", functions, functions * y) * basis.cell_area / basis.sides[1]
    order = np.lexsort((rows, np.round(centers, 6)))
    turned = (turned * np.where(functions.sum((1, 2)) < 0, -1.0, 1.0)[:, None, None])[order]
    relative, units = (V - bottom)[None] / material.hartree, interaction.in_units(material.bohr)
    around = surroundings(relative, basis.sides, basis.modes, units, basis.inverse_masses)
    space = active_space(turned[None], around)
    couplings = _couplings(space.one_body[0], space.integrals[0], k, bottom / material.hartree)
    J = _exchange(space.one_body, space.integrals, k)
    return Sites(couplings, space.functions[0], space.one_body, space.integrals, J, step, residual)


def _couplings(one_body: Floats, integrals: Floats, k: int, bottom: float) -> Couplings:
    """Return the couplings from h_pq (P,) and (P|Q) (P, P), pairs p <= q; ``bottom`` is added to the site energies."""
    number, apart = pair_numbers(k), 1 - np.eye(k)
    own = np.diagonal(number)
    return Couplings(
        site_energy=one_body[own] + bottom,
        t=-one_body[number] * apart,
        U=integrals[own, own],
        U_prime=integrals[np.ix_(own, own)] * apart,
        exchange=integrals[number, number] * apart,
        assisted=integrals[own[:, None], number] * apart,
    )


def _exchange(one_body: Floats, integrals: Floats, k: int) -> float:
    """Return E(triplet) - E(singlet) of two electrons on two sites: each spin is a matrix of its pairs."""
    if k != 2:
        return float("nan")
    pairs = pair_interaction(one_body, integrals, 2)
    return float(np.linalg.eigvalsh(pairs.triplet[0])[0] - np.linalg.eigvalsh(pairs.singlet[0])[0])


def sampling_errors(found: Sites, V: Floats, cell: Cell) -> tuple[Floats, float]:
    """Return the errors (k, k) of h_pq, and that of J, by what V may be between its points.

    Args:
        found: the sites.
        V: potential (n_x, n_y), in hartree.
        cell: a cell of the grid, in bohr.
    """
    k, orbitals = len(found.orbitals), found.orbitals
    errors = np.zeros((k, k))
    J_error = 0.0 if k == 2 else float("nan")
    number = pair_numbers(k)
    for p, q in zip(*np.triu_indices(k), strict=True):
        errors[p, q] = errors[q, p] = sampling_error(V, orbitals[p] * orbitals[q], cell)
        moved = found.one_body.copy()
        moved[0, number[p, q]] += errors[p, q]
        J_error += abs(_exchange(moved, found.integrals, k) - found.J)
    return errors, J_error


def sampling_errors_of_slopes(ends: tuple[Sites, Sites], V: tuple[Floats, Floats], step: float, cell: Cell) -> Floats:
    """Return the errors (k, k) of the slopes of h_pq by what V may be between its points, by the product rule.

    Args:
        ends: the sites at both ends of the step.
        V: potentials (n_x, n_y) there, in hartree.
        step: their distance.
        cell: a cell of the grid, in bohr.
    """
    (up, down), k = (end.orbitals for end in ends), len(ends[0].orbitals)
    slope, errors = (V[0] - V[1]) / step, np.zeros((k, k))
    for p, q in zip(*np.triu_indices(k), strict=True):
        products = up[p] * up[q], down[p] * down[q]
        change, mean = (products[0] - products[1]) / step, (products[0] + products[1]) / 2
        errors[p, q] = errors[q, p] = sampling_error(V[0], change, cell) + sampling_error(slope, mean, Cell(cell.area))
    return errors


def with_sampling(errors: Couplings, sampled: Floats, response: Sequence[Floats]) -> Couplings:
    """Return errors of couplings with those (k, k) of h_pq by what V may be between its points, and a ``response``."""
    own = np.diagonal(sampled)
    moved = (np.maximum(a, b) for a, b in zip(errors[2:], response, strict=True))
    return Couplings(errors.site_energy + own, errors.t + sampled - np.diag(own), *moved)


def response(sampled: Floats, found: Sites, V: Floats, cell: Cell, of: Couplings, mixing: bool = False) -> list[Floats]:
    """Return the errors of U, U', K and X as the orbitals respond to what V may be between its points.

    Where the energy of a site changes by a part of its kinetic energy, its size changes by half of that part, and U as
    1 / size. Integrals of two sites change with their overlap too, as t does.

    Args:
        sampled: errors (k, k) of h_pq.
        found: the sites.
        V: potential (n_x, n_y), in hartree.
        cell: a cell of the grid, in bohr.
        of: the couplings, or their slopes.
        mixing: sites change by mixing, as t^2, as in slopes.
    """
    kinetic = found.couplings.site_energy - np.einsum("pij,ij->p", found.orbitals**2, V) * cell.area
    size = float((np.diagonal(sampled) / kinetic).max()) / 2
    tails = np.minimum(sampled / (np.abs(found.couplings.t) + TINY), 1.0) * (1 - np.eye(len(sampled)))
    size += 2 * float(tails.max()) if mixing else 0.0
    shares = (size, 2 * size, size + 2 * tails, size + tails)  # centres move too
    return [share * np.abs(a) for share, a in zip(shares, of[2:], strict=True)]


class Changes(NamedTuple):
    """The largest changes of couplings on the coarse grids, and the factor by which errors are larger."""

    largest: Couplings
    factor: float


def has_steps(V: Floats) -> bool:
    """Return True if a potential (n_x, n_y) has steps between neighbouring points."""
    power = scipy.fft.dctn(V - V.mean(), norm="ortho") ** 2
    x, y = (max(int(min(COARSE) * n), 4) for n in V.shape)
    return float(power.sum() - power[:x, :y].sum()) > STEPPED**2 * float(power.sum())


def changes(fine: Couplings, coarse: list[Couplings], stepped: bool) -> Changes:
    """Return how couplings (of any leading shape) change from the coarse grids to the fine one.

    ``stepped`` is that of ``has_steps``.
    """
    by_grid = [[np.abs(a - b) for a, b in zip(fine, some, strict=True)] for some in coarse]
    sizes = [float(np.abs(a).max()) + TINY for a in fine]
    relative = [max(float(a.max()) / size for a, size in zip(some, sizes, strict=True)) for some in by_grid]
    fall = min(FALL * relative[-1] / (relative[0] + TINY), 1.0)
    factor = STEP_FACTOR if stepped else GRID_FACTOR * fall
    return Changes(Couplings(*(np.max(each, axis=0) for each in zip(*by_grid, strict=True))), factor)


def grid_errors(fine: Couplings, coarse: list[Couplings], residual: float, stepped: bool) -> Couplings:
    """Return the errors; one that is small by chance is raised to what the orbitals' size and their tails imply."""
    change, factor = changes(fine, coarse, stepped)
    size = np.max(change.U / fine.U)
    tails = np.minimum(change.t / (np.abs(fine.t) + TINY), 1.0)
    shares = (0.0, 0.0, size, size, size + 2 * tails, size + tails)  # K falls as the square of the overlap, as t^2
    found = (np.maximum(c, s * np.abs(a)) for c, s, a in zip(change, shares, fine, strict=True))
    return Couplings(*(factor * a + 3 * residual for a in found))
