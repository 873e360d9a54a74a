"""Clusters by hand, against a graph of bonds, and against the unrolled torus."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from solvers.spins import find_clusters, random_spins


def pattern(*rows):
    return np.array([[1 if c == "+" else -1 for c in row] for row in rows])


def test_clusters_by_hand():
    found = find_clusters(pattern("+--+", "----", "-+--", "++--"))
    # the corner sites and their neighbours through the boundary: (0,0), (0,3), (3,0), (3,1), (2,1)
    assert found.sizes.tolist() == [[5, 11, 11, 5], [11] * 4, [11, 5, 11, 11], [5, 5, 11, 11]]
    assert found.number == 2 and found.largest == 11 / 16 and found.mean_size == (25 + 121) / 16
    assert found.counts.tolist() == [int(s in (5, 11)) for s in range(17)]
    assert found.wraps.tolist() == [True, True]


@pytest.mark.parametrize(
    ("spins", "number", "wraps"),
    [
        (np.ones((6, 6)), 1, [True, True]),
        (np.indices((6, 6)).sum(axis=0) % 2 * 2 - 1, 36, [False, False]),
        (pattern("++++", "++++", "----", "----"), 2, [False, True]),  # rows wrap along the second axis
        (pattern("++--", "++--", "++--", "++--"), 2, [True, False]),
        (pattern("++----", "-++---", "--++--", "---++-", "----++", "+----+"), 2, [True, True]),  # a spiral
    ],
)
def test_ordered_configurations(spins, number, wraps):
    found = find_clusters(spins)
    assert found.number == number and found.wraps.tolist() == wraps


def labels_of(spins):
    """Labels of the clusters of an open lattice, by a graph."""
    n = np.arange(spins.size).reshape(spins.shape)
    pairs = [
        (n[:-1][spins[:-1] == spins[1:]], n[1:][spins[:-1] == spins[1:]]),
        (n[:, :-1][spins[:, :-1] == spins[:, 1:]], n[:, 1:][spins[:, :-1] == spins[:, 1:]]),
    ]
    i, j = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(spins.size, spins.size))
    return connected_components(graph, directed=False)[1].reshape(spins.shape)


def test_random_configurations_are_those_of_the_unrolled_torus():
    """A cluster of the torus is all copies of it; it wraps along an axis if it holds copies of one site along it."""
    copies, side = 9, 4
    spins = random_spins(np.random.default_rng(0), 60, side)
    found = find_clusters(spins)
    assert 0.1 < found.wraps.mean() < 0.9
    for k, lattice in enumerate(spins):
        label = labels_of(np.tile(lattice, (copies, copies))).reshape(copies, side, copies, side).transpose(1, 3, 0, 2)
        middle, wraps = copies // 2, [False, False]
        for x in range(side):
            for y in range(side):
                same = label == label[x, y, middle, middle]
                assert same.any(axis=(2, 3)).sum() == found.sizes[k, x, y]
                place = np.argwhere(same[x, y]) - middle
                wraps = [wraps[axis] or bool(place[:, axis].any()) for axis in (0, 1)]
        assert wraps == found.wraps[k].tolist()


def test_sums_over_sizes():
    spins = random_spins(np.random.default_rng(1), 12, 8).reshape(3, 4, 8, 8)
    found = find_clusters(spins)
    s = np.arange(65)
    assert found.counts.shape == (3, 4, 65) and found.wraps.shape == (3, 4, 2)
    assert ((found.counts * s).sum(axis=-1) == 64).all()
    np.testing.assert_allclose((found.counts * s**2).sum(axis=-1) / 64, found.mean_size)
    assert (find_clusters(-spins).sizes == found.sizes).all()
    assert (find_clusters(np.roll(spins, 3, axis=-1)).sizes == np.roll(found.sizes, 3, axis=-1)).all()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="^configurations: expected square lattices"):
        find_clusters(np.ones((3, 4)))
