"""Estimated errors of numbers: the formula by hand, and the part of samples that a calibration covers."""

import math

import numpy as np
import pytest
import torch

from qd_pix2pix.inference.error_bars import calibrate_numbers
from qd_pix2pix.mapping.number_errors import NumberErrors

ERROR = torch.tensor([0.01, 0.1])
FOUND = {"energy": torch.tensor([100.0, -50.0]), "gap": torch.tensor([3.0, 0.0])}
THEIRS = {"energy": torch.tensor([101.0, -49.0]), "gap": torch.tensor([2.0, 0.0])}


def test_without_a_calibration_the_relative_error_is_that_of_the_density():
    found = NumberErrors(("energy", "gap"), two=False)(ERROR, FOUND, {})
    torch.testing.assert_close(found["energy"], torch.tensor([1.0, 5.0]))
    torch.testing.assert_close(found["gap"], torch.tensor([0.03, 1e-7]))


def test_the_estimate_by_hand():
    """|x| e^(1 + b_0) |E|^b_1 |gap|^b_2 (|x - x_2| / |x|)^b_3 exp(c)."""
    judge = NumberErrors(("energy", "gap"), two=True)
    judge.slopes.copy_(torch.tensor([[-0.5, 0.1, -0.2, 0.3, 0.7], [0.2, 0.4, -0.6, 0.5, -0.3]]))
    found = judge(ERROR, FOUND, THEIRS)
    energy = 100 * 0.01**0.5 * 100**0.1 * 3**-0.2 * 0.01**0.3 * math.exp(0.7)
    assert found["energy"][0] == pytest.approx(energy, rel=1e-5)
    gap = 3 * 0.01**1.2 * 100**0.4 * 3**-0.6 * (1 / 3) ** 0.5 * math.exp(-0.3)
    assert found["gap"][0] == pytest.approx(gap, rel=1e-5)
    assert torch.isfinite(found["gap"]).all(), "also where a gap and its difference are zero"


class Judged:
    """What ``calibrate_numbers`` takes of a predictor."""

    def __init__(self, judge):
        self.number_errors, self.mapping = judge, type("Mapping", (), {"quantile": 0.9})


def test_a_calibration_covers_its_part_of_samples_and_knows_which_are_hard():
    """Errors that grow as the difference of two networks: the estimate follows, and covers nine of ten in each half."""
    rng = np.random.default_rng(0)
    error = torch.as_tensor(rng.uniform(0.01, 0.02, 2000))
    energy, gap = (torch.as_tensor(10 ** rng.uniform(0, 2, 2000)) for _ in range(2))
    hard = torch.as_tensor(10 ** rng.uniform(-3, -1, 2000))
    found = {"energy": energy, "gap": gap}
    theirs = {"energy": energy * (1 + hard), "gap": gap}
    true = {n: v * (1 + 0.3 * hard * torch.as_tensor(rng.normal(size=2000))) for n, v in found.items()}
    judge = NumberErrors(("energy", "gap"), two=True).double()
    ratios = judge.differences(found, true) / error[:, None]
    calibrate_numbers(Judged(judge), ratios.numpy(), judge.features(error, found, theirs).numpy())
    estimates = judge(error, found, theirs)
    for name, values in found.items():
        covered = (values - true[name]).abs() <= estimates[name]
        assert covered.double().mean() == pytest.approx(0.9, abs=0.001)
    easy = hard < hard.median()
    covered = ((energy - true["energy"]).abs() <= estimates["energy"]).double()
    assert covered[easy].mean() == pytest.approx(0.9, abs=0.03)
    ratio = estimates["energy"] / energy / hard
    assert ratio.max() / ratio.min() < 1.5, "in proportion to the difference"
