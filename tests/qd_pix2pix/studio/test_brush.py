"""Strokes: their profile, and that it depends neither on the points of a line nor on the speed of the pointer."""

import numpy as np
import pytest

from qd_pix2pix.studio.brush import MOST_POINTS, Stroke

X, Y = np.meshgrid(np.linspace(0, 100, 41), np.linspace(0, 100, 41), indexing="ij")


def test_profile_across_a_line_is_gaussian():
    V = Stroke(((20.0, 50.0), (80.0, 50.0)), size=8.0, height=-5.0)(X, Y)
    inside = (X >= 20) & (X <= 80)
    assert np.allclose(V[inside], -5 * np.exp(-((Y[inside] - 50) ** 2) / 64), rtol=1e-12)
    beyond = X > 80
    assert np.allclose(V[beyond], -5 * np.exp(-((X[beyond] - 80) ** 2 + (Y[beyond] - 50) ** 2) / 64), rtol=1e-12)


def test_more_points_on_the_line_change_nothing():
    ends = np.array([[13.0, 71.0], [88.0, 22.0]])
    fine = tuple(map(tuple, ends[0] + np.linspace(0, 1, 150)[:, None] * (ends[1] - ends[0])))
    coarse = tuple(map(tuple, ends))
    assert np.allclose(Stroke(fine, 6.0, 1.0)(X, Y), Stroke(coarse, 6.0, 1.0)(X, Y), atol=1e-12)


def test_longer_leaves_out_near_points_and_ends_at_the_bound():
    stroke = Stroke(((0.0, 0.0),), size=8.0, height=1.0)
    assert stroke.longer(1.0, 1.0) is stroke
    assert stroke.longer(2.0, 0.0).points == ((0.0, 0.0), (2.0, 0.0))
    for k in range(300):
        stroke = stroke.longer(3.0 * (k + 1), 0.0)
    assert len(stroke.points) == MOST_POINTS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 0.0}, "stroke.size: expected a positive number"),
        ({"height": np.nan}, "stroke.height: expected a number"),
        ({"points": ()}, "stroke.points: expected 1 ... 200 points"),
        ({"points": ((1.0, np.inf),)}, "stroke.points: expected a number"),
    ],
)
def test_bad_strokes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Stroke(**{"points": ((1.0, 1.0),), "size": 2.0, "height": 1.0} | changes)
