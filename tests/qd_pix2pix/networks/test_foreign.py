"""Networks of a user's own module: trained and loaded by name, imported only where trusted, refused before training."""

import os
import sys

import numpy as np
import pytest
import torch
from small import call, configuration

import qd_pix2pix
from qd_pix2pix import from_pretrained, networks
from qd_pix2pix.cli.overrides import own_network
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.files import sha256, trusted
from qd_pix2pix.inference.weights import load_predictor, save_weights
from qd_pix2pix.networks.foreign import modules_in
from qd_pix2pix.reports.model_card import model_card
from qd_pix2pix.training import run as training
from qd_pix2pix.training.settings import check_config

CODE = """
import pathlib
import torch
from torch import nn

pathlib.Path(__file__).with_name("imported").touch()


class MyNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=4, shape=None):
        super().__init__()
        self.shape = shape
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1), nn.GELU(), nn.Conv2d(width, out_channels, 1)
        )

    def forward(self, x):
        return self.layers(x)


class Cropped(MyNet):
    def forward(self, x):
        return super().forward(x)[..., 1:]


class OneChannelMore(MyNet):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels + 1)


class Broken(MyNet):
    def forward(self, x):
        raise KeyError("nothing")


class Constant(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()

    def forward(self, x):
        return x


class Detached(MyNet):
    def forward(self, x):
        return super().forward(x).detach()


class Lazy(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv = nn.LazyConv2d(out_channels, 3, padding=1)

    def forward(self, x):
        return self.conv(x)


class NeedsWidth(MyNet):
    def __init__(self, in_channels, out_channels, width):
        super().__init__(in_channels, out_channels, width)


class NoChannels(nn.Module):
    def __init__(self, width=3):
        super().__init__()


function = print
"""
NAME = "nets_of_a_user"


def forget():
    sys.modules.pop(NAME, None)


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    """What is searched and imported here is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    forget()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / f"{NAME}.py").write_text(CODE, encoding="utf-8")
    (folder / "broken_nets.py").write_text("def (", encoding="utf-8")
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    """The working directory holds the module, and nothing is imported yet."""
    forget()
    (folder / "imported").unlink(missing_ok=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def words(small_words, folder):
    kept = [word for word in small_words if not word.startswith(("network.", "model.discriminator"))]
    rest = ["model=regressor", "loader.batch_size=4", "trainer.precision=32-true", "trainer.max_steps=2"]
    return [*kept, *rest, "trainer.val_check_interval=2"]


def target(name="MyNet", *more):
    return own_network([f"network._target_={NAME}.{name}", *more])


@pytest.fixture(scope="module")
def trained(words, folder, small_store):
    """The best checkpoint of a run whose network is in the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(training, "show", lambda *_: None)
        return qd_pix2pix.train(*words, *target("MyNet", "network.width=5"), f"hydra.run.dir={folder}/run").checkpoint


def test_arguments_of_the_option_that_the_model_selects_are_dropped():
    given = ["model=regressor", "network._target_=my_nets.MyNet", "network.width=5", "seed=1"]
    expected = ["model=regressor", "seed=1", "~network", "++network._target_=my_nets.MyNet", "++network.width=5"]
    assert own_network(given) == expected == own_network(expected)
    for kept in (["network=resnet", "network._target_=my_nets.MyNet"], ["network._target_=qd_pix2pix.networks.FNO"]):
        assert own_network(kept) == kept


def test_it_is_loaded_again_where_its_module_is_trusted(trained, here, small_store):
    V = small_store.split("test").load(["V"])["V"]
    surrogate = from_pretrained(trained, device="cpu", trust=NAME)
    network = surrogate.predictor.network
    assert type(network).__name__ == "MyNet" and network.layers[0].out_channels == 5 and network.shape == (32, 32)
    assert surrogate(V).mean((1, 2)) * 24**2 == pytest.approx(np.full(5, 2.0), rel=1e-5)
    card = surrogate.card
    assert card.network == {"module": NAME, "class": "MyNet", "width": 5}
    assert card.provenance["modules"] == {NAME: sha256(here / f"{NAME}.py")}
    weights = here / "own.safetensors"
    save_weights(weights, surrogate.predictor, card)
    np.testing.assert_array_equal(qd_pix2pix.predict(weights, V, trust=[NAME], device="cpu"), surrogate(V))


def test_tied_weights_are_saved(trained, here, small_store):
    V = small_store.split("test").load(["V"])["V"]
    surrogate = from_pretrained(trained, device="cpu", trust=NAME)
    first, _, last = surrogate.predictor.network.layers
    last.bias = torch.nn.Parameter(first.bias.detach()[: len(last.bias)])  # one memory
    expected = surrogate(V)
    save_weights(here / "tied.safetensors", surrogate.predictor, surrogate.card)
    np.testing.assert_array_equal(from_pretrained(here / "tied.safetensors", "cpu", trust=NAME)(V), expected)


def test_nothing_is_imported_without_trust(trained, here, data_root):
    for trust in ((), "other", f"{NAME}_too", NAME[:4]):
        with pytest.raises(ValueError, match=f"its network is {NAME}.MyNet, code outside qd_pix2pix.*trust='{NAME}'"):
            from_pretrained(trained, trust=trust)
    with pytest.raises(ValueError, match=f"trust={NAME}"):
        qd_pix2pix.evaluate(trained, f"data_root={data_root}")
    with pytest.raises(ValueError, match=f"trust='{NAME}'"):
        load_predictor(trained)
    assert NAME not in sys.modules and not (here / "imported").exists()


def test_the_model_card_names_the_module(trained):
    records = [Evaluation.read(trained.parent.parent / "test")]
    text = model_card("own.safetensors", records, "")
    assert (
        f'from_pretrained("own.safetensors", trust="{NAME}")(V)' in text and f"| Own modules | {NAME}, SHA-256 " in text
    )


def test_trust_ends_with_its_block(here):
    described = {"module": NAME, "class": "MyNet"}
    with trusted(NAME):
        assert networks.factory(described)(in_channels=1, out_channels=1)(torch.zeros(1, 1, 4, 4)).shape == (1, 1, 4, 4)
    with pytest.raises(ValueError, match="trust="):
        networks.factory(described)
    for bad in ("a b", "../x", 3, [None]):
        with pytest.raises(ValueError, match="trust: expected"), trusted(bad):
            pass


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"module": NAME, "class": "function"}, "expected a class of torch.nn.Module"),
        ({"module": NAME, "class": "nothing"}, "cannot be imported"),
        ({"module": NAME, "class": "nn.Linear"}, "no name of a class"),
        ({"module": NAME, "class": "MyNet", "width": {"module": "os", "class": "system"}}, "trust='os'"),
        ({"module": NAME, "class": "MyNet", "depth": 3}, "takes no depth"),
        ({"module": ["os"], "class": "system"}, "no name of a class"),
    ],
)
def test_trust_is_for_networks_only(here, described, message):
    with trusted(NAME), pytest.raises(ValueError, match=message):
        networks.factory(described)


def test_modules_are_found_in_nested_descriptions():
    trunk = {"class": "EDNN", "trunk": {"module": "a.b", "class": "X"}, "more": [{"module": "c", "class": "Y"}]}
    assert modules_in(trunk, {}) == ("a.b", "c")


def test_the_program_evaluates_it_with_trust(trained, here, data_root, tmp_path):
    given = [f"checkpoint='{trained}'", f"data_root='{data_root}'", f"output='{tmp_path}'", "split=val"]
    done = call("evaluate", *given, "split=nope", f"trust={NAME}")
    assert done.returncode == 2 and "split: expected one of" in done.stderr
    refused = call("evaluate", *given)
    assert refused.returncode == 2 and f"trust={NAME}" in refused.stderr


def test_another_file_of_the_same_name_is_a_warning(trained, tmp_path, monkeypatch):
    forget()
    (tmp_path / f"{NAME}.py").write_text(CODE + "\n# another version\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match=f"{NAME} is not the file that the network was trained with"):
        from_pretrained(trained, trust=NAME)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (("Cropped",), r"must map shape \(2, 1, 32, 32\) to \(2, 1, 32, 32\); got \(2, 1, 32, 31\)"),
        (("OneChannelMore",), r"to \(2, 1, 32, 32\); got \(2, 2, 32, 32\)"),
        (("Broken",), r"does not take fields of shape \(2, 1, 32, 32\) \(KeyError: 'nothing'\)"),
        (("Constant",), "has no weights to train"),
        (("Detached",), r"Detached does not depend on its weights, as after .detach\(\)"),
        (("Lazy",), "Lazy has lazy layers; give their shapes"),
        (("NeedsWidth",), r"missing a required argument: 'width'.*\+network.NAME"),
        (("NoChannels",), "in_channels and out_channels.*takes width"),
        (("function",), "expected a class of torch.nn.Module"),
        (("Nothing",), "cannot be imported .*PYTHONPATH"),
        (("MyNet", "network.width=[{_target_: os.system}]"), "network.width: expected|its card names the network"),
        (("MyNet", "network.depth=3"), "takes no depth; it takes in_channels, out_channels, width, shape"),
    ],
)
def test_what_cannot_be_trained_and_loaded_is_refused_before_any_work(words, here, own, message):
    with pytest.raises(ValueError, match=message):
        check_config(configuration("train", *words, *target(*own)))


@pytest.mark.parametrize("network", ["ednn network.focus=4", "ednn_cnn", "mills_cnn", "window"])
def test_networks_of_numbers_predict_no_fields(words, network):
    chosen = f"network={network}".split()
    with pytest.raises(ValueError, match=r"must map shape .*got \(2, 1, \d+, \d+\). Networks of numbers, such as ednn"):
        check_config(configuration("train", *words, *chosen, "mapping.source=V", "mapping.target=n_int"))


@pytest.mark.parametrize("module", ["nowhere_nets", "broken_nets", "__main__", "os"])
def test_modules_that_cannot_be_imported_again(words, here, module):
    with pytest.raises(ValueError, match=r"network._target_: .*(cannot be imported|expected a class)"):
        check_config(configuration("train", *words, *own_network([f"network._target_={module}.MyNet"])))


def test_a_class_of_a_notebook_must_move_into_a_file(here, monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "MyNet", networks.ResNet, raising=False)
    with pytest.raises(ValueError, match="move it from the notebook or script into a file"):
        networks.describe({"_target_": "__main__.MyNet"})


@pytest.mark.parametrize(
    ("word", "message"),
    [("network._target_=nowhere_nets.MyNet", "no module nowhere_nets"), (f"network._target_={NAME}.No", "No")],
)
def test_the_program_names_what_it_cannot_import(here, word, message):
    done = call("train", word, "network.width=3", "model=regressor")
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(here).count("runs") == 0


def test_an_ended_training_is_resumed(trained, here, words):
    last = trained.with_name("last.ckpt")
    config = configuration("train", *words, *target("MyNet", "network.width=5"), f"ckpt_path='{last}'")
    check_config(config)
    with pytest.raises(ValueError, match="network.width=6 .was 5."):
        check_config(configuration("train", *words, *target("MyNet", "network.width=6"), f"ckpt_path='{last}'"))
