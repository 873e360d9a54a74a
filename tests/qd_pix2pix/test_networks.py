"""Shapes and receptive fields of all networks; each network of the package is found by itself."""

import inspect

import pytest
import torch
from torch import nn

from qd_pix2pix import networks
from qd_pix2pix.networks import PatchGAN, UNet

FOUND = [c for _, c in inspect.getmembers(networks, inspect.isclass) if issubclass(c, nn.Module)]
SMALL = {"UNet": {"levels": 4, "channels": 4}, "PatchGAN": {"layers": 4, "channels": 4}}


def fields(network, batch=2, n=32):
    count = len([p for p in inspect.signature(network.forward).parameters])
    return [torch.rand(batch, 1, n, n) * 2 - 1 for _ in range(count)]


@pytest.mark.parametrize("cls", FOUND, ids=lambda c: c.__name__)
def test_every_parameter_learns(cls):
    network = cls(**SMALL.get(cls.__name__, {}))
    network(*fields(network)).square().sum().backward()
    # a bias that a norm removes, or a weight that nothing reaches, has no place in a network
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


@pytest.mark.parametrize("cls", FOUND, ids=lambda c: c.__name__)
def test_dots_of_a_batch_do_not_see_each_other(cls):
    network = cls(**SMALL.get(cls.__name__, {}))
    inputs = fields(network)
    alone = network(*[x[:1] for x in inputs])
    torch.testing.assert_close(network(*inputs)[:1], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5])
@pytest.mark.parametrize("n", [32, 64])
def test_unet_keeps_the_grid_and_the_range(kernel_size, n):
    y = UNet(levels=5, channels=4, kernel_size=kernel_size)(torch.rand(1, 1, n, n))
    assert y.shape == (1, 1, n, n)
    assert y.abs().max() < 1


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
    ],
)
def test_bad_arguments_are_named(cls, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        cls(**bad)
