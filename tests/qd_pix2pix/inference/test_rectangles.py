"""Rectangles as parts of squares: the step against the levels of a box, and interpolation against polynomials."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from qd_pix2pix.inference.rectangles import DEPTH, Frame, cubic

PARTS = [0.5, 0.75, 2 / 3, 0.61, 62.9 / 64]


@pytest.mark.parametrize("part", PARTS)
def test_the_step_has_the_level_of_the_hard_wall(part):
    """The lowest level of a finite well, k tan(k a / 2) = (2 W - k^2)^1/2, is that of the box of the whole side."""
    frame = Frame(64, (1.0, part))
    a, wall, box = frame.kept[1] / 64, frame.wall, np.pi / part
    k = brentq(lambda k: k * np.tan(k * a / 2) - np.sqrt(2 * wall - k**2), 1e-6, np.pi / a - 1e-9)
    assert k == pytest.approx(box, rel=4e-3)
    assert (np.pi / a - box) > 4 * abs(k - box), "a hard wall in the place of the step is worse"
    assert frame.kept[0] == 64 and 500 < wall < 3e3, "far above the levels of few electrons"
    assert DEPTH <= (64 * part - frame.kept[1]) / 2 < DEPTH + 1
    assert (64 - frame.kept[1]) % 2 == 0, "the rectangle is in the middle"


@pytest.mark.parametrize("parts", [(1.0, part) for part in PARTS] + [(2 / 3, 1.0)])
def test_points_of_the_rectangle_stay_in_their_places(parts):
    """A parabola, which cubic interpolation reproduces, on the points of the rectangle, the square, and back."""
    frame = Frame(64, parts)

    def parabola(lengths, counts):
        x, y = (((np.arange(c) + 0.5) / c - 0.5) * length for length, c in zip(lengths, counts, strict=True))
        return torch.as_tensor((x[:, None] - 3.0) ** 2 + 0.7 * x[:, None] * y + y**2)[None]

    whole = parabola([64 * p for p in parts], frame.points)
    square = parabola((64, 64), (64, 64))
    placed = frame.surrounded(frame.inside(whole) - 1e6)[0]
    inner = placed < 0  # the step is above
    assert inner.sum() == np.prod(frame.kept)
    torch.testing.assert_close(placed[inner] + 1e6, square[0][inner], rtol=0, atol=1e-6)
    back = frame.outside(square)[0, 3:-3, 3:-3]
    torch.testing.assert_close(back, whole[0, 3:-3, 3:-3], rtol=0, atol=1e-9 * float(whole.max()))


def test_barriers_are_not_above_the_step():
    frame, v = Frame(32, (1.0, 0.5)), torch.zeros(2, 32, 16)
    v[1, :, 8] = 1e5
    outside = frame.surrounded(frame.inside(v))[:, 0, 0]
    assert outside[0] == frame.wall and outside[1] >= 1e5


def test_interpolation_is_exact_for_parabolas_and_at_points():
    places = np.linspace(1.2, 7.6, 23)
    np.testing.assert_allclose(cubic(places, 10) @ np.arange(10.0) ** 2, places**2, rtol=1e-12)
    np.testing.assert_array_equal(cubic(np.arange(5.0), 5), np.eye(5))
    np.testing.assert_allclose(cubic(np.array([-3.0, 12.0]), 5) @ np.arange(5.0), [0.0, 4.0])
