"""Positions of objects from a map of contributions to their number, compared with true positions.

    S(t) = sum_d w(d) C(t + d),   w(d) = prod_axes (1 - |d| / (reach + 1)),   |d| <= reach

C_t is the contribution of tile t (``networks.ednn``), about 1 in total for each object. An object lies where S has a
maximum above a threshold; its position is the centroid of the positive contributions in the window of the sum. If an
object contributes from one tile only, S is 1 there; if from four tiles equally, it is 9/16 with reach = 1.
Positions are in points of the sample, whose first point has its centre at 1/2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, maximum_filter
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from solvers.checks import check_array, check_integer, check_positive

THRESHOLD = 0.4
"""Default threshold of S: below 9/16, and above half of an object in one tile less its neighbours' errors."""
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
        reach: tiles on each side of a maximum that belong to its object.

    Raises:
        ValueError: an argument is out of range.
    """
    found = check_array("contributions", contributions, ("n", "m")).astype(np.float64)
    check_integer("focus", focus, 1)
    check_positive("threshold", threshold)
    check_integer("reach", reach, 1)
    weights = 1 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
    total = found
    for axis in range(2):
        total = convolve1d(total, weights, axis, mode="constant")
    is_maximum = (total == maximum_filter(total, 2 * reach + 1, mode="nearest")) & (total > threshold)
    candidates = np.argwhere(is_maximum)
    kept: list[NDArray] = []
    for tile in candidates[np.argsort(-total[is_maximum], kind="stable")]:
        if all(np.abs(tile - other).max() > reach for other in kept):  # equal maxima are one object
            kept.append(tile)
    places = [_centroid(found, tile, reach) for tile in kept]
    return np.array(places, dtype=np.float64).reshape(-1, 2) * focus


def _centroid(contributions: Floats, tile: NDArray, reach: int) -> Floats:
    """Return the centroid of the positive contributions around a tile, (2,), in tiles."""
    first = np.maximum(tile - reach, 0)
    window = np.maximum(contributions[first[0] : tile[0] + reach + 1, first[1] : tile[1] + reach + 1], 0)
    places = np.indices(window.shape).reshape(2, -1) + first[:, None] + 0.5
    return places @ window.ravel() / window.sum()


def marked(centres: NDArray, number: int) -> Floats:
    """Return the positions (k, 2) of class ``number`` in the field ``centres`` (n, n) of a collage."""
    return np.argwhere(centres == number + 1).astype(np.float64) + 0.5


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


def localise(found: Sequence[Floats], true: Sequence[Floats], radius: float = 8.0) -> Localisation:
    """Return the comparison of found with true positions, (k, 2) each, of a sequence of samples."""
    pairs = [match(f, t, radius) for f, t in zip(found, true, strict=True)]
    distances = [np.linalg.norm(f[p[:, 0]] - t[p[:, 1]], axis=1) for f, t, p in zip(found, true, pairs, strict=True)]
    return Localisation(sum(map(len, found)), sum(map(len, true)), np.concatenate([np.empty(0), *distances]))
