"""Convolutions on the group of the square: the defining sums written out, and the law that they commute with it."""

import numpy as np
import pytest
import torch

from qd_pix2pix.evaluation.measures import equivariance_error
from qd_pix2pix.mapping.symmetry import INVERSE, ORDER, PRODUCT, square_symmetry
from qd_pix2pix.networks import ResidualUNet
from qd_pix2pix.networks.convolution import Convolution, GroupNorm

LIFTING, GROUP = (1, ORDER), (ORDER, ORDER)
KINDS = [
    pytest.param({"kernel_size": 3}, id="same"),
    pytest.param({"kernel_size": 5}, id="wide"),
    pytest.param({"kernel_size": 1}, id="pointwise"),
    pytest.param({"kernel_size": 2, "stride": 2}, id="halves"),
    pytest.param({"kernel_size": 4, "stride": 2}, id="halves wide"),
    pytest.param({"kernel_size": 2, "stride": 2, "transposed": True}, id="doubles"),
    pytest.param({"kernel_size": 4, "stride": 2, "transposed": True}, id="doubles wide"),
]


def turned(array, element):
    """What ``symmetry`` says of its elements, in NumPy."""
    return np.rot90(array.T if element >= 4 else array, element % 4)


def acted(features, element):
    """(T_g f)_h(r) = f_{g^-1 h}(g^-1 r) for (B, features · 8, n, n)."""
    f = features.unflatten(1, (-1, ORDER))
    moved = [square_symmetry(f[:, :, PRODUCT[INVERSE[element]][h]], element) for h in range(ORDER)]
    return torch.stack(moved, dim=2).flatten(1, 2)


def correlation(field, kernel):
    """Sum over the kernel, point by point, of a field with zeros around it; kernel of odd side."""
    n, k = len(field), len(kernel)
    padded = np.pad(field, k // 2)
    return sum(kernel[u, v] * padded[u : u + n, v : v + n] for u in range(k) for v in range(k))


def disturbed(module):
    for p in module.parameters():
        p.data += 0.3 * torch.randn_like(p)
    return module


def test_lifting_is_the_defining_sum():
    """f_h = (h w) * f."""
    torch.manual_seed(0)
    conv = disturbed(Convolution(2, 3, 3, elements=LIFTING)).double()
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    found = conv(x)[0].unflatten(0, (3, ORDER)).detach().numpy()
    weight, bias = conv.weight.detach().numpy()[:, :, 0], conv.bias.detach().numpy()
    for a in range(3):
        for h in range(ORDER):
            expected = sum(correlation(x[0, b].numpy(), turned(weight[a, b], h)) for b in range(2)) + bias[a]
            np.testing.assert_allclose(found[a, h], expected, atol=1e-12)


def test_group_convolution_is_the_defining_sum():
    """f'_h = sum_g (h w_{h^-1 g}) * f_g, with h^-1 g found as what must be done before h to have done g."""
    torch.manual_seed(0)
    conv = disturbed(Convolution(2, 2, 3, elements=GROUP)).double()
    x = torch.randn(1, 2 * ORDER, 4, 4, dtype=torch.float64)
    found = conv(x)[0].unflatten(0, (2, ORDER)).detach().numpy()
    fields = x[0].unflatten(0, (2, ORDER)).numpy()
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    points = np.arange(9).reshape(3, 3)
    for h in range(ORDER):
        before = [turned(turned(points, e), h).tolist() for e in range(ORDER)]
        between = [before.index(turned(points, g).tolist()) for g in range(ORDER)]
        for a in range(2):
            expected = bias[a] + sum(
                correlation(fields[b, g], turned(weight[a, b, between[g]], h)) for b in range(2) for g in range(ORDER)
            )
            np.testing.assert_allclose(found[a, h], expected, atol=1e-12)


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@pytest.mark.parametrize("elements", [LIFTING, GROUP], ids=["lifting", "group"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_commutes_with_every_symmetry(kind, elements, padding):
    torch.manual_seed(0)
    conv = disturbed(Convolution(2, 3, elements=elements, padding=padding, **kind)).double()
    x = torch.randn(2, 2 * elements[0], 6, 6, dtype=torch.float64)
    straight = conv(x)
    for g in range(ORDER):
        source = acted(x, g) if elements == GROUP else square_symmetry(x, g)
        torch.testing.assert_close(conv(source), acted(straight, g), atol=1e-12, rtol=0)


def test_a_plain_convolution_does_not_commute():
    torch.manual_seed(0)
    assert equivariance_error(Convolution(1, 1, 3), torch.randn(2, 1, 6, 6)).amin() > 0.1


@pytest.mark.parametrize("elements", [(1, 1), LIFTING, GROUP], ids=["plain", "lifting", "group"])
@pytest.mark.parametrize("kind", KINDS)
def test_sides_are_kept_halved_or_doubled(kind, elements):
    factor = 2.0 if kind.get("transposed") else 1 / kind.get("stride", 1)
    for padding in ("zeros", "circular"):
        conv = Convolution(1, 2, elements=elements, padding=padding, **kind)
        assert conv(torch.zeros(1, elements[0], 8, 8)).shape == (1, 2 * elements[1], 8 * factor, 8 * factor)


@pytest.mark.parametrize("elements", [(1, 1), GROUP], ids=["plain", "group"])
@pytest.mark.parametrize("kind", KINDS)
def test_periodic_fields_have_no_edge(kind, elements):
    """A field moved around the torus gives the same, moved around the torus."""
    torch.manual_seed(0)
    conv = disturbed(Convolution(1, 2, elements=elements, padding="circular", **kind)).double()
    x = torch.randn(1, elements[0], 8, 8, dtype=torch.float64)
    factor = 2.0 if kind.get("transposed") else 1 / kind.get("stride", 1)
    moved = tuple(int(factor * s) for s in (2, -4))
    torch.testing.assert_close(conv(x.roll((2, -4), (-2, -1))), conv(x).roll(moved, (-2, -1)), atol=1e-12, rtol=0)


@pytest.mark.parametrize("elements", [(1, 1), LIFTING, GROUP], ids=["plain", "lifting", "group"])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_begin_with_variance_two_over_fan_in(kind, elements):
    """As He et al. (2015) want it: noise of variance 1 comes out with variance 2, times the square of the gain."""
    torch.manual_seed(0)
    conv = Convolution(24, 24, elements=elements, padding="circular", gain=0.5, **kind)
    with torch.no_grad():
        assert conv(torch.randn(4, 24 * elements[0], 16, 16)).var().item() == pytest.approx(0.5, rel=0.2)


@pytest.mark.parametrize("features", [1, 2, 5, 6, 12])
def test_norm_commutes_with_every_symmetry(features):
    """Also where the features cannot be shared out evenly: no group may hold a part of one."""
    torch.manual_seed(0)
    norm = disturbed(GroupNorm(features, ORDER)).double()
    x = torch.randn(2, features * ORDER, 4, 4, dtype=torch.float64)
    x *= torch.rand(1, features * ORDER, 1, 1, dtype=torch.float64) * 5
    straight = norm(x)
    for g in range(ORDER):
        torch.testing.assert_close(norm(acted(x, g)), acted(straight, g), atol=1e-12, rtol=0)


@pytest.mark.parametrize(("features", "order"), [(5, 8), (6, 8), (12, 8), (64, 1), (7, 1)])
def test_norm_makes_mean_zero_and_variance_one(features, order):
    """Of each dot, whatever its mean and scale were."""
    x = 7 + 3 * torch.randn(3, features * order, 6, 6) * torch.tensor([1.0, 10.0, 0.1])[:, None, None, None]
    y = GroupNorm(features, order)(x).flatten(1)
    torch.testing.assert_close(y.mean(1), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(y.var(1), torch.ones(3), atol=2e-2, rtol=0)


def unet(equivariant, **options):
    torch.manual_seed(0)
    options = {"channels": (2, 3, 5), "blocks": (1, 0, 1)} | options
    return disturbed(ResidualUNet(equivariant=equivariant, **options))


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@pytest.mark.parametrize("n", [8, 24, 32, 48, 64])
def test_equivariant_unet_commutes_on_every_grid_that_it_can_halve(n, padding):
    source = torch.randn(2, 1, n, n)
    with torch.no_grad():
        assert equivariance_error(unet(True, padding=padding), source).amax() < 1e-5
        assert equivariance_error(unet(False, padding=padding), source).amin() > 1e-2


def test_every_input_and_output_of_the_equivariant_unet_commutes():
    network = unet(True, in_channels=3, out_channels=2)
    source = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        straight = network(source)
        for g in range(ORDER):
            error = (network(square_symmetry(source, g)) - square_symmetry(straight, g)).abs().amax((0, 2, 3))
            assert (error < 1e-5 * straight.abs().amax((0, 2, 3))).all()


def test_equivariance_outlives_training():
    """The weights move, the law stays."""
    network = unet(True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    source, target = torch.randn(2, 1, 16, 16), torch.randn(2, 1, 16, 16)
    before = network.stem.weight.detach().clone()
    for _ in range(5):
        optimizer.zero_grad()
        (network(source) - target).square().mean().backward()
        optimizer.step()
    assert not torch.equal(before, network.stem.weight)
    with torch.no_grad():
        assert equivariance_error(network, source).amax() < 1e-5


def test_features_are_of_one_shape_for_both_kinds():
    """An equivariant feature stands for eight channels: the same width with an eighth of the features."""
    seen = []
    for equivariant, channels in ((True, (2, 3)), (False, (16, 24))):
        network = ResidualUNet(channels=channels, blocks=(0, 0), equivariant=equivariant)
        network.stem.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape)))
        network(torch.zeros(1, 1, 16, 16))
    assert seen[0] == seen[1] == (1, 16, 8, 8)
