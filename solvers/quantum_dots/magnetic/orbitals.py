"""The lowest orbitals of one electron in a field, in whole shells.

Without a field they are those of ``solve``, and real. In a field, degeneracies are accidents, such as crossings of
Fock-Darwin levels: levels that are close are kept or left out together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solvers.eigensolver import TINY
from solvers.quantum_dots.active_space import first_shells as real_shells
from solvers.quantum_dots.coulomb import COULOMB, Interaction, coulomb_potentials
from solvers.quantum_dots.density import aufbau_occupations, noninteracting_density
from solvers.quantum_dots.magnetic.hermitian import Eigenpairs, LowBlock, davidson
from solvers.quantum_dots.magnetic.one_electron import Floats, Gauge, OneElectron, Rectangle, Values
from solvers.quantum_dots.shells import PARTED, SHELL, part_shells
from solvers.quantum_dots.symmetry import Group, choose_shells

TOLERANCE = 1e-8
"""Largest residual, as a part of the dot's scale."""
DENSE_SIZE = 400
"""Up to this many functions LAPACK finds all orbitals."""
LOW_SIDE = 13
"""Functions u_i v_j, i and j below this number, span the start vectors and the preconditioner."""
SPARE_ORBITALS, SYMMETRIC_SPARE = 2, 4
"""Additional orbitals among which whole shells are chosen, as in ``solve``."""


class Orbitals(NamedTuple):
    """``energies`` (M,), ``coefficients`` of the sines (M, mx, my), and ``residual``, the largest.

    ``split``: True where the last ones are a part of a shell; ``scale``: energy of which tolerances are parts;
    ``lowest``: energies (K,) and coefficients (K, mx, my) of all that these were chosen from.
    """

    energies: Floats
    coefficients: Values
    residual: float
    split: bool
    scale: float
    lowest: tuple[Floats, Values]


def lowest(h: OneElectron, count: int) -> Eigenpairs:
    """Return the ``count`` lowest orbitals of ``h`` in its own functions."""
    size = math.prod(h.sides.modes)
    count = min(count, size)
    if size <= max(DENSE_SIZE, 4 * count):
        values, columns = np.linalg.eigh(h.matrix())
        vectors = columns[:, :count].T
        residuals = np.linalg.norm(h.apply(vectors) - values[:count, None] * vectors, axis=1)
        return Eigenpairs(values[:count], vectors, residuals)
    n_block = min(count + 3, size)
    side = max(LOW_SIDE, math.isqrt(3 * n_block) + 1)
    mx, my = h.sides.modes
    inner = (np.arange(min(side, mx))[:, None] * my + np.arange(min(side, my))).ravel()
    low = LowBlock.of(h.diagonal, inner, h.matrix(inner), n_block)
    return davidson(h.apply, low, low.start(n_block), count, TOLERANCE * h.scale)


def lowest_orbitals(
    h: OneElectron, n_orbitals: int, refined: bool, n_electrons: int = 1, interaction: Interaction = COULOMB
) -> Orbitals:
    """Return the first ``n_orbitals`` orbitals of ``h`` in whole shells; ``refined`` ones get two to choose from.

    Where they end within a shell, the repulsion of ``n_electrons`` decides, as in ``solve``.
    """
    size = math.prod(h.sides.modes)
    symmetric = h.group is None or not h.group.trivial
    spare = SYMMETRIC_SPARE if symmetric else SPARE_ORBITALS if refined else 0
    found = lowest(h, min(n_orbitals + spare + (spare == 0), size))
    kept = min(n_orbitals + spare, size)
    energies, coefficients = found.values[:kept], h.to_sines(found.vectors[:kept])
    if kept == n_orbitals:
        last = found.values[n_orbitals - 1 : n_orbitals + 1]
        split = bool((np.diff(last) <= SHELL * h.scale).any())
        every = energies, coefficients
        return Orbitals(energies, coefficients, float(found.residuals[:kept].max()), split, h.scale, every)

    def alike(values: NDArray) -> NDArray:
        return np.diff(values, axis=1) <= SHELL * h.scale

    every, levels, close = (energies, coefficients), energies, alike(energies[None])
    if n_electrons > 1 and close.any():
        w = _repulsion(coefficients, energies, h, n_electrons, interaction)
        share = PARTED * h.scale / (np.trace(w).real / kept + TINY)
        levels, columns = (a[0] for a in part_shells(energies[None], w[None], close, np.array([share])))
        coefficients = np.tensordot(columns.T, coefficients, 1)
    chosen, cut = first_shells(coefficients, levels, n_orbitals, h.group, alike)
    return Orbitals(energies[:n_orbitals], chosen, float(found.residuals[:kept].max()), cut, h.scale, every)


def more_orbitals(h: OneElectron, orbitals: Orbitals) -> tuple[Floats, Values]:
    """Return energies and coefficients of the lowest states of ``h``, some more than the kept ``orbitals``."""
    if len(orbitals.lowest[0]) > len(orbitals.coefficients):
        return orbitals.lowest
    found = lowest(h, min(len(orbitals.coefficients) + SYMMETRIC_SPARE, math.prod(h.sides.modes)))
    return found.values, h.to_sines(found.vectors)


def _repulsion(
    coefficients: Values, energies: Floats, h: OneElectron, n_electrons: int, interaction: Interaction
) -> Values:
    """Return <phi_p| W |phi_q> (K, K), W of the ground states without interaction in these orbitals."""
    functions = h.sides.to_grid(coefficients)
    occupations = aufbau_occupations(energies[None], n_electrons, SHELL * h.scale)
    charge = noninteracting_density(occupations, np.abs(functions)[None])
    potential = coulomb_potentials(charge[:, None], h.sides.lengths, interaction)[0, 0]
    rows = functions.reshape(len(functions), -1)
    found: Values = (rows.conj() * potential.ravel()) @ rows.T * h.sides.cell_area
    return found


def first_shells(
    coefficients: Values, values: Floats, n: int, group: Group | None, alike: Callable[[NDArray], NDArray]
) -> tuple[Values, bool]:
    """Return the first ``n`` of orthonormal orbitals (K, mx, my) in whole shells, and whether one is cut.

    ``values`` (K,) order them, ascending; ``alike`` returns which neighbours among values (1, K) are one shell. Without
    a field the shells are those of the ``group`` of V, as in ``solve``.
    """
    if group is not None:
        chosen, cut = real_shells(coefficients[None], values[None], n, group, alike)
        return chosen[0], bool(cut[0])
    order, cut = choose_shells(np.ones((1, len(values)), dtype=int), alike(values[None]), np.zeros((1, len(values))), n)
    return coefficients[order[0]], bool(cut[0])


def centre(potential: Floats, sides: Rectangle, n_orbitals: int) -> tuple[float, float]:
    """Return the centre of charge of the ``n_orbitals`` lowest orbitals without a field: where the electrons are."""
    middle = (sides.x.length / 2, sides.y.length / 2)
    found = lowest_orbitals(OneElectron(sides, potential, 0.0, Gauge(middle)), n_orbitals, refined=False)
    density = (sides.to_grid(found.coefficients) ** 2).sum(0) * sides.cell_area / n_orbitals
    return float(density.sum(1) @ sides.x.points), float(density.sum(0) @ sides.y.points)
