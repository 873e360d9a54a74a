"""A second network beside the trained one: its distance enters the estimated error, and its weights go with it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import call, configuration

from qd_pix2pix.inference.dots import DotSurrogate
from qd_pix2pix.inference.export import Exported
from qd_pix2pix.inference.weights import CARD, load_predictor, save_weights
from qd_pix2pix.training.initial import load_initial
from qd_pix2pix.training.second import load_second
from qd_pix2pix.training.settings import untrained

WORDS = [
    "experiment=universal", "mapping.prior=mean_field", "data.n=32", "network.channels=[2,3]", "network.blocks=[1,1]",
    "data.n_electrons=[1,2,3]", "data.weights=null", "data.coupling=[0.5,50.0]",
]  # fmt: skip
RUN = [
    *WORDS, "solver.n_orbitals=4", "solver.refinements=0", "data.train=4", "data.val=2", "data.test=2",
    "data.n_electrons=[1,2]", "loader.batch_size=2", "trainer.val_check_interval=2", "trainer.accelerator=cpu",
]  # fmt: skip
SEEN = {"n_electrons": (1.0, 3.0), "coupling": (0.5, 50.0)}
GAAS = {"n_electrons": 2, "material": "gaas", "extent": 100.0}


def model(seed, *words):
    """A model of random weights; statistics of its card are those of dots with one to three electrons."""
    torch.manual_seed(seed)
    made = untrained(configuration("train", *WORDS, *words))
    for weight in made.predictor.network.parameters():  # the last convolutions start at zero
        torch.nn.init.normal_(weight, std=0.1)
    statistics = {n: {**s, "mean": 1.0} for n, s in made.card.statistics.items()}
    statistics |= {n: {**statistics[n], "min": low, "max": high} for n, (low, high) in SEEN.items()}
    return made.predictor.eval(), replace(made.card, statistics=statistics)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The file of a trained network, of another size than the first one."""
    path = tmp_path_factory.mktemp("second") / "other.safetensors"
    predictor, card = model(1, "network.channels=[3,2]", "mapping.prior=coarse_mean_field")
    predictor.error_factor.fill_(1.3)
    save_weights(path, predictor, card)
    return path


@pytest.fixture
def pair(other):
    """The first network, whose estimates depend on the second one."""
    predictor, card = model(2, f"mapping.second={other}")
    load_second(predictor)
    predictor.error_slopes.copy_(torch.tensor([-0.2, 0.1, 0.7, math.log(1.5)]))
    predictor.error_factor.fill_(2.0)
    return predictor, card


def dots():
    """Four potentials in reduced units, with their conditions."""
    generator = torch.Generator().manual_seed(0)
    x = torch.linspace(0, 1, 32)
    bowl = 200 * ((x[:, None] - 0.5) ** 2 + (x - 0.4) ** 2)
    potentials = bowl + 20 * torch.rand(4, 32, 32, generator=generator)
    return {"V": potentials, "n_electrons": torch.tensor([1.0, 2, 3, 2]), "coupling": torch.tensor([1.0, 5, 20, 40])}


def both_estimates(predictor, second):
    """The regression of the estimates and the distance of both networks, and two standard deviations of both."""
    raw, theirs = predictor.raw(dots()), second.raw(dots())
    density = predictor(dots())["n_int"]
    distance = (density - second(dots())["n_int"]).abs().sum((1, 2)) / density.sum((1, 2))
    own, their = predictor.uncalibrated_error(raw), second.uncalibrated_error(theirs)
    share = own**-2 / (own**-2 + their**-2)
    spread = 2 * torch.sqrt(share * (1 - share) ** 2 + (1 - share) * share**2) * distance
    return own * 1.5 * own**-0.2 * second.error(theirs, dots()) ** 0.1 * distance**0.7, spread


def test_the_estimate_depends_on_the_distance_of_both_networks(pair, other):
    predictor, second = pair[0], load_predictor(other)[0]
    with torch.no_grad():
        regressed, spread = both_estimates(predictor, second)
        found = predictor.error(predictor.raw(dots()), dots())
        torch.testing.assert_close(found, 2.0 * torch.maximum(regressed, spread), rtol=1e-4, atol=0)
        ratio = float((spread / regressed).median())
        predictor.error_slopes[-1] += math.log(ratio)
        found = predictor.error(predictor.raw(dots()), dots())
    larger = ratio * regressed > spread
    assert larger.any() and not larger.all(), "each of both is the larger one for a dot"
    torch.testing.assert_close(found, 2.0 * torch.maximum(ratio * regressed, spread), rtol=1e-4, atol=0)


def test_predictions_are_the_mean_of_both(pair, other, tmp_path):
    averaged, card = model(2, f"mapping.second={other}", "mapping.average=true")
    load_second(averaged)
    with torch.no_grad():
        second = load_predictor(other)[0]
        first, theirs, both = (predictor(dots()) for predictor in (pair[0], second, averaged))
        own, their = (p.uncalibrated_error(p.raw(dots())) for p in (pair[0], second))
        share = own**-2 / (own**-2 + their**-2)
        assert share.max() / share.min() > 1.01
        for name, values in both.items():
            weight = share.reshape(-1, *(1,) * (values.ndim - 1))
            torch.testing.assert_close(values, weight * first[name] + (1 - weight) * theirs[name], rtol=1e-4, atol=1e-5)
        raw, n = averaged.raw(dots()), theirs["n_int"]
        charge = n.sum((1, 2))
        torch.testing.assert_close(averaged.true_error(raw, dots(), n), (both["n_int"] - n).abs().sum((1, 2)) / charge)
        torch.testing.assert_close(averaged.evidence(raw, dots()), pair[0].evidence(pair[0].raw(dots()), dots()))
        torch.testing.assert_close(
            averaged.train().evidence(averaged.raw(dots()), dots()), averaged.evidence(raw, dots())
        )
    save_weights(tmp_path / "both.safetensors", averaged.eval(), card)
    again = load_predictor(tmp_path / "both.safetensors")[0]
    assert torch.equal(again(dots())["n_int"], both["n_int"])


def test_the_distance_from_a_third_network_bounds_the_estimate_of_a_mean(pair, other, tmp_path):
    """The second network has one itself. It differs where it learned nothing from the mean."""
    middle, card = model(3, f"mapping.second={other}")
    load_second(middle)
    save_weights(tmp_path / "middle.safetensors", middle, card)
    mean, _ = model(2, f"mapping.second={tmp_path / 'middle.safetensors'}", "mapping.average=true")
    load_second(mean)
    mean.network.load_state_dict(pair[0].network.state_dict())
    mean.error_slopes.copy_(torch.tensor([0.0, 0.0, 0.0, -20.0]))  # the regression is small
    mean.error_factor.fill_(2.0)
    with torch.no_grad():
        one, two, both, third = (p(dots())["n_int"] for p in (pair[0], middle, mean, load_predictor(other)[0]))
        own, their = (p.uncalibrated_error(p.raw(dots())) for p in (pair[0], middle))
        share, charge = own**-2 / (own**-2 + their**-2), both.sum((1, 2))
        spread = 2 * torch.sqrt(share * (1 - share)) * (one - two).abs().sum((1, 2)) / charge
        distance = 1.2 * (both - third).abs().sum((1, 2)) / charge
        found = mean.error(mean.raw(dots()), dots())
    assert (distance > spread).any()
    torch.testing.assert_close(found, 2.0 * torch.maximum(spread, distance), rtol=1e-4, atol=0)


def test_each_of_two_networks_is_trained_alone(other):
    """The loss has no part of the mean, whose gradient would be half as large."""
    alone = untrained(configuration("train", *WORDS)).predictor.train()
    beside = untrained(configuration("train", *WORDS, f"mapping.second={other}", "mapping.average=true")).predictor
    beside.train().network.load_state_dict(alone.network.state_dict())
    found = []
    for made in (alone, beside):
        made.target_of(made.raw(dots()), dots()).square().sum().backward()
        found.append([weight.grad for weight in made.network.parameters() if weight.grad is not None])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two)


def test_a_file_holds_both_networks(pair, tmp_path):
    save_weights(tmp_path / "pair.safetensors", *pair)
    again = load_predictor(tmp_path / "pair.safetensors")
    v = dots()["V"][:3].numpy().astype(float) * 1e-4
    before, after = (DotSurrogate(*each, "cpu")(v, **GAAS) for each in (pair, again))
    assert np.array_equal(before.density, after.density) and np.array_equal(before.density_error, after.density_error)
    assert np.isfinite(after.density_error).all() and (after.density_error > 0).all()


def test_only_the_first_network_is_trained(pair):
    predictor = pair[0].train()
    predictor(dots())["n_int"].square().sum().backward()
    assert all(weight.grad is not None for weight in predictor.network.parameters())
    assert not any(weight.requires_grad for weight in predictor.second.parameters())


@pytest.mark.slow
def test_exported_programs_estimate_the_same_error(pair):
    module = Exported(pair[0]).eval()
    columns = tuple(dots()[name] for name in module.inputs)
    with torch.no_grad():
        program = torch.export.export(module, columns).module()
        for found, expected in zip(program(*columns), module(*columns), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_a_resumed_run_estimates_what_its_checkpoint_does(tmp_path):
    """Checkpoints of before have no estimates of numbers, and no weights of these."""
    assert untrained(configuration("train", *WORDS)).card.estimated == ["energy", "gap"], "spins have no unit"
    made, card = model(4)
    for names in ([], ["energy", "gap"]):
        path = tmp_path / f"{len(names)}.ckpt"
        torch.save({CARD: replace(card, estimated=names).to_dict(), "state_dict": {}}, path)
        assert untrained(configuration("train", *WORDS, f"ckpt_path={path}")).card.estimated == names


def test_a_network_gets_a_second_one_when_it_is_trained_on(other, pair, tmp_path):
    alone, card = model(3)
    save_weights(tmp_path / "alone.safetensors", alone, card)
    predictor = pair[0]
    load_initial(predictor, str(tmp_path / "alone.safetensors"))
    with torch.no_grad():
        torch.testing.assert_close(predictor(dots()), alone(dots()))
        torch.testing.assert_close(predictor.second(dots()), load_predictor(other)[0](dots()))
    save_weights(tmp_path / "pair.safetensors", *pair)
    load_initial(alone, str(tmp_path / "pair.safetensors"))  # and loses it again
    assert alone.second is None


@pytest.mark.parametrize(
    "words, expected",
    [
        (["mapping.second=nothing"], "expected a file, or one of"),
        (["mapping.average=true"], "mapping.average: expected false, or true beside mapping.second"),
        (["mapping.second=gaas-N2"], "estimates its error"),
        (["mapping.second=universal-fast", "mapping.quantile=null"], "beside mapping.quantile=0.9"),
        (["mapping.second=universal-fast", "mapping.target=n0"], "mapping.target=n0"),
        (["mapping.second=universal-fast", "data=dots", "mapping.prior=null", "mapping.also=[]"], "does not suit"),
    ],
)
def test_unsuitable_second_networks_are_refused(words, expected, tmp_path):
    found = call("train", *WORDS[:1], *words, f"data_root={tmp_path / 'data'}", cwd=tmp_path)
    assert found.returncode == 2 and "mapping.second" in found.stderr and expected in found.stderr, found.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_resumed_run_has_the_second_network_in_its_checkpoint(other, tmp_path):
    """Its file may be gone by then."""
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(other.read_bytes())
    words = [*RUN, f"data_root={tmp_path / 'data'}", f"hydra.run.dir={tmp_path / 'run'}"]
    assert call("train", *words, f"mapping.second={moved}", "trainer.max_steps=2", cwd=tmp_path).returncode == 0
    moved.unlink()
    last = tmp_path / "run/checkpoints/last.ckpt"
    found = call("train", f"ckpt_path={last}", "trainer.max_steps=4", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    predictor, second = load_predictor(last)[0], load_predictor(other)[0]
    with torch.no_grad():
        torch.testing.assert_close(predictor.second(dots()), second(dots()))
