"""The adversarial step: who learns when, what is counted, what is clipped, in which precision."""

import math

import pytest
import pytorch_lightning as pl
import torch
from small import configuration
from torch import nn

from qd_pix2pix.data.datamodule import SamplesModule
from qd_pix2pix.evaluation import measures
from qd_pix2pix.models.base import build_optimizer
from qd_pix2pix.models.losses import ADVERSARIAL, bce
from qd_pix2pix.training.checkpoint import build_model
from qd_pix2pix.training.run import train
from qd_pix2pix.training.settings import make_card


def fresh(store, *words):
    torch.manual_seed(0)
    config = configuration("train", *words)
    return build_model(config["model"], make_card(config, [store]))


@pytest.fixture
def model(small_store, small_words):
    return fresh(small_store, *small_words)


def batch_of(store, size=None):
    rows = store.split("train").load(["V", "n_int"])
    return {name: torch.as_tensor(values[:size], dtype=torch.float32) for name, values in rows.items()}


@pytest.fixture
def batch(small_store):
    return batch_of(small_store, 1)


def gradients(network):
    return [p.grad for p in network.parameters() if p.grad is not None]


def scaled(model, batch):
    """Source, target and generated field as the discriminator is given them, (B, 1, n, n) each."""
    source, target = (model.predictor.ranges[name].encode(batch[name])[:, None] for name in ("V", "n_int"))
    assert torch.equal(model.predictor.features(batch), source)
    return source, target, torch.tanh(model.network(source))


def test_discriminator_loss_reaches_the_discriminator_only(model, batch):
    sum(model.discriminator_loss(*scaled(model, batch))).backward()
    assert not gradients(model.network)
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.discriminator.parameters())


def test_generator_loss_reaches_the_generator_only(model, batch):
    adversarial, reconstruction = model.generator_loss(*scaled(model, batch))
    adversarial.backward(retain_graph=True)  # through the discriminator, not into it
    assert all(g.abs().max() > 0 for g in gradients(model.network)) and gradients(model.network)
    assert not gradients(model.discriminator)
    assert all(p.requires_grad for p in model.discriminator.parameters())
    assert reconstruction > 0


def test_each_step_moves_its_own_network(small_store, small_words, tmp_path, monkeypatch):
    """With the other learning rate at zero, the other network stays bit for bit."""
    moved = {}
    for name in ("network", "discriminator"):
        model = fresh(small_store, *small_words)

        def configure(model=model, name=name):
            rates = {"network": 0.0, "discriminator": 0.0} | {name: 1e-3}
            return [torch.optim.SGD(getattr(model, n).parameters(), lr=rates[n]) for n in ("network", "discriminator")]

        monkeypatch.setattr(model, "configure_optimizers", configure)
        before = {k: v.clone() for k, v in model.state_dict().items() if isinstance(v, torch.Tensor)}
        data = loader_of(small_store, model)
        trainer = pl.Trainer(max_steps=2, accelerator="cpu", logger=False, enable_checkpointing=False, **SILENT)
        trainer.fit(model, data)
        after = model.state_dict()
        moved[name] = {k.split(".")[0] for k, v in before.items() if not torch.equal(v, after[k])}
    assert moved == {"network": {"predictor"}, "discriminator": {"discriminator"}}


SILENT = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "limit_val_batches": 0,
    "num_sanity_val_steps": 0,
}


def loader_of(store, model):
    options = {key: value for key, value in model.card.loader.items() if key != "_target_"}
    return SamplesModule([store], model.predictor, **options).train_dataloader()


def fit(store, words, **trainer):
    model = fresh(store, *words)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **(SILENT | trainer))
    trainer.fit(model, loader_of(store, model))
    return model, trainer


def generated(model, store):
    with torch.no_grad():
        return model.eval()(batch_of(store))["n_int"]


def test_a_step_is_a_batch(small_store, small_words):
    """Lightning would count both optimisers."""
    _, trainer = fit(small_store, small_words, max_epochs=1)
    assert trainer.global_step == 12


def test_adversarial_losses_by_hand():
    logits = torch.tensor([0.0, math.log(3.0)])  # sigmoid 1/2 and 3/4
    assert bce(logits, True).item() == pytest.approx(-(math.log(1 / 2) + math.log(3 / 4)) / 2)
    assert bce(logits, False).item() == pytest.approx(-(math.log(1 / 2) + math.log(1 / 4)) / 2)
    assert ADVERSARIAL["least_squares"](torch.tensor([2.0, 0.0]), True).item() == pytest.approx(1.0)
    assert bce(torch.tensor([-200.0]), True).item() == pytest.approx(200.0)  # no overflow where the sigmoid is 0


def test_lambda_weighs_the_reconstruction(small_store, small_words):
    """Without an adversary's voice left, a large lambda brings the reconstruction down faster than none."""
    losses = []
    for weight in (0.0, 100.0):
        words = [*small_words, f"model.lambda_rec={weight}", "model.optimizer.lr=2e-3"]
        model, _ = fit(small_store, words, max_epochs=3)
        source, target, fake = scaled(model, batch_of(small_store))
        losses.append((fake - target).abs().mean().item())
    assert losses[1] < 0.7 * losses[0]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "64-true"])
def test_clipping_bounds_the_gradient_in_every_precision(small_store, small_words, precision):
    seen = []

    class Watch(pl.Callback):
        def on_train_batch_end(self, trainer, model, *_):
            for network in (model.network, model.discriminator):
                seen.append(math.sqrt(sum(g.double().square().sum().item() for g in gradients(network))))

    fit(small_store, [*small_words, "model.gradient_clip=0.01"], max_steps=3, precision=precision, callbacks=[Watch()])
    # both gradients are still there after the batch, as they were when the optimisers took them
    assert len(seen) == 6
    assert all(0 < norm <= 0.01 * 1.001 for norm in seen)


def test_bf16_trains_like_fp32(small_store, small_words):
    """Half precision changes digits, not the course: the same seed ends close by."""
    words = [*small_words, "model.optimizer.lr=1e-3"]
    full, half = (fit(small_store, words, max_epochs=2, precision=p)[0] for p in ("32-true", "bf16-mixed"))
    one, other = generated(full, small_store), generated(half, small_store)
    assert 0 < (one - other).abs().mean() / one.abs().mean() < 0.1


def test_fused_where_it_exists():
    layer = nn.Linear(3, 2)
    assert build_optimizer(torch.optim.Adam, layer.parameters()).defaults["fused"]
    assert not build_optimizer(torch.optim.Adam, layer.parameters(), may_fuse=False).defaults["fused"]
    assert "fused" not in build_optimizer(torch.optim.Adadelta, layer.parameters()).defaults


def test_fused_and_plain_adam_agree():
    weights = []
    for may_fuse in (True, False):
        torch.manual_seed(0)
        layer = nn.Linear(5, 5)
        optimizer = build_optimizer(torch.optim.Adam, layer.parameters(), may_fuse)
        for i in range(20):
            optimizer.zero_grad()
            layer(torch.full((2, 5), float(i))).square().sum().backward()
            optimizer.step()
        weights.append(layer.weight.detach())
    torch.testing.assert_close(*weights)


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["V_to_n0", "V_to_nint", "n0_to_nint", "nint_to_V"])
def test_every_mapping_trains_and_evaluates(mapping, request, small_words, tmp_path):
    if mapping == "V_to_nint":
        run = request.getfixturevalue("small_run")
    else:
        words = [*small_words, f"mapping={mapping}", "trainer.max_steps=2"]
        run = train(configuration("train", *words), tmp_path).parent.parent
    assert (run / "checkpoints" / "best.ckpt").is_file()
    assert (run / "test" / "report.html").stat().st_size > 50_000


@pytest.mark.parametrize("kernel_size", [1, 4])
@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
def test_every_discriminator_trains(small_store, small_words, layers, kernel_size):
    words = [*small_words, f"model.discriminator.layers={layers}", f"model.discriminator.kernel_size={kernel_size}"]
    model, trainer = fit(small_store, words, max_steps=3)
    assert trainer.global_step == 3
    assert model.receptive_field == (1 if kernel_size == 1 else {1: 4, 2: 7, 3: 16, 4: 34, 5: 70}[layers])
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    "word",
    [
        "network.dropout=0.5",
        "network.norm=batch",
        "network.norm=none",
        "network.initialiser=xavier",
        "network.kernel_size=3",
        "model.adversarial_loss=least_squares",
        "model.reconstruction_loss=l2",
        "model.discriminator.norm=none",
        "loader.jitter=36",
        "loader.symmetry=true",
    ],
)
def test_every_knob_trains_and_matters(small_store, small_words, usual, word):
    changed, _ = fit(small_store, [*small_words, "loader.batch_size=2", word], max_steps=3)
    assert all(p.isfinite().all() for p in changed.parameters())
    assert not torch.allclose(generated(changed, small_store), usual, rtol=1e-4)


@pytest.fixture(scope="module")
def usual(small_store, small_words):
    """What a network generates after three steps with all knobs as they are."""
    return generated(fit(small_store, [*small_words, "loader.batch_size=2"], max_steps=3)[0], small_store)


def test_a_generated_field_is_within_the_range_of_training(model, batch):
    """The tanh of table A1, whatever the network returns."""
    with torch.no_grad():
        for p in model.network.parameters():
            p += torch.randn_like(p)
        found = model(batch)["n_int"]
        assert model.predictor.raw(batch)["n_int"].abs().max() > 1
    low, high = model.predictor.ranges["n_int"]
    assert low == 0 and found.min() >= -1e-9 and found.max() <= high * (1 + 1e-6)


def test_validation_measures_what_is_generated(small_store, model):
    """In two batches, with the mean density of each sample."""
    logged = {}
    model.log = lambda name, value, **_: logged.update({name: value.item()})
    columns = batch_of(small_store)
    with torch.no_grad():
        for part in (slice(0, 5), slice(5, None)):
            model.eval().validation_step({name: values[part] for name, values in columns.items()}, 0)
    model.on_validation_epoch_end()
    found, density = generated(model, small_store).double(), 2 / 24.0**2
    assert logged["val/nmae"] == pytest.approx(measures.nmae(found, columns["n_int"].double(), density).mean().item())
    assert logged["val/r2"] == pytest.approx(measures.r2(found, columns["n_int"].double()).item())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mapping.also=[n0]"], "mapping.also.*regressor"),
        (["range.n_electrons=[1,2]"], "range.*regressor"),
        (["mapping.target=energy"], "mapping.target.*regressor"),
    ],
)
def test_what_only_the_regressor_does_is_refused(small_words, tmp_path, words, said):
    with pytest.raises(Exception, match=said):
        train(configuration("train", *small_words, *words), tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "word",
    ["model.lambda_rec=-1", "model.gradient_clip=0", "model.adversarial_loss=wgan", "model.reconstruction_loss=l3"],
)
def test_bad_arguments_are_named(small_store, small_words, word):
    with pytest.raises(Exception, match=word.split("=")[0].split(".")[1]):
        fresh(small_store, *small_words, word)


@pytest.mark.parametrize("name", ["V_to_n0", "n0_to_nint", "nint_to_V"])
def test_the_discriminator_sees_all_that_the_generator_sees(small_store, small_words, name):
    model = fresh(small_store, *small_words, f"mapping={name}")
    assert model.predictor.n_features == 1 and model.predictor.heads[0].__class__.__name__ == "TanhHead"
    first = next(module for module in model.discriminator.modules() if isinstance(module, nn.Conv2d))
    assert first.in_channels == 2
