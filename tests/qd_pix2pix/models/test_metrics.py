"""Measures of the validation split, gathered in batches, against those of the whole split at once."""

import numpy as np
import pytest
import torch

from qd_pix2pix.evaluation import measures
from qd_pix2pix.models.metrics import SplitMetrics

SHAPES = {"density": (9, 12), "field": (16,), "scalar": (), "counts": (), "class": ()}


def split(kind, size=7):
    """Predictions and references (S, ...), and of densities their mean (S,)."""
    rng = np.random.default_rng(0)
    shape = (size, *SHAPES[kind])
    if kind in ("class", "counts"):
        target = rng.integers(0, 4, shape)
        pred = rng.integers(0, 4, shape) if kind == "class" else target + rng.normal(0, 0.5, shape)
        return torch.as_tensor(pred), torch.as_tensor(target), None
    pred, target = (torch.as_tensor(rng.random(shape), dtype=torch.float32) for _ in range(2))
    return pred, target, torch.as_tensor(rng.uniform(0.5, 2, size)) if kind == "density" else None


def gathered(kind, pred, target, density, ends=(3,), data_range=1.5):
    metric, start = SplitMetrics(kind, data_range), 0
    for end in (*ends, len(pred)):
        metric.update(pred[start:end], target[start:end], None if density is None else density[start:end])
        start = end
    return metric


@pytest.mark.parametrize("ends", [(), (3,), (1, 2, 6)])
@pytest.mark.parametrize("kind", SHAPES)
def test_batches_sum_up_to_the_split(kind, ends):
    pred, target, density = split(kind)
    metric = gathered(kind, pred, target, density, ends)
    found = {name: value.item() for name, value in metric.compute().items()}
    p, t = (values.double().numpy() for values in (pred, target))
    context = measures.Context(1.5, None if density is None else density.numpy())
    expected = {name: v.mean() for name, v in measures.sample_measures(kind, p, t, context).items()}
    if kind != "class":
        expected["r2"] = measures.r2(p, t)
    assert found == pytest.approx(expected, rel=1e-9)
    assert metric.compute_names() == tuple(found) and measures.JUDGE[kind] in found


def test_by_hand():
    """Three of four classes right; errors 1, 3 of numbers 0, 10, whose variance is 2 * 25."""
    classes = gathered("class", torch.tensor([0, 2, 1, 1]), torch.tensor([0, 2, 1, 3]), None)
    assert {name: value.item() for name, value in classes.compute().items()} == {"accuracy": 0.75}
    numbers = gathered("scalar", torch.tensor([1.0, 7.0]), torch.tensor([0.0, 10.0]), None, (1,))
    assert {name: value.item() for name, value in numbers.compute().items()} == {"mae": 2.0, "r2": 1 - 10 / 50}


def test_the_range_is_that_of_training():
    pred, target, _ = split("field")
    narrow, wide = (gathered("field", pred, target, None, data_range=r).compute() for r in (0.1, 10.0))
    assert narrow["ssim"] != wide["ssim"] and narrow["l1"] == wide["l1"]


def test_one_sample_has_no_variance_to_explain():
    pred, target, density = split("density", 1)
    found = gathered("density", pred, target, density, ()).compute()
    assert found.pop("r2").isnan() and all(value.isfinite() for value in found.values())


def test_a_reset_forgets():
    pred, target, density = split("density")
    metric = gathered("density", pred, target, density)
    before = {name: value.item() for name, value in metric.compute().items()}
    metric.reset()
    metric.update(pred, target, density)
    assert {name: value.item() for name, value in metric.compute().items()} == pytest.approx(before)


def test_sums_are_in_double_precision():
    """Of 2^24 + 1 floats the last one would be lost."""
    target = torch.cat([torch.tensor([2.0**25]), torch.ones(64)])
    metric = SplitMetrics("scalar", 1.0)
    for i in range(len(target)):
        metric.update(torch.zeros(1), target[i : i + 1])
    assert metric.compute()["mae"].item() * 65 == 2**25 + 64
