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
"""(residuals (b, k, d) of any length, Ritz values (b, k), indices of the systems (b,)) -> corrections (b, k, d)."""


class Eigenpairs(NamedTuple):
    """``values`` (B, k) ascending, orthonormal ``vectors`` (B, k, d), ``residuals`` (B, k) = ||H v - e v||."""

    values: Array
    vectors: Array
    residuals: Array


TINY = np.finfo(float).tiny


def _orthonormal(block: Array, basis: Array) -> Array:
    """Orthonormal rows that span ``block`` (b, k, d) outside ``basis`` (b, j, d); twice, against rounding."""
    for _ in range(2):
        block = block - (block @ basis.swapaxes(1, 2)) @ basis
        try:
            factor = np.linalg.cholesky(block @ block.swapaxes(1, 2))
            block = np.linalg.inv(factor) @ block
        except np.linalg.LinAlgError:  # rows that depend on each other
            block = np.linalg.qr(block.swapaxes(1, 2))[0].swapaxes(1, 2)
    return block


class _Subspace:
    """An orthonormal basis Q (b, j, d) that grows, its image H Q, and Q H Q^T (b, j, j) in its lower triangle.

    The arrays are as large as they will get; ``size`` of their rows are in use.
    """

    def __init__(self, apply: Apply, n_systems: int, room: int, dimension: int) -> None:
        self.apply, self.room, self.size = apply, room, 0
        self.systems = np.arange(n_systems)
        self.basis, self.image = np.empty((2, n_systems, room, dimension))
        self.projected = np.zeros((n_systems, room, room))

    def extend(self, block: Array) -> None:
        """Take in the span of ``block`` (b, k, d), or as many of its rows as there are dimensions left."""
        old, block = self.size, block[:, : self.basis.shape[2] - self.size]
        self.size = new = old + block.shape[1]
        self.basis[:, old:new] = _orthonormal(block, self.basis[:, :old])
        self.image[:, old:new] = self.apply(self.basis[:, old:new], self.systems)
        self.projected[:, old:new, :new] = self.image[:, old:new] @ self.basis[:, :new].swapaxes(1, 2)

    def ritz(self) -> tuple[Array, Array]:
        """Ritz values (b, j), ascending, and the rotations (b, j, j) to their vectors, one a row."""
        values, columns = np.linalg.eigh(self.projected[:, : self.size, : self.size])
        return values, columns.swapaxes(1, 2)

    def rotate(self, rotation: Array) -> tuple[Array, Array]:
        """Vectors and their images (b, m, d) for a rotation (b, m, j)."""
        return rotation @ self.basis[:, : self.size], rotation @ self.image[:, : self.size]

    def restart(self, values: Array, rotation: Array) -> None:
        """Keep only the Ritz vectors of ``rotation`` (b, m, j), with ``values`` (b, m)."""
        kept = self.rotate(rotation)
        self.size = m = rotation.shape[1]
        self.basis[:, :m], self.image[:, :m] = kept
        self.projected[:, :m, :m] = values[:, :, None] * np.eye(m)

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Let the other systems go."""
        self.systems = self.systems[chosen]
        self.basis, self.image, self.projected = (a[chosen] for a in (self.basis, self.image, self.projected))


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
    n_systems, k, dimension = start.shape
    values, residuals = np.empty((2, n_systems, k))
    vectors = np.empty((n_systems, k, dimension))
    space = _Subspace(apply, n_systems, min(max_blocks * k, dimension), dimension)
    block = start
    for iteration in range(max_iterations if n_systems else 0):
        space.extend(block)
        all_values, rotation = space.ritz()
        ritz_values = all_values[:, :k]
        ritz, image = space.rotate(rotation[:, :k])
        block = image - ritz_values[..., None] * ritz
        norms = np.linalg.norm(block, axis=2)
        done = norms[:, :n_wanted].max(axis=1) <= tolerance
        if iteration == max_iterations - 1 or space.size == dimension:
            done[:] = True
        if done.any():
            out = space.systems[done]
            values[out], vectors[out], residuals[out] = ritz_values[done], ritz[done], norms[done]
            if done.all():
                break
            space.keep(~done)
            block, norms, all_values, rotation = (a[~done] for a in (block, norms, all_values, rotation))
        block = precondition(block / (norms[..., None] + TINY), all_values[:, :k], space.systems)
        block /= np.linalg.norm(block, axis=2, keepdims=True) + TINY
        if space.size + k > space.room and space.room < dimension:
            space.restart(all_values[:, : 2 * k], rotation[:, : 2 * k])
    return Eigenpairs(values, vectors, residuals)
