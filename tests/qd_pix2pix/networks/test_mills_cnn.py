"""The network of Mills, Spanner and Tamblyn, layer by layer as printed, for samples of one shape."""

from functools import partial

import pytest
import torch
from torch import nn

from qd_pix2pix import networks
from qd_pix2pix.networks import GroupAverage, MillsCNN
from qd_pix2pix.schema import Domain

SPINS = {"channels": 32, "width": 1024}


def count(network):
    return sum(p.numel() for p in network.parameters())


def conv(size, before, after):
    return size**2 * before * after + after


def dense(before, after):
    return before * after + after


def test_the_network_of_2017_by_hand():
    """Seven reducing convolutions, two of sixteen filters between each two of them, and 2 x 2 points at the end."""
    network = MillsCNN()
    between = conv(4, 64, 16) + conv(4, 16, 16) + conv(3, 16, 64)
    assert count(network) == conv(3, 1, 64) + 6 * between + dense(2 * 2 * 64, 1024) + dense(1024, 1) == 443_585
    assert sum(layer.stride == (2, 2) for layer in network.convolutions) == 7
    assert len(network.convolutions) == 7 + 12


@pytest.mark.parametrize(("side", "upscale", "classes"), [(4, 4, 15), (8, 2, 63), (16, 1, 1)])
def test_the_network_of_2018_by_hand(side, upscale, classes):
    network = MillsCNN(out_channels=classes, shape=(side, side), upscale=upscale, periodic=True, **SPINS)
    between = conv(4, 32, 16) + conv(4, 16, 16) + conv(3, 16, 32)
    assert count(network) == conv(3, 1, 32) + 2 * between + dense(2 * 2 * 32, 1024) + dense(1024, classes)
    assert network(torch.rand(2, 1, side, side)).shape == (2, classes, 1, 1)


def sides_of(network, *shape):
    sides = []
    for layer in network.convolutions:
        layer.register_forward_hook(lambda _m, _i, out: sides.append(out.shape[-1]))
    network(torch.zeros(1, 1, *shape))
    return sides


def test_the_sides_of_all_layers():
    """A convolution between two reducing ones keeps the side."""
    network = MillsCNN(shape=(64, 64), channels=2, between=2, width=2)
    assert sides_of(network, 64, 64) == [32, 32, 32, 16, 16, 16, 8, 8, 8, 4, 4, 4, 2]
    assert sides_of(MillsCNN(shape=(64, 64), reductions=2, channels=2), 64, 64) == [32, 32, 32, 16]


@pytest.mark.parametrize(("shape", "reductions"), [((24, 16), 3), ((12,), 2), ((8, 4, 8), 1), ((48, 48), 4)])
def test_rectangles_chains_and_boxes(shape, reductions):
    """By default the sides are halved as long as all of them stay whole and at least two."""
    make = networks.on_domain(
        partial(MillsCNN, channels=3, between=2, width=4), Domain(("x", "y", "z")[: len(shape)], shape)
    )
    network = make(in_channels=2, out_channels=5)
    assert len(network.convolutions) == 3 * reductions - 2
    assert network(torch.rand(2, 2, *shape)).shape == (2, 5, *(1,) * len(shape))


@pytest.mark.parametrize(("boundary", "padding", "invariant"), [
    ("periodic", None, True), ("walls", None, False), ("periodic", "zeros", False), ("walls", "circular", True),
])  # fmt: skip
def test_a_periodic_convolution_has_no_edge(boundary, padding, invariant):
    """Before the dense layers, a shift by what the strides let through shifts all features."""
    torch.manual_seed(0)
    domain = Domain(("x", "y"), (16, 16), boundary=boundary)
    network = networks.on_domain(partial(MillsCNN, channels=4, width=8, reductions=2, padding=padding), domain)()
    network.hidden, network.head = nn.Identity(), nn.Identity()
    x = torch.randn(1, 1, 16, 16)
    features, shifted = (network(y).reshape(4, 4, 4) for y in (x, x.roll((4, -8), (2, 3))))
    assert torch.allclose(shifted, features.roll((1, -2), (1, 2)), atol=1e-5) == invariant


def test_upscaling_repeats_sites():
    torch.manual_seed(0)
    network = MillsCNN(shape=(4, 4), upscale=4, channels=3, width=5)
    plain = MillsCNN(shape=(16, 16), channels=3, width=5)
    plain.load_state_dict(network.state_dict())
    x = torch.randn(2, 1, 4, 4)
    torch.testing.assert_close(network(x), plain(torch.kron(x, torch.ones(4, 4))))


def test_an_average_over_the_square_has_the_shape_of_the_domain():
    network = networks.on_domain(
        partial(GroupAverage, partial(MillsCNN, channels=2, width=3)), Domain(("x", "y"), (8, 8), symmetry="square")
    )()
    x = torch.randn(1, 1, 8, 8)
    torch.testing.assert_close(network(x), network(x.mT))


def test_another_size_is_named():
    with pytest.raises(ValueError, match=r"\(8, 8\) points only.*got \(16, 16\).*ednn"):
        MillsCNN(shape=(8, 8), channels=2)(torch.zeros(1, 1, 16, 16))


@pytest.mark.parametrize(("bad", "match"), [
    ({"shape": (24, 24), "reductions": 4}, "cannot be halved 4 times; use a multiple of 16"),
    ({"shape": (9, 9)}, "reductions: expected a whole number of at least 1"),
    ({"reductions": 0}, "reductions"),
    ({"channels": 0}, "channels"),
    ({"between": 1.5}, "between"),
    ({"width": 0}, "width"),
    ({"upscale": 0}, "upscale"),
    ({"padding": "reflect"}, "padding"),
])  # fmt: skip
def test_bad_arguments_are_named(bad, match):
    with pytest.raises(ValueError, match=match):
        MillsCNN(**bad)
