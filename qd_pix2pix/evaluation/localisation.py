"""Positions of objects from a map of contributions to their number, compared with true positions.

    S(t) = sum_d w(d) C(t + d),   w(d) = prod_axes (1 - |d| / (reach + 1)),   |d| <= reach

C_t is the contribution of tile t (``networks.ednn``), about 1 in total for each object. The largest S is an object as
long as it exceeds a threshold. One unit of the contributions around it is removed, the nearest tiles first, so that two
objects that are close together, whose contributions are 2 in total, are found one after the other. A few iterations of
k-means then move each position to the centroid of the positive contributions that are nearest to it. If an object
contributes from one tile only, S is 1 there; if from four tiles equally, it is 9/16 with reach = 1.
Positions are in points of the sample, whose first point has its centre at 1/2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from qd_pix2pix.evaluation.measures import RADIUS
from solvers.checks import check_array, check_integer, check_positive

THRESHOLD = 0.28
"""Default threshold of S: an object in nine tiles equally has 4/9, and one whose part went to a neighbour has less."""
ITERATIONS = 3
"""Iterations of k-means."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Localisation:
    """Numbers of positions in a set of samples.

    Attributes:
        found: positions found.
        true: true positions.
        distances: distances of the matched pairs, (pairs,).
    """

    found: int
    true: int
    distances: Floats

    @property
    def recall(self) -> float:
        """The part of the true positions that is found; NaN if there is none."""
        return len(self.distances) / self.true if self.true else math.nan

    @property
    def precision(self) -> float:
        """The part of the found positions that is true; NaN if there is none."""
        return len(self.distances) / self.found if self.found else math.nan


def positions(contributions: NDArray, focus: int = 1, threshold: float = THRESHOLD, reach: int = 1) -> Floats:
    """Return positions (k, 2) from the map of one sample, the largest S first.

    Args:
        contributions: contributions to the number of objects, (tiles, tiles).
        focus: points per side of a tile.
        threshold: smallest S of an object.
        reach: tiles on each side of a maximum whose contributions belong to its object.

    Raises:
        ValueError: an argument is out of range.
    """
    found = check_array("contributions", contributions, ("n", "m")).astype(np.float64)
    check_integer("focus", focus, 1)
    check_positive("threshold", threshold)
    check_integer("reach", reach, 1)
    places = _greedy(found.copy(), threshold, reach)
    return (_refined(places, found, reach) if len(places) else places) * focus


def _greedy(left: Floats, threshold: float, reach: int) -> Floats:
    """Return positions (k, 2) in tiles, each where S of what is left of the contributions is largest."""
    weights = 1 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
    places: list[Floats] = []
    while len(places) < left.size:
        total = convolve1d(convolve1d(left, weights, 0, mode="constant"), weights, 1, mode="constant")
        tile = np.array(np.unravel_index(total.argmax(), total.shape))
        if total[tuple(tile)] < threshold:
            break
        places.append(_taken(left, tile, reach))
    return np.array(places).reshape(-1, 2)


def _taken(left: Floats, tile: NDArray, reach: int) -> Floats:
    """Remove one unit around a tile from the contributions, the nearest tiles first; return its centroid (2,)."""
    first = np.maximum(tile - reach, 0)
    window = left[first[0] : tile[0] + reach + 1, first[1] : tile[1] + reach + 1]
    offsets = np.indices(window.shape).reshape(2, -1).T + first - tile
    order = np.lexsort((np.linalg.norm(offsets, axis=1), np.abs(offsets).max(1)))
    amounts = np.maximum(window.ravel()[order], 0)
    taken = np.diff(np.minimum(np.cumsum(amounts), 1.0), prepend=0.0)
    remaining = np.empty_like(amounts)
    remaining[order] = amounts - taken
    window[...] = remaining.reshape(window.shape)
    return tile + 0.5 + taken @ offsets[order] / taken.sum()


def _refined(places: Floats, contributions: Floats, reach: int) -> Floats:
    """Return the positions (k, 2), in tiles, after iterations of k-means over the positive contributions."""
    tiles = np.argwhere(contributions > 0)
    amounts = contributions[tuple(tiles.T)]
    for _ in range(ITERATIONS):
        distances, nearest = cKDTree(places).query(tiles + 0.5, distance_upper_bound=reach + 1.5)
        own = np.isfinite(distances)
        sums = np.zeros((len(places), 3))
        np.add.at(sums, nearest[own], np.column_stack([amounts, amounts[:, None] * (tiles + 0.5)])[own])
        moved = sums[:, 0] > 0
        places = np.where(moved[:, None], sums[:, 1:] / np.where(moved, sums[:, 0], 1.0)[:, None], places)
    return places


def positions_of_samples(contributions: NDArray, points: Sequence[int]) -> list[Floats]:
    """Return ``positions`` for the maps (S, tiles, tiles) of samples with so many points."""
    focus = points[0] // contributions.shape[1]
    return [positions(one, focus) for one in contributions.astype(np.float64)]


def marked(marks: NDArray, mark: int) -> Floats:
    """Return the positions (k, 2) of the points (n, m) that have this mark; see ``Column.marked_in``."""
    return np.argwhere(marks == mark).astype(np.float64) + 0.5


def match(found: Floats, true: Floats, radius: float) -> NDArray[np.int64]:
    """Return pairs (pairs, 2) of numbers of found (k, 2) and true (m, 2) positions at most ``radius`` apart.

    No position is in two pairs. The pairs are as many as possible, and among these the sum of distances is least.
    """
    check_positive("radius", radius)
    distances = cdist(found, true)
    excess = radius * (1 + min(distances.shape))  # more than all pairs together
    rows, columns = linear_sum_assignment(np.where(distances <= radius, distances, excess))
    near = distances[rows, columns] <= radius
    return np.stack([rows[near], columns[near]], axis=1)


def localise(found: Sequence[Floats], true: Sequence[Floats], radius: float = RADIUS) -> Localisation:
    """Return the comparison of found with true positions, (k, 2) each, of a sequence of samples."""
    pairs = [match(f, t, radius) for f, t in zip(found, true, strict=True)]
    distances = [np.linalg.norm(f[p[:, 0]] - t[p[:, 1]], axis=1) for f, t, p in zip(found, true, pairs, strict=True)]
    return Localisation(sum(map(len, found)), sum(map(len, true)), np.concatenate([np.empty(0), *distances]))
