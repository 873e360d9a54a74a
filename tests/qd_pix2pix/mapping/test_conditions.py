"""What is given beside the fields: which conditions vary, and the channels that show them to a network."""

import itertools
from dataclasses import replace

import pytest
import torch
from schemas import RINGS

from qd_pix2pix.mapping.conditions import Conditions
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.schema import Domain, Schema
from qd_pix2pix.systems.quantum_dots import CONDITIONS, DENSITIES, V

MASSES = {"gaas": (0.067, 12.9), "si": (0.19, 11.7), "inas": (0.023, 15.15)}
STATISTICS = {"V": {"min": -0.2, "max": 0.6}, "n_int": {"min": 0.0, "max": 0.03}}


def schema(n_electrons=2, material="gaas", extent=24.0):
    m_eff, eps_r = MASSES[material]
    return Schema(
        system="quantum dots",
        sample="dot",
        columns=(V, *DENSITIES),
        domain=Domain(("x", "y"), (32, 32), ("extent", "extent"), "walls", "square"),
        conditions=CONDITIONS,
        constants={"n_electrons": float(n_electrons), "m_eff": m_eff, "eps_r": eps_r, "extent": extent},
    )


def of_range(**ranges):
    return [schema(**dict(zip(ranges, point, strict=True))) for point in itertools.product(*ranges.values())]


def columns_of(schemas):
    return {name: torch.tensor([s.constants[name] for s in schemas]) for name in schemas[0].constants}


def predictor(schemas):
    network = {"class": "ResidualUNet", "channels": [2], "blocks": [0]}
    mapping = {"source": "V", "target": "n_int"}
    torch.manual_seed(0)
    return Predictor(Card([s.to_dict() for s in schemas], mapping, network, {}, False, STATISTICS)).eval()


def test_only_what_varies_becomes_a_channel():
    conditions = Conditions(of_range(n_electrons=[1, 2, 4], extent=[20.0, 30.0]), {})
    assert conditions.varying == ("n_electrons", "extent") and len(conditions) == 2
    assert len(Conditions([schema()], {})) == 0 and Conditions([schema(), schema()], {}).varying == ()
    assert Conditions(of_range(material=["gaas", "si"]), {}).varying == ("m_eff", "eps_r")


def test_without_a_range_there_are_no_channels():
    found = Conditions([schema()], {}).channels({}, torch.zeros(3, 1, 5, 4))
    assert found.shape == (3, 0, 5, 4)


def test_channels_by_hand():
    """Lowest -1, highest 1, in between linear, the same at every point; what does not vary is left out."""
    conditions = Conditions(of_range(n_electrons=[1, 2, 4], extent=[20.0, 30.0]), {})
    given = {"n_electrons": torch.tensor([1, 2, 4]), "extent": torch.tensor([30.0, 22.5, 20.0])}
    channels = conditions.channels(given, torch.zeros(3, 1, 5, 5, dtype=torch.float64))
    assert channels.shape == (3, 2, 5, 5) and channels.dtype == torch.float64
    assert torch.equal(channels, channels[:, :, :1, :1].expand_as(channels))
    expected = torch.tensor([[-1, 1], [-1 / 3, -0.5], [1, -1]], dtype=torch.float64)
    torch.testing.assert_close(channels[:, :, 0, 0], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("points", [(7,), (2, 3), (2, 2, 2)])
def test_channels_have_the_points_of_the_fields(points):
    conditions = Conditions(of_range(n_electrons=[1, 3]), {})
    found = conditions.channels({"n_electrons": torch.tensor([1.0, 2.0])}, torch.zeros(2, 1, *points))
    assert found.shape == (2, 1, *points) and found[0].eq(-1).all() and found[1].eq(0).all()


def test_channels_of_all_members_are_within_one():
    members = of_range(n_electrons=[1, 3], material=["gaas", "si", "inas"], extent=[20.0, 31.0])
    channels = Conditions(members, {}).channels(columns_of(members), torch.zeros(len(members), 1, 2, 2))
    assert channels.amin() == pytest.approx(-1, abs=1e-6) and channels.amax() == pytest.approx(1, abs=1e-6)
    assert len(channels.flatten(1).unique(dim=0)) == len(members), "two kinds of dots look the same"


def test_a_column_of_the_samples_is_a_condition_by_its_statistics():
    conditions = Conditions([RINGS], {"coupling": {"min": 0.5, "max": 2.5}})
    assert conditions.varying == ("coupling",)
    found = conditions.channels({"coupling": torch.tensor([0.5, 1.5, 2.5])}, torch.zeros(3, 1, 6))
    assert found[:, 0, 0].tolist() == pytest.approx([-1, 0, 1])
    assert conditions.usual == {"particles": 3.0}, "nothing is usual of what each sample has for itself"


def test_constants_and_columns_vary_side_by_side():
    more = replace(RINGS, constants={"particles": 5.0})
    conditions = Conditions([RINGS, more], {"coupling": {"min": 0.5, "max": 2.5}})
    assert conditions.varying == ("particles", "coupling")
    given = {"coupling": torch.tensor([2.5]), "particles": torch.tensor([3])}
    assert conditions.channels(given, torch.zeros(1, 1, 6))[0, :, 0].tolist() == [-1, 1]


def test_a_condition_that_varies_has_to_be_given():
    conditions = Conditions(of_range(n_electrons=[1, 3], extent=[20.0, 30.0]), {})
    with pytest.raises(ValueError, match="conditions: expected extent, for which the network was trained in a range"):
        conditions.channels({"n_electrons": torch.tensor([1.0])}, torch.zeros(1, 1, 2, 2))


def test_a_dot_that_nothing_is_said_of_is_one_of_training():
    """The first kind; on twice the points with the same spacing its square is twice as large."""
    found = predictor(of_range(n_electrons=[1, 2]))
    usual = found.known({}, torch.zeros(2, 1, 32, 32))
    assert {name: values.tolist() for name, values in usual.items()} == {
        "n_electrons": [1, 1],
        "m_eff": [pytest.approx(0.067)] * 2,
        "eps_r": [pytest.approx(12.9)] * 2,
        "extent": [24, 24],
    }
    assert found.known({}, torch.zeros(1, 1, 64, 64))["extent"].tolist() == [48]
    assert found.known({"extent": torch.tensor([30.0])}, torch.zeros(1, 1, 64, 64))["extent"].tolist() == [30]


def test_what_does_not_vary_may_be_left_out():
    found, V = predictor([schema()]), torch.rand(2, 32, 32)
    usual = found.known({}, V[:, None])
    torch.testing.assert_close(found({"V": V}), found({"V": V} | usual), rtol=0, atol=0)


def test_the_charge_is_that_of_the_conditions():
    """The prediction holds N electrons in its own square, also where the square is not that of training."""
    found = predictor(of_range(n_electrons=[1, 2]))
    given = {"V": torch.rand(2, 32, 32), "n_electrons": torch.tensor([1.0, 2.0]), "extent": torch.tensor([24.0, 30.0])}
    density = found(given)["n_int"]
    charge = density.double().mean((1, 2)) * torch.tensor([24.0, 30.0]) ** 2
    assert charge.tolist() == pytest.approx([1.0, 2.0], rel=1e-6)
