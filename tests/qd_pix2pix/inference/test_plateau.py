"""Averages over shifts: of predictions with the same number of particles, and of no others."""

from types import SimpleNamespace

import pytest
import torch
from small import configuration

from qd_pix2pix.inference.plateau import SHIFTS, on_plateau
from qd_pix2pix.training.settings import untrained

SITES = 4


@pytest.mark.parametrize(
    ("words", "averaged"),
    [
        ([], True),
        (["loader.shift=null"], False),
        (["mapping.target=coherence", "mapping.also=[n]"], False),  # its sum is no number of particles
    ],
)
def test_only_numbers_of_particles_select_shifts(words, averaged):
    assert untrained(configuration("train", "experiment=chain", *words)).predictor.shifted is averaged


class Steps:
    """A network whose number of particles rises from 1 to 2 between the potentials ``low`` and ``high``.

    Its second map is the shift itself.
    """

    mapping, target = SimpleNamespace(sources=("V",)), SimpleNamespace(name="n")

    def __init__(self, low, high):
        self.low, self.high = low, high

    def __call__(self, columns):
        level = -columns["V"].mean(1)
        number = 1 + ((level - self.low) / (self.high - self.low)).clamp(0, 1)
        return {"n": (number / SITES)[:, None].repeat(1, SITES), "other": columns["V"]}


def sums(network, level):
    found = on_plateau(network, {"V": torch.full((1, SITES), -level)})
    return found["n"].sum().item(), found["other"].mean().item()


def test_a_mixture_of_two_numbers_becomes_the_nearer_one():
    network = Steps(0.0, 0.2)
    assert network({"V": torch.full((1, SITES), -0.06)})["n"].sum().item() == pytest.approx(1.3)
    assert sums(network, 0.06)[0] == pytest.approx(1.0, abs=1e-6)
    assert sums(network, 0.14)[0] == pytest.approx(2.0, abs=1e-6)


def test_all_shifts_within_the_plateau_are_averaged():
    """All maps alike; the potential of 0.07 above the lower step is left by shifts of at least 0.07 only."""
    number, other = sums(Steps(0.0, 0.2), 0.07)
    allowed = [shift for shift in SHIFTS if shift >= 0.07]
    assert 15 < len(allowed) < len(SHIFTS) / 2 and number == pytest.approx(1.0, abs=1e-6)
    assert other == pytest.approx(-0.07 + sum(allowed) / len(allowed), abs=1e-6)


def test_without_any_plateau_nothing_changes():
    number, other = sums(Steps(-100.0, 100.0), 0.3)
    assert (number, other) == (pytest.approx(1.5015, abs=1e-4), pytest.approx(-0.3))


def test_samples_of_a_batch_do_not_depend_on_each_other():
    network, levels = Steps(0.0, 0.2), torch.tensor([0.06, 0.14, 0.5])
    together = on_plateau(network, {"V": -levels[:, None].repeat(1, SITES)})["other"].mean(1)
    torch.testing.assert_close(together, torch.tensor([sums(network, level.item())[1] for level in levels]))
