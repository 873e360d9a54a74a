"""Priors keep tables between calls: no call may leave in them what a later one cannot use."""

import pytest
import torch
from torch import nn

from qd_pix2pix.mapping import kohn_sham, mean_field
from qd_pix2pix.mapping.kohn_sham import KohnSham
from qd_pix2pix.mapping.mean_field import MeanField

PRIORS = {"mean_field": MeanField, "kohn_sham": KohnSham}


class Logarithm(nn.Module):
    """The logarithm of the density of a prior."""

    def __init__(self, prior):
        super().__init__()
        self.prior = prior

    def forward(self, V, n_electrons, coupling):
        return self.prior({"V": V, "n_electrons": n_electrons, "coupling": coupling}).starts["n_int"]


@pytest.fixture(params=PRIORS)
def prior(request):
    """A prior before its first call."""
    mean_field.tables.cache_clear()
    kohn_sham._modes.cache_clear()
    return Logarithm(PRIORS[request.param]())


def dots(dtype=torch.float32):
    x = (torch.arange(16, dtype=dtype) + 0.5) / 16 - 0.5
    v = torch.stack([450 * ((x[:, None] - shift) ** 2 + x**2) for shift in (0.0, 0.1)])
    return v, torch.tensor([2, 3], dtype=dtype), torch.tensor([1.0, 5.0], dtype=dtype)


@pytest.mark.slow
def test_a_traced_prior_is_called_afterwards(prior):
    program = torch.export.export(prior, dots()).module()
    found = prior(*dots())
    assert type(found) is torch.Tensor and torch.isfinite(found).all()
    torch.testing.assert_close(program(*dots()), found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_after_a_call_in_inference_mode(prior, dtype):
    with torch.inference_mode():
        prior(*dots(dtype))
    v, *others = dots(dtype)
    prior(v.requires_grad_(True), *others).square().sum().backward()
    assert torch.isfinite(v.grad).all() and v.grad.abs().max() > 0
