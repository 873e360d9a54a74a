"""What else fixes a dot beside its field: ranges of it, and the channels that tell it to a network."""

from copy import deepcopy

import pytest
import torch
from small import SMALL_DATA, configuration

from qd_pix2pix.mapping.conditions import CONDITIONS, Conditions, facts_of, recipes_of
from qd_pix2pix.training.run import check_config

NOTHING = {"n_electrons": None, "material": None, "extent": None}
MASSES = {"gaas": (0.067, 12.9), "si": (0.19, 11.7), "inas": (0.023, 15.15)}


@pytest.fixture(scope="module")
def recipe():
    return configuration("generate", *SMALL_DATA)["data"]


def test_facts_are_those_of_the_recipe(recipe):
    assert CONDITIONS == ("n_electrons", "m_eff", "eps_r", "extent")
    assert facts_of(recipe) == (2.0, 0.067, 12.9, 24.0)


def test_without_a_range_there_is_the_recipe_alone(recipe):
    assert recipes_of(recipe, NOTHING) == [recipe]


def test_every_combination_has_a_recipe(recipe):
    before = deepcopy(recipe)
    ranges = {"n_electrons": [1, 3], "material": ["gaas", "si"], "extent": [20, 24.0, 30.0]}
    found = recipes_of(recipe, ranges)
    told = [(r["n_electrons"], r["material"]["m_eff"], r["grid"]["extent"]) for r in found]
    assert sorted(told) == sorted((n, m, side) for n in (1, 3) for m in (0.067, 0.19) for side in (20.0, 24.0, 30.0))
    assert recipe == before, "the recipe itself was changed"
    for member in found:  # all else is the recipe's
        assert member["solver"] == recipe["solver"] and member["grid"]["n"] == 32
        member["grid"]["n"] = 7
    assert all(r["grid"]["n"] == 32 for r in recipes_of(recipe, ranges)), "members share what can be changed"


@pytest.mark.parametrize("name", MASSES)
def test_materials_are_those_of_the_configuration(recipe, name):
    member = recipes_of(recipe, NOTHING | {"material": [name]})[0]
    assert member["material"] == configuration("generate", *SMALL_DATA, f"material={name}")["data"]["material"]
    assert facts_of(member)[1:3] == MASSES[name]


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ({"n_electrons": []}, r"range.n_electrons.*\[\]"),
        ({"n_electrons": 3}, "range.n_electrons.*list.*3"),
        ({"extent": 30.0}, "range.extent"),
        ({"material": "gaas"}, "range.material"),
        ({"material": ["gaas", "gold"]}, "range.material.*gaas.*si.*'gold'"),
        ({"material": ["../model/regressor"]}, "range.material"),
    ],
)
def test_bad_ranges_are_named(recipe, ranges, said):
    with pytest.raises(ValueError, match=said):
        recipes_of(recipe, NOTHING | ranges)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("range.n_electrons=[1,0]", "n_electrons"),
        ("range.n_electrons=[1,two]", "n_electrons"),
        ("range.extent=[24.0,-1.0]", "extent"),
        ("range.extent=[far]", "extent"),
        ("range.material=[gaas,vacuum]", "units|hartree"),  # eV and hartree in one scale
    ],
)
def test_bad_members_end_before_any_work(regressor_words, word, said):
    with pytest.raises(Exception, match=said):
        check_config(configuration("train", *regressor_words, word))


def test_only_what_varies_becomes_a_channel(recipe):
    conditions = Conditions(recipes_of(recipe, NOTHING | {"n_electrons": [1, 2, 4], "extent": [20.0, 30.0]}))
    assert conditions.names == ("n_electrons", "extent") and len(conditions) == 2
    assert len(Conditions([recipe])) == 0 and Conditions([recipe, recipe]).names == ()
    materials = Conditions(recipes_of(recipe, NOTHING | {"material": ["gaas", "si"]}))
    assert materials.names == ("m_eff", "eps_r")


def test_channels_by_hand(recipe):
    """Lowest -1, highest 1, in between linear, the same at every point; facts that do not vary are left out."""
    conditions = Conditions(recipes_of(recipe, NOTHING | {"n_electrons": [1, 2, 4], "extent": [20.0, 30.0]}))
    facts = torch.tensor([[1, 0.067, 12.9, 30.0], [2, 0.067, 12.9, 22.5], [4, 0.067, 12.9, 20.0]])
    channels = conditions.channels(facts, torch.zeros(3, 1, 5, 5, dtype=torch.float64))
    assert channels.shape == (3, 2, 5, 5) and channels.dtype == torch.float64
    assert torch.equal(channels, channels[:, :, :1, :1].expand_as(channels))
    expected = torch.tensor([[-1, 1], [-1 / 3, -0.5], [1, -1]], dtype=torch.float64)
    torch.testing.assert_close(channels[:, :, 0, 0], expected, atol=1e-6, rtol=0)


def test_channels_of_all_members_are_within_one(recipe):
    members = recipes_of(recipe, {"n_electrons": [1, 3], "material": ["gaas", "si", "inas"], "extent": [20.0, 31.0]})
    conditions = Conditions(members)
    facts = torch.tensor([facts_of(member) for member in members])
    channels = conditions.channels(facts, torch.zeros(len(members), 1, 2, 2))
    assert channels.amin() == pytest.approx(-1, abs=1e-6) and channels.amax() == pytest.approx(1, abs=1e-6)
    assert len(channels.flatten(1).unique(dim=0)) == len(members), "two kinds of dots look the same"


def test_a_dot_that_nothing_is_said_of_is_one_of_training(range_run):
    """The first kind; on twice the points with the same spacing its square is twice as large."""
    from qd_pix2pix.training.checkpoint import load_model

    model = load_model(range_run / "checkpoints" / "best.ckpt")
    usual = model.usual_facts(torch.zeros(2, 1, 32, 32))
    assert usual.tolist() == [pytest.approx([1, 0.067, 12.9, 24.0])] * 2
    assert model.usual_facts(torch.zeros(1, 1, 64, 64))[0].tolist() == pytest.approx([1, 0.067, 12.9, 48.0])
    source = torch.zeros(1, 1, 32, 32)
    torch.testing.assert_close(model(source), model(source, usual[:1]), rtol=0, atol=0)
