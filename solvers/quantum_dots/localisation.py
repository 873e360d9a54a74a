"""Localised orbitals: the rotation of a few orbitals that makes them as small as possible.

Source: Foster, Boys, Rev. Mod. Phys. 32, 300 (1960). Among all rotations, the sum of the spreads <r^2> - <r>^2 is least
where sum_p (x_pp^2 + y_pp^2) is largest: a joint diagonalisation of the matrices of x and y, by Jacobi rotations whose
angle is a closed form (Cardoso, Souloumiac, SIAM J. Matrix Anal. Appl. 17, 161 (1996)). A square has no preferred
direction: the result turns with the dot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SWEEPS = 200
"""Limit of the sweeps over all pairs; a few suffice."""
DIRECTIONS = 7
"""Rotations from which the search begins: the eigenvectors of the position along so many directions."""
SETTLED = 1e-13
"""Sine of the largest angle of the last sweep."""


def positions(orbitals: Floats, x: NDArray[np.floating], y: NDArray[np.floating], cell_area: float) -> Floats:
    """Return <p|x|q> and <p|y|q>, (2, k, k), of ``orbitals`` (k, n_x, n_y) at the points ``x`` (n_x,), ``y`` (n_y,)."""
    found = []
    for coordinate in (x[:, None], y[None, :]):
        matrix = np.einsum("pij,qij->pq", orbitals, orbitals * coordinate, optimize=True) * cell_area
        found.append((matrix + matrix.T) / 2)
    return np.stack(found)


def localising_rotation(matrices: Floats) -> Floats:
    """Return the rotation R (k, k) for which R A R^T of all ``matrices`` A (2, k, k) are as diagonal as possible."""
    x, y = matrices
    angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    starts = [np.linalg.eigh(np.cos(a) * x + np.sin(a) * y)[1].T for a in angles]
    found = [_jacobi(matrices, start) for start in starts]
    return max(found, key=lambda rotation: _concentration(matrices, rotation))


def _concentration(matrices: Floats, rotation: Floats) -> float:
    return float((np.einsum("pa,kab,pb->kp", rotation, matrices, rotation) ** 2).sum())


def _jacobi(matrices: Floats, rotation: Floats) -> Floats:
    """Return the rotation after turning pair by pair, from a first ``rotation``, until no angle is left."""
    turned, rotation = rotation @ matrices @ rotation.T, rotation.copy()
    for _ in range(SWEEPS):
        largest = 0.0
        for p in range(len(rotation)):
            for q in range(p + 1, len(rotation)):
                g = np.stack([turned[:, p, p] - turned[:, q, q], 2 * turned[:, p, q]])
                on, off = g[0] @ g[0] - g[1] @ g[1], 2 * g[0] @ g[1]
                angle = np.arctan2(off, on + np.hypot(on, off)) / 2
                c, s = np.cos(angle), np.sin(angle)
                turn = np.eye(len(rotation))
                turn[[p, p, q, q], [p, q, p, q]] = c, s, -s, c
                turned, rotation = turn @ turned @ turn.T, turn @ rotation
                largest = max(largest, abs(float(s)))
        if largest < SETTLED:
            break
    return rotation
