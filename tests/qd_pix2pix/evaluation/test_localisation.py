"""Positions from maps of contributions by hand, matching, recall and precision."""

import math

import numpy as np
import pytest

from qd_pix2pix.evaluation.localisation import localise, marked, match, positions
from qd_pix2pix.systems import Collages
from solvers.collages import Shapes


def maps(shape=(8, 8), **tiles):
    """A map of zeros with these contributions: t35=1.0 is that of tile (3, 5)."""
    found = np.zeros(shape)
    for tile, value in tiles.items():
        found[int(tile[1]), int(tile[2])] = value
    return found


def test_one_tile_is_its_middle():
    np.testing.assert_allclose(positions(maps(t35=1.0), focus=8), [[28.0, 44.0]])
    np.testing.assert_allclose(positions(maps(t00=1.0), focus=8), [[4.0, 4.0]])
    np.testing.assert_allclose(positions(maps(t77=1.0)), [[7.5, 7.5]])


def test_several_tiles_are_their_centroid():
    np.testing.assert_allclose(positions(maps(t35=0.75, t36=0.25), focus=8), [[28.0, 46.0]])
    four = maps(t35=0.25, t36=0.25, t45=0.25, t46=0.25)
    np.testing.assert_allclose(positions(four, focus=8), [[32.0, 48.0]])
    assert not len(positions(four, focus=8, threshold=0.57)), "the sum is 9/16"


def test_negative_contributions_compensate_and_do_not_move_the_centroid():
    np.testing.assert_allclose(positions(maps(t34=0.1, t35=1.0, t36=-0.1), focus=8), [[28.0, 43.272727]], rtol=1e-6)
    assert not len(positions(maps(t34=0.3, t35=-0.5, t36=0.3)))


def test_neighbours_are_two_objects_and_noise_is_none():
    found = positions(maps(t22=1.0, t24=1.0, t52=0.9) + 0.02, focus=8)
    assert len(found) == 3
    np.testing.assert_allclose(sorted(found.tolist()), [[20, 20], [20, 36], [44, 20]], atol=2)
    assert positions(np.full((4, 6), 0.05)).shape == (0, 2) == positions(np.zeros((4, 6))).shape


@pytest.mark.parametrize("apart", [1, 2, 3])
def test_two_objects_near_each_other_are_two_positions(apart):
    """Their contributions of five tiles each overlap; together they are 2."""
    found = np.zeros((9, 9))
    for column in (3, 3 + apart):
        found[4, column] += 0.6
        for row, other in ((3, column), (5, column), (4, column - 1), (4, column + 1)):
            found[row, other] += 0.1
    places = positions(found, focus=8)
    assert len(places) == 2
    np.testing.assert_allclose(sorted(places.tolist()), [[36, 28], [36, 28 + 8 * apart]], atol=4)


def test_wide_maxima_need_a_wide_reach():
    x = np.arange(40)
    blobs = sum(
        np.exp(-((x[:, None] - a) ** 2 + (x - b) ** 2) / 8) / (8 * np.pi) for a, b in ((10.2, 12.4), (28.0, 25.7))
    )
    assert not len(positions(blobs)), "no neighbourhood of 3 x 3 points has 0.4 of an object"
    found = positions(blobs, reach=7, threshold=0.3)
    np.testing.assert_allclose(sorted(found.tolist()), [[10.7, 12.9], [28.5, 26.2]], atol=0.02)


def test_equal_maxima_of_one_object_are_one_position():
    ring = np.zeros((9, 9))
    ring[3:6, 3:6] = 1 / 8
    ring[4, 4] = 0.0
    np.testing.assert_allclose(positions(ring, reach=2, threshold=0.3), [[4.5, 4.5]])


def test_matching_finds_all_pairs_before_short_distances():
    found, true = np.array([[0.0, 0.0], [0.0, 6.0]]), np.array([[0.0, 5.0], [0.0, 13.0]])
    assert match(found, true, 8.0).tolist() == [[0, 0], [1, 1]], "the nearest pair alone would leave one out"
    assert match(found, true, 6.5).tolist() == [[1, 0]]
    assert match(found, np.empty((0, 2)), 8.0).shape == (0, 2)
    exactly = match(np.zeros((1, 2)), np.array([[0.0, 8.0]]), 8.0)
    assert exactly.tolist() == [[0, 0]]


def test_recall_and_precision_are_over_all_samples():
    found = [np.array([[1.0, 1.0], [50.0, 50.0]]), np.empty((0, 2)), np.array([[9.0, 9.0]])]
    true = [np.array([[4.0, 5.0]]), np.array([[3.0, 3.0]]), np.array([[9.0, 9.0], [30.0, 9.0]])]
    result = localise(found, true)
    assert (result.found, result.true, result.distances.tolist()) == (3, 4, [5.0, 0.0])
    assert result.recall == 2 / 4 and result.precision == 2 / 3
    assert localise(found, true, radius=4.9).recall == 1 / 4
    nothing = localise([np.empty((0, 2))], [np.empty((0, 2))])
    assert math.isnan(nothing.recall) and math.isnan(nothing.precision)


def test_marks_are_pixels_of_a_class():
    field = np.array([[0, 1], [2, 1]])
    assert marked(field, 1).tolist() == [[0.5, 1.5], [1.5, 1.5]] and marked(field, 2).tolist() == [[1.5, 0.5]]


def test_ideal_contributions_locate_the_discs_of_collages():
    """The contribution of a tile is its part of a disc's area."""
    discs = Shapes(classes=("disc",), radius=(8.0, 8.0))
    sizes = {"seed": 0, "train": 1, "val": 1, "test": 1, "shard_size": 1}
    recipe = Collages(**sizes, side=128, objects=discs, most=6, overlap=False, noise=0.0)
    columns = recipe.columns("test", range(60))
    contributions = columns["picture"].reshape(60, 16, 8, 16, 8).sum((2, 4)) / (np.pi * 8**2)
    found = [positions(one, focus=8) for one in contributions]
    result = localise(found, [marked(field, 1) for field in columns["centres"]])
    assert result.true > 150 and result.recall > 0.98 and result.precision > 0.98
    assert np.median(result.distances) < 1 and result.distances.max() < 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contributions": np.zeros(4)}, "contributions: expected an array"),
        ({"contributions": np.full((2, 2), np.nan)}, "contributions: expected an array"),
        ({"focus": 0}, "focus: expected"),
        ({"threshold": 0.0}, "threshold: expected"),
        ({"reach": 0}, "reach: expected"),
    ],
)
def test_bad_arguments_get_one_clear_error(change, message):
    with pytest.raises(ValueError, match=message):
        positions(**{"contributions": np.zeros((4, 4))} | change)
    with pytest.raises(ValueError, match="radius: expected"):
        match(np.zeros((1, 2)), np.zeros((1, 2)), -1.0)
