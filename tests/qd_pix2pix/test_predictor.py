"""Predictors: what they are given, what they return, conditions of every origin, and cards that do not fit."""

import json
from dataclasses import replace

import pytest
import torch
from chains import CHAIN, NETWORK, chain_card, chains

from qd_pix2pix.mapping.symmetry import GROUPS
from qd_pix2pix.predictor import DECADES, Card, Predictor
from qd_pix2pix.schema import Column, Domain, Schema

PLATE = Schema(
    system="plates",
    sample="plate",
    columns=(Column("V", "field"), Column("n0", "field", low=0.0, integral="N"), Column("n", "field", integral="N")),
    domain=Domain(("x", "y"), (16, 24), ("width", "height"), symmetry="rectangle"),
    conditions=tuple(Column(name, "condition") for name in ("N", "width", "height")),
    constants={"N": 3.0, "width": 4.0, "height": 6.0},
)
SPANS = {"V": {"min": -1.0, "max": 3.0}, "n0": {"min": 0.0, "max": 2.0}, "n": {"min": 0.0, "max": 2.0}}
FLAT = NETWORK | {"channels": [3, 4]}


def disturbed(card):
    """A predictor whose network has learned something."""
    torch.manual_seed(0)
    predictor = Predictor(card).eval()
    for p in predictor.network.parameters():
        p.data += 0.2 * torch.randn_like(p)
    return predictor.requires_grad_(False)


def plates(*schemas, source="V", target="n", **more):
    mapping = {"source": source, "target": target, "also": []}
    described = [schema.to_dict() for schema in schemas or (PLATE,)]
    card = Card(**{"schemas": described, "mapping": mapping, "network": FLAT, "heads": {}, "logarithm": False} | more
                | {"statistics": SPANS})  # fmt: skip
    return disturbed(card)


def test_all_kinds_of_columns_are_predicted_at_once():
    """Fields, numbers, counts and classes, each of the shape and within the law of its kind."""
    also = ("n", "energy", "spacing", "pairs", "phase")
    predictor, given = disturbed(chain_card("h", "m", also)), chains(5)
    found = predictor(given)
    assert list(found) == ["m", *also]
    assert found["m"].shape == found["n"].shape == (5, 16) and found["m"].abs().max() <= 1
    assert all(found[name].shape == (5,) for name in also[1:])
    assert found["phase"].dtype == torch.int64 and set(found["phase"].tolist()) <= {0, 1, 2}
    assert (found["n"] >= 0).all()
    torch.testing.assert_close(found["n"].sum(1), torch.full((5,), 2.0))
    raw = predictor.raw(given)
    assert {name: len(values[0]) for name, values in raw.items()} == dict.fromkeys(found, 1) | {"phase": 3}
    torch.testing.assert_close(found["phase"], raw["phase"].mean(2).argmax(1))


@pytest.mark.parametrize("target", ["m", "energy", "phase"])
def test_of_mirrored_chains_everything_is_mirrored(target):
    predictor, given = disturbed(chain_card("h", target)), chains(5)
    found, mirrored = predictor(given)[target], predictor(given | {"h": given["h"].flip(1)})[target]
    torch.testing.assert_close(mirrored, found.flip(1) if target == "m" else found, atol=1e-5, rtol=1e-4)


def test_an_extensive_number_doubles_with_the_chain():
    """A chain twice, end to end; an intensive number stays."""
    predictor, given = disturbed(chain_card("h", "energy", ("spacing",))), chains(5)
    once, twice = predictor(given), predictor(given | {"h": given["h"].repeat(1, 2)})
    torch.testing.assert_close(twice["energy"], 2 * once["energy"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(twice["spacing"], once["spacing"], atol=1e-4, rtol=1e-4)


def test_sources_are_channels_in_their_order():
    """Each scaled to [-1, 1] by its own range, then the condition."""
    predictor, given = disturbed(chain_card(["m", "h"], "energy")), chains(24)
    features = predictor.features(given)
    assert features.shape == (24, 3, 16) and predictor.n_features == 3
    torch.testing.assert_close(features[:, 0], given["m"])
    low, high = given["h"].min(), given["h"].max()
    torch.testing.assert_close(features[:, 1], 2 * (given["h"] - low) / (high - low) - 1)
    coupling = given["coupling"]
    scaled = 2 * (coupling - coupling.min()) / (coupling.max() - coupling.min()) - 1
    torch.testing.assert_close(features[:, 2], scaled[:, None].expand(-1, 16))
    one = predictor(given)["energy"]
    assert (predictor(given | {"m": given["m"] + 0.2})["energy"] - one).abs().min() > 0
    assert (predictor(given | {"coupling": coupling + 0.2})["energy"] - one).abs().min() > 0


def test_densities_are_given_with_their_logarithm():
    predictor = plates(source="n0", logarithm=True)
    assert predictor.n_features == 2 and plates(source="V", logarithm=True).n_features == 1
    density = torch.tensor([2.0, 2e-4, 0.0])[:, None, None].expand(-1, 16, 24)
    features = predictor.features({"n0": density})
    torch.testing.assert_close(features[:, 0, 0, 0], torch.tensor([1.0, 2e-4 - 1, -1.0]))
    torch.testing.assert_close(features[:, 1, 0, 0], torch.tensor([1.0, 1 - 2 * 4 / DECADES, -1.0]))


def test_conditions_alone_are_a_source():
    """Unconditional but for them: a field of each coupling."""
    predictor = disturbed(chain_card(None, "m"))
    coupling = torch.tensor([1.0, 1.5, 1.9])
    assert predictor.n_features == 1
    found = predictor({"coupling": coupling})["m"]
    assert found.shape == (3, 16) and (found[0] - found[2]).abs().max() > 1e-4
    torch.testing.assert_close(predictor({"coupling": coupling[1:2]})["m"], found[1:2])
    predictor.try_on((16,))


def test_constants_of_several_datasets_are_conditions():
    """Those that differ are channels and must be given; of all others training's are taken."""
    more = replace(PLATE, constants=PLATE.constants | {"N": 5.0})
    predictor = plates(PLATE, more)
    assert predictor.conditions.varying == ("N",) and predictor.n_features == 2
    V = torch.rand(4, 16, 24)
    given = torch.tensor([3.0, 4.0, 5.0, 3.0])
    features = predictor.features({"V": V, "N": given})
    torch.testing.assert_close(features[:, 1, 3, 5], torch.tensor([-1.0, 0.0, 1.0, -1.0]))
    density = predictor({"V": V, "N": given})["n"]
    torch.testing.assert_close(density.mean((1, 2)) * 24.0, given)
    with pytest.raises(ValueError, match="conditions: expected N, for which the network was trained in a range"):
        predictor({"V": V})


def test_a_column_and_a_constant_vary_together():
    predictor = disturbed(chain_card(schemas=(CHAIN, replace(CHAIN, constants={"particles": 4.0}))))
    assert predictor.conditions.varying == ("particles", "coupling") and predictor.n_features == 3
    with pytest.raises(ValueError, match="expected particles, coupling, for which"):
        predictor({"h": chains(2)["h"]})


def test_particles_are_held_in_a_larger_domain_too():
    """More points at the same distance: longer sides. The charge is N, the density thinner."""
    predictor = plates()
    found = predictor({"V": torch.rand(2, 32, 24)})["n"]
    torch.testing.assert_close(found.mean((1, 2)) * (8.0 * 6.0), torch.full((2,), 3.0))
    known = predictor.known({}, torch.zeros(2, 1, 32, 24))
    assert known["width"].tolist() == [8.0, 8.0] and known["height"].tolist() == [6.0, 6.0]
    given = {"V": torch.rand(2, 16, 24), "width": torch.tensor([4.0, 2.0])}
    torch.testing.assert_close(predictor(given)["n"].mean((1, 2)) * 6.0 * given["width"], torch.full((2,), 3.0))


def test_a_rectangle_has_its_own_symmetry():
    predictor, V, group = plates(), torch.rand(2, 16, 24), GROUPS["rectangle"]
    for g in range(group.order):
        turned = predictor({"V": group.act(V, g)})["n"]
        torch.testing.assert_close(turned, group.act(predictor({"V": V})["n"], g), atol=1e-5, rtol=1e-4)


def test_it_stands_for_itself():
    """A card through JSON and the weights of the network are all that there is to keep."""
    card = chain_card("h", "m", ("n", "phase"))
    predictor = disturbed(card)
    again = Predictor(Card.from_dict(json.loads(json.dumps(card.to_dict())))).eval()
    again.network.load_state_dict(predictor.network.state_dict())
    for name, values in predictor(chains(3)).items():
        assert torch.equal(again(chains(3))[name], values)
    assert Card.from_dict(card.to_dict()) == card and card.schema == CHAIN


@pytest.mark.parametrize("training", [True, False])
def test_trying_on_leaves_everything_as_it_was(training):
    predictor = disturbed(chain_card()).train(training)
    before = {name: value.clone() for name, value in predictor.state_dict().items()}
    predictor.try_on((16,))
    assert predictor.training == training
    assert all(torch.equal(before[name], value) for name, value in predictor.state_dict().items())
    with pytest.raises(ValueError, match=r"10.* points cannot be halved 2 times"):
        predictor.try_on((10,))
    assert predictor.training == training


@pytest.mark.parametrize("source", ["V", ["V", "n0"], None])
def test_it_is_tried_on_where_it_is(source):
    """Also on another device; there is none, but meta behaves like one. Autocast, and so a ResNet, does not know it."""
    more = replace(PLATE, constants=PLATE.constants | {"N": 5.0})
    described = {"class": "UNet", "levels": 3, "channels": 2}
    plates(PLATE, more, source=source, network=described).to("meta").try_on((16, 24))


def test_other_failures_are_no_wrong_shape(monkeypatch):
    predictor = disturbed(chain_card())

    def out_of_memory(*_):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(predictor.network, "forward", out_of_memory)
    with pytest.raises(RuntimeError, match="out of memory"):
        predictor.try_on((16,))


def test_a_wrong_number_of_axes_is_a_wrong_shape():
    with pytest.raises(ValueError, match=r"network: it does not take fields of shape \(4, 4\)"):
        disturbed(chain_card()).try_on((4, 4))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": {"class": "UNet"}}, "UNet takes fields of two dimensions, but the samples have 1"),
        ({"network": {"class": "os.system"}}, "its card names the network 'os.system'"),
        ({"network": {"_target_": "os.system"}}, "its card names the network None"),
        ({"network": "ResNet"}, "expected network of the type"),
        ({"network": {"class": "ResNet", "levels": 3}}, "ResNet takes no levels"),
        ({"network": {"class": "PatchGAN"}}, "network: "),
        ({"network": {"class": "GroupAverage"}}, "network: "),
        ({"network": {"class": "ResNet", "blocks": "many"}}, "network.blocks"),
        ({"network": {"class": "ResidualUNet", "channels": 3}}, "network.channels, network.blocks: "),
        ({"mapping": {"source": "h"}}, "incomplete or of another version|its card"),
        ({"mapping": {"source": "h", "target": "m", "model": "x"}}, "incomplete or of another version|its card"),
        ({"mapping": {"source": "h", "target": "residual"}}, "mapping.target: .*got the guard 'residual'"),
        ({"mapping": {"source": "energy", "target": "m"}}, "mapping.source: expected fields .*got the scalar 'energy'"),
        ({"mapping": {"source": "x", "target": "m"}}, "chains have no 'x'"),
        ({"mapping": {"source": 3, "target": "m"}}, "incomplete|expected"),
        ({"statistics": {}}, "there is nothing to learn"),
        ({"statistics": {"h": {"min": 0.0}}}, "incomplete or of another version|its card"),
        ({"statistics": {"h": {"min": "0", "max": 1.0}}}, "incomplete or of another version|its card"),
        ({"schemas": []}, "incomplete or of another version|its card"),
        ({"schemas": [{}]}, "incomplete or of another version|its card"),
        ({"schemas": [{"columns": 3}]}, "incomplete or of another version|its card"),
        ({"schemas": ["chains"]}, "incomplete or of another version|its card"),
        ({"heads": {"field": "charge"}}, "model.field.head: expected one of .*bounded.*got 'charge'"),
        ({"heads": {"field": "os.system"}}, "model.field.head"),
        ({"heads": ["bounded"]}, "incomplete or of another version|its card"),
    ],
)
def test_cards_that_do_not_fit_together_are_named(changes, said):
    with pytest.raises(ValueError, match=said):
        Predictor(Card.from_dict(chain_card().to_dict() | changes))


def test_a_mapping_of_nothing_is_named():
    card = plates().mapping
    assert card.sources == ("V",)
    with pytest.raises(ValueError, match="mapping.source: nothing is given"):
        plates(source=None)


@pytest.mark.parametrize("content", [None, [], "card", {}, {"schemas": [], "mapping": {}}])
def test_what_is_no_card_is_named(content):
    with pytest.raises(ValueError, match="checkpoint: its card has no .*train again, or use that version"):
        Card.from_dict(content)


def test_a_card_of_a_later_version_may_hold_more():
    content = chain_card().to_dict()
    assert Card.from_dict(content | {"colour": "blue"}).to_dict() == content
