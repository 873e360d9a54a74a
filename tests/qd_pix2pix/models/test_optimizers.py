"""Muon: its step in the spectral norm, AdamW where there is no matrix, and a state that goes on."""

import io

import pytest
import torch
from torch import nn

from qd_pix2pix.models.optimizers import Muon, is_matrix, orthogonalised

SHAPES = [(6, 4), (4, 6), (5, 5), (3, 40)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_singular_values_become_nearly_one_and_directions_stay(shape, scale):
    torch.manual_seed(0)
    matrix = scale * torch.randn(shape, dtype=torch.float64)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.T @ orthogonalised(matrix) @ v.T
    torch.testing.assert_close(inner, inner.diag().diag(), atol=1e-6, rtol=0)
    assert 0.65 < inner.diag().min() and inner.diag().max() < 1.25


def test_nothing_becomes_nothing():
    assert not orthogonalised(torch.zeros(3, 4)).any()


def moved(parameter, gradients, **options):
    """A parameter after steps with these gradients."""
    parameter = nn.Parameter(parameter.clone())
    optimizer = Muon([parameter], **options)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


@pytest.mark.parametrize("shape", [*SHAPES, (4, 2, 3, 3), (3, 2, 8, 2, 2)])
def test_a_step_is_as_long_as_one_of_adam(shape):
    """Root mean square about 0.2 lr of every matrix and convolution, whatever the size of the gradient."""
    torch.manual_seed(0)
    for scale in (1e-4, 1e4):
        step = moved(torch.zeros(shape), [scale * torch.randn(shape)], lr=0.1)
        assert 0.65 * 0.02 < step.square().mean().sqrt() < 1.25 * 0.02


def test_first_step_by_hand():
    """A gradient of two orthogonal rows, lengths 3 and 0.5: the step has lengths near 0.2 sqrt(4) lr in both."""
    gradient = torch.tensor([[3.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0]])
    step = -moved(torch.zeros(2, 4), [gradient], lr=1.0) / 0.4
    assert 0.65 < step[0, 0] < 1.25 and 0.65 < step[1, 1] < 1.25
    assert step[0, 1:].abs().max() < 1e-6 and step[1, 0].abs() < 1e-6


def test_momentum_remembers_and_without_it_nothing_does():
    torch.manual_seed(0)
    first, second = torch.randn(2, 4, 4)
    start = torch.randn(4, 4)

    def last_step(gradients, momentum):
        before = moved(start, gradients[:-1], lr=0.1, momentum=momentum, weight_decay=0.0)
        return moved(start, gradients, lr=0.1, momentum=momentum, weight_decay=0.0) - before

    torch.testing.assert_close(last_step([first, second], 0.0), last_step([second], 0.0), atol=1e-6, rtol=0)
    assert (last_step([first, second], 0.9) - last_step([second], 0.9)).abs().max() > 1e-3
    # G_2 + beta (beta G_1 + G_2), and only its direction counts
    together = moved(torch.zeros(4, 4), [0.81 * first + 1.9 * second], lr=0.1, momentum=0.0, weight_decay=0.0)
    torch.testing.assert_close(last_step([first, second], 0.9), together, atol=1e-5, rtol=0)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch 2.9 and later have it")
@pytest.mark.parametrize("shape", SHAPES)
def test_steps_are_those_of_torch(shape, monkeypatch):
    """Whose iteration runs in bfloat16; here in double precision."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    torch.manual_seed(0)
    start, gradients = torch.randn(shape, dtype=torch.float64), torch.randn(3, *shape, dtype=torch.float64)
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3}
    parameter = nn.Parameter(start.clone())
    theirs = torch.optim.Muon([parameter], **options, nesterov=True, adjust_lr_fn="match_rms_adamw")
    for gradient in gradients:
        parameter.grad = gradient.clone()
        theirs.step()
    torch.testing.assert_close(moved(start, gradients, **options), parameter.detach(), atol=1e-6, rtol=0)


def test_weights_decay_and_biases_do_not():
    weight = moved(torch.ones(2, 3), [torch.zeros(2, 3)] * 2, lr=0.1, weight_decay=0.5)
    torch.testing.assert_close(weight, torch.full((2, 3), 0.95**2))
    assert torch.equal(moved(torch.ones(3), [torch.zeros(3)] * 2, lr=0.1, weight_decay=0.5), torch.ones(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
@pytest.mark.parametrize("shape", [(7,), (1, 5), (5, 1, 1, 1), ()])
def test_what_is_no_matrix_is_moved_by_adam(shape, dtype):
    torch.manual_seed(0)
    start, gradients = torch.randn(shape, dtype=dtype), [torch.randn(shape, dtype=dtype) for _ in range(5)]
    parameter = nn.Parameter(start.clone())
    adam = torch.optim.Adam([parameter], lr=0.01, betas=(0.8, 0.95), eps=1e-8)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        adam.step()
    found = moved(start, gradients, lr=0.01, betas=(0.8, 0.95), weight_decay=0.3)
    torch.testing.assert_close(found, parameter.detach())


def test_complex_matrices_are_left_to_adam():
    assert is_matrix(torch.zeros(3, 2)) and is_matrix(torch.zeros(3, 1, 3, 3))
    assert not is_matrix(torch.zeros(3, 2, dtype=torch.complex64)) and not is_matrix(torch.zeros(3))


def test_it_goes_on_from_its_state():
    """As a checkpoint keeps it: bit for bit, read without any code in it."""
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Conv2d(3, 1, 1))
    source = torch.randn(2, 2, 5, 5)

    def steps(optimizer, number):
        for _ in range(number):
            optimizer.zero_grad()
            layer(source).square().mean().backward()
            optimizer.step()
        return [p.detach().clone() for p in layer.parameters()]

    optimizer = Muon(layer.parameters(), lr=0.01)
    halfway, file = steps(optimizer, 3), io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    end = steps(optimizer, 3)
    for p, value in zip(layer.parameters(), halfway, strict=True):
        p.data.copy_(value)
    resumed = Muon(layer.parameters(), lr=0.5)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert all(torch.equal(a, b) for a, b in zip(steps(resumed, 3), end, strict=True))


def test_it_finds_a_minimum():
    """Of least squares, with a rate that falls along a cosine."""
    torch.manual_seed(0)
    source, exact = torch.randn(64, 8), torch.randn(8, 4)
    weight = nn.Parameter(torch.zeros(8, 4))
    optimizer = Muon([weight], lr=0.1, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
    for _ in range(300):
        optimizer.zero_grad()
        (source @ weight - source @ exact).square().mean().backward()
        optimizer.step()
        schedule.step()
    torch.testing.assert_close(weight.detach(), exact, atol=2e-2, rtol=0)


@pytest.mark.parametrize("bad", [{"lr": -1.0}, {"momentum": 1.0}, {"momentum": -0.1}, {"weight_decay": -1e-3}])
def test_bad_arguments_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Muon([nn.Parameter(torch.zeros(2, 2))], **bad)


@pytest.mark.parametrize("bad", [{"betas": (0.9, 1.0)}, {"betas": (-0.1, 0.9)}, {"eps": -1.0}])
def test_bad_arguments_of_adam_are_named(bad):
    """Which divides by 1 - beta."""
    with pytest.raises(ValueError, match=next(iter(bad))):
        Muon([nn.Parameter(torch.zeros(2))], **bad)
