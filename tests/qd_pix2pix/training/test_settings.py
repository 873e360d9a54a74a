"""Settings of a run: bad ones are one ValueError before any work; what is added to the Trainer has its effect."""

import pytest
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import ProgressBar, TQDMProgressBar
from small import configuration

from qd_pix2pix.data.shard import learned
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.mapping import Mapping
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.systems import make_recipe
from qd_pix2pix.training import run as training
from qd_pix2pix.training.callbacks import Progress
from qd_pix2pix.training.length import total_steps
from qd_pix2pix.training.settings import check_config, placeholder

EARLY = {"_target_": "pytorch_lightning.callbacks.EarlyStopping"}


def changed(words, **settings):
    """The configuration of a regressor with some settings replaced, by their keys: trainer__max_steps=3."""
    config = configuration("train", *words)
    for key, value in settings.items():
        *path, last = key.split("__")
        node = config
        for part in path:
            node = node[part]
        node[last] = value
    return config


def refused(words, said, **settings):
    with pytest.raises(ValueError, match=said):
        check_config(changed(words, **settings))


@pytest.mark.parametrize("part", ["model", "network", "mapping", "loader", "trainer", "launcher", "data"])
@pytest.mark.parametrize("value", [5, [1], "pix2pix", None])
def test_a_part_that_is_none_is_named(regressor_words, part, value):
    refused(regressor_words, rf"^{part}: expected", **{part: value})


@pytest.mark.parametrize("part", ["model", "network", "mapping", "loader", "trainer", "data", "launcher"])
def test_an_argument_that_a_class_does_not_take_is_named(regressor_words, part):
    """As +model.no_such_argument=1 adds it."""
    refused(regressor_words, f"{part}.*no_such_argument", **{f"{part}__no_such_argument": 1})


@pytest.mark.parametrize("part", ["model", "network", "mapping", "loader", "trainer"])
@pytest.mark.parametrize("target", ["os.system", "torch.nn.Linear", "qd_pix2pix.nothing", "nonsense"])
def test_a_class_of_another_module_is_refused(regressor_words, part, target):
    refused(regressor_words, part, **{f"{part}___target_": target})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data__material": 5}, "data.material: expected a material"),
        ({"data__grid": [1]}, "data.grid"),
        ({"data__potential": "wells"}, "data.potential"),
        ({"data__n_electrons": True}, "data.n_electrons"),
        ({"data__train": 2.5}, "data.train"),
        ({"model__network": {"_target_": "qd_pix2pix.networks.UNet"}}, "model.*network"),
        ({"model__optimizer": 3}, "model.optimizer"),
        ({"model__optimizer": {"_target_": "torch.optim.Adam"}}, "model.optimizer"),
        ({"model__density": 3}, "model.density"),
        ({"model__gradient_clip": "inf"}, "model.gradient_clip"),
        ({"network__channels": 3}, "network"),
        ({"network__blocks": [[1], 1]}, "network.blocks"),
        ({"mapping__also": 3}, "mapping.also"),
        ({"mapping__target": ["n_int"]}, "mapping.target"),
        ({"loader__batch_size": None}, "loader.batch_size"),
        ({"loader__jitter": 36.5}, "loader.jitter"),
        ({"loader__symmetry": "maybe"}, "loader.symmetry"),
        ({"seed": None}, "seed"),
        ({"seed": 2**40}, "seed"),
        ({"checkpoint_every": "often"}, "checkpoint_every"),
        ({"checkpoint_seconds": 0}, "checkpoint_seconds"),
        ({"snapshots": 0}, "snapshots"),
        ({"range": {"n_electrons": 2}}, "range.n_electrons"),
        ({"range": [1]}, "range"),
        ({"trainer__max_steps": True}, "trainer.max_steps"),
        ({"trainer__max_epochs": 1.5}, "trainer.max_epochs"),
        ({"trainer__max_epochs": None, "trainer__max_steps": None}, "trainer.max_epochs, trainer.max_steps"),
        ({"trainer__val_check_interval": 0.5}, "trainer.val_check_interval"),
        ({"trainer__precision": 17}, "precision|Precision"),
        ({"trainer__accelerator": "abacus"}, "trainer"),
        ({"trainer__devices": 4}, "trainer.devices: expected 1 .* got 4; use trainer=regression_ddp trainer.devices=4"),
        ({"trainer__devices": "two"}, "trainer.devices"),
        ({"trainer__devices": None}, "trainer.devices"),
        ({"trainer__devices": 0}, "trainer.devices"),
        ({"trainer__log_every_n_steps": "often"}, "trainer"),
        ({"trainer__callbacks": {"_target_": "x"}}, "trainer.callbacks: expected a list"),
        ({"trainer__callbacks": ["EarlyStopping"]}, "trainer.callbacks: expected a list"),
        ({"trainer__callbacks": [{"_target_": "collections.OrderedDict"}]}, "trainer.callbacks: expected callbacks"),
        ({"trainer__callbacks": [EARLY]}, "trainer.callbacks.*monitor"),
        ({"trainer__callbacks": [EARLY | {"monitor": "val/nope"}]}, "trainer.callbacks: EarlyStopping.*val/r2"),
        ({"trainer__callbacks": [EARLY | {"monitor": "nope"}]}, "trainer.callbacks: EarlyStopping.*val/r2"),
        ({"trainer__callbacks": [EARLY | {"monitor": "val/r2", "mode": "up"}]}, "trainer.callbacks.*mode"),
    ],
)
def test_bad_settings_are_one_error(regressor_words, settings, said):
    refused(regressor_words, said, **settings)


@pytest.mark.parametrize(
    ("option", "value", "instead"),
    [
        ("overfit_batches", 1, "data.train="),
        ("fast_dev_run", True, "trainer.max_steps=1"),
        ("logger", True, "logger=csv"),
        ("logger", [], "logger=csv"),
        ("plugins", [{"_target_": "x"}], "plugin of ours"),
        ("default_root_dir", "elsewhere", "hydra.run.dir"),
        ("enable_checkpointing", True, "every run keeps checkpoints"),
        ("barebones", True, "evaluated"),
        ("gradient_clip_val", 1.0, "model.gradient_clip"),
        ("accumulate_grad_batches", 2, "loader.batch_size"),
        ("reload_dataloaders_every_n_epochs", 1, "do not change"),
    ],
)
def test_arguments_of_the_trainer_that_have_no_place_are_refused(regressor_words, option, value, instead):
    refused(regressor_words, f"trainer.{option}: .*{instead}", **{f"trainer__{option}": value})


@pytest.mark.parametrize("settings", [{"max_epochs": None, "max_steps": 100}, {"max_epochs": 3, "max_steps": None}])
def test_one_end_is_enough(regressor_words, settings):
    config = changed(regressor_words, **{f"trainer__{name}": value for name, value in settings.items()})
    check_config(config)
    assert total_steps(config, [12]) == (100 if settings["max_epochs"] is None else 9)


def test_a_sweep_is_no_run(small_words):
    refused(small_words, "sweep: a study of many runs", sweep={"words": ["seed=0,1"]})


def test_nothing_is_made_for_bad_settings(regressor_words, tmp_path):
    config = changed(regressor_words, data_root=str(tmp_path / "data"), trainer__devices=4)
    with pytest.raises(ValueError, match="trainer.devices"):
        training.train(config, tmp_path / "run")
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def early(regressor_words, train_without_page, tmp_path_factory):
    """Settings of a run that does not learn, with a patience of one validation; and its folder."""
    words = [*regressor_words, "model.optimizer.lr=0", "trainer.max_steps=60", "checkpoint_every=50"]
    callback = EARLY | {"monitor": "val/r2", "mode": "max", "patience": 1}
    config, run = changed(words, trainer__callbacks=[callback]), tmp_path_factory.mktemp("early")
    train_without_page(config, run)
    return config, run


def test_callbacks_are_added_to_ours(early):
    """Early stopping ends the run, which is evaluated like all others."""
    _, run = early
    assert read_history(run)["val/r2"][0].tolist() == [3, 6]
    assert read_history(run)["train/loss"][0].tolist() == [1, 2, 3, 4, 5, 6]
    assert (run / "test" / "metrics.json").is_file() and (run / "checkpoints" / "best.ckpt").is_file()


def test_a_run_that_stopped_early_is_resumable(early, train_only):
    config, run = early
    last = run / "checkpoints" / "last.ckpt"
    assert load_predictor(last)[1].step == 6
    trainer = config["trainer"] | {"callbacks": None, "max_steps": 9}
    train_only(config | {"trainer": trainer, "ckpt_path": str(last)}, run)
    assert read_history(run)["train/loss"][0].tolist() == [*range(1, 10)]
    assert torch.load(last, weights_only=True)["global_step"] == 9


class Count(Callback):
    """Counts batches."""

    batches = 0

    def on_train_batch_end(self, *_):
        Count.batches += 1


def test_further_arguments_reach_the_trainer(regressor_words, train_only, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "own_callbacks", lambda config: [Count()])
    config = changed(regressor_words, trainer__limit_val_batches=1, trainer__deterministic=True, trainer__max_steps=4)
    train_only(config, tmp_path)
    assert Count.batches == 4


@pytest.mark.parametrize("data", ["dots", "scaled_dots", "chain", "bose_hubbard", "ising", "collages", "snapshots"])
def test_every_quantity_may_be_the_target(data):
    """Also one that is never positive, such as E(N) - E(N - 1) from the chemical potential."""
    schema = make_recipe(configuration("generate", f"data={data}")["data"]).schema
    source = schema.of_role("field")[0].name
    for column in schema.of_role("field", "scalar", "counts"):
        if column.name != source:
            statistics = {each.name: placeholder(each) for each in learned(schema)}
            span = Mapping(source, column.name).ranges(schema, statistics)[column.name]
            assert span.low < span.high and (column.high is None or span.high <= column.high)


@pytest.mark.parametrize(
    ("settings", "bars"),
    [
        ({}, [Progress]),
        ({"trainer__enable_progress_bar": False}, []),
        ({"trainer__callbacks": [{"_target_": "pytorch_lightning.callbacks.TQDMProgressBar"}]}, [TQDMProgressBar]),
    ],
)
def test_there_is_one_progress_bar_at_most(regressor_words, tmp_path, settings, bars):
    config = changed(regressor_words, **settings)
    check_config(config)
    trainer = training.make_trainer(config, tmp_path, [], [Callback(), Callback()], 4)
    assert [type(bar) for bar in trainer.callbacks if isinstance(bar, ProgressBar)] == bars
