"""Heads: the laws that their quantities obey whatever a network returns, and values worked out by hand."""

import math

import pytest
import torch
from schemas import RINGS, with_column

from qd_pix2pix.mapping.heads import (
    HEADS,
    BoundedHead,
    CategoricalHead,
    ChargeHead,
    ExponentialHead,
    FreeHead,
    MeanHead,
    OrdinalHead,
    PositiveHead,
    Scale,
    SumHead,
    TanhHead,
    TotalHead,
    make_head,
)
from qd_pix2pix.mapping.mapping import Range
from qd_pix2pix.schema import Column

SPAN = Range(-0.5, 1.5)
PLAIN = Scale(SPAN)
SHARES = torch.tensor([[[0.1, 0.2], [0.3, 0.4]]])


def densities(*values):
    return Scale(SPAN, torch.tensor(values))


def channel(raw):
    """Raw numbers (B, *points) of one channel, (B, 1, *points)."""
    return raw[:, None]


@pytest.mark.parametrize("n_electrons", range(1, 9))
@pytest.mark.parametrize("n", [16, 33, 64, 256])
@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0, 100.0, 1e4])
def test_charge_holds_whatever_the_network_returns(n_electrons, n, scale):
    torch.manual_seed(n)
    raw = scale * (2 * torch.rand(2, 1, n, n) - 1)
    for extent in (5.0, 30.0, 400.0):
        density = ChargeHead()(raw, densities(*[n_electrons / extent**2] * 2))
        charge = density.double().sum((1, 2)) * (extent / n) ** 2
        assert (charge / n_electrons - 1).abs().amax() <= 1e-6
        assert density.amin() >= 0 and density.isfinite().all()


@pytest.mark.parametrize("points", [(40,), (6, 10), (3, 4, 5)])
def test_charge_holds_on_domains_of_any_shape(points):
    density = ChargeHead()(torch.randn(2, 1, *points), densities(0.5, 3.0))
    assert density.shape == (2, *points)
    assert density.double().flatten(1).mean(1).tolist() == pytest.approx([0.5, 3.0], rel=1e-6)


def test_each_sample_holds_its_own_charge():
    """N = 1 and N = 3 in squares of 2 x 2 and 3 x 3."""
    density = ChargeHead()(torch.randn(2, 1, 8, 8), densities(1 / 4, 3 / 9))
    charge = density.mean((1, 2)) * torch.tensor([4.0, 9.0])
    assert charge.tolist() == pytest.approx([1.0, 3.0], rel=1e-6)


def test_charge_by_hand():
    # three electrons on four cells of area 2: a share of 0.1 of them on 2 is 0.15
    density = ChargeHead()(channel(SHARES.log() + 7.0), densities(3 / 8))
    torch.testing.assert_close(density, SHARES * 1.5)


def test_charge_likelihood_by_hand():
    """Kullback and Leibler's divergence of the charges: sum_i p_i ln(p_i / q_i), mean over samples."""
    raw = channel(torch.cat([SHARES.log(), torch.zeros(1, 2, 2)]))
    reference = torch.full((2, 2, 2), 3 / 8)
    found = ChargeHead().negative_log_likelihood(raw, reference, densities(3 / 8, 3 / 8))
    by_hand = sum(0.25 * math.log(0.25 / q) for q in (0.1, 0.2, 0.3, 0.4))
    assert found.item() == pytest.approx(by_hand / 2, rel=1e-5)


def test_charge_likelihood_is_zero_at_the_reference_only():
    torch.manual_seed(0)
    head, scale = ChargeHead(), densities(2 / 900.0, 5 / 900.0)
    reference = head(3 * torch.randn(2, 1, 16, 16), scale)
    raw = channel(reference.log())
    assert head.negative_log_likelihood(raw + 2.0, reference, scale).item() == pytest.approx(0.0, abs=1e-6)
    for _ in range(5):
        assert head.negative_log_likelihood(raw + torch.randn_like(raw), reference, scale) > 1e-2


def test_charge_likelihood_takes_empty_places():
    """Behind walls the density is 0, and 0 ln 0 = 0."""
    raw = torch.zeros(1, 1, 2, 2, requires_grad=True)
    reference = torch.tensor([[[2.0, 0.0], [0.0, 0.0]]])
    loss = ChargeHead().negative_log_likelihood(raw, reference, densities(0.5))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(4))
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("head", [BoundedHead(), TanhHead()], ids=["bounded", "tanh"])
@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
def test_bounded_heads_stay_within_the_range_of_training(head, scale):
    field = head(scale * torch.randn(3, 1, 16, 16), PLAIN)
    assert SPAN.low <= field.amin() and field.amax() <= SPAN.high


def test_bounded_by_hand():
    raw = torch.tensor([[[0.0, math.log(3.0)], [-math.log(3.0), 200.0]]])  # S = 1/2, 3/4, 1/4, 1
    torch.testing.assert_close(BoundedHead()(channel(raw), PLAIN), torch.tensor([[[0.5, 1.0], [0.0, 1.5]]]))


def test_bounded_likelihood_by_hand():
    """Shares 1/2 and 1 of the range against S = 3/4: -(ln 3/4 + ln 1/4) / 2 and -ln 3/4."""
    raw = torch.full((1, 1, 1, 2), math.log(3.0))
    reference = torch.tensor([[[0.5, 1.5]]])
    by_hand = (-(math.log(3 / 4) + math.log(1 / 4)) / 2 - math.log(3 / 4)) / 2
    found = BoundedHead().negative_log_likelihood(raw, reference, PLAIN)
    assert found.item() == pytest.approx(by_hand, rel=1e-5)


def test_bounded_likelihood_is_least_at_the_reference():
    torch.manual_seed(0)
    head, raw = BoundedHead(), torch.randn(2, 1, 8, 8, requires_grad=True)
    reference = head(raw, PLAIN).detach()
    least = head.negative_log_likelihood(raw, reference, PLAIN)
    least.backward()
    assert raw.grad.abs().amax() < 1e-7
    assert head.negative_log_likelihood(raw + 0.5, reference, PLAIN) > least + 1e-3


def test_tanh_by_hand():
    raw = torch.tensor([[[0.0, math.atanh(0.5)], [-50.0, 50.0]]])
    torch.testing.assert_close(TanhHead()(channel(raw), PLAIN), torch.tensor([[[0.5, 1.0], [-0.5, 1.5]]]))
    # z of the prediction is 1/2, that of the reference 0: half the square of 1/2
    found = TanhHead().negative_log_likelihood(torch.full((1, 1, 3), math.atanh(0.5)), torch.full((1, 3), 0.5), PLAIN)
    assert found.item() == pytest.approx(0.125)


def test_free_by_hand():
    raw = torch.tensor([[[-1.0, 0.0], [1.0, 3.0]]])
    field = FreeHead()(channel(raw), PLAIN)
    torch.testing.assert_close(field, torch.tensor([[[-0.5, 0.5], [1.5, 3.5]]]))
    # half the square of the scaled errors: z of the reference is 0 everywhere
    found = FreeHead().negative_log_likelihood(channel(raw), torch.full((1, 2, 2), 0.5), PLAIN)
    assert found.item() == pytest.approx((1 + 0 + 1 + 9) / 4 / 2)


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
def test_positive_is_nowhere_negative(scale):
    field = PositiveHead()(scale * torch.randn(3, 1, 16, 16), PLAIN)
    assert field.amin() >= 0 and field.isfinite().all()


def test_positive_by_hand():
    """High softplus(y): ln 2 at 0, y far up, 0 far down; larger than in training is allowed."""
    raw = channel(torch.tensor([[0.0, 40.0, -200.0, math.log(math.e - 1)]]))
    expected = torch.tensor([[1.5 * math.log(2), 60.0, 0.0, 1.5]])
    torch.testing.assert_close(PositiveHead()(raw, PLAIN), expected)
    # (1.5 - 0.5)^2 (2 / span)^2 / 2, with a span of 2
    found = PositiveHead().negative_log_likelihood(raw[..., 3:], torch.tensor([[0.5]]), PLAIN)
    assert found.item() == pytest.approx(0.5)


@pytest.mark.parametrize("n", [2, 64])
def test_mean_is_that_of_any_grid(n):
    raw = torch.stack([torch.full((n, n), 0.5), torch.zeros(n, n)])
    raw[1, : n // 2] = -1.0
    assert MeanHead()(channel(raw), PLAIN).tolist() == pytest.approx([1.0, 0.0])


def test_mean_likelihood_by_hand():
    raw = torch.zeros(2, 1, 4, 4)  # 0.5 of both samples; z of the references are -1 and 1/2
    found = MeanHead().negative_log_likelihood(raw, torch.tensor([-0.5, 1.0]), PLAIN)
    assert found.item() == pytest.approx((1 + 0.25) / 2 / 2)


def test_sum_by_hand():
    """Two of four points give 1.5 / 4 each, two give -0.5 / 4."""
    raw = channel(torch.tensor([[1.0, 1.0, -1.0, -1.0]]))
    assert SumHead()(raw, Scale(SPAN, points=4)).tolist() == pytest.approx([0.5])
    assert SumHead()(raw, Scale(SPAN, points=2)).tolist() == pytest.approx([1.0])


@pytest.mark.parametrize(("points", "copies"), [((6,), (2,)), ((4, 6), (2, 1)), ((4, 6), (3, 2))])
def test_a_larger_sample_has_a_larger_sum_and_the_same_mean(points, copies):
    """Of n copies side by side; on the points of training both heads agree."""
    raw = torch.randn(3, 1, *points)
    scale = Scale(SPAN, points=math.prod(points))
    tiled = raw.repeat(1, 1, *copies)
    torch.testing.assert_close(SumHead()(raw, scale), MeanHead()(raw, scale))
    torch.testing.assert_close(SumHead()(tiled, scale), math.prod(copies) * SumHead()(raw, scale))
    torch.testing.assert_close(MeanHead()(tiled, scale), MeanHead()(raw, scale))


def test_sum_likelihood_by_hand():
    raw = torch.zeros(2, 1, 4)  # 0.5 of both samples
    found = SumHead().negative_log_likelihood(raw, torch.tensor([-0.5, 1.0]), Scale(SPAN, points=4))
    assert found.item() == pytest.approx((1 + 0.25) / 2 / 2)


CLASSES = torch.tensor([0.5, 0.3, 0.2])


def logits(points):
    """Channels of three classes whose means are the logarithms of CLASSES, plus what cancels."""
    noise = torch.randn(2, 3, *points)
    noise -= noise.flatten(2).mean(2).reshape(2, 3, *(1,) * len(points))
    return noise + CLASSES.log().reshape(1, 3, *(1,) * len(points)) + 4.0


@pytest.mark.parametrize("points", [(6,), (5, 4)])
def test_probabilities_of_classes_by_hand(points):
    raw = logits(points)
    found = torch.softmax(CategoricalHead().logits(raw, PLAIN), 1)
    torch.testing.assert_close(found, CLASSES.expand(2, 3))
    chosen = CategoricalHead()(raw, PLAIN)
    assert chosen.tolist() == [0, 0] and chosen.dtype == torch.int64


def test_cross_entropy_by_hand():
    found = CategoricalHead().negative_log_likelihood(logits((6,)), torch.tensor([0, 2]), PLAIN)
    assert found.item() == pytest.approx(-(math.log(0.5) + math.log(0.2)) / 2, rel=1e-5)


def test_the_most_probable_class_is_predicted():
    raw = torch.zeros(3, 3, 4, 4)
    for sample, best in enumerate((2, 0, 1)):
        raw[sample, best, 1, 2] = 1e-3
    assert CategoricalHead()(raw, PLAIN).tolist() == [2, 0, 1]


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_learning_goes_on_wherever_the_network_is(head, size):
    """Neither value nor gradient of the likelihood overflows."""
    torch.manual_seed(0)
    column = next(c for c in RINGS.columns if c.kind in head.kinds)
    raw = (size * torch.randn(2, head.channels(column), 8, 8)).requires_grad_()
    reference = torch.full((2, 8, 8) if column.is_field else (2,), 0 if column.classes else 1 / 64)
    loss = head().negative_log_likelihood(raw, reference, Scale(SPAN, torch.full((2,), 1 / 64), 64, column.classes))
    loss.backward()
    assert loss.isfinite() and loss >= -1e-6
    assert raw.grad.isfinite().all() and raw.grad.abs().amax() > 0


def test_ordered_classes_by_hand():
    """Five classes at 0, 1, ... 4: the nearest is predicted, also beyond the ends; its weight falls as a Gaussian."""
    head, scale = OrdinalHead(), Scale(None, classes=5)
    places = torch.tensor([-1.2, 0.4, 2.51, 4.0, 7.0])
    raw = (places / 2 - 1).reshape(5, 1, 1).expand(5, 1, 6)
    assert head(raw, scale).tolist() == [0, 0, 3, 4, 4]
    weights = torch.softmax(head.logits(raw, scale), 1)[2]
    torch.testing.assert_close((weights[1:] / weights[:-1]).log(), 4 * 2.51 - 4 * torch.arange(4) - 2.0)


@pytest.mark.parametrize("name", [n for n in HEADS if n not in ("categorical", "ordinal")])
def test_the_likelihood_is_least_at_the_reference(name):
    """Steps of gradient descent lead to a reference that the head can have."""
    torch.manual_seed(0)
    head, scale = HEADS[name](), Scale(SPAN, torch.full((2,), 0.5), 16)
    reference = head(torch.randn(2, 1, 16), scale)
    raw = torch.zeros(2, 1, 16, requires_grad=True)
    before = head.negative_log_likelihood(raw, reference, scale)
    optimizer = torch.optim.Adam([raw], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        head.negative_log_likelihood(raw, reference, scale).backward()
        optimizer.step()
    after = head(raw, scale)
    assert head.negative_log_likelihood(raw, reference, scale) < before
    torch.testing.assert_close(after, reference, atol=2e-2, rtol=0)


def test_every_kind_of_column_has_its_head():
    kinds = {c.name: type(make_head(c, {})) for c in RINGS.of_role("field", "scalar", "class", "counts")}
    assert kinds == {
        "spins": BoundedHead,
        "charge": ChargeHead,
        "energy": SumHead,
        "magnetisation": MeanHead,
        "phase": CategoricalHead,
        "walls": MeanHead,
    }
    intensive = with_column(RINGS, "energy", extensive=False)
    assert isinstance(make_head(intensive["energy"], {}), MeanHead)


def test_heads_are_chosen_by_kind():
    chosen = {"density": "positive", "field": "tanh", "scalar": "mean"}
    assert isinstance(make_head(RINGS["charge"], chosen), PositiveHead)
    assert isinstance(make_head(RINGS["spins"], chosen), TanhHead)
    assert isinstance(make_head(RINGS["energy"], chosen), MeanHead)


@pytest.mark.parametrize(
    ("column", "name", "choices"),
    [
        ("spins", "charge", "positive, bounded, tanh, free"),
        ("charge", "categorical", "charge, positive, bounded, tanh, free"),
        ("energy", "charge", "mean, sum, total, exponential"),
        ("walls", "softmax", "mean, sum"),
        ("phase", "mean", "categorical, ordinal"),
    ],
)
def test_a_head_of_another_kind_is_named(column, name, choices):
    kind = RINGS[column].kind
    with pytest.raises(ValueError, match=f"model.{kind}.head: expected one of {choices}; got {name!r}"):
        make_head(RINGS[column], {kind: name})


def test_channels_are_one_but_for_classes():
    assert CategoricalHead.channels(RINGS["phase"]) == 3
    assert all(head.channels(Column("a", "scalar")) == 1 for name, head in HEADS.items() if name != "categorical")


def test_a_total_is_the_sum_in_the_unit_of_the_data():
    raw = channel(torch.tensor([[[1.0, -3.0], [0.5, 0.0]]]))
    assert TotalHead()(raw, Scale(SPAN, points=2)).tolist() == pytest.approx([-1.5])
    assert TotalHead.starts == ("scalar",)


def test_exponential_numbers_are_positive_and_their_relative_error_counts():
    raw = channel(torch.tensor([[[1.0, 3.0]], [[-12.0, -12.0]], [[1e9, 1e9]]]))
    found = ExponentialHead()(raw, PLAIN)
    assert found[0].item() == pytest.approx(math.exp(2.0)) and (found >= 0).all() and found.isfinite().all()
    loss = ExponentialHead().negative_log_likelihood(raw[:2], torch.tensor([2 * math.exp(2.0) + 1, 0.0]), PLAIN)
    assert loss.item() == pytest.approx((math.log(2) - 0.05) / 2, rel=1e-4)  # Huber: |x| - 0.1 / 2
