"""The lowest eigenpairs of a batch of large symmetric matrices, given only by their action: block Davidson.

Davidson, J. Comput. Phys. 17, 87 (1975); thick restart as in Stathopoulos, Saad, Wu, SIAM J. Sci. Comput. 19, 227
(1998). A basis Q grows by the preconditioned residuals; the Ritz pairs of Q H Q^T are the approximations. All systems
of a batch advance together; a system leaves the batch when its residuals are below the tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np

from solvers.backend import Array, namespace, to_numpy

TINY = float(np.finfo(np.float32).tiny)
SINGLE_ITERATIONS = 20
"""Largest number of iterations in single precision."""
Arrays = TypeVar("Arrays", bound=tuple[Any, ...])


def select(arrays: Arrays, systems: Array) -> Arrays:
    """Return a named tuple of arrays (B, ...) with only the chosen ``systems`` (b,) of each; None stays None."""
    chosen: Any = [a if a is None else namespace(a).take(a, systems, axis=0) for a in arrays]
    return type(arrays)(*chosen)


def cast(arrays: Arrays, dtype: Any) -> Arrays:
    """Return a named tuple of arrays in another precision; None stays None."""
    changed: Any = [a if a is None else namespace(a).astype(a, dtype) for a in arrays]
    return type(arrays)(*changed)


class Operator(Protocol):
    """A batch of symmetric matrices H, (B, d, d), given by their action."""

    def apply(self, vectors: Array) -> Array:
        """Return H v for vectors (B, k, d)."""

    def select(self, systems: Array) -> Self:
        """Return the operator of the chosen ``systems`` (b,)."""

    def cast(self, dtype: Any) -> Self:
        """Return the operator in another precision."""


class Preconditioner(Protocol):
    """A batch of approximate inverses of H - e."""

    def solve(self, residuals: Array, values: Array) -> Array:
        """Return approximately (H - e)^-1 r for residuals (B, k, d) of any length and Ritz values (B, k)."""

    def select(self, systems: Array) -> Self:
        """Return the preconditioner of the chosen ``systems`` (b,)."""

    def cast(self, dtype: Any) -> Self:
        """Return the preconditioner in another precision."""


class Eigenpairs(NamedTuple):
    """``values`` (B, k) ascending, orthonormal ``vectors`` (B, k, d), ``residuals`` (B, k) = ||H v - e v||."""

    values: Array
    vectors: Array
    residuals: Array

    def first(self, n: int) -> Eigenpairs:
        """Return the ``n`` lowest pairs."""
        return Eigenpairs(*(a[:, :n, ...] for a in self))


class Corner(NamedTuple):
    """The first ``inner`` rows and columns of a basis of products, ``whole`` rows times columns."""

    whole: tuple[int, int]
    inner: tuple[int, int]

    def of(self, vectors: Array) -> Array:
        """Return the part in the corner, (B, k, d0), of vectors (B, k, d)."""
        xp, (b, k, _), (rows, columns) = namespace(vectors), vectors.shape, self.inner
        return xp.reshape(xp.reshape(vectors, (b, k, *self.whole))[:, :, :rows, :columns], (b, k, rows * columns))

    def embedded(self, inside: Array) -> Array:
        """Return vectors (B, k, d) that are ``inside`` (B, k, d0) in the corner and 0 elsewhere."""
        xp, (b, k, _) = namespace(inside), inside.shape
        vectors = xp.zeros((b, k, self.whole[0] * self.whole[1]), dtype=inside.dtype, device=inside.device)
        return self.put(vectors, inside)

    def put(self, vectors: Array, inside: Array) -> Array:
        """Return ``vectors`` (B, k, d), changed in place to ``inside`` (B, k, d0) in the corner."""
        xp, (b, k, _), (rows, columns) = namespace(vectors), vectors.shape, self.inner
        whole = xp.reshape(vectors, (b, k, *self.whole), copy=False)
        whole[:, :, :rows, :columns] = xp.reshape(inside, (b, k, rows, columns))
        return vectors


class LowArrays(NamedTuple):
    """The arrays of a ``LowBlock``, one entry for each system.

    Attributes:
        diagonal: diagonal of H, (B, d).
        values, vectors: eigenpairs of H in the corner, (B, d0) and (B, d0, d0), one a column.
        floor: smallest magnitude of a denominator, (B, 1, 1): a tenth of the distance of the lowest values.
    """

    diagonal: Array
    values: Array
    vectors: Array
    floor: Array


@dataclass(frozen=True)
class LowBlock:
    """The preconditioner (H - e)^-1 in two levels: H in a ``corner`` of the basis, its diagonal in the rest."""

    corner: Corner
    arrays: LowArrays

    @classmethod
    def of(cls, corner: Corner, diagonal: Array, values: Array, vectors: Array, n_block: int) -> LowBlock:
        """Return the preconditioner for blocks of ``n_block`` vectors; for the other arguments see ``LowArrays``."""
        last = min(n_block, values.shape[1] - 1)
        floor = (values[:, last] - values[:, 0])[:, None, None] / 10 + TINY
        return cls(corner, LowArrays(diagonal, values, vectors, floor))

    def select(self, systems: Array) -> LowBlock:
        """Return the preconditioner of the chosen ``systems`` (b,)."""
        return replace(self, arrays=select(self.arrays, systems))

    def cast(self, dtype: Any) -> LowBlock:
        """Return the preconditioner in another precision."""
        return replace(self, arrays=cast(self.arrays, dtype))

    def solve(self, residuals: Array, values: Array) -> Array:
        """Return approximately (H - e)^-1 r for residuals (B, k, d) and values e (B, k)."""
        xp, (diagonal, levels, vectors, floor) = namespace(residuals), self.arrays
        found = residuals / xp.maximum(diagonal[:, None, :] - values[..., None], floor)
        gap = levels[:, None, :] - values[..., None]
        gap = xp.where(xp.abs(gap) < floor, xp.where(gap < 0, -floor, floor), gap)
        inside = (self.corner.of(residuals) @ vectors) / gap
        return self.corner.put(found, inside @ xp.matrix_transpose(vectors))


def per_system(tolerance: float | Array, n_systems: int) -> np.ndarray:
    """Return a tolerance, one number or (B,), for each system: (B,), NumPy."""
    given = tolerance if isinstance(tolerance, (int, float)) else to_numpy(tolerance)
    return np.broadcast_to(np.asarray(given, dtype=float), (n_systems,))


def norms(vectors: Array) -> Array:
    """Return the Euclidean lengths along the last axis."""
    xp = namespace(vectors)
    return xp.sqrt(xp.sum(vectors * vectors, axis=-1))


def non_orthogonality(vectors: Array) -> Array:
    """Return the largest entry of |<v_i|v_j> - delta_ij| of ``vectors`` (B, k, d): (B,)."""
    xp, k = namespace(vectors), vectors.shape[1]
    overlap = vectors @ xp.matrix_transpose(vectors) - xp.eye(k, dtype=vectors.dtype, device=vectors.device)
    return xp.max(xp.abs(overlap), axis=(1, 2)) if vectors.shape[0] else vectors[:, 0, 0]


def orthonormal(block: Array, basis: Array | None = None) -> Array:
    """Return orthonormal rows that span ``block`` (b, k, d) outside ``basis`` (b, j, d); twice, against rounding."""
    xp = namespace(block)
    for _ in range(2):
        if basis is not None and basis.shape[1]:
            block = block - (block @ xp.matrix_transpose(basis)) @ basis
        block = _by_cholesky(block)
    return block


def _by_cholesky(block: Array) -> Array:
    xp = namespace(block)
    try:
        factor = xp.linalg.cholesky(block @ xp.matrix_transpose(block))
        found = xp.linalg.inv(factor) @ block
        if bool(xp.all(xp.isfinite(found))):  # a GPU does not raise
            return found
    except np.linalg.LinAlgError:
        pass  # linearly dependent rows have no Cholesky factor, but a QR decomposition
    return xp.matrix_transpose(xp.linalg.qr(xp.matrix_transpose(block))[0])


def start_vectors(low: LowBlock, n_block: int, noise: float = 0.02) -> Array:
    """Return the lowest vectors in the corner (B, n_block, d), with random parts of all functions.

    H conserves the symmetries of its system: an eigenvector of a symmetry that all start vectors lack is found only
    because of this noise. Its weight decreases where the diagonal is high, so that it costs no iterations.
    """
    diagonal, _, vectors, floor = low.arrays
    xp, d, device = namespace(diagonal), diagonal.shape[1], diagonal.device
    guess = low.corner.embedded(xp.matrix_transpose(vectors[:, :, :n_block]))
    noise_of_all = np.random.default_rng(0).normal(size=(n_block, d)) * noise / d**0.5
    random = xp.asarray(noise_of_all, dtype=diagonal.dtype, device=device)
    above = (diagonal - xp.min(diagonal, axis=1, keepdims=True))[:, None, :]
    return guess + random * (10 * floor / (above + 10 * floor))


class _Ritz(NamedTuple):
    """Ritz ``values`` (b, j), ascending; ``rotation`` (b, j, j) to their vectors, one a row.

    For the k lowest also ``residuals`` (b, k, d) = H v - e v and their ``lengths`` (b, k).
    """

    values: Array
    rotation: Array
    residuals: Array
    lengths: Array


class _Rows(NamedTuple):
    """Orthonormal ``basis`` Q (b, room, d), its ``image`` H Q, and ``projected`` Q H Q^T (b, room, room)."""

    basis: Array
    image: Array
    projected: Array


class _Subspace:
    """A growing orthonormal basis Q (b, j, d), its image H Q, and Q H Q^T (b, j, j) in its lower triangle.

    The arrays are allocated at their final size; ``size`` of their rows are in use.
    """

    def __init__(self, operator: Operator, preconditioner: Preconditioner, start: Array, room: int) -> None:
        xp, (b, self.n_block, self.dimension) = namespace(start), start.shape
        self.xp, self.operator, self.preconditioner = xp, operator, preconditioner
        self.room, self.size, self.systems = room, 0, np.arange(b)
        kind = {"dtype": start.dtype, "device": start.device}
        basis, image = (xp.empty((b, room, self.dimension), **kind) for _ in range(2))
        self.rows = _Rows(basis, image, xp.zeros((b, room, room), **kind))
        self._extend(start)

    def ritz(self) -> tuple[_Ritz, Array]:
        """Return the Ritz pairs and the vectors (b, k, d) of the k lowest."""
        xp, k = self.xp, self.n_block
        lower = self.rows.projected[:, : self.size, : self.size]
        whole = xp.tril(lower) + xp.matrix_transpose(xp.tril(lower, k=-1))
        values, columns = xp.linalg.eigh(whole)
        rotation = xp.matrix_transpose(columns)
        vectors, image = self._rotated(rotation[:, :k, :])
        residuals = image - values[:, :k, None] * vectors
        return _Ritz(values, rotation, residuals, norms(residuals)), vectors

    def grow(self, ritz: _Ritz, open_pairs: np.ndarray) -> None:
        """Add the preconditioned residuals of the ``open_pairs`` (b, k).

        All systems add as many as the one with the most; those with fewer add finished pairs as well. The basis
        restarts from the lowest Ritz vectors where the room is used up.
        """
        xp, k = self.xp, self.n_block
        values, residuals, lengths = ritz.values[:, :k], ritz.residuals, ritz.lengths
        most = int(open_pairs.sum(axis=1).max())
        if most < k:
            first = np.argsort(~open_pairs, axis=1, kind="stable")[:, :most]
            chosen = xp.asarray(first, device=lengths.device)
            values, lengths = (xp.take_along_axis(a, chosen, axis=1) for a in (values, lengths))
            numbers = xp.asarray((first + k * np.arange(len(first))[:, None]).ravel(), device=lengths.device)
            flat = xp.reshape(residuals, (-1, self.dimension))
            residuals = xp.reshape(xp.take(flat, numbers, axis=0), (-1, most, self.dimension))
        block = self.preconditioner.solve(residuals / (lengths[..., None] + TINY), values)
        block = block / (norms(block)[..., None] + TINY)
        if self.size + most > self.room and self.room < self.dimension:
            self._restart(ritz.values[:, : 2 * k], ritz.rotation[:, : 2 * k, :])
        self._extend(block)

    def keep(self, chosen: Array, host: np.ndarray) -> None:
        """Drop all systems but the ``chosen`` (b',), of which ``host`` (b,) is the mask in NumPy."""
        self.systems = self.systems[host]
        self.operator, self.preconditioner = self.operator.select(chosen), self.preconditioner.select(chosen)
        self.rows = select(self.rows, chosen)

    def _extend(self, block: Array) -> None:
        """Add the span of ``block`` (b, k, d), or as many of its rows as there are dimensions left."""
        old, (basis, image, projected) = self.size, self.rows
        self.size = new = min(old + block.shape[1], self.dimension)
        block = orthonormal(block[:, : new - old, :], basis[:, :old, :])
        applied = self.operator.apply(block)
        basis[:, old:new, :], image[:, old:new, :] = block, applied
        projected[:, old:new, :new] = applied @ self.xp.matrix_transpose(basis[:, :new, :])

    def _rotated(self, rotation: Array) -> tuple[Array, Array]:
        """Return vectors and their images (b, m, d) for a rotation (b, m, j)."""
        return rotation @ self.rows.basis[:, : self.size, :], rotation @ self.rows.image[:, : self.size, :]

    def _restart(self, values: Array, rotation: Array) -> None:
        """Reduce the basis to the Ritz vectors of ``rotation`` (b, m, j), with ``values`` (b, m)."""
        vectors, images = self._rotated(rotation)
        self.size = m = rotation.shape[1]
        self.rows.basis[:, :m, :], self.rows.image[:, :m, :] = vectors, images
        unit = self.xp.eye(m, dtype=values.dtype, device=values.device)
        self.rows.projected[:, :m, :m] = values[:, :, None] * unit


def davidson(
    operator: Operator,
    preconditioner: Preconditioner,
    start: Array,
    n_wanted: int,
    tolerance: float | Array,
    max_iterations: int = 80,
    max_blocks: int = 6,
    loose: Array | None = None,
    min_iterations: int = 1,
) -> Eigenpairs:
    """Return the lowest eigenpairs of each system from ``start`` vectors (B, k, d), k >= ``n_wanted``.

    The first ``n_wanted`` pairs are converged to ``tolerance``, one number or (B,), in ||H v - e v||. The other
    k - n_wanted guard them and need not be converged. A system that is not converged after ``max_iterations`` is
    returned as well; its residuals are above the tolerance, which the caller must check. The ``start`` is the first
    iteration: with more of ``min_iterations`` it is improved even where it is within the tolerance.

    Until residuals are ``loose`` (B,), iterations are in single precision: less work for the same result. This is to
    be above its rounding, 1e-7 of the norm of H; where it is not, the number of these iterations is bounded.
    """
    if loose is not None:
        start = _in_single(operator, preconditioner, start, n_wanted, loose, max_iterations)
        preconditioner = preconditioner.cast(start.dtype)
    xp, (n_systems, k, dimension) = namespace(start), start.shape
    if n_systems == 0:
        return Eigenpairs(start[:, :, 0], start, start[:, :, 0])
    space = _Subspace(operator, preconditioner, start, min(max_blocks * k, dimension))
    limits = per_system(tolerance, n_systems)
    numbers: list[np.ndarray] = []
    finished: list[Eigenpairs] = []
    for iteration in range(1, max_iterations + 1):
        ritz, vectors = space.ritz()
        unfinished = _unfinished(ritz, limits[space.systems], n_wanted)
        unfinished[:, :n_wanted] |= iteration < min_iterations
        done = np.all(~unfinished[:, :n_wanted], axis=1)
        if iteration == max_iterations or space.size == dimension:
            done[:] = True
        if done.any():
            out, left = (xp.asarray(np.flatnonzero(mask), device=start.device) for mask in (done, ~done))
            numbers.append(space.systems[done])
            finished.append(select(Eigenpairs(ritz.values[:, :k], vectors, ritz.lengths), out))
            if done.all():
                break
            space.keep(left, ~done)
            ritz = select(ritz, left)
            unfinished = unfinished[~done]
        space.grow(ritz, unfinished)
    order = xp.asarray(np.argsort(np.concatenate(numbers)), device=start.device)
    return select(Eigenpairs(*(xp.concat(list(parts)) for parts in zip(*finished, strict=True))), order)


def _in_single(
    operator: Operator, preconditioner: Preconditioner, start: Array, n_wanted: int, loose: Array, max_iterations: int
) -> Array:
    """Return better start vectors, in double precision, from iterations in single precision."""
    xp = namespace(start)
    start = xp.astype(start, xp.float32)
    arguments = operator.cast(xp.float32), preconditioner.cast(xp.float32), start, n_wanted, loose
    found = davidson(*arguments, min(SINGLE_ITERATIONS, max_iterations)).vectors
    return xp.astype(xp.where(xp.isfinite(found), found, start), xp.float64)


def _unfinished(ritz: _Ritz, limits: np.ndarray, n_wanted: int) -> np.ndarray:
    """Return which of the k lowest Ritz pairs are not good enough, (b, k).

    A requested pair is good within its limit (b,), another one also if no eigenvalue among the requested ones can be
    its own: an eigenvalue is within its residual.
    """
    values, lengths = to_numpy(ritz.values), to_numpy(ritz.lengths)
    found = ~(lengths <= limits[:, None])
    lowest = values[:, n_wanted : lengths.shape[1]] - lengths[:, n_wanted:]
    found[:, n_wanted:] &= ~(lowest > values[:, n_wanted - 1 : n_wanted])
    return found
