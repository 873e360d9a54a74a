"""How far an energy depends on the places of steps of V, which a grid leaves open by one spacing.

By Hellmann and Feynman, a difference of two energies changes by int (n_b - n_a) dV d^2r. Where V has a step D between
two neighbouring points, its place is unknown within the spacing h: with u between -1/2 and 1/2, uniformly, and a cell
of area A, the edge contributes (n_b - n_a) D A u. Edges in a straight row share one u, as one side of a square well
does, and rows are independent:

    variance = sum_rows [sum_edges (n_b - n_a) D A]^2 / 12.

A step is what a difference between two points exceeds its neighbours along the same line by: 0 where V is smooth, or
where the points are means of V over their cells.

Kinks count by the highest components of (n_b - n_a) V that the grid has, of which those beyond it are a part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.quantum_dots.between_points import SAMPLING, excess, highest_components

Floats = NDArray[np.float64]

DEVIATIONS = 2.0
"""Error by the places of steps, in standard deviations."""


def sampling_error(V: Floats, difference: Floats, cell_area: float) -> float:
    """Return the error of an energy difference by what V may be between its points; arguments of ``step_deviation``.

    ``difference`` may also be a product of two orbitals, for a matrix element.
    """
    raised = ((V - V.min()) * difference)[None]
    kinks = SAMPLING * float(highest_components(raised, cell_area)[0])
    return kinks + DEVIATIONS * step_deviation(V, difference, cell_area)


def step_deviation(V: Floats, difference: Floats, cell_area: float) -> float:
    """Return the standard deviation of an energy difference, in the unit of V.

    Args:
        V: potential (n_x, n_y).
        difference: n_b - n_a (n_x, n_y), the difference of the two densities.
        cell_area: area of a cell of the grid, in the inverse unit of the densities.
    """
    rows = np.concatenate([_rows(V, difference), _rows(V.T, difference.T)])
    return float(np.sqrt(np.sum((rows * cell_area) ** 2) / 12))


def _rows(V: Floats, difference: Floats) -> Floats:
    """Return sum (n_b - n_a) D of each straight row of edges, (rows,), for steps along the first axis."""
    changes = np.diff(V, axis=0)
    steps = np.sign(changes) * excess(np.abs(changes)[None])[0]
    weights = (steps * (difference[1:] + difference[:-1]) / 2).ravel()
    signs = np.sign(steps)
    new = np.ones(signs.shape, dtype=bool)
    new[:, 1:] = signs[:, 1:] != signs[:, :-1]
    return np.add.reduceat(weights, np.flatnonzero(new))
