"""Direct regression: it learns, what it is told matters, and its schedule and its bounds hold."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from chains import chain_card, chains
from small import SMALL_REGRESSOR, configuration

from qd_pix2pix.data.datamodule import SamplesModule
from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.launchers import LocalLauncher
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation import measures
from qd_pix2pix.evaluation.evaluate import predict_split
from qd_pix2pix.evaluation.results import measured
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.models import Regressor
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.training.checkpoint import build_model
from qd_pix2pix.training.run import train
from qd_pix2pix.training.settings import make_card

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
    config = configuration("train", *words)
    return build_model(config["model"], make_card(config, stores))


def module(stores, model):
    options = {key: value for key, value in model.card.loader.items() if key != "_target_"}
    return SamplesModule(stores, model.predictor, **options)


def columns_of(stores, model, split="train"):
    """All samples of a split as one batch."""
    batches = module(stores, model).batches(split)
    return torch.utils.data.default_collate([batches[i] for i in range(len(batches))])


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
    exact = columns_of(stores, model)
    with torch.no_grad():
        found = model(exact)
    return {
        name: ((found[name] - exact[name]).abs().mean() / (exact[name] - exact[name].mean()).abs().mean()).item()
        for name in found
    }


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
    words = [*regressor_words, "mapping=V_to_all", "model.optimizer.lr=1e-2", "model.also_weight=1.0"]
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
        potential = model({"n_int": 100 * torch.rand(3, 32, 32)})["V"]
    slack = 1e-6 * (high - low)
    assert low - slack <= potential.min() and potential.max() <= high + slack


@pytest.mark.slow
@pytest.mark.parametrize("term", TERMS)
def test_every_term_alone_teaches(term, regressor_words, small_store):
    weights = [f"model.density.loss.{t}={float(t == term)}" for t in TERMS]
    words = [*regressor_words, *weights, "model.optimizer.lr=2e-2", "loader.batch_size=12"]
    model, logged = fit([small_store], words, max_steps=60 if term == "gradient" else 20)
    share = {"gradient": 0.95}.get(term, 0.4)  # of the slopes alone a network learns slowly
    assert logged[-1][f"train/{term}"] < share * logged[0][f"train/{term}"]
    assert errors(model, [small_store])["n_int"] < errors(fresh([small_store], words), [small_store])["n_int"]
    assert {key for key in logged[0] if key.startswith("train/")} == {"train/loss", "train/rate", f"train/{term}"}


def test_the_loss_is_what_is_said_of_it(regressor_words, small_store):
    """NMAE of the densities, errors of the numbers in units of their ranges, each under its name, and the sum."""
    words = [*regressor_words, "mapping=V_to_all", "loader.batch_size=12", "model.optimizer.lr=0"]
    words += ["loader.symmetry=false", "model.also_weight=0.1", "model.density.loss.l1=3", "model.scalar.loss.l1=2"]
    model, logged = fit([small_store], words, max_steps=1)
    exact = columns_of([small_store], model)
    with torch.no_grad():
        found = model({"V": exact["V"]})
    expected = {}
    for key, name in (("l1", "n_int"), ("n0/l1", "n0")):
        expected[key] = measures.nmae(found[name], exact[name], 2 / 24.0**2).mean().item()
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
    given = {"V": columns_of([small_store], model)["V"][:4]}
    with torch.no_grad():
        density = model(given | {"n_electrons": torch.tensor([1.0, 2.0, 1.0, 2.0])})["n_int"]
        one, two = (model(given | {"n_electrons": torch.full((4,), n)})["n_int"] for n in (1.0, 2.0))
    np.testing.assert_allclose(density.mean((1, 2)) * 24.0**2, [1, 2, 1, 2], rtol=1e-6)
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
    given = columns_of([small_store], full, "test")
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        density = half(given)["n_int"]
    np.testing.assert_allclose(density.double().mean((1, 2)) * 24.0**2, 2, rtol=1e-6)
    with torch.no_grad():
        one, other = (model(given)["n_int"] for model in (full, half))
    assert 0 < (one - other).abs().sum() / one.sum() < 0.2


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("+model.density.loss.l3=1.0", "model.density.loss.*likelihood, l1.*'l3'"),
        ("model.field.loss.l1=-1", r"model.field.loss.l1.*at least 0.*-1"),
        ("model.density.loss.l1=0", "model.density.loss.*at least one term"),
        ("model.scalar.loss.l2=much", "model.scalar.loss.l2.*number.*'much'"),
        ("model.density.head=softmax", "model.density.head.*charge.*free.*'softmax'"),
        ("mapping=nint_to_V model.field.head=walls", "model.field.head.*bounded.*free.*'walls'"),
        ("mapping=nint_to_V model.field.head=charge", "model.field.head"),  # a potential holds no electrons
        ("model.density.head=mean", "model.density.head.*charge.*'mean'"),
        ("mapping.also=[energy] model.scalar.head=charge", "model.scalar.head.*mean, sum.*'charge'"),
        ("+model.classes.loss.l1=1.0", "model.classes.loss: expected one of likelihood; got 'l1'"),
        ("model.classes.loss=3", "model.classes.loss: expected the weight of each term"),
        ("model.density.loss=null", "model.density.loss: expected the weight of each term"),
        ("model.optimizer.momentum=1.0", "momentum"),
        ("model.warmup=1.5", r"model.warmup.*\[0, 1\].*1.5"),
        ("model.warmup=-0.1", "model.warmup"),
        ("model.also_weight=-1", "model.also_weight"),
        ("model.also_weight=true", "model.also_weight"),
        ("model.gradient_clip=0", "model.gradient_clip.*positive"),
        ("model.optimizer.lr=-1", "model.optimizer"),
        ("network.padding=mirror", "network.padding.*zeros, circular"),
        ("network.channels=[4]", "network.channels, network.blocks"),
        ("mapping.also=[rho]", "V, n0, n_int, energy, gap"),
        ("mapping.also=[n_int]", "mapping.also"),
        ("mapping.also=[residual]", "mapping.target: .*got the guard 'residual'"),
        ("mapping.source=energy", "mapping.source: expected fields out of V, n0, n_int; got the scalar 'energy'"),
        ("mapping.source=null", "mapping.source: nothing is given"),
    ],
)
def test_bad_arguments_are_named_before_any_work(regressor_words, tmp_path, word, said):
    given = word.split(" ")
    keys = [w.lstrip("+").split("=")[0] for w in given]
    words = [*(w for w in regressor_words if w.split("=")[0] not in keys), *given, f"data_root={tmp_path / 'data'}"]
    with pytest.raises(Exception, match=said):
        train(configuration("train", *words), tmp_path)
    assert not any(tmp_path.iterdir())


def test_validation_measures_every_output(regressor_run):
    history = read_history(regressor_run)
    assert history["val/r2"][0].tolist() == [3, 6]
    for name in ("val/nmae", "val/charge_error", "val/n0/nmae", "val/n0/r2", "val/energy/mae", "val/gap/mae"):
        assert np.isfinite(history[name][1]).all(), name
    assert max(history["val/charge_error"][1]) < 1e-6
    predictor, card = load_predictor(regressor_run / "checkpoints" / "best.ckpt")
    assert card.mapping["also"] == ["n0", "energy", "gap"] and not predictor.training


KINDS = {"n": "density", "m": "field", "energy": "scalar", "spacing": "scalar", "pairs": "scalar", "phase": "classes"}


def chain_model(target, also=(), **options):
    """A regressor of chains, equivariant under the mirror, for coupled outputs of any kind."""
    torch.manual_seed(0)
    heads = Regressor.heads({"scalar": {"head": None}, **options})
    card = chain_card("h", target, also, heads=heads)
    return Regressor(Predictor(card), card, lambda p: torch.optim.Adam(p, lr=1e-2), **options)


def learn(model, steps=60):
    """The loss of the first and of the last step, and everything that was logged."""
    logged, losses = {}, []
    model._trainer = SimpleNamespace(optimizers=[SimpleNamespace(param_groups=[{"lr": 1e-2}])], world_size=1)
    model.log_losses = lambda values: logged.update({name: value.item() for name, value in values.items()})
    optimizer = torch.optim.Adam(model.network.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model.training_step(chains(), 0)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1], logged


@pytest.mark.parametrize("target", KINDS)
def test_columns_of_every_kind_are_learned(target):
    """On a periodic line, with a condition of each sample; the loss is that of the kind."""
    model = chain_model(target)
    first, last, logged = learn(model)
    assert last < 0.6 * first
    term = "l1" if KINDS[target] in ("scalar", "density") else "likelihood"
    assert set(logged) == {"train/loss", "train/rate", f"train/{term}"}
    with torch.no_grad():
        found = model.eval()(chains())[target]
    if target == "phase":
        assert found.dtype == torch.int64 and (found == chains()["phase"]).float().mean() > 0.9
    elif KINDS[target] == "scalar":
        exact = chains()[target]
        expected = (found - exact).abs().mean() / (exact.max() - exact.min())
        assert expected.item() < 2 * last + 0.05


def test_outputs_of_several_kinds_are_summed_up():
    """The sum of the terms, each under its name; a class costs its cross entropy."""
    model = chain_model("m", ("energy", "phase"), also_weight=0.5)
    _, _, logged = learn(model, 1)
    parts = logged["train/likelihood"], logged["train/energy/l1"], logged["train/phase/likelihood"]
    assert logged["train/loss"] == pytest.approx(parts[0] + 0.5 * (parts[1] + parts[2]))
    same = chain_model("m", ("energy", "phase"), also_weight=0.5)
    with torch.no_grad():
        logits = same.predictor.raw(chains())["phase"].mean(2)
    assert parts[2] == pytest.approx(torch.nn.functional.cross_entropy(logits, chains()["phase"]).item(), rel=1e-5)


def test_validation_of_every_kind():
    model, logged = chain_model("phase", ("m", "energy", "pairs")), {}
    model.log = lambda name, value, **_: logged.update({name: value.item()})
    model.validation_step(chains(), 0)
    model.on_validation_epoch_end()
    expected = {"val/accuracy", "val/energy/r2", "val/energy/mae", "val/pairs/r2", "val/pairs/mae", "val/pairs/exact"}
    fields = {f"val/m/{measure}" for measure in ("r2", *(m.name for m in measures.measures_of("field")))}
    assert fields >= {f"val/m/{measure}" for measure in ("r2", "ssim", "mssim", "l1", "l2", "linf")}
    assert set(logged) == expected | fields
    found = model(chains())
    assert logged["val/accuracy"] == pytest.approx((found["phase"] == chains()["phase"]).float().mean().item())
    error = (found["energy"] - chains()["energy"]).abs().mean().item()
    assert logged["val/energy/mae"] == pytest.approx(error, rel=1e-5)


DOTS = [
    "experiment=universal", "solver.n_orbitals=4", "solver.refinements=0", "data.n=16", "data.n_electrons=[1,2]",
    "data.weights=null", "data.train=24", "data.val=20", "data.test=4", "data.shard_size=24", "network.channels=[2]",
    "network.blocks=[1]", "loader.batch_size=8", "trainer.max_steps=12", "trainer.val_check_interval=6",
    "trainer.accelerator=cpu",
]  # fmt: skip


@pytest.mark.slow
def test_the_estimated_error_covers_its_part_of_the_validation_split(tmp_path):
    """Nine of ten dots, up to one dot, whatever the network has learned: the calibration decides."""
    config = configuration("train", *DOTS)
    stores = [Store(generate(config["data"], tmp_path, LocalLauncher(1)))]
    model = fresh(stores, DOTS)
    loader = module(stores, model).val_dataloader()
    options = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}
    pl.Trainer(**options, enable_checkpointing=False).validate(model, loader, verbose=False)
    assert model.predictor.error_factor != 1
    found = predict_split(model.predictor, stores[0], "val")
    errors = measures.nmae(found.predicted["n_int"], found.reference["n_int"], found.conditions["n_electrons"])
    estimated = found.measures["n_int"]["estimated_error"]
    assert (errors <= estimated * (1 + 1e-4)).sum() == 19, "ceil(0.9 (20 + 1)), and rounding"
    _, summaries = measured(found, model.predictor)
    assert summaries["n_int"]["covered"]["mean"] in (18 / 20, 19 / 20)
    for name in ("energy", "gap"):
        errors = np.abs(found.predicted[name] - found.reference[name])
        assert (errors <= found.measures[name]["error_bar"] * (1 + 1e-4)).sum() == 19
        assert summaries[name]["covered"]["mean"] in (18 / 20, 19 / 20)
    assert "error_bar" not in found.measures.get("spin", {}), "whole halves have no unit"
