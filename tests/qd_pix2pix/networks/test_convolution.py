"""Convolutions on groups of the square, the rectangle and the line: their defining sums, and that they commute."""

import numpy as np
import pytest
import torch

from qd_pix2pix.evaluation.measures import equivariance_error
from qd_pix2pix.mapping.symmetry import GROUPS
from qd_pix2pix.networks import ResidualUNet
from qd_pix2pix.networks.convolution import Convolution, GroupNorm, kernels_kept

SQUARE = GROUPS["square"]
ACTING = [GROUPS[name] for name in ("square", "rectangle", "line")]
PLAIN, LIFTING, FULL, MEAN = (False, False), (False, True), (True, True), (True, False)
NAMES = {PLAIN: "plain", LIFTING: "lifting", FULL: "group", MEAN: "mean"}
KINDS = [
    pytest.param({"kernel_size": 3}, id="same"),
    pytest.param({"kernel_size": 5}, id="wide"),
    pytest.param({"kernel_size": 3, "dilation": 2}, id="dilated"),
    pytest.param({"kernel_size": 1}, id="pointwise"),
    pytest.param({"kernel_size": 2, "stride": 2}, id="halves"),
    pytest.param({"kernel_size": 4, "stride": 2}, id="halves wide"),
    pytest.param({"kernel_size": 2, "stride": 2, "transposed": True}, id="doubles"),
    pytest.param({"kernel_size": 4, "stride": 2, "transposed": True}, id="doubles wide"),
]


def of_groups(test):
    return pytest.mark.parametrize("group", ACTING, ids=lambda group: group.name)(test)


def of_kinds(*lifted):
    return pytest.mark.parametrize("lifted", lifted, ids=NAMES.get)


def moved(group, array, element):
    """What ``symmetry`` says of the elements of a group, in NumPy."""
    if group.name == "square":
        return np.rot90(array.T if element >= 4 else array, element % 4)
    axes = [axis for bit, axis in ((1, -group.dims), (2, -1)) if element & bit]
    return np.flip(array, axes)


def acted(group, features, element):
    """(T_g f)_h(r) = f_{g^-1 h}(g^-1 r) for (B, features · order, *points)."""
    f = features.unflatten(1, (-1, group.order))
    before = [group.product[group.inverse[element]][h] for h in range(group.order)]
    return torch.stack([group.act(f[:, :, h], element) for h in before], dim=2).flatten(1, 2)


def correlation(field, kernel):
    """Sum over the kernel, point by point, of a field with zeros around it; kernel of odd side."""
    padded, k = np.pad(field, len(kernel) // 2), len(kernel)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k,) * field.ndim)
    return (windows * kernel).sum(tuple(range(field.ndim, 2 * field.ndim)))


def turned_errors(network, source, group=SQUARE):
    """Equivariance error of a network (B, c, *points) -> (B, c', *points) under the elements of a group, (B,)."""
    with torch.no_grad():
        straight = network(source)
        pairs = [(network(group.act(source, g)), group.act(straight, g)) for g in range(1, group.order)]
    return equivariance_error(*zip(*[(a.numpy(), b.numpy()) for a, b in pairs], strict=True))


def options_of(group, lifted, **more):
    """Arguments of ``Convolution``."""
    return {"group": None if lifted == PLAIN else group, "lifted": lifted, "dims": group.dims, **more}


def disturbed(module):
    for p in module.parameters():
        p.data += 0.3 * torch.randn_like(p)
    return module


@of_groups
def test_lifting_is_the_defining_sum(group):
    """f_h = (h w) * f."""
    torch.manual_seed(0)
    conv = disturbed(Convolution(2, 3, 3, **options_of(group, LIFTING))).double()
    x = torch.randn(1, 2, *(4,) * group.dims, dtype=torch.float64)
    found = conv(x)[0].unflatten(0, (3, group.order)).detach().numpy()
    weight, bias = conv.weight.detach().numpy()[:, :, 0], conv.bias.detach().numpy()
    for a in range(3):
        for h in range(group.order):
            expected = sum(correlation(x[0, b].numpy(), moved(group, weight[a, b], h)) for b in range(2)) + bias[a]
            np.testing.assert_allclose(found[a, h], expected, atol=1e-12)


@pytest.mark.parametrize("lifted", [FULL, MEAN], ids=NAMES.get)
@of_groups
def test_group_convolution_is_the_defining_sum(group, lifted):
    """f'_h = sum_g (h w_{h^-1 g}) * f_g, h^-1 g found as what must be done before h to have done g; or its mean."""
    torch.manual_seed(0)
    conv = disturbed(Convolution(2, 2, 3, **options_of(group, lifted))).double()
    x = torch.randn(1, 2 * group.order, *(4,) * group.dims, dtype=torch.float64)
    found = conv(x)[0].unflatten(0, (2, -1)).detach().numpy()
    fields = x[0].unflatten(0, (2, group.order)).numpy()
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    points = np.arange(3**group.dims).reshape((3,) * group.dims)
    elements = range(group.order)
    expected = np.zeros((2, group.order, *fields.shape[2:]))
    for h in elements:
        before = [moved(group, moved(group, points, e), h).tolist() for e in elements]
        between = [before.index(moved(group, points, g).tolist()) for g in elements]
        for a in range(2):
            expected[a, h] = bias[a] + sum(
                correlation(fields[b, g], moved(group, weight[a, b, between[g]], h)) for b in range(2) for g in elements
            )
    expected = expected if lifted == FULL else expected.mean(1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@of_kinds(LIFTING, FULL, MEAN)
@of_groups
@pytest.mark.parametrize("kind", KINDS)
def test_it_commutes_with_every_symmetry(kind, group, lifted, padding):
    torch.manual_seed(0)
    options = options_of(group, lifted, padding=padding)
    conv = disturbed(Convolution(2, 3, **options, **kind)).double()
    x = torch.randn(2, 2 * conv.elements[0], *(6,) * group.dims, dtype=torch.float64)
    straight = conv(x)
    for g in range(group.order):
        source = acted(group, x, g) if lifted[0] else group.act(x, g)
        expected = acted(group, straight, g) if lifted[1] else group.act(straight, g)
        torch.testing.assert_close(conv(source), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@of_kinds(PLAIN, LIFTING, FULL, MEAN)
@of_groups
@pytest.mark.parametrize(("kernel_size", "stride"), [(2, 2), (4, 2), (8, 4), (6, 2)])
def test_a_transposed_convolution_is_that_of_torch(kernel_size, stride, group, lifted, padding):
    torch.manual_seed(0)
    options = options_of(group, lifted, padding=padding)
    conv = disturbed(Convolution(2, 3, kernel_size, stride=stride, transposed=True, **options)).double()
    x = torch.randn(2, 2 * conv.elements[0], *(8,) * group.dims, dtype=torch.float64)
    transposed = torch.nn.functional.conv_transpose1d if group.dims == 1 else torch.nn.functional.conv_transpose2d
    beyond = kernel_size // stride if padding == "circular" else 0  # points of the field beyond each edge
    y = torch.nn.functional.pad(x, (beyond,) * (2 * group.dims), mode="circular") if beyond else x
    bias = conv.bias.repeat_interleave(conv.elements[1])
    crop = (kernel_size - stride) // 2 + beyond * stride
    expected = transposed(y, conv.bank().transpose(0, 1), bias, stride, crop)
    torch.testing.assert_close(conv(x), expected, atol=1e-12, rtol=0)


@of_kinds(PLAIN, FULL)
@pytest.mark.parametrize("kind", KINDS)
def test_kernels_are_kept_within_a_prediction_only(kind, lifted):
    conv = disturbed(Convolution(2, 3, **options_of(SQUARE, lifted), **kind))
    x = torch.randn(1, 2 * conv.elements[0], 8, 8)
    expected = conv(x).detach()
    with torch.inference_mode(), kernels_kept(torch.nn.Sequential(conv)):
        assert torch.equal(conv(x), expected)
        conv.weight.mul_(2.0)
        conv.bias.mul_(2.0)
        assert torch.equal(conv(x), expected)
        with torch.inference_mode(False):  # as another thread that needs gradients
            torch.testing.assert_close(conv(x).detach(), 2 * expected)
    torch.testing.assert_close(conv(x).detach(), 2 * expected)
    conv(x).sum().backward()
    assert conv.weight.grad.any()
    with pytest.raises(RuntimeError, match="stop"), kernels_kept(conv):
        raise RuntimeError("stop")
    assert conv.kept is None


@of_groups
def test_a_plain_convolution_does_not_commute(group):
    torch.manual_seed(0)
    conv, source = Convolution(1, 1, 3, dims=group.dims), torch.randn(2, 1, *(6,) * group.dims)
    assert turned_errors(conv, source, group).min() > 0.1


@of_kinds(PLAIN, LIFTING, FULL, MEAN)
@of_groups
@pytest.mark.parametrize("kind", KINDS)
def test_sides_are_kept_halved_or_doubled(kind, group, lifted):
    side = int(8 * 2.0 if kind.get("transposed") else 8 / kind.get("stride", 1))
    for padding in ("zeros", "circular"):
        options = options_of(group, lifted, padding=padding)
        conv = Convolution(1, 2, **options, **kind)
        given, asked = (group.order if on_group else 1 for on_group in lifted)
        found = conv(torch.zeros(1, given, *(8,) * group.dims))
        assert found.shape == (1, 2 * asked, *(side,) * group.dims)


@of_kinds(PLAIN, FULL)
@of_groups
@pytest.mark.parametrize("kind", KINDS)
def test_periodic_fields_have_no_edge(kind, group, lifted):
    """A field moved around the torus gives the same, moved around the torus."""
    torch.manual_seed(0)
    options = options_of(group, lifted, padding="circular")
    conv = disturbed(Convolution(1, 2, **options, **kind)).double()
    x = torch.randn(1, conv.elements[0], *(8,) * group.dims, dtype=torch.float64)
    factor = 2.0 if kind.get("transposed") else 1 / kind.get("stride", 1)
    axes, steps = tuple(range(-group.dims, 0)), (2, -4)[: group.dims]
    shifted = conv(x).roll([int(factor * s) for s in steps], axes)
    torch.testing.assert_close(conv(x.roll(steps, axes)), shifted, atol=1e-12, rtol=0)


@of_kinds(PLAIN, LIFTING, FULL)
@of_groups
@pytest.mark.parametrize("kind", KINDS)
def test_weights_begin_with_variance_two_over_fan_in(kind, group, lifted):
    """As He et al. (2015) want it: noise of variance 1 comes out with variance 2, times the square of the gain."""
    torch.manual_seed(0)
    options = options_of(group, lifted, padding="circular")
    conv, side = Convolution(24, 24, gain=0.5, **options, **kind), 16 if group.dims == 2 else 64
    with torch.no_grad():
        found = conv(torch.randn(4, 24 * conv.elements[0], *(side,) * group.dims))
    assert found.var().item() == pytest.approx(0.5, rel=0.2)


@of_groups
@pytest.mark.parametrize("features", [1, 2, 5, 6, 12])
def test_norm_commutes_with_every_symmetry(features, group):
    """Also where the features cannot be shared out evenly: no group may hold a part of one."""
    torch.manual_seed(0)
    norm = disturbed(GroupNorm(features, group.order)).double()
    x = torch.randn(2, features * group.order, *(4,) * group.dims, dtype=torch.float64)
    x *= torch.rand(1, features * group.order, *(1,) * group.dims, dtype=torch.float64) * 5
    straight = norm(x)
    for g in range(group.order):
        torch.testing.assert_close(norm(acted(group, x, g)), acted(group, straight, g), atol=1e-12, rtol=0)


@pytest.mark.parametrize(("features", "order"), [(5, 8), (6, 8), (12, 8), (6, 2), (64, 1), (7, 1)])
def test_norm_makes_mean_zero_and_variance_one(features, order):
    """Of each sample, whatever its mean and scale were."""
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
    assert turned_errors(unet(True, padding=padding), source).max() < 1e-5
    assert turned_errors(unet(False, padding=padding), source).min() > 1e-2


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@pytest.mark.parametrize("patch", [4, 8])
def test_patches_of_any_even_size_commute_and_keep_the_points(patch, padding):
    source = torch.randn(2, 1, 64, 64)
    network = unet(True, padding=padding, patch=patch)
    assert network(source).shape == source.shape
    assert turned_errors(network, source).max() < 1e-5
    if padding == "circular":  # a network of patches commutes with shifts by whole positions of its coarsest level
        step = network.multiple
        network, source = network.double(), source.double()
        moved = network(source.roll(step, -1)).roll(-step, -1)
        torch.testing.assert_close(moved, network(source), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("patch", [0, 3])
def test_other_patches_are_refused(patch):
    with pytest.raises(ValueError, match="network.patch"):
        ResidualUNet(patch=patch)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize(("symmetry", "points"), [("rectangle", (16, 40)), ("line", (24,)), ("line", (64,))])
def test_equivariant_unet_commutes_on_rectangles_and_lines(symmetry, points, periodic):
    group, source = GROUPS[symmetry], torch.randn(2, 1, *points)
    options = {"symmetry": symmetry, "dims": len(points), "periodic": periodic}
    assert turned_errors(unet(True, **options), source, group).max() < 1e-5
    assert turned_errors(unet(False, **options), source, group).min() > 1e-2


def test_every_input_and_output_of_the_equivariant_unet_commutes():
    network = unet(True, in_channels=3, out_channels=2)
    source = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        straight = network(source)
        for g in range(SQUARE.order):
            error = (network(SQUARE.act(source, g)) - SQUARE.act(straight, g)).abs().amax((0, 2, 3))
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
    assert turned_errors(network, source).max() < 1e-5


@of_groups
def test_features_are_of_one_shape_for_both_kinds(group):
    """An equivariant feature stands for a channel per element: the same width with fewer features."""
    seen = []
    for equivariant, channels in ((True, (2, 3)), (False, (2 * group.order, 3 * group.order))):
        options = {"equivariant": equivariant, "symmetry": group.name, "dims": group.dims}
        network = ResidualUNet(channels=channels, blocks=(0, 0), **options)
        network.stem.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape)))
        network(torch.zeros(1, 1, *(16,) * group.dims))
    assert seen[0] == seen[1] == (1, 2 * group.order, *(8,) * group.dims)


@pytest.mark.parametrize(("symmetry", "dims"), [("square", 1), ("rectangle", 1), ("line", 2)])
def test_a_group_of_other_dimensions_is_named(symmetry, dims):
    with pytest.raises(ValueError, match=f"symmetry: {symmetry} acts on {3 - dims} axes, but the fields have {dims}"):
        unet(True, symmetry=symmetry, dims=dims)
