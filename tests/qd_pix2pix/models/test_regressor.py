"""Direct regression: it learns, what it is told matters, and its schedule and its bounds hold."""

import math

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from small import SMALL_REGRESSOR, configuration

from qd_pix2pix.data.datamodule import DotsDataModule
from qd_pix2pix.evaluation import measures as metrics
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.training.checkpoint import build_model, load_model
from qd_pix2pix.training.run import make_card, train

NETWORKS = {
    "equivariant_unet": ["network.channels=[2,3]", "network.blocks=[1,1]"],
    "residual_unet": ["network.channels=[4,6]", "network.blocks=[1,1]"],
    "averaged_unet": ["network.network.channels=[4,6]", "network.network.blocks=[1,1]"],
    "resnet": ["network.channels=6", "network.blocks=4"],
    "fno": ["network.modes=6", "network.channels=6", "network.layers=2"],
    "unet": ["network.levels=4", "network.channels=4"],
}
TERMS = ("l1", "l2", "huber", "gradient", "likelihood")


def fresh(stores, words):
    torch.manual_seed(0)
    return build_model(make_card(configuration("train", *words), stores))


def module(stores, model):
    options = {key: value for key, value in model.card["loader"].items() if key != "_target_"}
    return DotsDataModule(stores, model.mapping, **options)


def fit(stores, words, **trainer):
    """A trained model, and what was logged in each step."""
    model, logged = fresh(stores, words), []

    class Log(pl.Callback):
        def on_train_batch_end(self, trainer, *_):
            logged.append({key: float(value) for key, value in trainer.logged_metrics.items()})

    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "limit_val_batches": 0, "logger": False}
    options = quiet | {"accelerator": "cpu", "enable_checkpointing": False, "log_every_n_steps": 1} | trainer
    options["callbacks"] = [Log(), *trainer.get("callbacks", [])]
    pl.Trainer(**options).fit(model, module(stores, model).train_dataloader())
    return model.eval(), logged


def errors(model, stores):
    """Mean relative error of every output over the training split: of a field int |f - g| / int |g|."""
    pairs = module(stores, model).pairs("train")
    batch = torch.utils.data.default_collate([pairs[i] for i in range(len(pairs))])
    with torch.no_grad():
        found = model.outputs(batch["source"], batch["facts"])
    result = {}
    for field in model.mapping.outputs:
        exact = batch["target" if field is model.mapping.target else field.name]
        result[field.name] = ((found[field.name] - exact).abs().mean() / (exact - exact.mean()).abs().mean()).item()
    return result


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_learns(network, regressor_words, small_store):
    kept = [word for word in regressor_words if word not in SMALL_REGRESSOR]
    words = [*kept, "model=regressor", f"network={network}", *NETWORKS[network], "model.optimizer.lr=2e-2"]
    words += ["model.optimizer.weight_decay=0"]  # of thirty long steps it would undo half
    before = errors(fresh([small_store], words), [small_store])["n_int"]
    model, logged = fit([small_store], words, max_steps=30)
    assert errors(model, [small_store])["n_int"] < 0.8 * before
    assert logged[-1]["train/loss"] < 0.8 * logged[0]["train/loss"]


def test_every_output_learns(regressor_words, small_store):
    words = [*regressor_words, "mapping=V_to_all", "model.optimizer.lr=2e-2", "model.also_weight=1.0"]
    before = errors(fresh([small_store], words), [small_store])
    after = errors(fit([small_store], words, max_steps=60)[0], [small_store])
    assert before.keys() == after.keys() == {"n_int", "n0", "energy", "gap"}
    for name in before:
        assert after[name] < 0.8 * before[name], name


def test_without_weight_further_outputs_are_not_learned(regressor_words, small_store):
    """Their rows of the last layer see no gradient."""
    words = [*regressor_words, "mapping=V_to_all", "model.also_weight=0", "model.optimizer.weight_decay=0"]
    before = fresh([small_store], words).network.head.bias.detach().clone()
    after = fit([small_store], words, max_steps=3)[0].network.head.bias.detach()
    assert torch.equal(after[1:], before[1:]) and after[0] != before[0]


def test_the_inverse_stays_within_the_potentials_of_training(regressor_words, small_store):
    words = [*regressor_words, "mapping=nint_to_V", "model.optimizer.lr=2e-2"]
    before = errors(fresh([small_store], words), [small_store])["V"]
    model, _ = fit([small_store], words, max_steps=40)
    assert errors(model, [small_store])["V"] < 0.8 * before
    low, high = small_store.statistics["V"]["min"], small_store.statistics["V"]["max"]
    with torch.no_grad():
        potential = model(100 * torch.rand(3, 1, 32, 32))
    slack = 1e-6 * (high - low)
    assert low - slack <= potential.min() and potential.max() <= high + slack


@pytest.mark.parametrize("term", TERMS)
def test_every_term_alone_teaches(term, regressor_words, small_store):
    weights = [f"model.density.loss.{t}={float(t == term)}" for t in TERMS]
    words = [*regressor_words, *weights, "model.optimizer.lr=2e-2"]
    model, logged = fit([small_store], words, max_steps=30)
    share = {"gradient": 0.95}.get(term, 0.4)  # of the slopes alone a network learns slowly
    assert logged[-1][f"train/{term}"] < share * logged[0][f"train/{term}"]
    assert errors(model, [small_store])["n_int"] < errors(fresh([small_store], words), [small_store])["n_int"]
    assert {key for key in logged[0] if key.startswith("train/")} == {"train/loss", "train/rate", f"train/{term}"}


def test_the_loss_is_what_is_said_of_it(regressor_words, small_store):
    """NMAE of the densities, errors of the numbers in units of their ranges, each under its name, and the sum."""
    words = [*regressor_words, "mapping=V_to_all", "loader.batch_size=12", "model.optimizer.lr=0"]
    words += ["loader.symmetry=false", "model.also_weight=0.1", "model.density.loss.l1=3", "model.scalar.loss.l1=2"]
    model, logged = fit([small_store], words, max_steps=1)
    columns = small_store.split("train").load(["V", "n_int", "n0", "energy", "gap"])
    exact = {name: torch.as_tensor(values, dtype=torch.float32) for name, values in columns.items()}
    with torch.no_grad():
        found = model.outputs(exact["V"][:, None])
    expected = {}
    for key, name in (("l1", "n_int"), ("n0/l1", "n0")):
        expected[key] = metrics.nmae(found[name][:, 0], exact[name], (24.0 / 32) ** 2, 2).mean().item()
    for name in ("energy", "gap"):
        span = exact[name].max() - exact[name].min()
        expected[f"{name}/l1"] = ((found[name] - exact[name]).abs().mean() / span).item()
    for key, value in expected.items():
        assert logged[0][f"train/{key}"] == pytest.approx(value, rel=1e-4), key
    total = 3 * expected["l1"] + 0.1 * (3 * expected["n0/l1"] + 2 * (expected["energy/l1"] + expected["gap/l1"]))
    assert logged[0]["train/loss"] == pytest.approx(total, rel=1e-4)


def test_each_dot_of_a_range_is_told_apart(regressor_words, small_store, single_store):
    """The same potentials with one and with two electrons: other charge, other shape, both learned."""
    stores = [single_store, small_store]
    np.testing.assert_array_equal(*(store.split("train").load(["V"])["V"] for store in stores))
    words = [*regressor_words, "range.n_electrons=[1,2]", "model.optimizer.lr=2e-2"]
    before = errors(fresh(stores, words), stores)["n_int"]
    model, _ = fit(stores, words, max_steps=60)
    assert errors(model, stores)["n_int"] < 0.6 * before
    source = torch.as_tensor(small_store.split("train").load(["V"])["V"][:4], dtype=torch.float32)[:, None]
    facts = model.usual_facts(source)
    facts[:, 0] = torch.tensor([1.0, 2.0, 1.0, 2.0])
    with torch.no_grad():
        density = model(source, facts)
        one, two = (model(source, model.usual_facts(source).index_fill(1, torch.tensor(0), n)) for n in (1.0, 2.0))
    np.testing.assert_allclose(density.mean((1, 2, 3)) * 24.0**2, [1, 2, 1, 2], rtol=1e-6)
    torch.testing.assert_close(density[1], two[1])
    assert (two / 2 - one).abs().sum() > 0.01 * one.abs().sum(), "the shape does not depend on N"


def test_rate_rises_and_falls_along_a_cosine(regressor_words, small_store):
    """16 steps, a quarter of them warm-up: full at step 4, half at 10, the middle of the fall, nearly 0 at the end."""
    words = [*regressor_words, "model.warmup=0.25", "model.optimizer.lr=1e-3"]
    _, logged = fit([small_store], words, max_steps=16)
    rates = [line["train/rate"] / 1e-3 for line in logged]
    assert len(rates) == 16
    assert rates[:5] == pytest.approx([0.001, 0.25, 0.5, 0.75, 1.0])
    assert rates[10] == pytest.approx(0.5)
    assert rates[7] + rates[13] == pytest.approx(1.0), "not the same above the middle as below"
    assert rates[4:] == sorted(rates[4:], reverse=True) and rates[-1] < 0.02


@pytest.mark.parametrize(("warmup", "first", "last"), [(0, 1.0, 0.15), (1.0, 0.001, 5 / 6)])
def test_rate_without_rise_or_without_fall(regressor_words, small_store, warmup, first, last):
    words = [*regressor_words, f"model.warmup={warmup}", "model.optimizer.lr=1e-3"]
    rates = [line["train/rate"] / 1e-3 for line in fit([small_store], words, max_steps=6)[1]]
    assert rates[0] == pytest.approx(first) and 0 < rates[-1] <= last + 1e-6


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_clipping_bounds_the_gradient(regressor_words, small_store, precision):
    def norms(clip):
        seen = []

        class Watch(pl.Callback):
            def on_train_batch_end(self, trainer, model, *_):
                seen.append(math.sqrt(sum(p.grad.double().square().sum().item() for p in model.network.parameters())))

        words = [*regressor_words, f"model.gradient_clip={clip}"]
        fit([small_store], words, max_steps=3, precision=precision, callbacks=[Watch()])
        return seen

    bounded, free = norms(0.01), norms("null")
    assert len(bounded) == len(free) == 3
    assert all(0 < norm <= 0.01 * 1.001 for norm in bounded) and min(free) > 0.02


def test_half_precision_keeps_the_charge_and_the_course(regressor_words, small_store):
    words = [*regressor_words, "model.optimizer.lr=1e-2"]
    full, half = (fit([small_store], words, max_steps=20, precision=p)[0] for p in ("32-true", "bf16-mixed"))
    source = torch.as_tensor(small_store.split("test").load(["V"])["V"], dtype=torch.float32)[:, None]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        density = half(source)
    np.testing.assert_allclose(density.double().mean((1, 2, 3)) * 24.0**2, 2, rtol=1e-6)
    with torch.no_grad():
        difference = (full(source) - half(source)).abs().sum() / full(source).sum()
    assert 0 < difference < 0.2


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("+model.density.loss.l3=1.0", "model.density.loss.*likelihood, l1.*'l3'"),
        ("model.potential.loss.l1=-1", r"model.potential.loss.l1.*\[0, inf\].*-1"),
        ("model.density.loss.l1=0", "model.density.loss.*at least one term"),
        ("model.scalar.loss.l2=much", "model.scalar.loss.l2.*number.*'much'"),
        ("model.density.head=softmax", "model.density.head.*charge.*free.*'softmax'"),
        ("model.potential.head=walls", "model.potential.head.*bounded.*free.*'walls'"),
        ("model.potential.head=charge", "model.potential.head"),  # a potential holds no electrons
        ("model.optimizer.momentum=1.0", "momentum"),
        ("model.warmup=1.5", r"model.warmup.*\[0, 1\].*1.5"),
        ("model.warmup=-0.1", "model.warmup"),
        ("model.also_weight=-1", "model.also_weight"),
        ("model.also_weight=true", "model.also_weight"),
        ("model.gradient_clip=0", "model.gradient_clip.*positive"),
        ("model.optimizer.lr=-1", "model.optimizer"),
        ("network.padding=mirror", "network.padding.*zeros, circular"),
        ("network.channels=[4]", "network.channels, network.blocks"),
        ("mapping.also=[rho]", "n0, n_int, energy, gap"),
        ("mapping.also=[n_int]", "mapping.also"),
        ("mapping.target=energy", "mapping.target.*also"),
    ],
)
def test_bad_arguments_are_named_before_any_work(regressor_words, tmp_path, word, said):
    key = word.lstrip("+").split("=")[0]
    words = [*(w for w in regressor_words if w.split("=")[0] != key), word, f"data_root={tmp_path / 'data'}"]
    with pytest.raises(Exception, match=said):
        train(configuration("train", *words), tmp_path)
    assert not any(tmp_path.iterdir())


def test_validation_measures_every_output(regressor_run):
    history = read_history(regressor_run)
    assert history["val/r2"][0].tolist() == [3, 6]
    for name in ("val/nmae", "val/charge_error", "val/n0/nmae", "val/n0/r2", "val/energy/mae", "val/gap/mae"):
        assert np.isfinite(history[name][1]).all(), name
    assert max(history["val/charge_error"][1]) < 1e-6
    model = load_model(regressor_run / "checkpoints" / "best.ckpt")
    assert model.card["mapping"]["also"] == ["n0", "energy", "gap"] and not model.training
