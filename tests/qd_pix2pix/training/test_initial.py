"""Initial weights: the same map before the first step, in its own scales; other settings are refused with overrides."""

import shlex
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import configuration

from qd_pix2pix.files import sha256
from qd_pix2pix.inference.predict import predict
from qd_pix2pix.inference.pretrained import SHIPPED, from_pretrained
from qd_pix2pix.inference.weights import load_predictor, save_weights
from qd_pix2pix.models import Model
from qd_pix2pix.training import run as training
from qd_pix2pix.training.checkpoint import build_model
from qd_pix2pix.training.initial import adopt, check_same, load_initial, read_initial
from qd_pix2pix.training.initial_data import reach, spacing
from qd_pix2pix.training.settings import check_config, make_card


@pytest.fixture(scope="module")
def first(regressor_run, tmp_path_factory):
    """The weights of a network of two electrons with every output, as a file."""
    path = tmp_path_factory.mktemp("first") / "first.safetensors"
    save_weights(path, *load_predictor(regressor_run / "checkpoints" / "best.ckpt"))
    return path


@pytest.fixture(scope="module")
def tuned_words(regressor_words, first, single_store):
    """Words of a training on one electron that starts there."""
    words = [*regressor_words, "network.equivariant=false", "mapping=V_to_all", "data.n_electrons=1"]
    return [*words, f"init_from='{first}'"]


def begun(words, store):
    """The predictor of a training before its first step."""
    config = configuration("train", *words)
    model = build_model(config["model"], make_card(config, [store]))
    load_initial(model.predictor, config["init_from"])
    return model.predictor, model.card


def test_before_the_first_step_it_predicts_what_the_initial_network_predicts(tuned_words, first, single_store):
    predictor, card = begun(tuned_words, single_store)
    initial, old = load_predictor(first)
    assert card.statistics["energy"]["min"] != pytest.approx(old.statistics["energy"]["min"], rel=0.1)
    V = single_store.split("test").load(["V"])["V"]
    given = {"V": V, "n_electrons": np.full(len(V), 2.0), "extent": np.full(len(V), 24.0)}
    found, expected = (predict(network, given, device="cpu") for network in (predictor, initial))
    assert found.keys() == {"n_int", "n0", "energy", "gap"}
    assert all(np.array_equal(found[name], expected[name]) for name in found)
    # of one electron the density holds one: the charge is a condition of the new data
    density = predict(predictor, {"V": V}, device="cpu")["n_int"]
    np.testing.assert_allclose(density, expected["n_int"] / 2, rtol=1e-6)


def test_conditions_that_were_inputs_stay_inputs(range_run, regressor_words, single_store):
    path = range_run / "checkpoints" / "best.ckpt"
    predictor, _ = begun([*regressor_words, "data.n_electrons=1", f"init_from='{path}'"], single_store)
    initial, _ = load_predictor(path)
    assert predictor.conditions.varying == ("n_electrons",)
    V = single_store.split("test").load(["V"])["V"]
    for n in (1.0, 2.0):
        given = {"V": V, "n_electrons": np.full(len(V), n), "extent": np.full(len(V), 24.0)}
        found, expected = (predict(network, given, device="cpu")["n_int"] for network in (predictor, initial))
        np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="module")
def tuned(tuned_words, first, tmp_path_factory):
    """The folder of a finished run of six steps."""
    run = tmp_path_factory.mktemp("tuned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "show", lambda *_: None)
        training.train(configuration("train", *tuned_words), run)
    return run


def test_a_run_keeps_its_origin_and_scales(tuned, first):
    predictor, card = load_predictor(tuned / "checkpoints" / "best.ckpt")
    initial, _ = load_predictor(first)
    assert card.provenance["init_from"] == {"name": str(first), "sha256": sha256(first)}
    assert predictor.ranges == initial.ranges
    moved = [not torch.equal(a, b) for a, b in zip(predictor.parameters(), initial.parameters(), strict=True)]
    assert any(moved)
    # and the file of weights of it is a start again, with the same scales
    assert adopt(card, str(first), None).scales == card.scales


@pytest.mark.slow
def test_a_resumed_run_is_one_that_was_never_stopped(tuned, tuned_words, tmp_path, monkeypatch, without_evaluation):
    """The initial file is gone by then: the weights are those of the checkpoint."""

    class Stop(Exception):
        pass

    def stop(self, *_):
        if self.trainer.global_step == 4:
            raise Stop

    config = configuration("train", *tuned_words)
    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Model, "on_train_batch_end", stop)
        training.train(config, tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == 3
    monkeypatch.setattr(training, "load_initial", lambda *_: pytest.fail("the initial weights are loaded again"))
    training.train(config | {"ckpt_path": str(last)}, tmp_path)
    one, two = (torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (tmp_path, tuned))
    assert one["global_step"] == two["global_step"] == 6
    assert all(torch.equal(one["state_dict"][name], two["state_dict"][name]) for name in two["state_dict"])
    for change, message in (
        ({"init_from": None}, "init_from=null .was .*first"),
        ({"init_from": "gaas-N2"}, "gaas-N2"),
    ):
        with pytest.raises(ValueError, match=f"ckpt_path: a run is resumed with its own settings, but .*{message}"):
            check_config(config | {"ckpt_path": str(last)} | change)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mapping=V_to_nint"], r"mapping.also is \[n0,energy,gap\] there and \[\] here. Add mapping.also=\[n0,ener"),
        (
            ["network.channels=[2,4]"],
            r"network.channels is \[2,3\] there and \[2,4\] here. Add network.channels=\[2,3\]$",
        ),
        (["network=resnet"], "the network is ResidualUNet there and ResNet here. Add network=residual_unet network.ch"),
        (["model.density.head=positive"], "the head of n_int is charge there.*Add model.density.head=charge"),
        (["material=vacuum"], r"V is in eV there and in hartree here"),
        (["range.material=[gaas,si]"], "m_eff, eps_r varies, which the network does not take"),
    ],
)
def test_another_map_is_refused_with_the_overrides_that_match(tuned_words, words, message):
    with pytest.raises(ValueError, match=f"^init_from: .*{message}"):
        check_config(configuration("train", *tuned_words, *words))


@pytest.mark.parametrize("change", ["mapping=V_to_nint", "network.channels=[2,4]", "network=resnet"])
def test_the_overrides_that_match_may_be_pasted_into_a_shell(tuned_words, change):
    with pytest.raises(ValueError) as error:
        check_config(configuration("train", *tuned_words, change))
    advised = shlex.split(str(error.value).partition(" Add ")[2])
    assert all("=" in word for word in advised)
    groups = {word.partition("=")[0] for word in advised}
    kept = [word for word in (*tuned_words, change) if word.partition("=")[0] not in groups]
    check_config(configuration("train", *kept, *advised))


def test_another_system_is_refused():
    words = ["data=ising", "model=regressor", "mapping=spins_to_energy", "network=ednn_pairs", "init_from=gaas-N2"]
    with pytest.raises(ValueError, match="^init_from: .*mapping.source is V there and spins here"):
        check_config(configuration("train", *words))


def test_another_model_is_refused(small_words):
    words = [word for word in small_words if not word.startswith("network.")]
    with pytest.raises(ValueError, match="the model is Regressor there.*Add model=regressor network=equivariant_unet"):
        check_config(configuration("train", *words, "init_from=gaas-N2"))


def test_the_shipped_networks_fit_the_defaults():
    """``python train.py model=regressor init_from=gaas-N2 material=si`` needs nothing else."""
    config = configuration("train", "model=regressor", "material=si", "init_from=gaas-N2")
    check_config(config)
    assert read_initial("gaas-N2").sha256 == sha256(SHIPPED / "gaas-N2.safetensors")


@pytest.mark.parametrize("name", ["nowhere", "nowhere.ckpt"])
def test_a_file_that_is_not_there_is_an_error_before_any_work(tuned_words, name):
    with pytest.raises(FileNotFoundError, match="^init_from: .*nowhere"):
        check_config(configuration("train", *tuned_words, f"init_from={name}"))


def test_data_beyond_a_bounded_head_are_refused(small_store):
    """A head between the lowest and the highest V of its training cannot learn others."""
    predictor, card = load_predictor(SHIPPED / "gaas-N2-inverse.safetensors")
    low, high = predictor.ranges["V"]
    inside, near, far = ({"V": {"min": low, "max": high + share * (high - low)}} for share in (-0.1, 0.05, 0.2))
    assert reach(predictor, inside) == [] and "the head of the initial network ends" in reach(predictor, near)[0]
    with pytest.raises(ValueError, match="^init_from: V has values"):
        reach(predictor, far)


def test_another_spacing_is_a_note():
    card = read_initial("gaas-N2").card
    assert spacing(card, card) == []
    coarse = {**card.schemas[0], "domain": {**card.schemas[0]["domain"], "shape": (32, 32)}}
    assert spacing(card, replace(card, schemas=[coarse])) == [
        "points are 0.9375 nm apart, in the initial training 0.4688"
    ]


def test_sums_keep_their_points():
    """An extensive network of 8 x 8 sites starts the training of larger ones with the same energy per site."""
    initial = read_initial("ising-ednn")
    card = initial.card
    larger = {**card.schemas[0], "domain": {**card.schemas[0]["domain"], "shape": (16, 16)}}
    grown = adopt(type(card).from_dict({**card.to_dict(), "schemas": [larger], "scales": {}}), "ising-ednn", None)
    check_same(initial, grown)
    spins = np.random.default_rng(0).choice([-1.0, 1.0], (2, 16, 16))
    surrogate = from_pretrained("ising-ednn", device="cpu")
    predictor = type(surrogate.predictor)(grown)
    predictor.load_weights(initial.weights)
    found = predict(predictor, {"spins": spins}, device="cpu")["energy"]
    np.testing.assert_array_equal(found, surrogate.predict({"spins": spins})["energy"])
    assert grown.scales["points"] == list(card.schema.domain.shape)
