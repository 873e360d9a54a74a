"""Losses of generators by hand, whose parameters each of them reaches, and how many steps each network makes."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from small import SHORT, configuration, generator_words
from torch import nn

from qd_pix2pix.data.datamodule import SamplesModule
from qd_pix2pix.evaluation.measures import MEASURES
from qd_pix2pix.generators.flow import UNKNOWN
from qd_pix2pix.models import Diverged
from qd_pix2pix.training.checkpoint import build_model
from qd_pix2pix.training.settings import make_card


def fresh(store, option, *words):
    torch.manual_seed(0)
    config = configuration("train", *generator_words(option), *SHORT, *words)
    return build_model(config["model"], make_card(config, [store]))


def module(store, model):
    options = {key: value for key, value in model.card.loader.items() if key != "_target_"}
    return SamplesModule([store], model.predictor, **options)


def batch_of(store, model, augment=False):
    batches = module(store, model).batches("train", augment)
    return torch.utils.data.default_collate([batches[i] for i in range(len(batches))])


def fit(store, option, *words, steps=6, seen=None, **trainer):
    """A trained model; ``seen(model, batch, number)`` is called before each step."""
    model = fresh(store, option, *words)

    class Look(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if seen:
                seen(model, trainer)

    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "limit_val_batches": 0, "logger": False}
    options = quiet | {"accelerator": "cpu", "enable_checkpointing": False, "max_steps": steps, "max_epochs": -1}
    fitted = pl.Trainer(callbacks=[Look()], **options | trainer)
    fitted.fit(model, module(store, model))
    return model, fitted


class Linear(nn.Module):
    """The critic w . x + v . y, with the labels of one point."""

    def __init__(self, size, norm):
        super().__init__()
        weight = torch.randn(size)
        self.weight = nn.Parameter(weight * (norm / weight.norm()))

    def forward(self, x, labels):
        return x.flatten(1) @ self.weight + 3 * labels[:, :, 0, 0].sum(1)


@pytest.mark.parametrize("norm", [0.25, 1.0, 3.0])
def test_the_penalty_of_a_linear_critic(ising_store, norm):
    """(|w| - 1)^2, wherever it is taken; labels have no part in it."""
    model = fresh(ising_store, "rugan")
    model.critic = Linear(64, norm)
    real, fake, labels = torch.randn(5, 1, 8, 8), torch.randn(5, 1, 8, 8), torch.randn(5, 2, 8, 8)
    found = model.critic_losses(real, fake, labels)
    assert found["penalty"].item() == pytest.approx((norm - 1) ** 2, abs=1e-6)
    by_hand = model.critic.weight @ (fake - real).flatten(1).mean(0)
    assert found["critic"].item() == pytest.approx(by_hand.item(), rel=1e-4, abs=1e-5)
    assert found["consistency"].item() == 0
    found["penalty"].backward()
    slope = model.critic.weight.detach() / norm
    torch.testing.assert_close(model.critic.weight.grad, 2 * (norm - 1) * slope, atol=1e-5, rtol=1e-4)


def test_the_penalty_is_between_real_and_generated(ising_store, monkeypatch):
    """A critic x^2 / 2 has the gradient x: on the line from 0 to a its norm is uniform in 0 ... |a|."""
    model = fresh(ising_store, "rugan")
    monkeypatch.setattr(model.critic, "forward", lambda x, labels: x.flatten(1).square().sum(1) / 2)
    real = torch.full((4000, 1, 8, 8), 2 / 8)  # of norm 2
    found = model.gradient_penalty(real, torch.zeros_like(real), torch.zeros(4000, 2, 8, 8))
    assert found.item() == pytest.approx(1 / 3, abs=0.02)  # the mean of (u - 1)^2 for u in 0 ... 2


def test_consistency_is_that_of_dropout(ising_store):
    given = torch.randn(6, 1, 8, 8), torch.randn(6, 1, 8, 8), torch.randn(6, 2, 8, 8)
    values = {
        rate: fresh(ising_store, "rugan", f"model.critic.dropout={rate}").critic_losses(*given) for rate in (0.0, 0.5)
    }
    assert values[0.0]["consistency"].item() == pytest.approx(0, abs=1e-6)
    assert values[0.5]["consistency"].item() > 1e-4


def test_a_critic_separates_what_can_be_separated(ising_store):
    """For samples at the distance d the slope s minimises -s d + l (s - 1)^2: s = 1 + d / (2 l)."""
    model = fresh(ising_store, "rugan", "model.critic.dropout=0")
    real, fake, labels = torch.ones(4, 1, 8, 8), -torch.ones(4, 1, 8, 8), torch.zeros(4, 2, 8, 8)
    optimizer = torch.optim.Adam(model.critic.parameters(), 3e-3)
    for _ in range(100):
        optimizer.zero_grad()
        found = model.critic_losses(real, fake, labels)
        (found["critic"] + model.penalty * found["penalty"]).backward()
        optimizer.step()
    scores = model.critic(real, labels) - model.critic(fake, labels)
    assert scores.mean().item() == pytest.approx(16 * (1 + 16 / 20), rel=0.1)


def test_the_critic_is_shown_the_labels_of_each_sample(ising_store):
    model = fresh(ising_store, "rugan")
    batch = batch_of(ising_store, model)
    labels = model.predictor.label_channels(batch, (8, 8), model.predictor.encode(batch))
    energy = model.predictor.ranges["energy"].decode(labels[:, 0, 0, 0])
    s = batch["spins"].double()
    by_hand = -(s * s.roll(1, 1) + s * s.roll(1, 2)).sum((1, 2))
    torch.testing.assert_close(energy.double(), by_hand, atol=1e-3, rtol=0)


def test_augmentation_flips_the_labels_too(ising_store):
    model = fresh(ising_store, "rugan")
    batch = batch_of(ising_store, model, augment=True)
    torch.testing.assert_close(batch["magnetisation"].float(), batch["spins"].float().mean((1, 2)))
    plain = batch_of(ising_store, model)
    assert not torch.equal(plain["magnetisation"], batch["magnetisation"]), "nothing was flipped"


def steps_of(optimizer):
    counts = {int(state["step"]) for state in optimizer.state.values()}
    assert len(counts) == 1
    return counts.pop()


@pytest.mark.parametrize(("critic_steps", "steps", "expected"), [(1, 4, 4), (3, 7, 2), (3, 9, 3), (10, 9, 0)])
def test_the_critic_makes_several_steps_for_each_of_the_generator(ising_store, critic_steps, steps, expected):
    before = []
    model, trainer = fit(
        ising_store, "rugan", f"model.critic_steps={critic_steps}", steps=steps,
        seen=lambda model, trainer: before.append((trainer.global_step, model.network.stem.weight.detach().clone())),
    )  # fmt: skip
    assert trainer.global_step == steps and [step for step, _ in before] == list(range(steps))
    generator, critic = trainer.optimizers
    assert steps_of(critic) == steps
    assert (steps_of(generator) if expected else len(generator.state)) == expected
    weights = [weight for _, weight in before] + [model.network.stem.weight.detach()]
    moved = [i + 1 for i in range(steps) if not torch.equal(weights[i], weights[i + 1])]
    assert moved == [(k + 1) * critic_steps for k in range(expected)]
    assert all(p.requires_grad for p in model.parameters())


def test_both_networks_of_a_gan_make_each_step(ising_store):
    model, trainer = fit(ising_store, "gan", steps=5)
    assert trainer.global_step == 5 and [steps_of(o) for o in trainer.optimizers] == [5, 5]
    rates = [o.param_groups[0]["lr"] for o in trainer.optimizers]
    assert rates == pytest.approx([1e-4, 2e-5])
    assert all(p.requires_grad for p in model.parameters())


def test_the_weight_of_the_labels_falls(ising_store):
    weights = []
    fit(ising_store, "gan", "model.focus=0.5", steps=6, seen=lambda model, _: weights.append(model.label_weight()))
    assert weights == [0.5] * 3 + [0.02] * 3


def test_the_losses_of_a_gan_by_hand(ising_store, monkeypatch):
    """Logits a of real and b of generated samples, numbers 0.5 above the true ones."""
    model = fresh(ising_store, "gan", "model.beta=0.7", "model.gamma=0.2")
    batch = batch_of(ising_store, model)
    true = torch.stack([model.predictor.ranges[n].encode(batch[n]) for n in ("energy", "magnetisation")], 1)
    logits, losses, taken = iter((2.0, -1.0, -1.0)), {}, []
    monkeypatch.setattr(model.predictor, "judge", lambda x: (torch.full((len(x),), next(logits)), true + 0.5))
    monkeypatch.setattr(model, "optimizers", lambda: [type("Fake", (), {})(), type("Fake", (), {})()])
    monkeypatch.setattr(model, "take_step", lambda _, loss: taken.append(loss.item()))
    monkeypatch.setattr(model, "label_weight", lambda: model.gamma)
    monkeypatch.setattr(model, "log_losses", lambda found: losses.update(found))
    model.training_step(batch, 0)
    real, fake = math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1))  # -log S(2), -log(1 - S(-1))
    assert losses["train/labels"].item() == pytest.approx(2 * 0.25)
    assert taken[0] == pytest.approx(0.7 * (real + fake) + 0.2 * 0.5, rel=1e-5)
    assert taken[1] == pytest.approx(math.log(1 + math.exp(1)), rel=1e-5)  # -log S(-1)


def test_unknown_sites_alone_are_learned(ising_store):
    """A network that gives p to the true value of every site has the loss -log p, at any time."""
    model = fresh(ising_store, "flow")
    batch = batch_of(ising_store, model)
    classes, shown = model.predictor.classes(batch["spins"]), []

    def logits(given, time, columns):
        shown.append((given, time))
        right = torch.nn.functional.one_hot(classes, 2).movedim(-1, 1) * math.log(4.0)
        return torch.where((given == UNKNOWN)[:, None], right, -right)  # known ones would cost log 5

    model.predictor.logits = logits
    times = torch.linspace(0.02, 0.7, len(classes))  # later a sample may have no unknown site
    assert model._discrete(batch, batch["spins"], times).item() == pytest.approx(math.log(5 / 4), rel=1e-5)
    given, time = shown[0]
    assert torch.equal(given[given != UNKNOWN], classes[given != UNKNOWN])
    share = (given != UNKNOWN).float().mean((1, 2))
    assert np.abs((share - time).numpy()).max() < 5 * 0.5 / 8 and np.corrcoef(share, time)[0, 1] > 0.9


def test_the_velocity_of_a_line(ising_store, monkeypatch):
    """Of a network that returns (x_t - x) / (t - 1) = x - z exactly, the loss is zero; of zero, E|x - z|^2."""
    model = fresh(ising_store, "flow")
    flow, batch = model.predictor, batch_of(ising_store, model)
    x = flow.encode(batch)
    times = torch.linspace(0.0, 0.9, len(x))
    flow.velocity = lambda state, time, _: (state - x) / (time.reshape(-1, 1, 1, 1) - 1)
    assert model._continuous(batch, batch["spins"], times).item() == pytest.approx(0, abs=1e-5)
    flow.velocity = lambda state, time, _: torch.zeros_like(state)
    assert model._continuous(batch, batch["spins"], times).item() == pytest.approx(2, rel=0.1)  # 1 + 1


def test_each_sample_is_solved_by_the_recipe_of_its_dataset(ising_store, monkeypatch):
    """Conditions decide, in single precision; datasets that share theirs are the first one's."""
    model, solved = fresh(ising_store, "rugan"), []
    sets = [{"constants": {"n": n, "mass": 0.067}} for n in (1.0, 2.0, 2.0)]
    model.card = SimpleNamespace(schemas=sets, recipes=["one", "two", "again"], seed=0)
    drawn = torch.arange(5.0).reshape(5, 1, 1).expand(5, 8, 8)
    monkeypatch.setattr(model, "draw", lambda *_: drawn)

    def solve(recipe, given, names):
        rows = given["spins"][:, 0, 0]
        solved.append((recipe, rows.tolist()))
        return {name: rows for name in names}

    monkeypatch.setattr("qd_pix2pix.models.generative.solve_drawn", solve)
    asked = {name: torch.arange(5.0) for name in ("energy", "magnetisation")}
    model.validation_step({"n": torch.tensor([2, 1, 1, 2, 2]), "mass": torch.full((5,), 0.067)} | asked, 0)
    assert solved == [("one", [1, 2]), ("two", [0, 3, 4])]
    found, wanted = (np.concatenate([part["energy"] for part in parts]) for parts in (model._found, model._wanted))
    np.testing.assert_array_equal(found, wanted)


def test_a_validation_that_is_not_a_number_ends_the_training(ising_store, monkeypatch):
    model = fresh(ising_store, "rugan")
    monkeypatch.setattr(model, "draw", lambda *_: torch.full((2, 8, 8), math.nan))
    with pytest.raises(Diverged, match="a drawn sample is not finite"):
        model.validation_step({}, 0)


@pytest.mark.parametrize("option", ["rugan", "gan", "flow"])
def test_a_generator_is_judged_by_a_known_measure(ising_store, option):
    model = fresh(ising_store, option)
    assert model.judge in model.logged and set(model.logged) <= set(MEASURES)
    assert model.judge == ("label_distance" if option == "gan" else "label_error")
