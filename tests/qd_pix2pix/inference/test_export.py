"""Networks in files of other programs: the same numbers for any number of samples, and no file with others."""

import json
import sys

import numpy as np
import pytest
import torch
from small import SMALL_DATA, call, configuration
from torch import nn

from qd_pix2pix import evaluate, from_pretrained
from qd_pix2pix.cli.errors import missing_extra
from qd_pix2pix.cli.functions import exported
from qd_pix2pix.inference.export import METADATA
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.training.settings import make_card

SHALLOW = ["model=regressor", "network=resnet", "network.channels=4", "network.blocks=1"]


@pytest.fixture(scope="module")
def range_of_two(small_store, single_store):
    """A shallow network of random weights for one and two electrons."""
    card = make_card(configuration("train", *SMALL_DATA, *SHALLOW), [single_store, small_store])
    torch.manual_seed(0)
    predictor = Predictor(card)
    for weight in predictor.network.parameters():  # the last convolutions start at zero
        nn.init.normal_(weight, std=0.3)
    return Surrogate(predictor, card, "cpu")


@pytest.fixture(scope="module")
def everything(regressor_run):
    """Not equivariant, with every output."""
    return from_pretrained(regressor_run / "checkpoints" / "best.ckpt", "cpu")


@pytest.fixture(scope="module")
def V(small_store):
    return small_store.split("test").load(["V"])["V"].astype(np.float32)


def test_onnx_runtime_predicts_the_same(range_of_two, V, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="extra export")
    pytest.importorskip("onnxscript", reason="extra export")
    path = tmp_path / "new" / "network.onnx"
    differences = range_of_two.export(path)
    assert set(differences) == {"n_int"} and differences["n_int"] < 1e-4
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["V", "n_electrons"]
    assert session.get_inputs()[0].shape == session.get_outputs()[0].shape == ["batch", 32, 32]
    for some, n_electrons in ((V, 1), (V[:1], 2)):
        given = {"V": some, "n_electrons": np.full(len(some), n_electrons, np.float32)}
        (found,) = session.run(["n_int"], given)
        expected = range_of_two(some, n_electrons=n_electrons)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * expected.max())
        np.testing.assert_allclose(found.mean((1, 2)) * 24.0**2, n_electrons, rtol=1e-5)
    about = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])
    assert [(i["name"], i["unit"], i["shape"]) for i in about["inputs"]] == [
        ("V", "eV", ["batch", 32, 32]), ("n_electrons", "", ["batch"])
    ]  # fmt: skip
    assert about["inputs"][1]["training"] == [1, 2]
    assert about["outputs"][0]["unit"] == "nm^-2" and about["points"] == [32, 32]
    assert about["conditions"]["extent"] == {"value": 24.0, "unit": "nm"} and "n_electrons" not in about["conditions"]
    assert about["map"] == "V -> n_int" and about["version"] and about["boundary"] == "walls"


@pytest.mark.slow
def test_an_exported_program_predicts_the_same(everything, V, tmp_path):
    differences = everything.export(tmp_path / "network.pt2")
    assert set(differences) == {"n_int", "n0", "energy", "gap"} and max(differences.values()) < 1e-4
    extra = {METADATA: ""}
    program = torch.export.load(tmp_path / "network.pt2", extra_files=extra).module()
    names = [output["name"] for output in json.loads(extra[METADATA])["outputs"]]
    for some in (V, V[:1]):
        expected = everything.predict(some)
        for name, values in zip(names, program(torch.tensor(some)), strict=True):
            np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-6 * np.abs(expected[name]).max())


@pytest.mark.slow
def test_averages_are_exported(everything, V, tmp_path):
    everything.export(tmp_path / "network.pt2", symmetrise=True)
    program = torch.export.load(tmp_path / "network.pt2").module()
    density = program(torch.tensor(V))[0]
    np.testing.assert_allclose(density, everything(V, symmetrise=True), rtol=1e-4, atol=1e-8)
    turned = program(torch.tensor(np.rot90(V, axes=(1, 2)).copy()))[0]
    np.testing.assert_allclose(turned, np.rot90(density, axes=(1, 2)), rtol=1e-4, atol=1e-8)


class Noise(nn.Module):
    """Other numbers in every call."""

    def forward(self, x):
        return x.expand(-1, 4, -1, -1) + torch.rand_like(x)


class Branch(nn.Module):
    """A map that depends on the sign of a sum, which no graph contains."""

    def forward(self, x):
        return x.expand(-1, 4, -1, -1) * (2 if x.sum() > 0 else 1)


@pytest.mark.parametrize(
    ("network", "message"),
    [(Noise, "other numbers, relative differences n_int .*at most 0.0001"), (Branch, "torch cannot write .* as .pt2")],
)
def test_what_would_not_predict_the_same_is_not_kept(regressor_run, tmp_path, network, message):
    surrogate = from_pretrained(regressor_run / "checkpoints" / "best.ckpt", "cpu")
    own = network()
    own.register_parameter("weight", nn.Parameter(torch.zeros(1)))  # the predictor takes its type
    surrogate.predictor.network = own
    with pytest.raises(ValueError, match=message):
        surrogate.export(tmp_path / "network.pt2")
    assert not list(tmp_path.iterdir())


def test_other_files_and_missing_libraries_are_refused(everything, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"export: expected a file .onnx or .pt2, got '.*network.pth'"):
        everything.export(tmp_path / "network.pth")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"qd_pix2pix\[export\]'.*network.pt2") as caught:
        everything.export(tmp_path / "network.onnx")
    assert missing_extra(caught.value) == "onnx is not installed; pip install 'qd_pix2pix[export]'"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".pt2", pytest.param(".onnx", marks=pytest.mark.slow)])
def test_the_program_states_the_difference(tmp_path, suffix):
    if suffix == ".onnx":
        pytest.importorskip("onnxruntime", reason="extra export")
    path = tmp_path / f"007{suffix}"
    done = call("evaluate", "checkpoint=ising-ednn", f"export='{path}'", "threads=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    threads, written, difference = done.stdout.splitlines()
    assert threads.startswith("threads ") and written == str(path)
    assert difference.startswith("largest relative difference from the predictor  energy ")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    if suffix == ".onnx":
        return
    spins = torch.tensor(np.random.default_rng(0).choice([-1.0, 1.0], size=(3, 8, 8))).float()
    (energy,) = torch.export.load(path).module()(spins)
    np.testing.assert_allclose(energy, from_pretrained("ising-ednn", "cpu")(spins.numpy()), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"checkpoint": "ising-flow"}, "export: .*this generator draws"),
        ({"checkpoint": "gaas-N2", "input": "dots.npy"}, "export: .*leave input out"),
        ({"checkpoint": "gaas-N2", "save": "x"}, "export: .*leave save out"),
        ({}, "checkpoint: give a path"),
    ],
)
def test_nothing_else_is_done_beside_it(changes, message):
    with pytest.raises(ValueError, match=message):
        exported(configuration("evaluate", "threads=1") | {"export": "x.onnx"} | changes)


def test_in_python_the_network_writes_the_file():
    with pytest.raises(ValueError, match=r"from_pretrained\(checkpoint\).export\(path\)"):
        evaluate("gaas-N2", "export=x.onnx")
