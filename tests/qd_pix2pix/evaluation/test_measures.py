"""Measures against values computed by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from qd_pix2pix.evaluation import measures as metrics
from qd_pix2pix.evaluation.measures import FieldMetrics

A = torch.tensor([[1.0, 2.0], [3.0, 6.0]], dtype=torch.float64)
B = torch.tensor([[1.0, 0.0], [3.0, 2.0]], dtype=torch.float64)


def test_norms_by_hand():
    # differences 0, 2, 0, 4
    assert metrics.l1(A, B).item() == pytest.approx(1.5)
    assert metrics.l2(A, B).item() == pytest.approx(math.sqrt(20 / 4))
    assert metrics.linf(A, B).item() == pytest.approx(4.0)


def test_charges_by_hand():
    # cells of 0.5 nm^2: int |A - B| = 3 of N = 2 electrons; int A = 6
    assert metrics.nmae(A, B, cell_area=0.5, n_electrons=2).item() == pytest.approx(1.5)
    assert metrics.charge_error(A, cell_area=0.5, n_electrons=2).item() == pytest.approx(2.0)
    assert metrics.charge_error(B, cell_area=0.5, n_electrons=3).item() == pytest.approx(0.0)


def test_r2_by_hand():
    # two maps of two points: mean map (2, 4); SS_tot = 1 + 4 + 1 + 4 = 10; residuals 1, 0, 0, 2: SS_res = 5
    target = torch.tensor([[[1.0, 2.0]], [[3.0, 6.0]]])
    pred = torch.tensor([[[2.0, 2.0]], [[3.0, 4.0]]])
    assert metrics.r2(pred, target).item() == pytest.approx(0.5)


def test_r2_of_the_mean_map_is_zero_and_of_the_truth_one():
    target = torch.rand(5, 8, 8, dtype=torch.float64)
    assert metrics.r2(target.mean(0).expand(5, 8, 8), target).item() == pytest.approx(0.0, abs=1e-12)
    assert metrics.r2(target, target).item() == 1.0


def test_r2_without_variance_is_not_a_number():
    assert metrics.r2(A[None], B[None]).isnan()


def test_ssim_by_hand():
    # means 3 and 1.5; variances E[A^2] - 9 = 12.5 - 9 = 3.5, E[B^2] - 2.25 = 3.5 - 2.25 = 1.25,
    # covariance E[AB] - 4.5 = 5.5 - 4.5 = 1; data range 10: C1 = 0.01, C2 = 0.09
    expected = (2 * 4.5 + 0.01) * (2 * 1 + 0.09) / ((9 + 2.25 + 0.01) * (3.5 + 1.25 + 0.09))
    assert metrics.ssim(A, B, data_range=10.0).item() == pytest.approx(expected)


def test_mssim_is_the_mean_over_windows():
    pred, target = torch.rand(2, 9, 10, dtype=torch.float64), torch.rand(2, 9, 10, dtype=torch.float64)
    windows = [
        metrics.ssim(pred[..., i : i + 8, j : j + 8], target[..., i : i + 8, j : j + 8], 1.0)
        for i in range(2)
        for j in range(3)
    ]
    torch.testing.assert_close(metrics.mssim(pred, target, 1.0), torch.stack(windows).mean(0))


def test_ssim_does_not_depend_on_the_brightness_of_the_image():
    """The data range belongs to the field: a faint image is not stretched."""
    pred, target = torch.rand(8, 8) * 1e-3, torch.rand(8, 8) * 1e-3
    assert metrics.ssim(pred, target, data_range=1.0) > 0.98


@pytest.mark.parametrize("is_density", [True, False])
def test_gathered_in_batches_equals_all_at_once(is_density):
    pred, target = torch.rand(7, 12, 12, dtype=torch.float64), torch.rand(7, 12, 12, dtype=torch.float64)
    gathered = FieldMetrics(data_range=1.0, is_density=is_density)
    for part in (slice(0, 3), slice(3, 4), slice(4, 7)):
        gathered.update(pred[part], target[part], 0.2, 3)
    result = gathered.compute()
    assert result["r2"].item() == pytest.approx(metrics.r2(pred, target).item())
    settings = {"data_range": 1.0, "cell_area": 0.2, "n_electrons": 3 if is_density else None}
    for name, values in metrics.dot_measures(pred, target, **settings).items():
        assert result[name].item() == pytest.approx(values.mean().item()), name
    assert ("nmae" in result) == is_density


def test_each_dot_is_judged_by_its_own_charge_and_cell():
    """Cells of 0.5 and 2, one and two electrons; every point of a field of 8 x 8 is off by 1/64 or by 1/128."""
    target = torch.ones(2, 8, 8, dtype=torch.float64)
    pred = target + torch.tensor([1 / 64, 1 / 128], dtype=torch.float64)[:, None, None]
    gathered = FieldMetrics(data_range=1.0, is_density=True)
    gathered.update(pred, target, torch.tensor([0.5, 2.0]), torch.tensor([1.0, 2.0]))
    # int |error| / N = 1 * 0.5 / 1 and 0.5 * 2 / 2;  int n / N - 1 = 65 * 0.5 / 1 - 1 and 64.5 * 2 / 2 - 1
    assert gathered.compute()["nmae"].item() == pytest.approx((0.5 + 0.5) / 2)
    assert gathered.compute()["charge_error"].item() == pytest.approx((31.5 + 63.5) / 2)


def test_a_reset_forgets():
    gathered = FieldMetrics(data_range=1.0, is_density=False)
    gathered.update(torch.rand(3, 8, 8), torch.rand(3, 8, 8), 1.0, 2)
    gathered.reset()
    target = torch.rand(3, 8, 8)
    gathered.update(target, target, 1.0, 2)
    assert gathered.compute()["r2"].item() == pytest.approx(1.0)


def blurred(fields):
    """A cross of equal arms, which looks the same however it lies."""
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 0.0]], dtype=fields.dtype)
    return F.conv2d(fields, kernel[None, None], padding=1)


@pytest.mark.parametrize("symmetric", [torch.square, torch.sin, blurred], ids=["square", "sin", "cross"])
def test_equivariance_error_of_maps_without_direction_is_zero(symmetric):
    source = torch.rand(3, 1, 9, 9, dtype=torch.float64)
    assert metrics.equivariance_error(symmetric, source).amax() < 1e-14


@pytest.mark.parametrize(("background", "expected"), [(0.0, 2.0), (1 / 16, 1.0)])
def test_equivariance_error_of_a_shift_by_hand(background, expected):
    """A point on a background: shifted after a turn it lies elsewhere than before it, and differs at two points."""
    source = torch.full((1, 1, 4, 4), background, dtype=torch.float64)
    source[..., 1, 2] += 1.0
    shifted = metrics.equivariance_error(lambda fields: fields.roll(1, dims=-2), source)
    # |G(g a) - g G(a)| = 1 + 1, int |G(a)| = 1 + 16 background
    assert shifted.tolist() == pytest.approx([expected])


def test_equivariance_error_is_of_each_dot():
    """A field that is the same everywhere does not tell that it was shifted."""
    source = torch.rand(2, 1, 6, 6, dtype=torch.float64)
    source[0] = 0.3
    even, uneven = metrics.equivariance_error(lambda fields: fields.roll(1, dims=-1), source).tolist()
    assert even == 0.0 and uneven > 0.1
