"""The symmetries of a potential in a square or a rectangle, and orbitals, shells and densities that have them.

The operations of the square are a transposition followed by mirrors; those of a rectangle, and of a square where masses
along x and y differ, are the mirrors. A mirror of x multiplies the sine coefficient c_mn by (-1)^(m+1), so that they
act on coefficients without error. H commutes with the operations g that leave V
unchanged, its group G. An orbital belongs to one irreducible representation of G; Q = sum_g w_g g, with w equal for
conjugate g, is a number there, another one for each representation. All representations of these groups have dimension
one, but E of the groups with quarter turns: there the half turn is -1, and phi and its quarter turn make one shell.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

from solvers.backend import Array, namespace, to_numpy
from solvers.eigensolver import TINY, norms

OPERATIONS = tuple((t, x, y) for t in (False, True) for x in (False, True) for y in (False, True))
"""Transposition, then mirror of x, then mirror of y."""
IDENTITY, HALF_TURN = OPERATIONS.index((False, False, False)), OPERATIONS.index((False, True, True))
QUARTER_TURN = OPERATIONS.index((True, True, False))
ROUNDING = 1e-13
"""V has a symmetry if it changes by less than this part of its range."""
APART = 1e3
"""Weight of Q beside the values that order the orbitals, which vary by one."""


def act(fields: Array, operation: int) -> Array:
    """Return fields (..., n_x, n_y) after one of the ``OPERATIONS``; a transposition needs n_x = n_y."""
    xp, (turned, x, y) = namespace(fields), OPERATIONS[operation]
    fields = xp.matrix_transpose(fields) if turned else fields
    fields = xp.flip(fields, axis=-2) if x else fields
    return xp.flip(fields, axis=-1) if y else fields


def act_on_sines(coefficients: Array, operation: int) -> Array:
    """Return the sine coefficients (..., m_x, m_y) of functions after one of the ``OPERATIONS``."""
    xp, (turned, x, y) = namespace(coefficients), OPERATIONS[operation]
    signs = [xp.asarray((-1.0) ** np.arange(m), device=coefficients.device) for m in coefficients.shape[-2:]]
    found = xp.matrix_transpose(coefficients) if turned else coefficients
    found = found * signs[0][:, None] if x else found
    return found * signs[1] if y else found


@lru_cache(maxsize=1)
def _products() -> np.ndarray:
    """Return the table of numbers of g h, (8, 8)."""
    field = np.arange(16.0).reshape(4, 4)
    shown = [act(field, g) for g in range(8)]
    return np.array(
        [[next(k for k in range(8) if (shown[k] == act(act(field, h), g)).all()) for h in range(8)] for g in range(8)]
    )


@lru_cache(maxsize=1)
def subgroups() -> tuple[tuple[int, ...], ...]:
    """Return all groups of operations, the largest first."""
    table, found = _products(), []
    for size in (8, 4, 2, 1):
        for some in combinations(range(8), size):
            if IDENTITY in some and {int(table[g, h]) for g in some for h in some} == set(some):
                found.append(some)
    return tuple(found)


@lru_cache(maxsize=16)
def class_weights(group: tuple[int, ...]) -> np.ndarray:
    """Return w_g (8,), equal for conjugate operations of the group and for inverse ones, 0 outside of it."""
    table, weights = _products(), np.zeros(8)
    inverse = {g: next(h for h in group if table[g, h] == IDENTITY) for g in group}
    for g in group:
        similar = [int(table[table[h, g], inverse[h]]) for h in group]
        alike = np.array([k for s in similar for k in (s, inverse[s])])
        weights[g] = np.sqrt(np.array([2.0, 3, 5, 7, 11, 13, 17, 19]))[alike].mean() if g != IDENTITY else 0.0
    return weights


class Group(NamedTuple):
    """The groups of a batch: ``members`` (B, 8) and ``weights`` w (B, 8), NumPy."""

    members: np.ndarray
    weights: np.ndarray

    @property
    def trivial(self) -> bool:
        """True where no potential of the batch has a symmetry."""
        return not self.members[:, 1:].any()

    @property
    def pairs(self) -> np.ndarray:
        """True for groups with quarter turns, (B,), which have shells of two orbitals."""
        return self.members[:, QUARTER_TURN]


def group_of(potential: Array, transposable: bool = True) -> Group:
    """Return the symmetries of each ``potential`` (B, n_x, n_y) up to rounding.

    ``transposable`` is False where x and y are not equivalent: in a rectangle, or for masses that differ.
    """
    xp = namespace(potential)
    reach = xp.max(xp.abs(potential), axis=(1, 2))
    allowed = [g for g, (turned, *_) in enumerate(OPERATIONS) if transposable or not turned]
    kept = [xp.max(xp.abs(act(potential, g) - potential), axis=(1, 2)) <= ROUNDING * reach for g in allowed]
    same = np.zeros((potential.shape[0], 8), dtype=bool)
    same[:, allowed] = to_numpy(xp.stack(kept, axis=1))
    groups = [next(group for group in subgroups() if row[list(group)].all()) for row in same]
    members = np.zeros(same.shape, dtype=bool)
    for row, group in zip(members, groups, strict=True):
        row[list(group)] = True
    return Group(members, np.array([class_weights(group) for group in groups]).reshape(-1, 8))


def symmetrised(fields: Array, group: Group) -> Array:
    """Return the mean of fields (B, n_x, n_y) over their groups."""
    if group.trivial:
        return fields
    xp, total = namespace(fields), 0.0
    for g in np.flatnonzero(group.members.any(axis=0)).tolist():
        share = group.members[:, g] / group.members.sum(axis=1)
        total = total + act(fields, g) * xp.asarray(share, device=fields.device)[:, None, None]
    return total


class Shells(NamedTuple):
    """Orbitals in the order of their values.

    ``vectors`` (B, K, m_x, m_y); ``values`` (B, K), NumPy; ``paired`` (B, K), NumPy: 1 and 2 for the first and the
    second of a pair, 0 for an orbital alone, -1 where the second is missing; ``kinds`` (B, K), NumPy: <Q>, a number
    for each representation.
    """

    vectors: Array
    values: np.ndarray
    paired: np.ndarray
    kinds: np.ndarray


def in_shells(vectors: Array, values: Array, group: Group) -> Shells:
    """Return orthonormal ``vectors`` (B, K, m_x, m_y) as orbitals with the symmetries of their group.

    ``values`` (B, K), ascending, order them: H, or another operator with these symmetries, is diagonal with them.
    """
    xp, (b, k, *modes) = namespace(vectors), vectors.shape
    known = to_numpy(values)
    if group.trivial:
        return Shells(vectors, known, np.zeros((b, k), dtype=int), np.zeros((b, k)))
    size = modes[0] * modes[1]
    flat = xp.reshape(vectors, (b, k, size))
    total = xp.zeros((b, k, k), dtype=vectors.dtype, device=vectors.device)
    for g in range(1, 8):
        if group.members[:, g].any():
            weight = xp.asarray(group.weights[:, g], device=vectors.device)[:, None, None]
            total = total + weight * (flat @ xp.matrix_transpose(xp.reshape(act_on_sines(vectors, g), (b, k, size))))
    spread = xp.asarray(known[:, -1:] - known[:, :1] + TINY, device=vectors.device)
    ordering = (values - values[:, :1]) / spread
    unit = xp.eye(k, dtype=vectors.dtype, device=vectors.device)
    total = APART * (total + xp.matrix_transpose(total)) / 2 + ordering[:, :, None] * unit
    weighted, columns = xp.linalg.eigh(total)
    rotation = xp.matrix_transpose(columns)
    kinds = to_numpy(weighted - xp.sum(rotation**2 * ordering[:, None, :], axis=2)) / APART
    has = xp.asarray(group.members[:, 1:].any(axis=1), device=vectors.device)[:, None, None]
    rotation = xp.where(has, rotation, unit)
    mean = to_numpy(xp.sum(rotation**2 * values[:, None, :], axis=2))
    turned = xp.reshape(rotation @ flat, vectors.shape)
    half = xp.sum(turned * act_on_sines(turned, HALF_TURN), axis=(2, 3))
    order, paired = _pairs(mean, to_numpy(half) < 0, group.pairs)
    number = xp.asarray(order + k * np.arange(b)[:, None], device=vectors.device)
    rows = xp.reshape(turned, (b * k, *modes))
    ordered = xp.reshape(xp.take(rows, xp.reshape(number, (-1,)), axis=0), (b, k, *modes))
    mean, kinds = (np.take_along_axis(a, order, axis=1) for a in (mean, np.round(kinds, 3)))
    return Shells(_exact(ordered, paired, group), mean, paired, kinds)


def _pairs(values: np.ndarray, odd: np.ndarray, has_pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of orbitals (B, K) by their values, the two of a pair together, and ``Shells.paired``."""
    order, paired = np.zeros(values.shape, dtype=int), np.zeros(values.shape, dtype=int)
    for i, (row, is_odd) in enumerate(zip(values, odd & has_pairs[:, None], strict=True)):
        twos = sorted(np.flatnonzero(is_odd), key=lambda j: row[j])
        shells = [[j] for j in np.flatnonzero(~is_odd)] + [list(twos[j : j + 2]) for j in range(0, len(twos), 2)]
        shells.sort(key=lambda shell: float(np.mean(row[shell])))
        order[i] = [j for shell in shells for j in shell]
        paired[i] = [
            (p + 1 if len(shell) == 2 else -1 if is_odd[shell[0]] else 0) for shell in shells for p in range(len(shell))
        ]
    return order, paired


def _exact(vectors: Array, paired: np.ndarray, group: Group) -> Array:
    """Return orbitals, symmetric to the precision of an iteration, as ones that are so to rounding.

    An orbital alone is projected on its representation, where each operation is a sign; the second of a pair is the
    quarter turn of the first.
    """
    xp, device = namespace(vectors), vectors.device
    alone, total = xp.asarray((paired == 0).astype(float), device=device)[:, :, None, None], vectors
    for g in range(1, 8):
        if group.members[:, g].any():
            image = act_on_sines(vectors, g)
            sign = xp.sign(xp.sum(vectors * image, axis=(2, 3)))[:, :, None, None]
            in_group = xp.asarray(group.members[:, g].astype(float), device=device)[:, None, None, None]
            only = alone if g != HALF_TURN else xp.ones_like(alone)
            total = total + image * sign * in_group * only
    lengths = norms(xp.reshape(total, (*total.shape[:2], -1)))[:, :, None, None]
    total = total / (lengths + TINY)
    second = xp.asarray((paired == 2).astype(float), device=device)[:, :, None, None]
    before = xp.concat([total[:, :1, ...], total[:, :-1, ...]], axis=1)
    if not (paired == 2).any():
        return total
    return xp.where(second > 0, act_on_sines(before, QUARTER_TURN), total)


def choose_shells(paired: np.ndarray, together: np.ndarray, kinds: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers (B, n) of the first of K orbitals in whole shells, and where a shell had to be cut, (B,).

    A shell that does not fit is skipped in favour of later ones: the density has the symmetry of the dot only if the
    orbitals do. ``together`` (B, K - 1) is True for neighbours that are close without being a pair; these stay together
    as well, if it can be done; otherwise their ``kinds`` (B, K) decide, not the rounding of their values.
    """
    b, k = paired.shape
    order, cut = np.zeros((b, n), dtype=int), np.zeros(b, dtype=bool)
    for i in range(b):
        same = paired[i, 1:] == 2
        picked = _greedy(np.arange(k), same | together[i], paired[i], n)
        cut[i] = len(picked) < n
        if cut[i]:
            shell = np.cumsum(np.concatenate([[False], ~(same | together[i])]))
            by_kind = np.lexsort((kinds[i], shell))
            picked = _greedy(by_kind, paired[i, by_kind[1:]] == 2, paired[i], n)
            picked += [j for j in by_kind.tolist() if j not in picked][: n - len(picked)]
        order[i] = sorted(picked)
    return order, cut


def _greedy(order: np.ndarray, same: np.ndarray, paired: np.ndarray, n: int) -> list[int]:
    picked: list[int] = []
    for shell in np.split(order, np.flatnonzero(~same) + 1):
        if (paired[shell] >= 0).all() and len(picked) + len(shell) <= n:
            picked += shell.tolist()
    return picked
