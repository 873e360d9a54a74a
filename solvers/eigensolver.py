"""Lowest eigenpairs of a batch of large symmetric matrices known only by their action: block Davidson.

Davidson, J. Comput. Phys. 17, 87 (1975); thick restart as in Stathopoulos, Saad, Wu, SIAM J. Sci. Comput. 19, 227
(1998). A basis Q grows by the preconditioned residuals; the Ritz pairs of Q^T H Q are the approximations. All systems
of a batch advance together, and leave it when their residuals are below the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Apply = Callable[[Array, NDArray[np.intp]], Array]
"""(vectors (b, k, d), indices of their systems (b,)) -> H vectors (b, k, d)."""
Precondition = Callable[[Array, Array, NDArray[np.intp]], Array]
"""(residuals (b, k, d), Ritz values (b, k), indices of the systems (b,)) -> corrections (b, k, d)."""


class Eigenpairs(NamedTuple):
    """``values`` (B, k) ascending, orthonormal ``vectors`` (B, k, d), ``residuals`` (B, k) = ||H v - e v||."""

    values: Array
    vectors: Array
    residuals: Array


def _orthonormal(block: Array, basis: Array | None = None) -> Array:
    """Orthonormal rows that span ``block`` (b, k, d) outside ``basis`` (b, j, d); twice, against rounding."""
    for _ in range(2):
        if basis is not None:
            block = block - (block @ basis.swapaxes(1, 2)) @ basis
        block = np.linalg.qr(block.swapaxes(1, 2))[0].swapaxes(1, 2)
    return block


def davidson(
    apply: Apply,
    precondition: Precondition,
    start: Array,
    n_wanted: int,
    tolerance: float,
    max_iterations: int = 80,
    max_blocks: int = 6,
) -> Eigenpairs:
    """Lowest eigenpairs of each system, from ``start`` vectors (B, k, d), k >= ``n_wanted``, which span a guess.

    The first ``n_wanted`` pairs are converged to ``tolerance`` in ||H v - e v||; the other k - n_wanted guard them and
    are returned as they are. A system that is not converged after ``max_iterations`` is returned with the residual that
    it has: the caller looks at it.
    """
    n_systems, k, size = start.shape
    values, residuals = np.empty((n_systems, k)), np.empty((n_systems, k))
    vectors = np.empty_like(start)
    systems = np.arange(n_systems)
    if n_systems == 0:
        return Eigenpairs(values, vectors, residuals)
    basis = _orthonormal(start)
    image = apply(basis, systems)
    for iteration in range(max_iterations):
        ritz_values, coefficients = np.linalg.eigh(basis @ image.swapaxes(1, 2))
        ritz_values, rotation = ritz_values[:, :k], coefficients[:, :, :k].swapaxes(1, 2)
        ritz = rotation @ basis
        residual = rotation @ image - ritz_values[..., None] * ritz
        norms = np.linalg.norm(residual, axis=2)
        done = norms[:, :n_wanted].max(axis=1) <= tolerance
        if iteration == max_iterations - 1 or basis.shape[1] == size:
            done[:] = True
        values[systems[done]], vectors[systems[done]], residuals[systems[done]] = (
            ritz_values[done],
            ritz[done],
            norms[done],
        )
        if done.all():
            break
        keep = ~done
        systems, basis, image = systems[keep], basis[keep], image[keep]
        correction = precondition(residual[keep], ritz_values[keep], systems)
        correction /= np.linalg.norm(correction, axis=2, keepdims=True) + np.finfo(float).tiny
        if basis.shape[1] + k > max_blocks * k:  # thick restart: the 2k lowest Ritz vectors
            rotation = coefficients[keep][:, :, : 2 * k].swapaxes(1, 2)
            basis, image = rotation @ basis, rotation @ image
        grow = _orthonormal(correction[:, : size - basis.shape[1]], basis)
        basis = np.concatenate([basis, grow], axis=1)
        image = np.concatenate([image, apply(grow, systems)], axis=1)
    return Eigenpairs(values, vectors, residuals)
