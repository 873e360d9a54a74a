"""The examples of docs/adding.md and docs/own_*.md: systems, networks and measures are run, all others compile."""

import re
import sys
from importlib import import_module

import numpy as np
import pytest
import torch
import yaml
from small import ROOT, SHORT, SMALL_DATA, configuration

import qd_pix2pix
from qd_pix2pix import from_pretrained, networks, systems
from qd_pix2pix.data import launchers
from qd_pix2pix.data.generate import check, generate
from qd_pix2pix.evaluation import measures
from qd_pix2pix.evaluation.evaluate import evaluate
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.systems import make_recipe
from qd_pix2pix.training.run import train

ADDING = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
PAGES = ("own_system.md", "own_network.md", "own_measure.md")
TEXT = "\n".join([ADDING, *((ROOT / "docs" / name).read_text(encoding="utf-8") for name in PAGES)])
BLOCKS = re.findall(r"```(?:python|yaml)\n# (\S+?)(?:, [^\n]*)?\n(.*?)```", TEXT, re.DOTALL)
EXAMPLES = dict(BLOCKS)
"""Content of each example by its path."""
ADDED = {
    "Landscapes": (systems, "systems/landscapes"),
    "PlainCNN": (networks, "networks/plain_cnn"),
}


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """The files of the examples in a folder, which the rooms contain for the time of these tests, with the exports."""
    root = tmp_path_factory.mktemp("added")
    for path, content in EXAMPLES.items():
        if not (ROOT / path).exists() and path.startswith(("solvers/landscapes", "qd_pix2pix", "conf")):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, encoding="utf-8")
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("solvers", "qd_pix2pix.systems", "qd_pix2pix.networks"):
            room = import_module(name)
            patch.setattr(room, "__path__", [*room.__path__, str(root / name.replace(".", "/"))])
        for name, (room, path) in ADDED.items():
            module = import_module(f"qd_pix2pix.{path.replace('/', '.')}")
            patch.setattr(room, name, getattr(module, name), raising=False)
            patch.setattr(room, "__all__", [*room.__all__, name])
        yield root
    for name in set(sys.modules) - before:
        if name.endswith((".landscapes", ".plain_cnn")):
            room, _, own = name.rpartition(".")
            del sys.modules[name]
            delattr(sys.modules[room], own)


@pytest.fixture(scope="module")
def serial():
    """The launcher of the example, in the module that it is added to."""
    code = next(content for path, content in BLOCKS if path == "qd_pix2pix/data/launchers.py")
    names = dict(vars(launchers))
    exec(compile(code, "docs/adding.md", "exec", dont_inherit=True), names)
    return names["SerialLauncher"]


@pytest.fixture(scope="module")
def words(added, tmp_path_factory):
    mapping = ["mapping=V_to_n", "trainer.max_epochs=-1", "trainer.max_steps=6", "trainer.val_check_interval=3"]
    sizes = ["data.train=24", "data.val=6", "data.test=6", "data.shard_size=12", "loader.batch_size=8"]
    machine = ["trainer.accelerator=cpu", "trainer.precision=32-true", "launcher.workers=1"]
    root = tmp_path_factory.mktemp("data")
    options = [f"hydra.searchpath=['file://{added}/conf']", "data=landscapes", "model=regressor", "network=plain_cnn"]
    return [*options, *mapping, *sizes, *machine, f"data_root={root}", "trainer.log_every_n_steps=1"]


@pytest.fixture(scope="module")
def dataset(words, serial):
    config = configuration("train", *words)
    return generate(config["data"], config["data_root"], serial())


def test_the_system_makes_a_dataset_whose_laws_hold(words, dataset):
    assert check(dataset) == {"train": 24, "val": 6, "test": 6}
    recipe = make_recipe(configuration("train", *words)["data"], only_rooms=True)
    columns = recipe.columns("test", range(4))
    recipe.laws(columns)
    assert np.array_equal(recipe.columns("test", range(2, 3))["V"][0], columns["V"][2])
    with pytest.raises(ValueError, match="n holds"):
        recipe.laws(columns | {"n": 1.01 * columns["n"]})


def test_the_ground_state_of_an_empty_line(added):
    """E = pi^2 / (2 L^2), with the error of second differences and of walls half a step outside."""
    solver = import_module("solvers.landscapes")
    energy, density = solver.ground_state(np.zeros(200), 10.0)
    assert energy == pytest.approx(np.pi**2 / 200, rel=0.02)
    assert density.sum() * 10 / 200 == pytest.approx(1) and density.argmax() in (99, 100)


def test_system_and_network_go_through_all_stages(words, dataset, tmp_path):
    best = train(configuration("train", *words), tmp_path / "run")
    measured = Evaluation.read(tmp_path / "run" / "test")
    assert 0 < measured.measures["nmae"]["mean"] < 2 and measured.measures["charge_error"]["mean"] < 1e-5
    config = configuration("evaluate", "launcher.workers=1") | {"checkpoint": str(best), "split": "val"}
    (folder,) = evaluate(config | {"data_root": str(dataset.parent), "output": str(tmp_path / "val")})
    assert Evaluation.read(folder).samples == 6
    surrogate = from_pretrained(best)
    density = surrogate(np.zeros((2, 32)))
    assert density.shape == (2, 32) and density.sum(1) * 10 / 32 == pytest.approx([1, 1], rel=1e-5)


@pytest.mark.parametrize(("dims", "points"), [(1, (32,)), (2, (16, 24))])
def test_the_network_keeps_points_and_channels(added, dims, points):
    network = networks.PlainCNN(in_channels=3, out_channels=2, dims=dims, periodic=True)
    assert network(torch.rand(2, 3, *points)).shape == (2, 2, *points)


def test_every_example_has_a_path_and_compiles():
    assert len(BLOCKS) == len(re.findall(r"```(?:python|yaml)\n", TEXT))
    for path, content in BLOCKS:
        if path.endswith(".yaml"):
            assert yaml.safe_load(content)
        elif not content.startswith('"relative_l1"'):  # a row of a dictionary
            compile(content, path, "exec")
        assert len(content.splitlines()) <= 52, f"{path}: too long for an example"


def test_every_row_of_the_table_has_a_section():
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## How to add")[1].split("## Rules")[0]
    rows = [row.split("|")[1].strip() for row in table.splitlines() if row.startswith("| a")]
    assert [f"## {row[0].upper()}{row[1:]}" for row in rows] == re.findall(r"^## .*", ADDING, re.MULTILINE)


def test_the_launcher_is_that_of_this_process(serial):
    with serial().open() as call:
        assert dict(call(divmod, {"a": (7, 2), "b": (9, 4)})) == {"a": (3, 1), "b": (2, 1)}


@pytest.mark.slow  # test_foreign.py has such networks, too
def test_a_network_of_an_own_file_is_trained_and_measured(tmp_path, monkeypatch, capsys):
    """my_nets.py and last_run.py, as they stand, in a folder of a user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "my_nets.py").write_text(EXAMPLES["my_nets.py"], encoding="utf-8")
    try:
        run = qd_pix2pix.train(
            "model=regressor",
            "network._target_=my_nets.MyNet",
            "network.width=4",
            "launcher.workers=1",
            *SMALL_DATA,
            *SHORT,
        )
        shown = run.predictions[0]
        capsys.readouterr()
        exec(compile(EXAMPLES["last_run.py"], "last_run.py", "exec"), {})
        density = from_pretrained(run.checkpoint, trust="my_nets")(shown.given["V"])
    finally:
        sys.modules.pop("my_nets", None)
    assert density == pytest.approx(shown.predicted["n_int"], abs=1e-6 * density.max())
    mean, largest = map(float, capsys.readouterr().out.split())
    assert 0 < mean <= largest < 30


def test_the_measure_has_the_value_by_hand():
    names = dict(vars(measures))
    function, row = (content for path, content in BLOCKS if path == "qd_pix2pix/evaluation/measures.py")
    exec(compile(function, "own_measure.md", "exec", dont_inherit=True), names)
    measure = eval(row.strip(), names)
    a, b = np.array([[[1.0, 2.0], [3.0, 6.0]]]), np.array([[[1.0, 0.0], [3.0, 2.0]]])  # A and B of test_measures.py
    by_hand = EXAMPLES["tests/qd_pix2pix/evaluation/test_measures.py"]
    kind, pred, target, expected = eval("{" + by_hand + "}", {"A": a, "B": b})[measure.name]
    assert kind in measure.kinds
    for array in (np.asarray, torch.as_tensor):
        assert measure.of_sample(array(pred), array(target), None) == pytest.approx([expected])
    assert expected == np.abs(a - b).sum() / np.abs(b).sum()
