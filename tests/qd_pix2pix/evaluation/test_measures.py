"""Measures against values computed by hand, in NumPy and in torch, and the one table that lists them."""

import math
import re

import numpy as np
import pytest
import torch
import torchmetrics.functional as reference
from array_api_compat import array_namespace
from small import ROOT

from qd_pix2pix.evaluation import measures
from qd_pix2pix.evaluation.measures import JUDGE, MEASURES, RANK, Context
from qd_pix2pix.models.metrics import SplitMetrics
from qd_pix2pix.reports.page import number, rows
from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.quantum_dots import CONDITIONS, DENSITIES, SCALARS, V

A = np.array([[[1.0, 2.0], [3.0, 6.0]]])
B = np.array([[[1.0, 0.0], [3.0, 2.0]]])
SSIM = (2 * 4.5 + 0.01) * (2 * 1 + 0.09) / ((9 + 2.25 + 0.01) * (3.5 + 1.25 + 0.09))
"""Means 3 and 1.5, variances 12.5 - 9 and 3.5 - 2.25, covariance 5.5 - 4.5; data range 10: C1 = 0.01, C2 = 0.09."""
BY_HAND = {
    # differences 0, 2, 0, 4
    "l1": ("field", A, B, 1.5),
    "l2": ("field", A, B, math.sqrt(20 / 4)),
    "linf": ("field", A, B, 4.0),
    "ssim": ("field", A, B, SSIM),
    "mssim": ("field", A, B, SSIM),  # the field is smaller than a window: there is one
    # N / volume = 1: cells of 0.5, two electrons; int |A - B| = 3, int A = 6
    "nmae": ("density", A, B, 1.5),
    "charge_error": ("density", A, B, 2.0),
    "mae": ("scalar", np.array([1.0, -2.5]), np.array([1.5, 0.5]), (0.5, 3.0)),
    "exact": ("counts", np.array([1.4, 2.6, -0.2]), np.array([1.0, 2.0, 0.0]), (1.0, 0.0, 1.0)),
    "accuracy": ("class", np.array([0, 2, 1]), np.array([0, 1, 1]), (1.0, 0.0, 1.0)),
    # two maps of two points: mean map (2, 4); SS_tot = 1 + 4 + 1 + 4 = 10; residuals 1, 0, 0, 2: SS_res = 5
    "r2": ("field", np.array([[[2.0, 2.0]], [[3.0, 4.0]]]), np.array([[[1.0, 2.0]], [[3.0, 6.0]]]), 0.5),
    # |G(g a) - g G(a)| = 2 + 4, int |G(a)| = 6
    "equivariance_error": ("field", A, B, 1.0),
}
CONTEXT = Context(10.0, np.array([1.0]))


def judged(name, pred, target, context=CONTEXT):
    if name == "r2":
        return measures.r2(pred, target)
    if name == "equivariance_error":
        return measures.equivariance_error([pred], [target])
    return MEASURES[name].of_sample(pred, target, context)


ELSEWHERE = {
    "recall",
    "precision",
    "label_error",
    "label_distance",
    "estimated_error",
    "covered",
    "to_verify",
    "error_bar",
}
"""Measures of positions, of drawn samples and of estimated errors: test_localisation.py, test_drawn.py, and below."""


@pytest.mark.parametrize("name", [name for name in MEASURES if name not in ELSEWHERE])
def test_every_measure_by_hand_in_numpy_and_in_torch(name):
    kind, pred, target, expected = BY_HAND[name]
    assert kind in MEASURES[name].kinds
    found = judged(name, pred, target)
    np.testing.assert_allclose(found, expected)
    if name != "equivariance_error":  # of whole predictions, in NumPy only
        density = Context(10.0, torch.ones(1, dtype=torch.float64))
        tensors = judged(name, torch.as_tensor(pred), torch.as_tensor(target), density)
        assert array_namespace(tensors).__name__.endswith("torch")
        np.testing.assert_allclose(tensors.numpy(), found, rtol=1e-14)


def test_the_nmae_of_a_field_is_relative_to_itself():
    """Of fields without a fixed integral: |A - B| is 0, 2, 0, 4."""
    found = MEASURES["nmae"].of_sample(A, B, Context(10.0))
    np.testing.assert_allclose(found, [6.0 / np.abs(B).sum()])
    assert MEASURES["nmae"].of_sample(A, 0 * A, Context(10.0)) > 1e30, "nothing to be relative to"


def test_every_kind_has_a_judge_and_a_rank_among_its_own_measures():
    for kind in {kind for measure in MEASURES.values() for kind in measure.kinds} - {"drawn"}:
        assert kind in MEASURES[JUDGE[kind]].kinds and kind in MEASURES[RANK[kind]].kinds
        assert MEASURES[RANK[kind]].of_sample
        assert RANK[kind] in {measure.name for measure in measures.measures_of(kind)}


def test_the_table_is_the_only_list_of_measures():
    """No other file of the package names three measures or more."""
    quoted = re.compile(rf"[\"'](?:{'|'.join(MEASURES)})[\"']")
    loss_terms = {"l1", "l2"}
    for path in (ROOT / "qd_pix2pix").rglob("*.py"):
        names = {found[1:-1] for found in quoted.findall(path.read_text())} - loss_terms
        assert path.name == "measures.py" or len(names) < 3, f"{path} lists {names}"


def test_errors_up_to_the_estimated_one_are_covered():
    known = {"nmae": np.array([0.1, 0.2, 0.3]), "estimated_error": np.array([0.2, 0.2, 0.1])}
    assert measures.with_coverage(known)["covered"].tolist() == [1, 1, 0]
    assert "covered" not in measures.with_coverage({"nmae": np.ones(2)})
    numbers = {"mae": np.array([0.1, 0.2]), "error_bar": np.array([0.05, 0.2])}
    assert measures.with_coverage(numbers)["covered"].tolist() == [0, 1]


def test_what_is_better():
    assert measures.is_better("r2", 0.9, 0.8) and measures.is_better("energy/r2", 0.9, 0.8)
    assert measures.is_better("nmae", 0.1, 0.2) and measures.is_better("energy/mae", 0.1, 0.2)
    assert measures.is_better("accuracy", 0.9, 0.8) and not measures.is_better("exact", 0.8, 0.9)


def test_r2_of_the_mean_map_is_zero_and_of_the_reference_one():
    target = torch.rand(5, 8, 8, dtype=torch.float64)
    assert measures.r2(target.mean(0).expand(5, 8, 8), target).item() == pytest.approx(0.0, abs=1e-12)
    assert measures.r2(target, target).item() == 1.0


def test_r2_without_variance_is_not_a_number():
    assert np.isnan(measures.r2(A, B)) and torch.isnan(measures.r2(torch.as_tensor(A), torch.as_tensor(B)))
    assert measures.summarise("field", A, B, {})["r2"] is None


def test_r2_is_that_of_torchmetrics():
    """Weighted with the variance of each point."""
    rng = np.random.default_rng(0)
    target = torch.as_tensor(rng.normal(size=(20, 5, 4)) * rng.uniform(0.1, 2, size=(5, 4)))
    pred = target + 0.3 * torch.as_tensor(rng.normal(size=(20, 5, 4)))
    expected = reference.r2_score(pred.flatten(1), target.flatten(1), multioutput="variance_weighted")
    assert measures.r2(pred, target).item() == pytest.approx(expected.item(), rel=1e-12)


def test_mssim_is_that_of_torchmetrics():
    """Windows of seven points; those of torchmetrics that touch its padding are left out."""
    rng = np.random.default_rng(0)
    target = torch.as_tensor(rng.uniform(size=(3, 20, 18)))
    pred = target + 0.1 * torch.as_tensor(rng.normal(size=target.shape))
    options = {"gaussian_kernel": False, "kernel_size": 7, "data_range": 1.3, "reduction": "none"}
    compare = reference.image.structural_similarity_index_measure
    _, windows = compare(pred[:, None], target[:, None], **options, return_full_image=True)
    expected = windows[:, 0, 3:-3, 3:-3].mean((1, 2))
    np.testing.assert_allclose(measures.mssim(pred, target, 1.3, window=7), expected, rtol=1e-10)


def test_mssim_is_the_mean_over_windows():
    pred, target = np.random.default_rng(0).uniform(size=(2, 2, 9, 10))
    windows = [
        measures.ssim(pred[:, i : i + 8, j : j + 8], target[:, i : i + 8, j : j + 8], 1.0)
        for i in range(2)
        for j in range(3)
    ]
    np.testing.assert_allclose(measures.mssim(pred, target, 1.0), np.mean(windows, axis=0))


def test_mssim_of_a_line_is_the_mean_over_its_windows():
    pred, target = np.random.default_rng(0).uniform(size=(2, 3, 10))
    windows = [measures.ssim(pred[:, i : i + 8], target[:, i : i + 8], 1.0) for i in range(3)]
    np.testing.assert_allclose(measures.mssim(pred, target, 1.0), np.mean(windows, axis=0))


def test_ssim_does_not_depend_on_the_brightness_of_the_image():
    """The data range belongs to the field: a faint image is not stretched."""
    pred, target = np.random.default_rng(0).uniform(size=(2, 1, 8, 8)) * 1e-3
    assert measures.ssim(pred, target, data_range=1.0) > 0.98


@pytest.mark.parametrize("kind", ["density", "field", "scalar", "counts", "class"])
def test_gathered_in_batches_equals_all_at_once(kind):
    shape = (7, 12, 12) if kind in ("density", "field") else (7,)
    pred, target = (3 * torch.rand(shape, dtype=torch.float64) for _ in range(2))
    if kind == "class":
        pred, target = pred.long(), target.long()
    density = torch.full((7,), 0.3, dtype=torch.float64) if kind == "density" else None
    gathered = SplitMetrics(kind, 1.0)
    for part in (slice(0, 3), slice(3, 4), slice(4, 7)):
        gathered.update(pred[part], target[part], None if density is None else density[part])
    result = gathered.compute()
    assert tuple(result) == gathered.compute_names() and ("nmae" in result) == (kind in ("density", "field"))
    if "r2" in result:
        assert result["r2"].item() == pytest.approx(measures.r2(pred, target).item())
    for name, values in measures.sample_measures(kind, pred, target, Context(1.0, density)).items():
        assert result[name].item() == pytest.approx(values.mean().item()), name


def test_each_sample_is_judged_by_its_own_charge_and_cell():
    """Cells of 0.5 and 2, one and two electrons; every point of a field of 8 x 8 is off by 1/64 or by 1/128."""
    target = torch.ones(2, 8, 8, dtype=torch.float64)
    pred = target + torch.tensor([1 / 64, 1 / 128], dtype=torch.float64)[:, None, None]
    gathered = SplitMetrics("density", 1.0)
    gathered.update(pred, target, torch.tensor([1.0, 2.0]) / (64 * torch.tensor([0.5, 2.0])))
    # int |error| / N = 1 * 0.5 / 1 and 0.5 * 2 / 2;  int n / N - 1 = 65 * 0.5 / 1 - 1 and 64.5 * 2 / 2 - 1
    assert gathered.compute()["nmae"].item() == pytest.approx((0.5 + 0.5) / 2)
    assert gathered.compute()["charge_error"].item() == pytest.approx((31.5 + 63.5) / 2)


def test_a_reset_empties_the_sums():
    gathered = SplitMetrics("field", 1.0)
    gathered.update(torch.rand(3, 8, 8), torch.rand(3, 8, 8))
    gathered.reset()
    target = torch.rand(3, 8, 8)
    gathered.update(target, target)
    assert gathered.compute()["r2"].item() == pytest.approx(1.0)


SQUARE = ((lambda f: f.swapaxes(-1, -2)), (lambda f: np.rot90(f, axes=(-2, -1))), (lambda f: f[..., ::-1]))


def equivariance_error(apply, source):
    """Of a function of fields (S, n, n), over three elements of the square's group."""
    straight = apply(source)
    return measures.equivariance_error([apply(g(source)) for g in SQUARE], [g(straight) for g in SQUARE])


def crossed(fields):
    """Sums over a cross of equal arms, which looks the same however it lies."""
    return fields + sum(np.roll(fields, step, axis) for step in (-1, 1) for axis in (-2, -1))


@pytest.mark.parametrize("symmetric", [np.square, np.sin, crossed], ids=["square", "sin", "cross"])
def test_equivariance_error_of_maps_without_direction_is_zero(symmetric):
    source = np.random.default_rng(0).uniform(size=(3, 9, 9))
    assert equivariance_error(symmetric, source).max() < 1e-14


@pytest.mark.parametrize(("background", "expected"), [(0.0, 2.0), (1 / 16, 1.0)])
def test_equivariance_error_of_a_shift_by_hand(background, expected):
    """A point on a background: shifted after a turn it lies elsewhere than before it, and differs at two points."""
    source = np.full((1, 4, 4), background)
    source[..., 1, 2] += 1.0
    shifted = equivariance_error(lambda fields: np.roll(fields, 1, -2), source)
    # |G(g a) - g G(a)| = 1 + 1, int |G(a)| = 1 + 16 background
    assert shifted.tolist() == pytest.approx([expected])


def test_equivariance_error_is_of_each_sample():
    """A field that is the same everywhere does not show that it was shifted."""
    source = np.random.default_rng(0).uniform(size=(2, 6, 6))
    source[0] = 0.3
    even, uneven = equivariance_error(lambda fields: np.roll(fields, 1, -1), source)
    assert even == 0.0 and uneven > 0.1


DOTS = Schema(
    "quantum dots", "dot", (V, *DENSITIES, *SCALARS, Column("phase", "class", "i8", classes=3)),
    Domain(("x", "y"), (4, 4)), conditions=CONDITIONS[:1], constants={"n_electrons": 2.0},
    units={"energy": "eV", "density": "nm^-2"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("measure", "value", "column", "text"),
    [
        ("nmae", 0.01234, "n_int", "1.23 %"),
        ("nmae", 2.33e-8, "n_int", "< 0.001 %"),
        ("nmae", 0.0, "n_int", "0 %"),
        ("r2", 0.98765432, "n_int", "0.9877"),
        ("l1", 1.234e-3, "n_int", "1.23×10⁻³ nm⁻²"),
        ("l1", 0.5, "V", "5.00×10⁻¹ eV"),
        ("mae", 1.234e-3, "gap", "1.23 meV"),
        ("accuracy", 0.875, "phase", "87.5 %"),
    ],
)
def test_values_as_text(measure, value, column, text):
    assert number(measure, value, DOTS[column], DOTS) == text


def test_rows_of_a_table_are_in_the_order_of_the_measures():
    spread = {"mean": 0.02, "median": 0.01, "p05": 0.001, "p95": 0.05}
    lines = rows({"l1": spread, "nmae": spread, "r2": 0.9}, DOTS["n_int"], DOTS)
    assert [line.name for line in lines] == ["R²", "NMAE", "L₁"]
    assert lines[1][2:] == ("2 %", "1 %", "0.1 % … 5 %") and lines[0][2:] == ("0.9000", "", "")
