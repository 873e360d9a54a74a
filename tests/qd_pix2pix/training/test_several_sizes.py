"""One network on lattices of several sizes: batches of one size each, results of each size in a folder of its own."""

import json
import math

import numpy as np
import pytest
import torch
from small import configuration

from qd_pix2pix.data.datamodule import SamplesModule
from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.launchers import LocalLauncher
from qd_pix2pix.data.store import Store
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.training.run import train
from qd_pix2pix.training.settings import check_config, recipes_of_run

SMALL = ("data.train=9", "data.val=3", "data.test=4", "data.shard_size=9")
SIDES = "range.side=[4,6]"


def config_of(words, *changes):
    """The configuration of a training, with lattices that are drawn without a sampler."""
    config = configuration("train", *words, *changes)
    config["data"]["ensemble"] = {"_target_": "solvers.spins.RandomSpins"}
    return config


@pytest.fixture(scope="module")
def words(data_root):
    steps = ("trainer.max_steps=6", "trainer.val_check_interval=6", "loader.batch_size=2", "loader.symmetry=true")
    return ["experiment=ising_energy", *SMALL, SIDES, *steps, f"data_root={data_root}", "launcher.workers=1"]


@pytest.fixture(scope="module")
def stores(words, data_root):
    recipes = recipes_of_run(config_of(words))
    return [Store(generate(recipe, data_root, LocalLauncher(1))) for recipe in recipes]


@pytest.mark.slow
@pytest.mark.parametrize("cache_gib", [1.0, 0.0])
def test_every_sample_comes_once_an_epoch_among_samples_of_its_size(stores, cache_gib):
    schemas = [store.schema.to_dict() for store in stores]
    mapping, network = {"source": "spins", "target": "energy"}, {"class": "Window", "size": 3}
    predictor = Predictor(Card(schemas, mapping, network, {}, False, stores[0].statistics))
    module = SamplesModule(stores, predictor, batch_size=4, eval_batch_size=2, cache_gib=cache_gib)
    for split, loader in (("train", module.train_dataloader()), ("val", module.val_dataloader())):
        batches = list(loader)
        assert len(batches) == len(loader)
        found = sorted(spins.numpy().astype("i1").tobytes() for batch in batches for spins in batch["spins"])
        wanted = [spins.astype("i1").tobytes() for s in stores for spins in s.split(split).load(["spins"])["spins"]]
        assert found == sorted(wanted)
        for batch in batches:
            bonds = sum((batch["spins"] * batch["spins"].roll(1, axis)).sum((1, 2)) for axis in (1, 2))
            torch.testing.assert_close(batch["energy"], -bonds)


def test_a_run_reports_each_size(words, tmp_path, monkeypatch):
    from qd_pix2pix.training import run as training

    monkeypatch.setattr(training, "show", lambda *_: None)
    train(config_of(words), tmp_path)
    for side in (4, 6):
        record = json.loads((tmp_path / f"test/points={side}x{side}/metrics.json").read_text())
        assert record["samples"] == 4 and math.isfinite(record["measures"]["mae"]["mean"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["experiment=ising_levels"], "range: expected level to be the same quantity in all datasets"),
        (["experiment=ising_gan"], "range: a generator learns samples of one size"),
        (["range.side=[4,4]"], "range.side: expected each value once"),
        (["range.side=[4,5]"], "data.side"),
        (["range.side=[4.0]"], "range.side: expected a list such as"),
    ],
)
def test_sizes_that_cannot_be_learned_together_are_refused(words, changes, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        check_config(config_of(words, *changes))


def test_r2_of_several_sizes_compares_with_the_mean_map_of_each():
    from qd_pix2pix.models.metrics import SplitMetrics

    rng = np.random.default_rng(0)
    parts = [(rng.random((5, 4)), rng.random((5, 4))), (rng.random((3, 6)), rng.random((3, 6)))]
    metric = SplitMetrics("field", 1.0, [(4,), (6,)])
    for predicted, reference in parts:
        metric.update(torch.as_tensor(predicted), torch.as_tensor(reference))
    residual = sum(((p - r) ** 2).sum() for p, r in parts)
    total = sum(((r - r.mean(0)) ** 2).sum() for _, r in parts)
    assert metric.compute()["r2"].item() == pytest.approx(1 - residual / total)
