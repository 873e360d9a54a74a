"""Heads: the laws that their quantities obey whatever a network says, and values worked out by hand."""

import math

import pytest
import torch

from qd_pix2pix.mapping.heads import HEADS, BoundedHead, ChargeHead, FreeHead, ScalarHead
from qd_pix2pix.mapping.mapping import Range

SPAN = Range(-0.5, 1.5)
SHARES = torch.tensor([[[0.1, 0.2], [0.3, 0.4]]])


def densities(*values):
    return torch.tensor(values)


@pytest.mark.parametrize("n_electrons", range(1, 9))
@pytest.mark.parametrize("n", [16, 33, 64, 256])
@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0, 100.0, 1e4])
def test_charge_holds_whatever_the_network_says(n_electrons, n, scale):
    torch.manual_seed(n)
    raw = scale * (2 * torch.rand(2, n, n) - 1)
    for extent in (5.0, 30.0, 400.0):
        density = ChargeHead()(raw, SPAN, densities(*[n_electrons / extent**2] * 2))
        charge = density.double().sum((1, 2)) * (extent / n) ** 2
        assert (charge / n_electrons - 1).abs().amax() <= 1e-6
        assert density.amin() >= 0 and density.isfinite().all()


def test_each_dot_holds_its_own_electrons():
    """N = 1 and N = 3 in squares of 2 x 2 and 3 x 3."""
    density = ChargeHead()(torch.randn(2, 8, 8), SPAN, densities(1 / 4, 3 / 9))
    charge = density.mean((1, 2)) * torch.tensor([4.0, 9.0])
    assert charge.tolist() == pytest.approx([1.0, 3.0], rel=1e-6)


def test_charge_by_hand():
    # three electrons on four cells of area 2: a share of 0.1 of them on 2 is 0.15
    density = ChargeHead()(SHARES.log() + 7.0, SPAN, densities(3 / 8))
    torch.testing.assert_close(density, SHARES * 1.5)


def test_charge_likelihood_by_hand():
    """Kullback and Leibler's divergence of the charges: sum_i p_i ln(p_i / q_i), mean over dots."""
    raw = torch.cat([SHARES.log(), torch.zeros(1, 2, 2)])
    exact = torch.full((2, 2, 2), 3 / 8)
    found = ChargeHead().negative_log_likelihood(raw, exact, SPAN, densities(3 / 8, 3 / 8))
    by_hand = sum(0.25 * math.log(0.25 / q) for q in (0.1, 0.2, 0.3, 0.4))
    assert found.item() == pytest.approx(by_hand / 2, rel=1e-5)


def test_charge_likelihood_is_zero_at_the_exact_answer_only():
    torch.manual_seed(0)
    head, density = ChargeHead(), densities(2 / 900.0, 5 / 900.0)
    exact = head(3 * torch.randn(2, 16, 16), SPAN, density)
    raw = exact.log()
    assert head.negative_log_likelihood(raw + 2.0, exact, SPAN, density).item() == pytest.approx(0.0, abs=1e-6)
    for _ in range(5):
        assert head.negative_log_likelihood(raw + torch.randn_like(raw), exact, SPAN, density) > 1e-2


def test_charge_likelihood_takes_empty_places():
    """Behind walls the density is 0, and 0 ln 0 = 0."""
    raw = torch.zeros(1, 2, 2, requires_grad=True)
    exact = torch.tensor([[[2.0, 0.0], [0.0, 0.0]]])
    loss = ChargeHead().negative_log_likelihood(raw, exact, SPAN, densities(0.5))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(4))
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
def test_bounded_stays_within_the_range_of_training(scale):
    field = BoundedHead()(scale * torch.randn(3, 16, 16), SPAN, densities(1.0, 1.0, 1.0))
    assert SPAN.low <= field.amin() and field.amax() <= SPAN.high


def test_bounded_by_hand():
    raw = torch.tensor([[[0.0, math.log(3.0)], [-math.log(3.0), 200.0]]])  # S = 1/2, 3/4, 1/4, 1
    torch.testing.assert_close(BoundedHead()(raw, SPAN, densities(1.0)), torch.tensor([[[0.5, 1.0], [0.0, 1.5]]]))


def test_bounded_likelihood_by_hand():
    """Shares 1/2 and 1 of the range against S = 3/4: -(ln 3/4 + ln 1/4) / 2 and -ln 3/4."""
    raw = torch.full((1, 1, 2), math.log(3.0))
    exact = torch.tensor([[[0.5, 1.5]]])
    by_hand = (-(math.log(3 / 4) + math.log(1 / 4)) / 2 - math.log(3 / 4)) / 2
    found = BoundedHead().negative_log_likelihood(raw, exact, SPAN, densities(1.0))
    assert found.item() == pytest.approx(by_hand, rel=1e-5)


def test_bounded_likelihood_is_least_at_the_exact_answer():
    torch.manual_seed(0)
    head, raw = BoundedHead(), torch.randn(2, 8, 8, requires_grad=True)
    exact = head(raw, SPAN, densities(1.0, 1.0)).detach()
    least = head.negative_log_likelihood(raw, exact, SPAN, densities(1.0, 1.0))
    least.backward()
    assert raw.grad.abs().amax() < 1e-7
    assert head.negative_log_likelihood(raw + 0.5, exact, SPAN, densities(1.0, 1.0)) > least + 1e-3


def test_free_by_hand():
    raw = torch.tensor([[[-1.0, 0.0], [1.0, 3.0]]])
    field = FreeHead()(raw, SPAN, densities(1.0))
    torch.testing.assert_close(field, torch.tensor([[[-0.5, 0.5], [1.5, 3.5]]]))
    # half the square of the scaled errors: z of the exact field is 0 everywhere
    found = FreeHead().negative_log_likelihood(raw, torch.full((1, 2, 2), 0.5), SPAN, densities(1.0))
    assert found.item() == pytest.approx((1 + 0 + 1 + 9) / 4 / 2)


@pytest.mark.parametrize("n", [2, 64])
def test_scalar_is_the_mean_of_any_grid(n):
    raw = torch.stack([torch.full((n, n), 0.5), torch.zeros(n, n)])
    raw[1, : n // 2] = -1.0
    assert ScalarHead()(raw, SPAN, densities(1.0, 1.0)).tolist() == pytest.approx([1.0, 0.0])


def test_scalar_likelihood_by_hand():
    raw = torch.zeros(2, 4, 4)  # 0.5 of both dots; exact z are -1 and 1/2
    found = ScalarHead().negative_log_likelihood(raw, torch.tensor([-0.5, 1.0]), SPAN, densities(1.0, 1.0))
    assert found.item() == pytest.approx((1 + 0.25) / 2 / 2)


@pytest.mark.parametrize("head", [*HEADS.values(), ScalarHead], ids=lambda h: h.__name__)
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_learning_goes_on_wherever_the_network_is(head, scale):
    """Neither value nor gradient of the likelihood overflows."""
    torch.manual_seed(0)
    raw = (scale * torch.randn(2, 8, 8)).requires_grad_()
    exact = torch.full((2,) if head is ScalarHead else (2, 8, 8), 1 / 64)
    loss = head().negative_log_likelihood(raw, exact, SPAN, densities(1 / 64, 1 / 64))
    loss.backward()
    assert loss.isfinite() and loss >= -1e-6
    assert raw.grad.isfinite().all() and raw.grad.abs().amax() > 0
