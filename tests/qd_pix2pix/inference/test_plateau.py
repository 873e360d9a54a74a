"""Averages over shifts and holes: of predictions with the same number of particles, and of no others."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from small import configuration

from qd_pix2pix.inference.plateau import SHIFTS, on_plateau
from qd_pix2pix.mapping.symmetry import Symmetry
from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.training.settings import untrained

SITES = 4
HOLES = {"odd": True, "centre": -1.0, "centre_of": "U"}
COLUMNS = (Column("V", "field", **HOLES), Column("n", "field", low=0.0, odd=True, centre=0.5), Column("other", "field"))
DOMAIN = Domain(("x",), (SITES,), boundary="periodic", flip=False, bipartite=True)
SCHEMA = Schema("chains", "ring", COLUMNS, DOMAIN, (Column("U", "condition"),), {"U": 3.0})


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

    mapping, target, symmetry = SimpleNamespace(sources=("V",)), SimpleNamespace(name="n"), Symmetry(SCHEMA)
    counter = None
    known = staticmethod(lambda columns, like: {})
    longest = SITES

    def counts(self, points):
        return self.counter is not None and points <= self.longest

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


class Disagreeing(Steps):
    """Steps for fields whose mean is above -U, and those of its holes with the step elsewhere."""

    symmetry = Symmetry(replace(SCHEMA, domain=replace(DOMAIN, flip=True)))

    def __init__(self, step, step_of_holes):
        self.step, self.of_holes = step, step_of_holes

    def __call__(self, columns):
        level = -columns["V"].mean(1)
        holes = level > 3  # the image of the level x is 6 - x
        number = torch.where(holes, 3 - (6 - level > self.of_holes).float(), 1 + (level > self.step).float())
        return {"n": (number / SITES)[:, None].repeat(1, SITES), "other": holes[:, None].float().repeat(1, SITES)}


def test_of_two_numbers_the_one_that_is_farther_from_a_change_is_predicted():
    """Steps at 0 for particles and 0.2 for holes: together one at 0.1. Only predictions with this number count."""
    network = Disagreeing(0.0, 0.2)
    assert [round(sums(network, level)[0], 4) for level in (-0.05, 0.05, 0.09, 0.11, 0.15, 0.3)] == [1, 1, 1, 2, 2, 2]
    assert sums(Disagreeing(0.11, 0.11), 0.3)[1] == pytest.approx(0.5)
    odd = on_plateau(network, {"V": torch.full((1, 3), -0.05)})  # no symmetry of a ring with an odd number of sites
    assert odd["n"].sum().item() == pytest.approx(2) and odd["other"].sum() == 0


def test_couplings_of_samples_place_their_holes():
    """U is 0.5 for one sample and 3 for the other, as a condition or as a constant of the schema."""
    symmetry = Disagreeing.symmetry
    given = {"V": torch.zeros(2, SITES), "U": torch.tensor([0.5, 3.0]), "n": torch.full((2, SITES), 0.2)}
    image = symmetry.act(given, 1)
    assert image["V"][:, 0].tolist() == [-1.0, -6.0] and image["n"].unique().item() == pytest.approx(0.8)
    for alone in (symmetry.act({"V": given["V"]}, 1, given), symmetry.act({"V": given["V"]}, 1)):
        assert alone["V"][1].tolist() == [-6.0] * SITES
    assert symmetry.act({"V": given["V"]}, 1, given)["V"][0].tolist() == [-1.0] * SITES


def energies_of(costs, error=0.0):
    """A network of energies with an error: E(N) - E(N - 1) = costs[N - 1] at V = 0, and V more at a constant V."""

    def differences(columns):
        n, v = columns["particles"].long(), columns["V"].mean(1)
        table = torch.tensor(costs) + error
        return {"mu_low": table[n - 1] + v, "mu_high": table[n] + v}

    return differences


def test_the_counter_chooses_between_shifts():
    """The network places the step at 0.1, the energies at 0.05: between them the shifted predictions of 2 count."""
    network = Steps(0.09, 0.11)
    assert sums(network, 0.07)[0] == pytest.approx(1.0, abs=1e-6)
    network.counter = energies_of([-1.0, 0.05, 9.0, 9.0])
    assert sums(network, 0.07)[0] == pytest.approx(2.0, abs=1e-6)
    assert sums(network, 0.03)[0] == pytest.approx(1.0, abs=1e-6)
    network.longest = SITES - 1  # on longer samples the energies are not asked
    assert sums(network, 0.07)[0] == pytest.approx(1.0, abs=1e-6)


def test_a_number_that_no_shift_has_is_not_chosen():
    network = Steps(0.09, 0.11)
    network.counter = energies_of([-9.0, -9.0, -9.0, 9.0])
    assert sums(network, 0.07)[0] == pytest.approx(1.0, abs=1e-6)
