"""Lowest eigenpairs of a batch of large symmetric matrices known only by their action: block Davidson.

Davidson, J. Comput. Phys. 17, 87 (1975); thick restart as in Stathopoulos, Saad, Wu, SIAM J. Sci. Comput. 19, 227
(1998). A basis Q grows by the preconditioned residuals; the Ritz pairs of Q H Q^T are the approximations. All systems
of a batch advance together, and leave it when their residuals are below the tolerance.
"""

from __future__ import annotations

from copy import copy
from typing import NamedTuple, Protocol, Self

import numpy as np

from solvers.backend import Array, namespace, to_numpy

TINY = float(np.finfo(np.float64).tiny)


class Operator(Protocol):
    """A batch of symmetric matrices H, (B, d, d), that can be applied and roughly inverted."""

    def apply(self, vectors: Array) -> Array:
        """H v for vectors (B, k, d)."""

    def precondition(self, residuals: Array, values: Array) -> Array:
        """About (H - e)^-1 r for residuals (B, k, d) of any length and Ritz values (B, k)."""

    def take(self, systems: Array) -> Self:
        """The operator of some of its systems."""


class Eigenpairs(NamedTuple):
    """``values`` (B, k) ascending, orthonormal ``vectors`` (B, k, d), ``residuals`` (B, k) = ||H v - e v||."""

    values: Array
    vectors: Array
    residuals: Array

    def first(self, n: int) -> Eigenpairs:
        """The ``n`` lowest."""
        return Eigenpairs(*(a[:, :n, ...] for a in self))


class LowBlock:
    """(H - e)^-1 in two levels: exact among a few leading basis functions, the diagonal elsewhere.

    Attributes:
        diagonal: of H, (B, d).
        inside: numbers of the leading basis functions, (d0,), the same for all systems.
        values, vectors: eigenpairs of H among these, (B, d0) and (B, d0, d0), one a column.
        floor: a denominator is kept that far away from zero: a tenth of the distance of the ``n_block`` lowest values.
    """

    def __init__(self, diagonal: Array, inside: np.ndarray, values: Array, vectors: Array, n_block: int) -> None:
        xp, d = namespace(values), diagonal.shape[-1]
        outside = np.setdiff1d(np.arange(d), inside)
        self.inside, self.outside, self.order = (
            xp.asarray(a, device=values.device) for a in (inside, outside, np.argsort(np.r_[inside, outside]))
        )
        self.diagonal, self.values, self.vectors = diagonal, values, vectors
        last = min(n_block, values.shape[1] - 1)
        self.floor = (values[:, last] - values[:, 0])[:, None, None] / 10 + TINY

    def take(self, systems: Array) -> LowBlock:
        """The preconditioner of some of its systems."""
        chosen, xp = copy(self), namespace(self.values)
        for name in ("diagonal", "values", "vectors", "floor"):
            setattr(chosen, name, xp.take(getattr(self, name), systems, axis=0))
        return chosen

    def solve(self, residuals: Array, values: Array) -> Array:
        """About (H - e)^-1 r for residuals (B, k, d) and values e (B, k)."""
        xp = namespace(residuals)
        distance = xp.take(self.diagonal, self.outside, axis=-1)[:, None, :] - values[..., None]
        outside = xp.take(residuals, self.outside, axis=-1) / xp.where(distance < self.floor, self.floor, distance)
        gap = self.values[:, None, :] - values[..., None]
        gap = xp.where(xp.abs(gap) < self.floor, xp.where(gap < 0, -self.floor, self.floor), gap)
        inside = (xp.take(residuals, self.inside, axis=-1) @ self.vectors) / gap
        inside = inside @ xp.matrix_transpose(self.vectors)
        return xp.take(xp.concat([inside, outside], axis=-1), self.order, axis=-1)


def norms(vectors: Array) -> Array:
    """Euclidean lengths along the last axis."""
    xp = namespace(vectors)
    return xp.sqrt(xp.sum(vectors * vectors, axis=-1))


def non_orthogonality(vectors: Array) -> Array:
    """Largest entry of |<v_i|v_j> - delta_ij| of ``vectors`` (B, k, d): (B,)."""
    xp, k = namespace(vectors), vectors.shape[1]
    overlap = vectors @ xp.matrix_transpose(vectors) - xp.eye(k, dtype=vectors.dtype, device=vectors.device)
    return xp.max(xp.abs(overlap), axis=(1, 2)) if vectors.shape[0] else vectors[:, 0, 0]


def orthonormal(block: Array, basis: Array | None = None) -> Array:
    """Orthonormal rows that span ``block`` (b, k, d) outside ``basis`` (b, j, d); twice, against rounding."""
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
        pass  # rows that depend on each other have no such factor, but a QR decomposition
    return xp.matrix_transpose(xp.linalg.qr(xp.matrix_transpose(block))[0])


def start_vectors(low: LowBlock, n_block: int, noise: float = 0.02) -> Array:
    """The lowest vectors among the leading basis functions (B, n_block, d), with a little of everything.

    H keeps the symmetries of its system: one that these lack comes in by this noise, or never. The noise is
    weighted down where the diagonal is high, so that it costs no iterations.
    """
    xp, d = namespace(low.diagonal), low.diagonal.shape[1]
    device = low.diagonal.device
    outer = xp.zeros((low.vectors.shape[0], n_block, d - low.vectors.shape[1]), device=device)
    guess = xp.concat([xp.matrix_transpose(low.vectors[:, :, :n_block]), outer], axis=-1)
    random = xp.asarray(np.random.default_rng(0).normal(size=(n_block, d)) * noise / d**0.5, device=device)
    above = (low.diagonal - xp.min(low.diagonal, axis=1, keepdims=True))[:, None, :]
    return xp.take(guess, low.order, axis=-1) + random * (10 * low.floor / (above + 10 * low.floor))


class _Subspace:
    """An orthonormal basis Q (b, j, d) that grows, its image H Q, and Q H Q^T (b, j, j) in its lower triangle.

    The arrays are as large as they will get; ``size`` of their rows are in use.
    """

    def __init__(self, operator: Operator, start: Array, room: int) -> None:
        xp, (b, _, dimension) = namespace(start), start.shape
        self.xp, self.operator, self.room, self.size = xp, operator, room, 0
        self.systems = np.arange(b)
        self.basis = xp.empty((b, room, dimension), dtype=start.dtype, device=start.device)
        self.image = xp.empty((b, room, dimension), dtype=start.dtype, device=start.device)
        self.projected = xp.zeros((b, room, room), dtype=start.dtype, device=start.device)
        self.extend(start)

    def extend(self, block: Array) -> None:
        """Take in the span of ``block`` (b, k, d), or as many of its rows as there are dimensions left."""
        old = self.size
        self.size = new = min(old + block.shape[1], self.basis.shape[2])
        block = block[:, : new - old, :]
        block = orthonormal(block, self.basis[:, :old, :])
        image = self.operator.apply(block)
        self.basis[:, old:new, :], self.image[:, old:new, :] = block, image
        self.projected[:, old:new, :new] = image @ self.xp.matrix_transpose(self.basis[:, :new, :])

    def ritz(self) -> tuple[Array, Array]:
        """Ritz values (b, j), ascending, and the rotations (b, j, j) to their vectors, one a row."""
        lower = self.projected[:, : self.size, : self.size]
        xp = self.xp
        whole = xp.tril(lower) + xp.matrix_transpose(xp.tril(lower, k=-1))
        values, columns = xp.linalg.eigh(whole)
        return values, xp.matrix_transpose(columns)

    def rotate(self, rotation: Array) -> tuple[Array, Array]:
        """Vectors and their images (b, m, d) for a rotation (b, m, j)."""
        return rotation @ self.basis[:, : self.size, :], rotation @ self.image[:, : self.size, :]

    def restart(self, values: Array, rotation: Array) -> None:
        """Keep only the Ritz vectors of ``rotation`` (b, m, j), with ``values`` (b, m)."""
        kept = self.rotate(rotation)
        self.size = m = rotation.shape[1]
        self.basis[:, :m, :], self.image[:, :m, :] = kept
        unit = self.xp.eye(m, dtype=values.dtype, device=values.device)
        self.projected[:, :m, :m] = values[:, :, None] * unit

    def keep(self, chosen: Array, host: np.ndarray) -> None:
        """Let the other systems go."""
        self.systems = self.systems[host]
        self.operator = self.operator.take(chosen)
        self.basis, self.image, self.projected = (
            self.xp.take(a, chosen, axis=0) for a in (self.basis, self.image, self.projected)
        )


def davidson(
    operator: Operator,
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
    xp, (n_systems, k, dimension) = namespace(start), start.shape
    if n_systems == 0:
        return Eigenpairs(start[:, :, 0], start, start[:, :, 0])
    space = _Subspace(operator, start, min(max_blocks * k, dimension))
    finished: list[tuple[np.ndarray, Array, Array, Array]] = []
    for iteration in range(1, max_iterations + 1):
        values, rotation = space.ritz()
        ritz, image = space.rotate(rotation[:, :k, :])
        residual = image - values[:, :k, None] * ritz
        lengths = norms(residual)
        done = to_numpy(xp.max(lengths[:, :n_wanted], axis=1)) <= tolerance
        if iteration == max_iterations or space.size == dimension:
            done[:] = True
        if done.any():
            out = xp.asarray(np.flatnonzero(done), device=start.device)
            finished.append((space.systems[done], *(xp.take(a, out, axis=0) for a in (values[:, :k], ritz, lengths))))
            if done.all():
                break
            left = xp.asarray(np.flatnonzero(~done), device=start.device)
            space.keep(left, ~done)
            residual, lengths, values, rotation = (
                xp.take(a, left, axis=0) for a in (residual, lengths, values, rotation)
            )
        block = space.operator.precondition(residual / (lengths[..., None] + TINY), values[:, :k])
        block = block / (norms(block)[..., None] + TINY)
        if space.size + k > space.room and space.room < dimension:
            space.restart(values[:, : 2 * k], rotation[:, : 2 * k, :])
        space.extend(block)
    order = xp.asarray(np.argsort(np.concatenate([part[0] for part in finished])), device=start.device)
    return Eigenpairs(*(xp.take(xp.concat(list(a)), order, axis=0) for a in list(zip(*finished, strict=True))[1:]))
