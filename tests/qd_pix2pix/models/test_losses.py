"""Losses of regression against values worked out by hand, and against the measures that they stand for."""

import pytest
import torch

from qd_pix2pix.evaluation import measures
from qd_pix2pix.models.losses import RECONSTRUCTION, REGRESSION, pinball, relative_gradient, relative_l1

# errors 1, -2, 0, 4 in units of 2: 1/2, -1, 0, 2;  and 0, 0, 0, 3 in units of 1
EXACT = torch.zeros(2, 2, 2)
PRED = torch.tensor([[[1.0, -2.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 3.0]]])
SCALE = torch.tensor([2.0, 1.0])

BY_HAND = {
    "l1": (0.5 + 1 + 0 + 2 + 3) / 8,
    "l2": (0.25 + 1 + 0 + 4 + 9) / 8,
    "huber": (0.125 + 0.5 + 0 + 1.5 + 2.5) / 8,  # x^2 / 2 up to 1, then |x| - 1/2
    # down: |0 - 1/2|, |2 + 1|, 0, 3;  across: |-1 - 1/2|, |2 - 0|, 0, 3
    "gradient": (0.5 + 3 + 0 + 3) / 4 + (1.5 + 2 + 0 + 3) / 4,
}


@pytest.mark.parametrize("term", REGRESSION)
def test_terms_by_hand(term):
    assert REGRESSION[term](PRED + 5, EXACT + 5, SCALE).item() == pytest.approx(BY_HAND[term])


@pytest.mark.parametrize("term", REGRESSION)
def test_the_exact_answer_costs_nothing(term):
    assert REGRESSION[term](PRED, PRED, SCALE).item() == 0.0


@pytest.mark.parametrize(("term", "power"), [("l1", 1), ("l2", 2), ("gradient", 1)])
def test_terms_have_no_unit(term, power):
    """Both in another unit, or error and scale both twice as large: the same. Errors twice as large: 2^power."""
    loss = REGRESSION[term]
    assert loss(1e3 * PRED, 1e3 * EXACT, 1e3 * SCALE).item() == pytest.approx(BY_HAND[term])
    assert loss(2 * PRED, EXACT, SCALE).item() == pytest.approx(2**power * BY_HAND[term])


@pytest.mark.parametrize(("term", "expected"), [("l1", 1.75), ("l2", 4.625), ("huber", 1.3125), ("gradient", 0.0)])
def test_numbers_have_terms_too(term, expected):
    """Errors 1/2 and 3; a number has no neighbours."""
    found = REGRESSION[term](torch.tensor([1.0, 3.0]), torch.zeros(2), SCALE)
    assert found.item() == pytest.approx(expected)


def test_with_the_mean_density_as_scale_it_is_nmae():
    """Int |n - n_exact| / N, of dots of different charge in squares of different size."""
    torch.manual_seed(0)
    n_electrons, extent = torch.tensor([1.0, 4.0]), torch.tensor([20.0, 35.0])
    exact, pred = torch.rand(2, 16, 16), torch.rand(2, 16, 16)
    nmae = ((pred - exact).abs().sum((1, 2)) * (extent / 16) ** 2 / n_electrons).mean()
    torch.testing.assert_close(relative_l1(pred, exact, n_electrons / extent**2), nmae)
    torch.testing.assert_close(measures.nmae(pred, exact, n_electrons / extent**2).mean(), nmae)


def test_gradient_does_not_see_a_constant_error():
    field = torch.rand(2, 8, 8, dtype=torch.float64)
    assert relative_gradient(field + 3.0, field, torch.ones(2, dtype=torch.float64)).item() == pytest.approx(0.0)


def test_gradient_of_a_slope():
    """An error that rises by 0.1 from row to row: 0.1 down, 0 across."""
    slope = 0.1 * torch.arange(8.0)[None, :, None].expand(2, 8, 8)
    assert relative_gradient(slope, torch.zeros_like(slope), torch.ones(2)).item() == pytest.approx(0.1)


@pytest.mark.parametrize(("name", "expected"), [("l1", 10 / 8), ("l2", (1 + 4 + 16 + 9) / 8)])
def test_reconstruction_by_hand(name, expected):
    assert RECONSTRUCTION[name](PRED, EXACT).item() == pytest.approx(expected)


@pytest.mark.parametrize(("term", "expected"), [("l1", 1.75), ("l2", 4.625), ("huber", 1.3125), ("gradient", 1.25)])
def test_chains_have_terms_too(term, expected):
    """Errors 1/2, 1/2 in units of 2, and 3, 3: constant. Slopes: of 1/2 and 3 in turn, |1/2 - 0|, |3 - 1|."""
    pred = torch.tensor([[1.0, 1.0], [3.0, 3.0]]) if term != "gradient" else torch.tensor([[1.0, 0.0], [3.0, 1.0]])
    assert REGRESSION[term](pred, torch.zeros(2, 2), SCALE).item() == pytest.approx(expected)


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_the_pinball_loss_is_least_at_the_quantile(quantile):
    values = torch.arange(1.0, 1001.0)
    losses = torch.stack([pinball(torch.full_like(values, e), values, quantile) for e in values])
    assert abs(float(losses.argmin()) + 1 - 1000 * quantile) <= 1
