"""Networks of generators: layers of the sources, sizes, and what reaches the output of a fresh network."""

import pytest
import torch
from torch import nn

from qd_pix2pix.networks import MillsDiscriminator, MillsGenerator, ResidualCritic, ResidualGenerator


def kinds(network, *classes):
    return [sum(isinstance(module, cls) for module in network.modules()) for cls in classes]


def test_the_networks_of_2017_have_the_layers_of_the_source():
    assert kinds(MillsGenerator(), nn.ConvTranspose2d, nn.Dropout) == [7, 5]
    assert kinds(MillsDiscriminator(), nn.Conv2d, nn.Linear, nn.Dropout) == [9, 2, 1]
    assert MillsGenerator()(torch.zeros(2, 128, 2, 2)).shape == (2, 1, 8, 8)
    assert MillsDiscriminator()(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


def test_fresh_networks_depend_on_their_input():
    """Noise of the source and random spins; with the weights of PyTorch the spreads are 0.01 and 1e-5."""
    torch.manual_seed(0)
    drawn = torch.tanh(MillsGenerator().eval()(0.7 * torch.randn(100, 128, 2, 2)))
    assert drawn.std(0).mean() > 0.3 > 3 * drawn.mean(0).abs().mean()
    spins = torch.randn(100, 1, 8, 8).sign()
    assert MillsDiscriminator().eval()(spins).std(0).min() > 0.01
    assert ResidualCritic(1, 2, periodic=True).eval()(spins, torch.zeros(100, 2, 8, 8)).std() > 0.01
    assert torch.tanh(ResidualGenerator(34, 1, periodic=True)(torch.randn(100, 34, 2, 2))).std(0).mean() > 0.3


@pytest.mark.parametrize("upscale", [1, 2, 4, 8])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_every_part_of_a_residual_generator_learns(upscale, norm):
    network = ResidualGenerator(2, 3, channels=4, blocks=1, upscale=upscale, norm=norm)
    found = network(torch.randn(3, 2, 4, 6))
    assert found.shape == (3, 3, 4 * upscale, 6 * upscale)
    found.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    still = [name for name, p in network.named_parameters() if p.grad.abs().max() < 1e-4]
    assert all(norm == "batch" and name.endswith("bias") for name in still), still  # of convolutions before a norm


@pytest.mark.parametrize("channels", [[3, 4], [3, 4, 5], [3, 4, 5, 6]])
def test_dropout_follows_the_last_two_blocks_of_a_critic(channels):
    critic = ResidualCritic(1, 1, channels=channels, dropout=0.4)
    rates = [block.dropout.p for block in critic.blocks]
    assert rates == ([0.4, 0.4] if len(rates) == 2 else [0.4] if len(rates) == 1 else [0.0, 0.4, 0.4])


def test_a_critic_halves_by_averages_and_needs_multiples():
    critic = ResidualCritic(1, 1, channels=[3, 4, 5], periodic=True, dropout=0.0)
    x, labels = torch.randn(2, 1, 8, 12), torch.randn(2, 1, 1, 1).expand(2, 1, 8, 12)
    torch.testing.assert_close(critic(x.roll((4, -8), (-2, -1)), labels), critic(x, labels))
    assert critic(x, labels + 1).sub(critic(x, labels)).abs().min() > 1e-6, "the labels are heard"
    with pytest.raises(ValueError, match=r"2 blocks take sides that are multiples of 4, got \(8, 10\)"):
        critic(x[..., :10], labels[..., :10])
