"""The adversarial step: who learns when, what is counted, what is clipped, in which precision."""

import math

import pytest
import pytorch_lightning as pl
import torch
from small import configuration
from torch import nn

from qd_pix2pix.data.datamodule import DotsDataModule
from qd_pix2pix.models.base import build_optimizer
from qd_pix2pix.models.losses import ADVERSARIAL, bce
from qd_pix2pix.training.checkpoint import build_model
from qd_pix2pix.training.run import make_card, train


def card(store, *words):
    config = configuration("train", *words)
    return make_card(config, [store])


@pytest.fixture
def model(small_store, small_words):
    torch.manual_seed(0)
    return build_model(card(small_store, *small_words))


@pytest.fixture
def batch(small_store):
    row = small_store.split("train").read(0, ["V", "n_int"])
    return {
        k: torch.as_tensor(row[n], dtype=torch.float32)[None, None] for k, n in (("source", "V"), ("target", "n_int"))
    }


def gradients(network):
    return [p.grad for p in network.parameters() if p.grad is not None]


def scaled(model, batch):
    source, target = model.mapping.encode_source(batch["source"]), model.mapping.encode_target(batch["target"])
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
        torch.manual_seed(0)
        model = build_model(card(small_store, *small_words))

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
    assert moved == {"network": {"network"}, "discriminator": {"discriminator"}}


SILENT = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "limit_val_batches": 0,
    "num_sanity_val_steps": 0,
}


def loader_of(store, model):
    options = {key: value for key, value in model.card["loader"].items() if key != "_target_"}
    return DotsDataModule([store], model.mapping, **options).train_dataloader()


def fit(store, words, **trainer):
    torch.manual_seed(0)
    model = build_model(card(store, *words))
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **(SILENT | trainer))
    trainer.fit(model, loader_of(store, model))
    return model, trainer


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


def batch_of(store):
    rows = store.split("train").load(["V", "n_int"])
    return {
        k: torch.as_tensor(rows[n], dtype=torch.float32)[:, None] for k, n in (("source", "V"), ("target", "n_int"))
    }


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
    source = batch_of(small_store)["source"]
    with torch.no_grad():
        difference = (full.eval()(source) - half.eval()(source)).abs().mean() / full(source).abs().mean()
    assert 0 < difference < 0.1


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


@pytest.mark.parametrize("mapping", ["V_to_n0", "V_to_nint", "n0_to_nint", "nint_to_V"])
def test_every_mapping_trains_and_evaluates(mapping, small_words, tmp_path):
    best = train(configuration("train", *small_words, f"mapping={mapping}"), tmp_path)
    assert best.is_file()
    assert (tmp_path / "test" / "report.html").stat().st_size > 50_000


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
def test_every_knob_trains_and_matters(small_store, small_words, word):
    reference, changed = (
        fit(small_store, [*small_words, "loader.batch_size=2", *words], max_steps=3)[0] for words in ([], [word])
    )
    assert all(p.isfinite().all() for p in changed.parameters())
    source = batch_of(small_store)["source"]
    with torch.no_grad():
        assert not torch.allclose(changed.eval()(source), reference.eval()(source), rtol=1e-4)


def test_a_generated_field_is_within_the_range_of_training(model, batch):
    """The tanh of table A1, whatever the network says."""
    with torch.no_grad():
        for p in model.network.parameters():
            p += torch.randn_like(p)
        found = model(batch["source"])
        assert model.network(model.mapping.encode_source(batch["source"])).abs().max() > 1
    low, high = model.mapping.range(model.mapping.target)
    assert low == 0 and found.min() >= -1e-9 and found.max() <= high * (1 + 1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["mapping.also=[n0]"], "mapping.also.*regressor"), (["range.n_electrons=[1,2]"], "range.*regressor")],
)
def test_what_only_the_regressor_does_is_refused(small_words, tmp_path, words, said):
    with pytest.raises(Exception, match=said):
        train(configuration("train", *small_words, *words), tmp_path)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    "word",
    ["model.lambda_rec=-1", "model.gradient_clip=0", "model.adversarial_loss=wgan", "model.reconstruction_loss=l3"],
)
def test_bad_arguments_are_named(small_store, small_words, word):
    with pytest.raises(Exception, match=word.split("=")[0].split(".")[1]):
        build_model(card(small_store, *small_words, word))
