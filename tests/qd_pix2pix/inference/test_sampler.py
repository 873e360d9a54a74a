"""Trained generators in three lines: files, seeds, sizes, and the requests that they refuse or remark on."""

import math
import warnings

import numpy as np
import pytest
import torch
from small import SHORT, SMALL_DATA, call, configuration, evaluation, generator_words

from qd_pix2pix import from_pretrained
from qd_pix2pix.evaluation.evaluate import evaluate
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.generators import make_predictor
from qd_pix2pix.inference.sampler import Sampler
from qd_pix2pix.inference.weights import load_predictor, save_weights
from qd_pix2pix.training.run import train
from qd_pix2pix.training.settings import make_card, untrained
from solvers.spins import energies, magnetisation

LABELS = {"rugan": {"energy": -0.5, "magnetisation": 0.1}, "flow": {"energy": -0.5, "magnetisation": 0.1}, "gan": {}}


def made(store, option, *words):
    """An untrained generator with the card of a dataset."""
    torch.manual_seed(0)
    card = make_card(configuration("train", *generator_words(option), *words), [store])
    generator = make_predictor(card).eval()
    for p in generator.parameters():
        p.data += 0.2 * torch.randn_like(p)
    return generator, card


@pytest.fixture(scope="module")
def samplers(ising_store):
    return {option: Sampler(*made(ising_store, option), device="cpu") for option in LABELS}


@pytest.fixture
def rugan(samplers):
    return samplers["rugan"]


@pytest.fixture(scope="module")
def walls():
    """Potentials between walls at an energy."""
    config = configuration("train", *SMALL_DATA, "model=rugan", "mapping=energy_to_V", "network.channels=4", *SHORT)
    model = untrained(config)
    return Sampler(model.predictor.eval(), model.card, device="cpu")


@pytest.mark.filterwarnings("ignore:.*in training")
@pytest.mark.parametrize("option", LABELS)
def test_a_file_draws_what_the_generator_draws(samplers, tmp_path, option):
    sampler = samplers[option]
    save_weights(tmp_path / "kept.safetensors", sampler.generator, sampler.card)
    torch.save({"qd_pix2pix": sampler.card.to_dict(),
                "state_dict": {f"predictor.{n}": v for n, v in sampler.generator.state_dict().items()}},
               tmp_path / "kept.ckpt")  # fmt: skip
    expected = sampler.sample(5, seed=3, **LABELS[option])
    for path in ("kept.safetensors", "kept.ckpt"):
        other = from_pretrained(tmp_path / path, device="cpu")
        np.testing.assert_array_equal(other.sample(5, seed=3, **LABELS[option]), expected)
        if option == "gan":
            ours, theirs = sampler.confidence(expected), other.confidence(expected)
            assert ours.keys() == {"energy", "magnetisation", "confidence"}
            for name in ours:
                np.testing.assert_array_equal(ours[name], theirs[name])
            assert ((ours["confidence"] >= 0) & (ours["confidence"] <= 1)).all() and np.ptp(ours["confidence"]) > 0


@pytest.mark.filterwarnings("ignore:.*in training")
@pytest.mark.parametrize("option", LABELS)
def test_seeds_and_sizes(samplers, option):
    draw = samplers[option].sample
    labels = LABELS[option]
    one = draw(4, seed=7, **labels)
    np.testing.assert_array_equal(one, draw(4, seed=7, **labels))
    assert not np.array_equal(one, draw(4, seed=8, **labels))
    assert len(np.unique(one.reshape(4, -1), axis=0)) == 4, "no two are the same"
    assert draw(2, size=16, **labels).shape == (2, 16, 16) and draw(1, size=(8, 12), **labels).shape == (1, 8, 12)
    assert draw(**labels).shape == (1, 8, 8)


def test_labels_are_per_site(rugan, monkeypatch):
    asked = {}
    monkeypatch.setattr("qd_pix2pix.inference.sampler.draw", lambda _, columns, *__: asked.update(columns))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels that the few samples of the training do not have
        rugan.sample(3, size=16, energy=[-1.0, 0.0, 0.5], magnetisation=0.1)
    np.testing.assert_allclose(asked["energy"], [-256, 0, 128])
    np.testing.assert_allclose(asked["magnetisation"], [0.1] * 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"energy: expected a number, or one for each sample; it is a label"),
        ({"energy": -1.0}, r"magnetisation: expected a number"),
        ({"energy": -1.0, "magnetisation": 0, "colour": 3}, r"colour: Ising lattices have no such condition"),
        ({"energy": math.nan, "magnetisation": 0}, r"energy: expected a finite number"),
        ({"energy": "low", "magnetisation": 0}, r"energy: expected a finite number"),
        ({"energy": None, "magnetisation": 0}, r"energy: expected a finite number"),
        ({"energy": np.ma.masked_array([-1.0], [True]), "magnetisation": 0}, r"energy: .*masked values"),
        (
            {"energy": [-1, 0], "magnetisation": 0},
            r"energy: expected a finite number, or n = 3 of them; got \[-1, 0\]",
        ),
        ({"energy": -1.0, "magnetisation": 1.5}, r"magnetisation: expected a number in \[-1, 1\], got 1.5. No sample"),
        ({"energy": -1.0, "magnetisation": [0, 0, -2]}, r"magnetisation: expected a number in \[-1, 1\], got -2"),
        (
            {"energy": 1e30, "magnetisation": 0},
            r"energy: expected a value near those of the training, got one .*largest of them away. Use the unit",
        ),
        ({"n": 0}, r"n: expected a whole number of at least 1, got 0"),
        ({"n": 2.5}, r"n: expected a whole number"),
        (
            {"n": 10**12},
            r"n: expected at most 268435456 samples of 8 x 8 points in a call, 16 GiB; got 10+. Draw them in",
        ),
        ({"seed": -1}, r"seed: expected a whole number in 0 .*, got -1"),
        ({"seed": 2**64}, r"seed: expected a whole number in 0"),
        ({"seed": "a"}, r"seed: expected a whole number"),
        ({"size": 10}, r"size: expected a multiple of 4 points, the upscale of the network; got 10 x 10"),
        ({"size": 0}, r"size: expected a whole number of at least 1, got 0"),
        ({"size": (8, 8, 8)}, r"size: expected a whole number, or one for each of 2 axes; got \(8, 8, 8\)"),
        ({"size": "8"}, r"size: expected a whole number of at least 1, got '8'"),
        ({"size": 8.0}, r"size: expected a whole number of at least 1, got 8.0"),
        ({"size": np.array([8, 8, 8])}, r"size: expected a whole number, or one for each of 2 axes; got array"),
        ({"size": 10**6}, r"size: expected at most 67108864 points in a sample, got 1000000 x 1000000; draw several"),
        ({"energy": True, "magnetisation": 0}, r"energy: expected a finite number, .*got True"),
        ({"energy": "-1", "magnetisation": 0}, r"energy: expected a finite number, .*got '-1'"),
    ],
)
def test_requests_that_are_refused(rugan, options, said):
    with pytest.raises(ValueError, match=said):
        rugan.sample(**{"n": 3} | options)


@pytest.mark.parametrize("options", [{"requires_grad": True}, {"dtype": torch.bfloat16}, {"dtype": torch.int32}])
def test_labels_may_be_tensors(rugan, options):
    labels = {"magnetisation": rugan.card.seen["magnetisation"][0]}
    given = torch.tensor([-1, 0], **{"dtype": torch.float32} | options)
    found = [rugan.sample(2, energy=energy, **labels) for energy in (given, [-1.0, 0.0])]
    np.testing.assert_array_equal(*found)


def test_a_seed_may_be_a_number_of_numpy(rugan):
    labels = {"energy": rugan.card.seen["energy"][0] / 64, "magnetisation": rugan.card.seen["magnetisation"][0]}
    np.testing.assert_array_equal(rugan.sample(2, seed=np.int64(2), **labels), rugan.sample(2, seed=2, **labels))


def test_requests_outside_of_the_training(rugan):
    low, high = (value / 64 for value in (rugan.card.seen["energy"][0], rugan.card.seen["energy"][-1]))
    m = rugan.card.seen["magnetisation"][0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rugan.sample(2, energy=[low, high], magnetisation=m)
        rugan.sample(1, size=16, energy=low, magnetisation=m)
    with pytest.warns(UserWarning, match=rf"energy is -9 J per point, in training {low:.4g} \.\.\. .*other labels"):
        rugan.sample(1, energy=-9, magnetisation=m)


def test_only_sizes_below_those_of_the_training_are_reported(rugan):
    labels = {"energy": rugan.card.seen["energy"][0] / 64, "magnetisation": rugan.card.seen["magnetisation"][0]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = rugan.sample(1, size=[8, 12], **labels)
        np.testing.assert_array_equal(rugan.sample(1, size=np.array([8, 12]), **labels), one)
    for size, shown in ((4, "4 × 4"), ((4, 16), "4 × 16")):
        said = f"the lattice has {shown} points, in training 8 along each axis; samples may have other labels"
        with pytest.warns(UserWarning, match=said):
            rugan.sample(1, size=size, **labels)


def test_a_request_in_a_gap_of_the_training(ising_store):
    generator, card = made(ising_store, "rugan")
    card.seen.update(energy=[-128.0, -96.0, 96.0, 128.0])
    sampler = Sampler(generator, card, device="cpu")
    m = card.seen["magnetisation"][0]
    said = r"energy is 0 \.\.\. 0.5 J per point, in training -2 \.\.\. -1.5 and 1.5 \.\.\. 2; samples may have other"
    with pytest.warns(UserWarning, match=said):
        sampler.sample(3, size=16, energy=[0, 0.5, 1.8], magnetisation=m)


def test_samples_between_walls_have_one_size(walls):
    energy = walls.generator.ranges["energy"].low
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = walls.sample(2, energy=energy)
    assert found.shape == (2, 32, 32) and found.dtype == np.float64 and np.isfinite(found).all()
    with pytest.raises(ValueError, match=r"size: these samples end at walls and have 32 x 32 points; got 64"):
        walls.sample(2, size=64, energy=energy)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (np.zeros((2, 8, 8)), r"input: expected spins of -1 and 1 only, got 0"),
        (np.ones((2, 16, 16)), r"confidence: expected fields of 8 x 8 points"),
        (np.ones(8), r"input: expected spins of shape"),
        (np.full((2, 8, 8), np.nan), r"NaN or infinite"),
    ],
)
def test_fields_that_no_discriminator_takes(samplers, fields, said):
    with pytest.raises(ValueError, match=said):
        samplers["gan"].confidence(fields)


def test_only_a_gan_is_confident(rugan):
    with pytest.raises(ValueError, match="confidence: expected a generator of model=gan"):
        rugan.confidence(np.ones((1, 8, 8)))


def test_many_fields_have_the_confidence_of_one(samplers):
    spins = samplers["gan"].sample(70, seed=1)
    together = samplers["gan"].confidence(spins)["confidence"]
    alone = [samplers["gan"].confidence(one)["confidence"][0] for one in spins[[0, 30, 69]]]
    np.testing.assert_allclose(together[[0, 30, 69]], alone, rtol=1e-5)


@pytest.mark.parametrize("part", ["generator", "network", "mapping", "seen"])
def test_a_card_of_another_kind_is_refused(samplers, tmp_path, part):
    """Not a traceback, whatever a file says of itself."""
    sampler = samplers["gan"]
    for value in (
        {},
        {"class": "os.system"},
        {"class": "Flow"},
        {"class": "ConfidentGenerator", "noise": "many"},
        None,
        3,
    ):
        card = sampler.card.to_dict() | {part: value}
        state = {f"predictor.{n}": v for n, v in sampler.generator.state_dict().items()}
        torch.save({"qd_pix2pix": card, "state_dict": state}, tmp_path / "other.ckpt")
        try:
            load_predictor(tmp_path / "other.ckpt")
        except ValueError as error:
            assert str(error)
        else:
            assert part == "seen" and value == {}


def test_damaged_weights_are_refused(samplers, tmp_path):
    sampler = samplers["gan"]
    path = tmp_path / "kept.safetensors"
    save_weights(path, sampler.generator, sampler.card)
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="its checksum is not the one"):
        from_pretrained(path)
    weights = sampler.generator.state_dict()
    weights.pop("discriminator.dense.0.bias")
    state = {f"predictor.{n}": v for n, v in weights.items()}
    torch.save({"qd_pix2pix": sampler.card.to_dict(), "state_dict": state}, tmp_path / "part.ckpt")
    with pytest.raises(ValueError, match=r"discriminator.dense.0.bias are missing, unknown or of other shapes"):
        from_pretrained(tmp_path / "part.ckpt")


@pytest.fixture(scope="module")
def gan_run(ising_store, data_root, tmp_path_factory):
    run = tmp_path_factory.mktemp("gan")
    train(configuration("train", *generator_words("gan"), *SHORT, f"data_root={data_root}", "launcher.workers=1"), run)
    return run


def test_a_run_is_evaluated_and_kept(gan_run, data_root, tmp_path):
    """evaluate.py save=...: the file draws as the checkpoint, and the record holds what was drawn."""
    words = [
        f"{k}={v}"
        for k, v in evaluation(gan_run, data_root, tmp_path / "out").items()
        if k in ("checkpoint", "data_root", "output")
    ]
    done = call("evaluate", *words, f"save={tmp_path / 'kept.safetensors'}", "launcher.workers=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = Evaluation.read(tmp_path / "out")
    assert record.drawn and record.samples == 6 and set(record.measures) == {"label_distance"}
    assert set(record.also) == {"energy", "magnetisation"}
    kept, run = (from_pretrained(p) for p in (tmp_path / "kept.safetensors", gan_run / "checkpoints" / "best.ckpt"))
    np.testing.assert_array_equal(kept.sample(4, seed=2), run.sample(4, seed=2))
    assert kept.measures and kept.measures[0]["measures"].keys() == record.measures.keys()
    assert (tmp_path / "out" / "report.html").read_text().count("noise →") >= 1


def test_a_generator_takes_no_file(gan_run, data_root, tmp_path):
    np.save(tmp_path / "my.npy", np.ones((1, 8, 8)))
    config = evaluation(gan_run, data_root, tmp_path / "out", input=str(tmp_path / "my.npy"))
    with pytest.raises(ValueError, match=r"input: a generator draws samples and takes none; use from_pretrained"):
        evaluate(config)


@pytest.mark.parametrize(("name", "error"), [("ising-rugan", 0.2), ("ising-flow", 0.1)])
def test_shipped_generators_have_the_requested_labels(name, error):
    """On lattices of four times as many sites as in training; the solver computes their energies."""
    spins = from_pretrained(name, device="cpu").sample(energy=-1.2, magnetisation=0.1, size=32, n=6, seed=0)
    assert spins.shape == (6, 32, 32) and spins.dtype == np.int8
    assert np.mean(energies(spins)) / 32**2 == pytest.approx(-1.2, abs=error)
    assert np.mean(magnetisation(spins)) == pytest.approx(0.1, abs=0.1)
    again = from_pretrained(name, device="cpu").sample(energy=-1.2, magnetisation=0.1, size=32, n=6, seed=0)
    np.testing.assert_array_equal(spins, again)


@pytest.mark.parametrize("name", ["ising-rugan", "ising-flow"])
def test_shipped_generators_miss_the_labels_of_smaller_lattices_with_a_warning(name):
    """The energy of the drawn spins, by the solver, is far from the requested one on a quarter of the sites."""
    with pytest.warns(UserWarning, match=r"8 × 8 points, in training 16 along each axis"):
        spins = from_pretrained(name, device="cpu").sample(energy=-1.6, magnetisation=0.1, size=8, n=64, seed=1)
    assert np.mean(energies(spins)) / 8**2 > -1.6 + 0.15
