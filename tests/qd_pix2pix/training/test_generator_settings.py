"""Settings that no generator can be trained with: one error each, before anything is drawn or trained."""

import pytest
from small import SHORT, SMALL_DATA, configuration, generator_words

from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.training import run as training
from qd_pix2pix.training.settings import check_config

UNET = ["network=unet", "network.channels=4"]
LARGE = "[4,4,4,4,4]"
BAD = [
    ("rugan", ["mapping.given=[colour]"], r"mapping: Ising lattices have no 'colour'; choose from spins, energy"),
    (
        "rugan",
        ["mapping.given=[level]"],
        r"mapping.given: expected numbers out of energy, magnetisation; got the class",
    ),
    ("rugan", ["mapping.given=energy"], r"mapping.given: expected a list of columns, got 'energy'"),
    ("rugan", ["mapping.given=[energy,energy]"], r"mapping.*expected each quantity once"),
    ("rugan", ["mapping.given=[]"], r"mapping.given: expected numbers of a sample .* such as \[energy\]; got none"),
    ("flow", ["mapping.given=[]"], r"mapping.given: expected numbers of a sample .* got none"),
    ("rugan", ["mapping=spins_to_energy"], r"mapping.source: a generator is given numbers, mapping.given; got spins"),
    ("rugan", ["mapping.given=[energy]", "mapping.target=magnetisation"], r"mapping.target: a generator draws a field"),
    (
        "rugan",
        ["mapping.given=[energy]", "mapping.also=[magnetisation]"],
        r"mapping.also: .* draws spins only, got magn",
    ),
    ("flow", ["mapping.given=[energy]", "mapping.also=[level]"], r"mapping.also: .* draws spins only, got level"),
    ("gan", ["mapping.also=[]"], r"mapping.also: the discriminator .* out of energy, magnetisation; got none"),
    ("gan", ["mapping.also=[level]"], r"mapping.also: the discriminator .* got level"),
    (
        "gan",
        ["mapping.also=[energy]", "mapping.given=[magnetisation]"],
        r"mapping.given: .* model=gan .* got magnetisa",
    ),
    (
        "rugan",
        ["model.critic.channels=[8]"],
        r"model.critic.channels: expected a list of at least two numbers, got \[8",
    ),
    ("rugan", ["model.critic.channels=8"], r"model.critic.channels: expected a list"),
    ("rugan", ["model.critic.channels=[8,0]"], r"model.critic.channels: expected a whole number of at least 1, got 0"),
    (
        "rugan",
        [f"model.critic.channels={LARGE}"],
        r"model.critic.channels: 4 blocks take sides .* multiples of 16, got",
    ),
    ("rugan", ["model.critic.dropout=1"], r"model.critic.dropout: expected a number in \[0, 0.9\]"),
    ("rugan", ["model.critic_steps=0"], r"model.critic_steps: expected a whole number of at least 1, got 0"),
    ("rugan", ["model.penalty=-1"], r"model.penalty: expected a number of at least 0"),
    ("rugan", ["model.noise=0"], r"model.noise: expected a whole number of at least 1, got 0"),
    ("rugan", ["model.noise=1.5"], r"model.noise: expected a whole number of at least 1, got 1.5"),
    ("rugan", ["model.scale=-1"], r"model.scale: expected a number of at least 0, got -1"),
    ("rugan", ["model.scale=inf"], r"model.scale: expected a number of at least 0, got inf"),
    ("flow", ["model.steps=0"], r"model.steps: expected a whole number of at least 1, got 0"),
    ("flow", ["model.warmup=2"], r"model.warmup: expected a number in \[0, 1\]"),
    ("gan", ["model.focus=2"], r"model.focus: expected a number in \[0, 1\]"),
    ("gan", ["model.discriminator.channels=0"], r"model.discriminator.channels: expected a whole number"),
    ("gan", ["model.generator_rate=0"], r"model.generator_rate: expected a positive number"),
    ("rugan", ["network.upscale=3"], r"network.upscale: expected one of 1, 2, 4, 8; got 3"),
    ("rugan", ["data.side=6"], r"size: expected a multiple of 4 points, the upscale of the network; got 6 x 6"),
    ("rugan", ["network.upscale=8"], r"network.norm: a batch of one sample cannot be normalised .* network.norm=none"),
]


def words(option, *more):
    kept = [w for w in generator_words(option) if not (w.startswith("network.") and any("network=" in m for m in more))]
    return configuration("train", *kept, *SHORT, *more)


@pytest.mark.parametrize(("option", "bad", "said"), BAD, ids=[f"{o}-{b[-1]}" for o, b, _ in BAD])
def test_a_setting_that_does_not_fit_is_named(option, bad, said):
    with pytest.raises(ValueError, match=said):
        check_config(words(option, *bad))


@pytest.mark.parametrize(
    ("option", "more", "said"),
    [
        ("rugan", UNET, r"network.levels: .* multiple of 64"),
        ("rugan", ["network=mills_cnn", "network.channels=4"], r"network: expected an output of \(8, 8\) points"),
        ("flow", ["network=mills_generator"], r"network: expected an output of \(8, 8\) points .* got \(32, 32\)"),
        ("gan", ["network=residual_trunk", "network.upscale=3"], r"network.upscale"),
    ],
)
def test_a_network_that_does_not_fit_is_named(option, more, said):
    with pytest.raises(ValueError, match=said):
        check_config(words(option, *more))


@pytest.mark.parametrize(("steps", "reported"), [(9, True), (10, False)])
def test_a_generator_without_a_step_is_reported(steps, reported, capsys):
    check_config(words("rugan", f"trainer.max_steps={steps}", "model.critic_steps=10"))
    assert ("the generator will not be trained" in capsys.readouterr().out) == reported


def test_a_unet_may_draw():
    check_config(words("rugan", *UNET, "network.levels=3"))


def test_batches_of_one_sample_are_normalised_where_the_noise_has_points():
    check_config(words("rugan", "loader.batch_size=1"))
    check_config(words("rugan", "network.upscale=8", "network.norm=none"))


@pytest.mark.parametrize("model", ["regressor", "pix2pix"])
def test_models_that_predict_have_no_labels(model):
    config = configuration("train", "data=ising", f"model={model}", "mapping=labels_to_spins")
    with pytest.raises(
        ValueError, match=r"mapping.given: this model predicts and draws nothing, got \['energy', .*rugan"
    ):
        check_config(config)


def test_dots_have_no_spins():
    config = configuration("train", *SMALL_DATA, "model=rugan")
    with pytest.raises(ValueError, match=r"mapping: quantum dots have no '(spins|magnetisation)'; choose from V, "):
        check_config(config)


def test_potentials_are_drawn_at_an_energy():
    config = configuration("train", *SMALL_DATA, "model=rugan", "mapping=energy_to_V", "network.channels=4", *SHORT)
    check_config(config)


OWN = """
from qd_pix2pix.systems import Ising


class Lattices(Ising):
    pass
"""


@pytest.mark.slow
def test_the_system_of_a_generator_may_be_ones_own(tmp_path, monkeypatch):
    (tmp_path / "own_spins.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    config = configuration("train", *generator_words("rugan"), *SHORT, f"data_root={tmp_path}", "launcher.workers=1")
    config["data"]["_target_"] = "own_spins.Lattices"
    best = training.train(config, tmp_path / "run")
    assert Evaluation.read(tmp_path / "run" / "test").drawn and best.is_file()
