"""The lowest eigenpairs of one large Hermitian matrix, real or complex, given by its action: block Davidson.

``solvers.eigensolver`` does the same for batches of real symmetric matrices, and has the sources. Vectors are rows:
<a|b> = a.conj() @ b.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
MOST_BLOCKS = 6
"""Size of the search space before a restart, in blocks."""
TINY = float(np.finfo(float).tiny)
NOISE = 0.02
"""Weight of random parts in the start vectors, which thus have every symmetry."""


class Eigenpairs(NamedTuple):
    """``values`` (k,) ascending, orthonormal ``vectors`` (k, d), ``residuals`` (k,) = ||H v - e v||."""

    values: NDArray[np.float64]
    vectors: Values
    residuals: NDArray[np.float64]


class LowBlock(NamedTuple):
    """(H - e)^-1 in two levels: H among a few ``inner`` functions, its ``diagonal`` elsewhere.

    ``levels`` and ``columns`` are the eigenpairs among the inner functions; ``floor`` the smallest denominator.
    """

    diagonal: NDArray[np.float64]
    inner: NDArray[np.intp]
    levels: NDArray[np.float64]
    columns: Values
    floor: float

    @classmethod
    def of(cls, diagonal: NDArray[np.float64], inner: NDArray[np.intp], matrix: Values, n_block: int) -> LowBlock:
        """Return the preconditioner for ``matrix``, H among the functions ``inner``, and blocks of ``n_block``."""
        levels, columns = np.linalg.eigh(matrix)
        floor = float(levels[min(n_block, len(levels) - 1)] - levels[0]) / 10
        return cls(diagonal, inner, levels, columns, floor + float(np.finfo(np.float32).tiny))

    def start(self, n_block: int) -> Values:
        """Return ``n_block`` start vectors: the lowest among the inner functions, with a little noise of all."""
        rng = np.random.default_rng(0)
        above = self.diagonal - self.diagonal.min()
        noise = rng.normal(size=(n_block, len(self.diagonal))) * NOISE / len(self.diagonal) ** 0.5
        found = (noise * (10 * self.floor / (above + 10 * self.floor))).astype(self.columns.dtype)
        k = min(n_block, len(self.levels))
        found[:k, self.inner] += self.columns[:, :k].T
        return found

    def solve(self, residuals: Values, values: NDArray[np.float64]) -> Values:
        """Return approximately (H - e)^-1 r for residuals (k, d) and values e (k,)."""
        found = residuals / np.maximum(self.diagonal - values[:, None], self.floor)
        gap = self.levels - values[:, None]
        gap = np.where(np.abs(gap) < self.floor, np.where(gap < 0, -self.floor, self.floor), gap)
        found[:, self.inner] = (residuals[:, self.inner] @ self.columns.conj() / gap) @ self.columns.T
        return found


def orthonormal(block: Values, basis: Values) -> Values:
    """Return orthonormal rows that span ``block`` (k, d) outside the rows of ``basis`` (j, d)."""
    for _ in range(2):
        block = block - (block @ basis.conj().T) @ basis
        block = np.linalg.qr(block.T)[0].T
    return block


def davidson(
    apply: Callable[[Values], Values],
    low: LowBlock,
    start: Values,
    n_wanted: int,
    tolerance: float,
    max_iterations: int = 200,
    min_iterations: int = 1,
) -> Eigenpairs:
    """Return the ``n_wanted`` lowest eigenpairs from ``start`` vectors (k, d), k >= ``n_wanted``.

    Residuals are below ``tolerance`` unless ``max_iterations`` are reached; the caller checks them. The ``start`` is
    the first iteration: with more of ``min_iterations`` it is improved even where it is within the tolerance.
    """
    k, dimension = start.shape
    room = min(MOST_BLOCKS * k, dimension)
    basis = np.linalg.qr(start.T)[0].T
    image = apply(basis)
    for iteration in range(1, max_iterations + 1):
        projected = basis.conj() @ image.T
        values, columns = np.linalg.eigh((projected + projected.conj().T) / 2)
        rotation = columns[:, :k].T
        vectors, images = rotation @ basis, rotation @ image
        residuals = images - values[:k, None] * vectors
        lengths = np.linalg.norm(residuals, axis=1)
        unfinished = np.flatnonzero((lengths[:n_wanted] > tolerance) | (iteration < min_iterations))
        if not len(unfinished) or len(basis) == dimension or iteration == max_iterations:
            break
        # an eigenvalue is within its residual: the other guards cannot be among the requested any more
        guards = np.flatnonzero(values[n_wanted:k] - lengths[n_wanted:] <= values[n_wanted - 1]) + n_wanted
        chosen = np.concatenate([unfinished, guards])
        if len(basis) + len(chosen) > room and room < dimension:
            kept = columns[:, : 2 * k].T
            basis, image = kept @ basis, kept @ image
        block = low.solve(residuals[chosen] / (lengths[chosen, None] + TINY), values[chosen])
        block /= np.linalg.norm(block, axis=1)[:, None] + TINY
        block = orthonormal(block[: dimension - len(basis)], basis)
        basis, image = np.concatenate([basis, block]), np.concatenate([image, apply(block)])
    return Eigenpairs(values[:n_wanted], vectors[:n_wanted], lengths[:n_wanted])
