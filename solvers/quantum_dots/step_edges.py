"""How far an energy depends on the places of steps of V, which a grid leaves open by one spacing.

By Hellmann and Feynman, a difference of two energies changes by int (n_b - n_a) dV d^2r. Where V has a step D between
two neighbouring points, its place is unknown within the spacing h: with u between -1/2 and 1/2, uniformly, and a cell
of area A, the edge contributes (n_b - n_a) D A u. Edges in a straight row share one u, as one side of a square well
does, and rows are independent:

    variance = sum_rows [sum_edges (n_b - n_a) D A]^2 / 12.

A step is what a difference between two points exceeds its neighbours along the same line by: 0 where V is smooth, or
where the points are means of V over their cells. Above the height D_c at which waves decay within h, it counts as
D_c (D / D_c)^1/4: the pressure of a hard wall does not grow with its height, its distance from its place hardly
(``between_points.py``).

Kinks count by the highest components of (n_b - n_a) V that the grid has, of which those beyond it are a part.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solvers.grid import area_of
from solvers.quantum_dots.between_points import SAMPLING, STEEP, Pair, excess, highest_components

Floats = NDArray[np.float64]

DEVIATIONS = 2.0
"""Error by the places of steps, in standard deviations."""


class Cell(NamedTuple):
    """A cell of the grid.

    Attributes:
        area: its area, in the inverse unit of the densities.
        energies: hbar^2 / m h^2 along x and y, in the unit of V; infinite where steps count with their height.
    """

    area: float
    energies: tuple[float, float] = (np.inf, np.inf)


def cell_of(steps: Pair, inverse_masses: Pair, unit: float = 1.0) -> Cell:
    """Return the cell of sides ``steps``; ``unit`` is hbar^2 / m* in the unit of V and the squared one of ``steps``."""
    x, y = (unit * a / h**2 for h, a in zip(steps, inverse_masses, strict=True))
    return Cell(area_of(steps), (x, y))


def sampling_error(V: Floats, difference: Floats, cell: Cell) -> float:
    """Return the error of an energy difference by what V may be between its points; arguments of ``step_deviation``.

    ``difference`` may also be a product of two orbitals, for a matrix element.
    """
    raised = ((V - V.min()) * difference)[None]
    kinks = SAMPLING * float(highest_components(raised, cell.area)[0])
    return kinks + DEVIATIONS * step_deviation(V, difference, cell)


def step_deviation(V: Floats, difference: Floats, cell: Cell) -> float:
    """Return the standard deviation of an energy difference, in the unit of V.

    Args:
        V: potential (n_x, n_y).
        difference: n_b - n_a (n_x, n_y), the difference of the two densities.
        cell: a cell of the grid.
    """
    along_x, along_y = cell.energies
    rows = np.concatenate([_rows(V, difference, along_x), _rows(V.T, difference.T, along_y)])
    return float(np.sqrt(np.sum((rows * cell.area) ** 2) / 12))


def _rows(V: Floats, difference: Floats, energy: float) -> Floats:
    """Return sum (n_b - n_a) D of each straight row of edges, (rows,), for steps along the first axis."""
    changes, steep = np.diff(V, axis=0), STEEP**2 / 2 * energy
    sizes = excess(np.abs(changes)[None])[0]
    steps = np.sign(changes) * np.minimum(sizes, steep * np.maximum(sizes / steep, 1.0) ** 0.25)
    weights = (steps * (difference[1:] + difference[:-1]) / 2).ravel()
    signs = np.sign(steps)
    new = np.ones(signs.shape, dtype=bool)
    new[:, 1:] = signs[:, 1:] != signs[:, :-1]
    return np.add.reduceat(weights, np.flatnonzero(new))
