"""Convolutions without padding: one convolution of a field equals its tiles, the gain, bad arguments."""

from functools import partial

import pytest
import torch

from qd_pix2pix.networks import EDNN, SlidingCNN

TRUNK = partial(SlidingCNN, channels=(3, 4), kernels=(4, 3), strides=(2, 1), width=5)


@pytest.mark.parametrize(
    ("focus", "context", "points"), [(4, 3, (16, 8)), (2, 4, (8, 6)), (2, 4, (12,)), (2, 3, (4, 6, 4))]
)
@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_one_convolution_is_the_sum_of_its_tiles(focus, context, points, padding):
    torch.manual_seed(0)
    make = partial(EDNN, TRUNK, 2, 3, focus, context, padding, gain=3.0, dims=len(points))
    tiles, whole, slabs = (
        make(evaluation=e, chunk=c).double() for e, c in (("tiles", None), ("auto", None), ("auto", 3))
    )
    assert whole.slides and not tiles.slides
    for other in (whole, slabs):
        other.load_state_dict(tiles.state_dict())
    x = torch.randn(2, 2, *points, dtype=torch.float64)
    found = []
    for network in (tiles, whole):
        y = network(x)
        y.sin().sum().backward()
        found.append((y, *(p.grad for p in network.parameters())))
    assert found[0][0].shape == (2, 3, *(n // focus for n in points)) and found[0][0].std() > 1e-3
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(slabs(x), found[0][0], rtol=1e-11, atol=1e-12)


def test_strides_that_do_not_divide_the_focus_are_evaluated_on_tiles():
    assert not EDNN(TRUNK, focus=3, context=3).slides
    with pytest.raises(ValueError, match="SlidingCNN whose strides divide the focus"):
        EDNN(TRUNK, focus=3, context=3, evaluation="convolution")


def test_the_gain_multiplies_the_contributions():
    x, found = torch.rand(1, 1, 8, 8), []
    for gain in (1.0, 16.0):
        torch.manual_seed(0)
        found.append(EDNN(TRUNK, focus=4, context=2, gain=gain)(x))
    torch.testing.assert_close(found[1], 16 * found[0])


def test_numbers_of_parameters_by_hand():
    """4 x 4 x 16 + 16, 9 x 16 x 32 + 32, 9 x 32 x 32 + 32, 4 x 4 points left: 16 x 32 x 128 + 128, 128 + 1."""
    by_hand = 272 + 4640 + 9248 + 65664 + 129
    assert sum(p.numel() for p in SlidingCNN().parameters()) == by_hand


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": ()}, "network.channels: expected one number for each convolution"),
        ({"strides": (2,)}, "network.strides: expected one number for each convolution"),
        ({"kernels": (4, 0)}, "network.kernels: expected a whole number"),
        ({"width": 0}, "network.width: expected a whole number"),
        ({"shape": (6, 6)}, "network.kernels: kernels .* do not fit into a tile"),
    ],
)
def test_bad_arguments_get_one_clear_error(change, message):
    with pytest.raises(ValueError, match=message):
        TRUNK(**change)
    with pytest.raises(ValueError, match=r"takes tiles of \(24, 24\) points"):
        TRUNK()(torch.zeros(1, 1, 32, 32))
    with pytest.raises(ValueError, match="network.gain: expected"):
        EDNN(TRUNK, focus=4, context=2, gain=0.0)
