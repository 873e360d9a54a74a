"""Overrides with several values -> runs, each named by what it finds."""

import itertools
import re

import pytest
from omegaconf import OmegaConf
from small import ROOT, call

from qd_pix2pix.cli.errors import EXPECTED
from qd_pix2pix.sweeps.plan import make_plan, run_key
from qd_pix2pix.training.settings import check_config

STUDIES = sorted(path.stem for path in (ROOT / "conf/sweep").glob("*.yaml") if path.stem != "none")


def points(*words):
    return [tuple(run.point.values()) for run in make_plan(words).runs()]


def configs(*words):
    return [run.config for run in make_plan(words).runs()]


QUICK = ("electrons",)
"""Studies that make test composes; each of the others takes seconds."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in STUDIES]
)
def test_a_study_is_the_product_of_its_axes(name):
    words = dict(word.split("=") for word in OmegaConf.load(ROOT / f"conf/sweep/{name}.yaml").words)
    axes = {key: text.split(",") for key, text in words.items() if "," in text}
    runs = make_plan([f"sweep={name}"]).runs()
    assert [run.point for run in runs] == [dict(zip(axes, p, strict=True)) for p in itertools.product(*axes.values())]
    assert len({run.key for run in runs}) == len(runs) > 1
    for run in (runs[0], runs[-1]):
        check_config(run.config)


def test_there_are_studies():
    assert "discriminator" in STUDIES


def test_words_of_several_values_are_axes():
    found = configs("model=pix2pix", "model.lambda_rec=1,10", "seed=3,4")
    assert [(c["model"]["lambda_rec"], c["seed"]) for c in found] == [(1, 3), (1, 4), (10, 3), (10, 4)]


def test_lists_are_values():
    found = configs("model=regressor", "network=residual_unet", "network.channels=[2,3],[3,4]", "network.blocks=[1,1]")
    assert [c["network"]["channels"] for c in found] == [[2, 3], [3, 4]]


def test_options_of_a_group_are_values():
    found = configs("model=regressor", "network=resnet,fno")
    assert [c["network"]["_target_"].split(".")[-1] for c in found] == ["ResNet", "FNO"]


def test_added_words_are_axes():
    runs = make_plan(["+trainer.limit_val_batches=1,2"]).runs()
    assert [run.config["trainer"]["limit_val_batches"] for run in runs] == [1, 2]
    assert [run.point for run in runs] == [{"trainer.limit_val_batches": "1"}, {"trainer.limit_val_batches": "2"}]


def test_ranges_and_quoted_words_are_values():
    assert points("seed=range(1,9,3)") == [("1",), ("4",), ("7",)]
    assert [c["data_root"] for c in configs("data_root='a b','c,d'", "seed=1")] in (["a b"], ["c,d"])


def test_the_command_line_wins_over_the_study():
    plan = make_plan(["sweep=discriminator", "seed=7", "model.discriminator.layers=2,1"])
    assert [axis for axis in plan.axes] == ["model.discriminator.layers", "model.discriminator.kernel_size"]
    runs = plan.runs()
    assert [run.point["model.discriminator.layers"] for run in runs] == ["2"] * 4 + ["1"] * 4
    assert {run.config["seed"] for run in runs} == {7}
    assert plan.name == "discriminator"


def test_a_sweep_may_have_any_name():
    plan = make_plan(["sweep.name='Bohr\\'s dots, (two)'", "seed=0,1"])
    assert {run.config["sweep"]["name"] for run in plan.runs()} == {plan.folder.name} == {"Bohr's dots, (two)"}


def test_points_with_the_same_configuration_are_one_run():
    assert len(points("data.grid.extent=30,30.0,31", "seed=0,1")) == 4
    assert len(points("logger=csv,wandb,tensorboard")) == 1


def key(*words):
    (run,) = make_plan(words).runs()
    return run.key


BASE = ("model=regressor", "network=resnet", "seed=3", "data.grid.extent=30")


@pytest.mark.parametrize(
    "word",
    [
        "logger=wandb",
        "logger=tensorboard",
        "data_root=elsewhere",
        "launcher=dask",
        "launcher.workers=3",
        "checkpoint_every=7",
        "checkpoint_seconds=30",
        "threads=3",
        "data.grid.extent=30.0",
        "model.optimizer.lr=2.0e-3",
        "jobs=submitit",
        "jobs.parallel=2",
        "search=optuna",
        "sweep.folder=elsewhere",
        "sweep.name=other",
    ],
)
def test_how_a_run_is_started_and_watched_does_not_change_it(word):
    kept = [w for w in BASE if w.split("=")[0] != word.split("=")[0]]
    assert key(*kept, word) == key(*BASE)


def test_the_order_of_words_does_not_matter():
    assert key(*reversed(BASE)) == key(*BASE)


@pytest.mark.parametrize(
    "word",
    [
        "seed=4",
        "model.optimizer.lr=1e-3",
        "model.density.loss.l2=0.5",
        "model.gradient_clip=null",
        "network=fno",
        "network.channels=9",
        "mapping=nint_to_V",
        "loader.batch_size=3",
        "trainer.max_steps=77",
        "+trainer.deterministic=true",
        "data.seed=1",
        "data.train=301",
        "data.grid.extent=30.5",
        "data.n_electrons=3",
        "material=si",
        "potential=harmonic",
        "solver.n_orbitals=9",
        "range.n_electrons=[1,2]",
        "symmetrise=true",
        "init_from=gaas-N2",
        "mapping.second=universal-fast",
        "loader.shift=[mu_low,mu_high]",
    ],
)
def test_what_a_run_finds_is_in_its_key(word):
    kept = [w for w in BASE if w.split("=")[0] != word.split("=")[0]]
    assert key(*kept, word) != key(*BASE)


def test_options_that_are_new_and_null_change_no_key():
    """A sweep from before them continues."""
    config = make_plan(BASE).runs()[0].config
    old = {name: value for name, value in config.items() if name != "init_from"}
    for part, name in (("mapping", "second"), ("loader", "shift")):
        assert config[part][name] is None
        old[part] = {key: value for key, value in config[part].items() if key != name}
    assert run_key(old) == run_key(config)


def test_new_values_join_the_sweep_that_is_there():
    before, after = (make_plan([*BASE[:2], "seed=0,1", f"network.channels={c}"]) for c in ("4,8", "4,6,8"))
    assert after.folder == before.folder
    old, new = ([run.key for run in plan.runs()] for plan in (before, after))
    assert len(new) == 6 and set(old) < set(new)
    assert make_plan(["model=regressor", "seed=0,1", "network.channels=4,8"]).folder != before.folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sweep=discriminator", "python train.py -m"),
        ("-m seed=0,1 network.chanels=2", "Did you mean channels?"),
        ("-m seed=0,1 model.lambda_rec=interval(1,9)", "model.lambda_rec: an interval.*search=optuna"),
    ],
)
def test_wrong_words_are_one_clear_error(tmp_path, words, said):
    done = call("train", *words.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("error:") == 1
    assert re.search(said, done.stderr)
    assert not list(tmp_path.rglob("record.json")), "work was begun"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep=nothing"], "nothing"),
        (["model=regressor", "network=resnet,fnoo"], "fnoo"),
    ],
)
def test_what_cannot_be_configured_is_told_before_any_run(words, said):
    with pytest.raises(EXPECTED, match=said):
        make_plan(words).runs()


@pytest.mark.parametrize("name", ["../..", "/tmp/x", "a/b", "..", ".", ".hidden", "a\\\\b"])
def test_the_name_of_a_sweep_is_that_of_a_folder_below_all_sweeps(name):
    with pytest.raises(ValueError, match="sweep.name: expected the name of a folder"):
        make_plan([f"sweep.name='{name}'", "seed=0,1"])
