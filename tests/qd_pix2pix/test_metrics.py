"""Measures against values computed by hand."""

import math

import pytest
import torch

from qd_pix2pix import metrics
from qd_pix2pix.metrics import FieldMetrics

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


@pytest.mark.parametrize("n_electrons", [3, None])
def test_gathered_in_batches_equals_all_at_once(n_electrons):
    pred, target = torch.rand(7, 12, 12, dtype=torch.float64), torch.rand(7, 12, 12, dtype=torch.float64)
    settings = {"data_range": 1.0, "cell_area": 0.2, "n_electrons": n_electrons}
    gathered = FieldMetrics(**settings)
    for part in (slice(0, 3), slice(3, 4), slice(4, 7)):
        gathered.update(pred[part], target[part])
    result = gathered.compute()
    assert result["r2"].item() == pytest.approx(metrics.r2(pred, target).item())
    for name, values in metrics.dot_measures(pred, target, **settings).items():
        assert result[name].item() == pytest.approx(values.mean().item()), name
    assert ("nmae" in result) == (n_electrons is not None)


def test_a_reset_forgets():
    gathered = FieldMetrics(data_range=1.0, cell_area=1.0, n_electrons=None)
    gathered.update(torch.rand(3, 8, 8), torch.rand(3, 8, 8))
    gathered.reset()
    target = torch.rand(3, 8, 8)
    gathered.update(target, target)
    assert gathered.compute()["r2"].item() == pytest.approx(1.0)
