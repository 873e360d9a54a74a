"""Shapes, domains and receptive fields of all networks, each found by itself; and what a card may build."""

import inspect
import json
from functools import partial

import pytest
import torch
from torch import nn

from qd_pix2pix import networks
from qd_pix2pix.mapping.symmetry import GROUPS
from qd_pix2pix.networks import (
    EDNN,
    FNO,
    GroupAverage,
    LatticeResNet,
    MillsCNN,
    MillsDiscriminator,
    MillsGenerator,
    PatchGAN,
    ResidualCritic,
    ResidualUNet,
    ResNet,
    SlidingCNN,
    UNet,
    Window,
    residual_unet,
)
from qd_pix2pix.schema import Domain

SQUARE = GROUPS["square"]
FOUND = [c for _, c in inspect.getmembers(networks, inspect.isclass) if issubclass(c, nn.Module)]
SMALL = {
    "UNet": {"levels": 4, "channels": 4},
    "PatchGAN": {"layers": 4, "channels": 4},
    "ResidualUNet": {"channels": (2, 3), "blocks": (1, 2)},
    "ResNet": {"channels": 4, "blocks": 5},
    "FNO": {"modes": 4, "channels": 6, "layers": 2},
    "GroupAverage": {"network": partial(ResNet, channels=4, blocks=2)},
    "LatticeResNet": {"channels": 4, "blocks": 4, "waves": 1, "sizes": [16, 40]},
    "MillsCNN": {"shape": (32, 32), "channels": 4, "between": 3, "width": 8},
    "SlidingCNN": {"shape": (32, 32), "channels": (4, 3, 3), "width": 8},
    "EDNN": {"trunk": partial(Window, channels=(6, 5))},
    "Window": {"size": 4, "channels": (6, 5)},
    "MillsGenerator": {"in_channels": 1, "channels": [4] * 6, "dropout": 0.0},
    "MillsDiscriminator": {"channels": 4, "hidden": 8, "dropout": 0.0, "shape": (32, 32)},
    "ResidualCritic": {"labels": 1, "channels": [4, 5, 6], "dropout": 0.0},
    "ResidualGenerator": {"channels": 4, "blocks": 2, "upscale": 1, "norm": "none"},
}
EVERY = [pytest.param(c, SMALL.get(c.__name__, {}), id=c.__name__) for c in FOUND]
EVERY.append(pytest.param(ResidualUNet, SMALL["ResidualUNet"] | {"equivariant": True}, id="equivariant"))
OTHER_SIZES = (PatchGAN, MillsCNN, SlidingCNN, Window, MillsGenerator, MillsDiscriminator, ResidualCritic)
GENERATORS = [network for network in EVERY if network.values[0] not in OTHER_SIZES]
ANY_DIMS = [network for network in GENERATORS if "dims" in inspect.signature(network.values[0]).parameters]


def domain(shape, boundary="walls", symmetry="none"):
    return Domain(("x", "y", "z")[: len(shape)], shape, boundary=boundary, symmetry=symmetry)


def disturbed(network):
    for p in network.parameters():
        p.data += 0.1 * torch.randn_like(p)
    return network


def fields(network, batch=2, n=32):
    count = len([p for p in inspect.signature(network.forward).parameters])
    return [torch.rand(batch, 1, n, n) * 2 - 1 for _ in range(count)]


@pytest.mark.parametrize(("cls", "small"), EVERY)
def test_every_parameter_learns(cls, small):
    network = disturbed(cls(**small))  # a branch that starts at zero lets nothing through in its first step
    network(*fields(network)).square().sum().backward()
    # a bias that a norm removes, or a weight that nothing reaches, has no place in a network
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


@pytest.mark.parametrize(("cls", "small"), EVERY)
def test_dots_of_a_batch_do_not_see_each_other(cls, small):
    network = cls(**small)
    inputs = fields(network)
    alone = network(*[x[:1] for x in inputs])
    torch.testing.assert_close(network(*inputs)[:1], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("cls", "small"), GENERATORS)
@pytest.mark.parametrize(("given", "asked"), [(1, 1), (3, 2)])
@pytest.mark.parametrize("n", [32, 48])
def test_channels_in_and_out_and_the_grid_are_kept(cls, small, given, asked, n):
    network = disturbed(cls(in_channels=given, out_channels=asked, **small))
    source = torch.rand(2, given, n, n)
    found = network(source)
    assert found.shape == (2, asked, n, n)
    source[:, -1] += 0.5  # the last channel is heard, by every output
    assert ((network(source) - found).abs().amax((0, 2, 3)) > 1e-6).all()


@pytest.mark.parametrize(("cls", "small"), GENERATORS)
def test_what_starts_small_is_not_bounded(cls, small):
    """What the numbers mean, and so their range, is the model's business."""
    network = cls(**small)
    for p in network.parameters():
        p.data += torch.randn_like(p)
    assert network(torch.rand(4, 1, 32, 32) * 20).abs().max() > 1.5


@pytest.mark.parametrize(("cls", "small"), EVERY)
def test_weights_are_stored_without_code(cls, small, tmp_path):
    """A safe reader takes every network's state, and another network of the same kind takes it over."""
    network, other = cls(**small), cls(**small)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    inputs = fields(network)
    assert torch.equal(network(*inputs), other(*inputs))
    assert all(torch.is_tensor(value) for value in network.state_dict().values())


@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5])
@pytest.mark.parametrize("n", [32, 64])
def test_unet_keeps_the_grid(kernel_size, n):
    y = UNet(levels=5, channels=4, kernel_size=kernel_size)(torch.rand(1, 1, n, n))
    assert y.shape == (1, 1, n, n)


@pytest.mark.parametrize(("n", "padding"), [(16, 0.0), (40, 0.125), (64, 0.25), (33, 0.125)])
def test_fno_runs_on_grids_that_it_never_saw(n, padding):
    """Odd ones too, and those of fewer points than the field is enlarged by in training."""
    torch.manual_seed(0)
    network = FNO(modes=4, channels=6, layers=2, padding=padding)
    x, y = torch.meshgrid(torch.arange(n) / n, torch.arange(n) / n, indexing="ij")
    smooth = (torch.cos(2 * torch.pi * x) * torch.sin(2 * torch.pi * y))[None, None]
    assert network(smooth).shape == (1, 1, n, n)


@pytest.mark.parametrize("direction", [-1, -2])
def test_an_fno_hears_the_frequencies_up_to_half_its_modes(direction):
    """Each Fourier convolution lets a plane wave of that frequency through, and the next one not."""
    torch.manual_seed(0)
    convolution = FNO(modes=8, channels=6, layers=1, padding=0.0).operator.fno_blocks.convs[0]
    x = torch.arange(32) / 32
    for frequency in range(9):
        wave = torch.cos(2 * torch.pi * frequency * x + 0.3).expand(1, 6, 32, 32)
        heard = convolution(wave.transpose(-1, direction)).sub(convolution(torch.zeros_like(wave))).abs().amax()
        assert (heard > 1e-3) == (frequency <= 4)


def test_a_periodic_fno_does_not_know_the_grid():
    torch.manual_seed(0)
    network = FNO(modes=4, channels=6, layers=2, padding=0.0)
    fine, coarse = (torch.arange(n, dtype=torch.float32) / n for n in (64, 32))
    found = [
        network((torch.cos(2 * torch.pi * x)[:, None] * torch.sin(2 * torch.pi * x))[None, None])
        for x in (fine, coarse)
    ]
    assert (found[0][..., ::2, ::2] - found[1]).abs().mean() < 0.02 * found[1].abs().mean()


@pytest.mark.parametrize("cls", [ResNet, ResidualUNet])
def test_periodic_networks_do_not_know_where_the_field_begins(cls):
    """Shifted by what the strides let through, the output is shifted likewise; with walls it is not."""
    torch.manual_seed(0)
    source, shift = torch.rand(1, 1, 32, 32), (8, -4)
    error = {}
    for padding in ("circular", "zeros"):
        network = disturbed(cls(**SMALL[cls.__name__], padding=padding))
        shifted = network(source.roll(shift, (-2, -1))) - network(source).roll(shift, (-2, -1))
        error[padding] = (shifted.abs().mean() / network(source).abs().mean()).item()
    assert error["circular"] < 1e-5
    assert error["zeros"] > 1e-3


@pytest.mark.parametrize("name", ["UNet", "ResidualUNet", "ResNet", "FNO"])
def test_any_network_commutes_with_the_square_once_it_is_averaged(name):
    """And the average is the sum over the group that defines it, each image on its own way."""
    torch.manual_seed(0)
    network = disturbed(GroupAverage(partial(getattr(networks, name), **SMALL[name]), in_channels=2, out_channels=3))
    x = torch.rand(2, 2, 32, 32)
    straight = network(x)
    assert (network.network(x) - straight).abs().mean() > 1e-3 * straight.abs().mean(), "averaging changes something"
    for g in range(SQUARE.order):
        torch.testing.assert_close(network(SQUARE.act(x, g)), SQUARE.act(straight, g), atol=1e-5, rtol=1e-4)
    quarter = [torch.rot90(network.network(torch.rot90(x, k, (-2, -1))), -k, (-2, -1)) for k in range(4)]
    mirrored = [torch.rot90(network.network(torch.rot90(x.mT, k, (-2, -1))), -k, (-2, -1)).mT for k in range(4)]
    torch.testing.assert_close(straight, sum(quarter + mirrored) / 8, atol=1e-5, rtol=1e-4)


def test_residual_blocks_begin_as_the_identity():
    """So that a deep network starts as its stem and its head."""
    torch.manual_seed(0)
    deep, shallow = (ResidualUNet(channels=(4, 4), blocks=blocks) for blocks in ((2, 2), (0, 0)))
    own = shallow.state_dict()
    shallow.load_state_dict({name: deep.state_dict()[name] for name in own})
    x = torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(deep(x), shallow(x))


def test_unet_is_the_papers():
    """Table A1: 6 down, 6 up, the innermost at one point; 29 million parameters (METHODS of the reference)."""
    network = UNet()
    sides = []
    for layer in network.down:
        layer.register_forward_hook(lambda _m, _i, out: sides.append(out.shape[-1]))
    network(torch.zeros(1, 1, 64, 64))
    assert sides == [32, 16, 8, 4, 2, 1]
    assert 29.0 < sum(p.numel() for p in network.parameters()) / 1e6 < 29.5


def test_dropout_is_random_in_training_only():
    network = UNet(levels=4, channels=4, dropout=0.5)
    x = torch.rand(1, 1, 32, 32)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize("n", [48, 100])
def test_unet_names_a_grid_that_it_cannot_halve(n):
    with pytest.raises(ValueError, match="multiple of 32"):
        UNet(levels=5, channels=2)(torch.zeros(1, 1, n, n))


@pytest.mark.parametrize(("levels", "n", "said"), [(2, 30, "multiple of 4"), (3, 36, "multiple of 8")])
@pytest.mark.parametrize("equivariant", [True, False])
def test_residual_unet_names_a_grid_that_it_cannot_halve(levels, n, said, equivariant):
    network = ResidualUNet(channels=(1,) * levels, blocks=(0,) * levels, equivariant=equivariant)
    with pytest.raises(ValueError, match=said):
        network(torch.zeros(1, 1, n, n))


def test_resnet_names_an_odd_grid():
    with pytest.raises(ValueError, match=r"even.*\(31, 31\)"):
        ResNet(channels=2, blocks=1)(torch.zeros(1, 1, 31, 31))


@pytest.mark.parametrize("shape", [(64,), (40, 40)])
def test_lattices_of_every_size_have_the_same_network(shape):
    """Beyond its reach nothing changes an output, so that a part of a lattice is predicted like the whole."""
    torch.manual_seed(0)
    network = disturbed(LatticeResNet(channels=3, blocks=3, dims=len(shape), padding="circular"))
    assert network.reach == 2 + (1 + 1) + (2 + 1) + (4 + 1)
    source = torch.rand(1, 1, *shape, requires_grad=True)
    middle = (0, 0, *(n // 2 for n in shape))
    network(source)[middle].backward()
    touched = source.grad[0, 0].reshape(shape[0], -1).abs().sum(1).nonzero()
    assert (touched.min(), touched.max()) == (shape[0] // 2 - network.reach, shape[0] // 2 + network.reach)
    tiled = source.detach().repeat(1, 1, *(2,) * len(shape))  # twice the lattice, the same field
    torch.testing.assert_close(network(tiled)[middle], network(source)[middle], atol=1e-5, rtol=1e-4)


def test_the_side_of_a_lattice_may_be_an_input():
    """A constant potential has no trace of the length of a ring; lengths beyond ``sizes`` count as the last one."""
    torch.manual_seed(0)
    network = disturbed(LatticeResNet(channels=3, blocks=3, sizes=[10, 16], dims=1, padding="circular"))
    values = {n: network(torch.full((1, 1, n), 0.3))[0, 0] for n in (9, 10, 12, 13, 14, 16, 18, 19)}
    for one in values.values():
        torch.testing.assert_close(one, one[:1].expand_as(one))
    found = {n: float(one[0].detach()) for n, one in values.items()}
    assert found[16] == pytest.approx(found[18])
    assert len({round(found[n], 5) for n in (9, 10, 12, 13, 14, 16, 19)}) == 7, "9 and 19 are odd"


def test_a_lattice_shorter_than_the_kernels_is_named():
    with pytest.raises(ValueError, match=r"at least 9 points.*\(8,\)"):
        LatticeResNet(channels=2, blocks=3, dims=1, padding="circular")(torch.zeros(1, 1, 8))


def seen_by_one_output(network, n=160):
    """Side of the region of the input that the middle output depends on: the receptive field, measured."""
    source = torch.rand(1, 1, n, n, requires_grad=True)
    logits = network(source, torch.rand(1, 1, n, n))
    logits[0, 0, logits.shape[-2] // 2, logits.shape[-1] // 2].backward()
    touched = source.grad[0, 0].abs().sum(0).nonzero()
    return int(touched.max() - touched.min()) + 1


@pytest.mark.parametrize(("layers", "expected"), [(5, 70), (4, 34), (3, 16), (2, 7), (1, 4)])
def test_receptive_fields_of_the_paper(layers, expected):
    assert PatchGAN(layers=layers, kernel_size=4).receptive_field == expected


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
def test_receptive_field_is_what_an_output_sees(layers, kernel_size):
    # without norms, which let every output see the whole field
    network = PatchGAN(layers=layers, kernel_size=kernel_size, channels=4, norm="none")
    assert seen_by_one_output(network) == network.receptive_field


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
def test_pixelgan_judges_every_point(layers):
    network = PatchGAN(layers=layers, kernel_size=1, channels=4)
    assert network.receptive_field == 1
    assert network(*[torch.rand(1, 1, 64, 64)] * 2).shape == (1, 1, 64, 64)


def test_reference_discriminator_gives_6_by_6():
    assert PatchGAN()(torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)).shape == (1, 1, 6, 6)


def test_discriminator_names_a_grid_that_is_too_small():
    with pytest.raises(ValueError, match="too few"):
        PatchGAN(channels=4)(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 16))


def test_paper_initialiser():
    weights = torch.cat([m.weight.flatten() for m in UNet().modules() if isinstance(m, nn.Conv2d)])
    assert weights.mean().item() == pytest.approx(0, abs=1e-4)
    assert weights.std().item() == pytest.approx(0.02, rel=1e-2)


@pytest.mark.parametrize(
    ("cls", "bad"),
    [
        (UNet, {"norm": "layer"}),
        (UNet, {"initialiser": "zeros"}),
        (UNet, {"dropout": 1.0}),
        (UNet, {"kernel_size": 1}),
        (UNet, {"levels": 1}),
        (PatchGAN, {"layers": 0}),
        (PatchGAN, {"norm": "group"}),
        (PatchGAN, {"kernel_size": 2.5}),
        (ResidualUNet, {"channels": (4, 4), "blocks": (1,)}),
        (ResidualUNet, {"channels": (), "blocks": ()}),
        (ResidualUNet, {"channels": 4, "blocks": (1,)}),
        (Window, {"channels": 8}),
        (Window, {"channels": []}),
        (ResidualUNet, {"channels": (0, 4), "blocks": (1, 1)}),
        (ResidualUNet, {"blocks": (1, -1), "channels": (4, 4)}),
        (ResidualUNet, {"padding": "reflect"}),
        (ResNet, {"channels": 0}),
        (ResNet, {"blocks": 0}),
        (ResNet, {"padding": "walls"}),
        (LatticeResNet, {"dilations": [0]}),
        (LatticeResNet, {"dilations": 2}),
        (LatticeResNet, {"waves": -1}),
        (LatticeResNet, {"sizes": 16}),
        (LatticeResNet, {"sizes": [16, 16]}),
        (FNO, {"modes": 0}),
        (FNO, {"channels": 2.0}),
        (FNO, {"layers": 0}),
        (FNO, {"padding": 1.0}),
        (FNO, {"padding": -0.1}),
    ],
)
def test_bad_arguments_are_named(cls, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        cls(**bad)


@pytest.mark.parametrize(("cls", "small"), ANY_DIMS)
@pytest.mark.parametrize("symmetry", ["none", "line"])
def test_chains_have_networks_too(cls, small, symmetry):
    make = networks.on_domain(partial(cls, **small), domain((48,), symmetry=symmetry))
    network = disturbed(make(in_channels=2, out_channels=3))
    source = torch.rand(2, 2, 48)
    found = network(source)
    assert found.shape == (2, 3, 48)
    found.square().sum().backward()
    source[:, -1] += 0.5
    assert ((network(source) - found).abs().amax((0, 2)) > 1e-6).all()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


@pytest.mark.parametrize(("cls", "small"), ANY_DIMS)
def test_rectangles_have_networks_too(cls, small):
    network = networks.on_domain(partial(cls, **small), domain((32, 48), symmetry="rectangle"))()
    assert network(torch.rand(2, 1, 32, 48)).shape == (2, 1, 32, 48)


@pytest.mark.parametrize(("cls", "small"), ANY_DIMS)
@pytest.mark.parametrize("shape", [(32, 32), (32,)])
def test_periodic_domains_choose_networks_without_an_edge(cls, small, shape):
    """Shifted by what the strides let through, the output is shifted likewise; between walls it is not."""
    torch.manual_seed(0)
    source, shift, axes = torch.rand(1, 1, *shape), (8, -4)[: len(shape)], tuple(range(-len(shape), 0))
    error = {}
    for boundary in ("periodic", "walls"):
        network = disturbed(networks.on_domain(partial(cls, **small), domain(shape, boundary))())
        with torch.no_grad():
            straight = network(source)
            difference = network(source.roll(shift, axes)) - straight.roll(shift, axes)
        error[boundary] = (difference.abs().mean() / straight.abs().mean()).item()
    assert error["periodic"] < 1e-5
    assert error["walls"] > 1e-3


def test_a_padding_that_is_asked_for_stays():
    network = networks.on_domain(partial(ResNet, channels=2, blocks=1, padding="zeros"), domain((8, 8), "periodic"))()
    assert not network.stem.circular


@pytest.mark.parametrize("make", [UNet, partial(UNet, channels=2), partial(GroupAverage, UNet)])
def test_a_network_of_two_dimensions_refuses_chains(make):
    with pytest.raises(ValueError, match="UNet takes fields of two dimensions, but the samples have 1"):
        networks.on_domain(make, domain((32,)))()


@pytest.mark.parametrize(("symmetry", "shape"), [("square", (32,)), ("line", (32, 32))])
def test_a_symmetry_of_another_domain_is_named(symmetry, shape):
    with pytest.raises(ValueError, match=f"symmetry: {symmetry} acts on"):
        networks.on_domain(partial(ResNet, equivariant=True), domain(shape, symmetry=symmetry))()


def described(cls, small):
    config = {"_target_": f"qd_pix2pix.networks.{cls.__name__}", "_partial_": True, **small}
    if cls is GroupAverage:
        config["network"] = described(ResNet, {"channels": 4, "blocks": 2})
    if cls is EDNN:
        config["trunk"] = described(Window, {"channels": (6, 5)})
    return config


@pytest.mark.parametrize(("cls", "small"), EVERY)
def test_what_a_card_keeps_builds_the_network_again(cls, small):
    """Through JSON, as in a file of weights."""
    kept = json.loads(json.dumps(networks.describe(described(cls, small))))
    assert "_target_" not in str(kept)
    network, same = networks.factory(kept)(), cls(**small)
    assert type(network) is cls
    assert [p.shape for p in network.parameters()] == [p.shape for p in same.parameters()]


@pytest.mark.parametrize(
    "config",
    [
        {"_target_": "qd_pix2pix.networks.nn.Linear"},
        {"_target_": "qd_pix2pix.networks.factory"},
        {"_target_": "qd_pix2pix.networks.GroupAverage", "network": {"_target_": "qd_pix2pix.predictor.Predictor"}},
        {"channels": 3},
    ],
)
def test_what_is_no_network_of_this_project_is_not_described(config):
    with pytest.raises(ValueError, match=r"network._target_: expected one of .*networks.UNet, .*; got"):
        networks.describe(config)


@pytest.mark.parametrize(
    "card",
    [
        {"class": "factory"},
        {"class": "nn.Linear"},
        {"class": "__import__"},
        {"class": "partial", "func": "print"},
        {"class": "Domain", "axes": ["x"], "shape": [1]},
        {"class": ["UNet"]},
        {"class": None},
        {"_target_": "os.system", "command": "touch evil"},
        {"class": "GroupAverage", "network": {"class": "os.system"}},
        {"class": "GroupAverage", "network": {"_target_": "os.system"}},
        {"class": "ResNet", "blocks": {"_target_": "os.system"}},
        {"class": "ResidualUNet", "channels": [{"class": "eval"}]},
        "UNet of a stranger",
        None,
    ],
)
def test_a_card_builds_nothing_but_networks(card):
    with pytest.raises(ValueError, match="its card names the network"):
        networks.factory(card)


@pytest.mark.parametrize("value", [print, torch.zeros(1), {1, 2}, b"bytes", [[print]]])
def test_a_card_gives_plain_values(value):
    with pytest.raises(ValueError, match="network.channels: expected a plain value"):
        networks.factory({"class": "ResidualUNet", "channels": value})


@pytest.mark.parametrize("text", ["${oc.env:HOME}", '${oc.create:"{_target_: os.system}"}'])
def test_a_card_is_not_interpolated(text):
    """What looks like an interpolation is a text like any other, and no padding."""
    with pytest.raises(ValueError, match=r"network.padding.*\$\{oc"):
        networks.factory({"class": "ResNet", "padding": text})()


@pytest.mark.parametrize("key", ["network", "self", "forward", 3])
def test_arguments_that_a_network_does_not_take_are_named(key):
    with pytest.raises(ValueError, match=f"UNet takes no {key}; it takes in_channels, "):
        networks.factory({"class": "UNet", key: 1})


def test_products_in_bfloat16_change_predictions_by_a_thousandth_and_no_gradient(monkeypatch):
    torch.manual_seed(0)
    network = ResidualUNet(2, 1, (4, 6), (1, 1), patch=4, equivariant=True).eval()
    network.bf16 = True
    for p in network.parameters():
        p.data += 0.02 * torch.randn_like(p)  # blocks begin as the identity
    x = torch.randn(3, 2, 32, 32)
    exact = network(x).detach()
    with torch.no_grad():
        monkeypatch.setattr(residual_unet, "multiplies_bf16", lambda device: False)
        assert torch.equal(network(x), exact)
        monkeypatch.setattr(residual_unet, "multiplies_bf16", lambda device: True)
        rounded = network(x)
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().mean() < 0.01 * exact.abs().mean()
    assert torch.equal(network(x), exact)
