"""A network of energies that chooses the number of particles: it goes with a network of chains, and is not trained."""

import warnings

import numpy as np
import pytest
import torch
from small import call, configuration

from qd_pix2pix import from_pretrained
from qd_pix2pix.inference.weights import load_predictor, save_weights
from qd_pix2pix.training.counter import load_counter
from qd_pix2pix.training.initial import load_initial
from qd_pix2pix.training.settings import untrained
from solvers.lattices import ground_energies

SMALL = ["range.sites=null", "data.sites=10", "network.sizes=null", "network.channels=4", "network.blocks=2"]
RUN = [
    "experiment=chain", *SMALL, "network.waves=0", "data.train=8", "data.val=4", "data.test=4", "data.shard_size=4",
    "loader.batch_size=4", "trainer.val_check_interval=2", "trainer.accelerator=cpu",
]  # fmt: skip
EXACT = {"V": torch.linspace(-3, 3, 20).reshape(2, 10)}


def model(seed, experiment, *words):
    torch.manual_seed(seed)
    made = untrained(configuration("train", f"experiment={experiment}", *SMALL, *words))
    for weight in made.predictor.network.parameters():  # the last convolutions start at zero
        torch.nn.init.normal_(weight, std=0.1)
    return made.predictor.eval(), made.card


@pytest.fixture(scope="module")
def energies(tmp_path_factory):
    """The file of a network of energies."""
    path = tmp_path_factory.mktemp("counter") / "energies.safetensors"
    save_weights(path, *model(1, "chain_energies"))
    return path


def of(predictor):
    """The energies that a counter predicts."""
    with torch.no_grad():
        return predictor({**EXACT, "particles": torch.tensor([3.0, 7.0])})


def test_it_is_part_of_the_weights(energies, tmp_path):
    predictor, card = model(2, "chain", f"mapping.counter={energies}")
    load_counter(predictor)
    expected = of(load_predictor(energies)[0])
    torch.testing.assert_close(of(predictor.counter), expected)
    save_weights(tmp_path / "both.safetensors", predictor, card)
    torch.testing.assert_close(of(load_predictor(tmp_path / "both.safetensors")[0].counter), expected)
    alone, card = model(3, "chain")
    save_weights(tmp_path / "alone.safetensors", alone, card)
    load_initial(predictor, str(tmp_path / "alone.safetensors"))  # and keeps its counter
    torch.testing.assert_close(of(predictor.counter), expected)
    load_initial(alone, str(tmp_path / "both.safetensors"))  # and gets none
    assert alone.counter is None


def test_only_the_maps_are_trained(energies):
    predictor = model(2, "chain", f"mapping.counter={energies}")[0].train()
    predictor({"V_mu": EXACT["V"]})["n"].square().sum().backward()
    assert all(weight.grad is not None for weight in predictor.network.parameters())
    assert not any(weight.requires_grad for weight in predictor.counter.parameters())


@pytest.mark.parametrize(
    "words, expected",
    [
        (["mapping.counter=nothing"], "expected a file, or one of"),
        (["mapping.counter=3"], "expected a file, or one of"),
        (["mapping.counter=[3]"], "expected a text, got [3]"),
        (["mapping.counter=gaas-N2"], "expected a network of experiment=chain_energies"),
        (["mapping.counter=FILE", "loader.shift=null"], "loader.shift is null"),
        (["mapping.counter=FILE", "range.interaction=[1.5,2.0]"], "for interaction = 1.5, 2, of the data; got 2"),
        (["mapping.counter=FILE", "data.interaction=1.0"], "for interaction = 1, of the data; got 2"),
    ],
)
def test_unsuitable_counters_are_refused(words, expected, energies, tmp_path):
    words = [word.replace("FILE", str(energies)) for word in words]
    found = call("train", *RUN, *words, f"data_root={tmp_path / 'data'}", cwd=tmp_path)
    assert found.returncode == 2 and "mapping.counter" in found.stderr and expected in found.stderr, found.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_resumed_run_has_the_counter_in_its_checkpoint(energies, tmp_path):
    """Its file may be gone by then."""
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(energies.read_bytes())
    words = [*RUN, f"data_root={tmp_path / 'data'}", f"hydra.run.dir={tmp_path / 'run'}"]
    assert call("train", *words, f"mapping.counter={moved}", "trainer.max_steps=2", cwd=tmp_path).returncode == 0
    moved.unlink()
    last = tmp_path / "run/checkpoints/last.ckpt"
    found = call("train", f"ckpt_path={last}", "trainer.max_steps=4", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    torch.testing.assert_close(of(load_predictor(last)[0].counter), of(load_predictor(energies)[0]))


def test_the_shipped_energies_are_those_of_the_solver():
    """A constant more changes neither their accuracy nor what is said about them."""
    v = np.random.default_rng(5).uniform(-3, 3, (30, 12))
    exact = ground_energies(v, 2.0)
    energies = from_pretrained("chain-energies", "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, other = (energies.predict(values, particles=5) for values in (v, v - 20))
    np.testing.assert_allclose(other["mu_high"], found["mu_high"] - 20, atol=1e-4)
    with pytest.warns(UserWarning, match="30 of 30 rings leave the range of V"):
        energies.predict(10 * v, particles=5)
    assert np.abs(found["mu_high"] - (exact[:, 6] - exact[:, 5])).mean() < 0.01
    assert np.abs(found["mu_low"] - (exact[:, 5] - exact[:, 4])).mean() < 0.01


@pytest.mark.parametrize("particles", [12, 13, 0])
def test_numbers_that_a_ring_does_not_hold_are_refused(particles):
    """Beyond L - 1 there is no energy of one fermion more."""
    with pytest.raises(ValueError, match="particles: expected"):
        from_pretrained("chain-energies", "cpu").predict(np.arange(12.0) / 4, particles=particles)


def test_energies_count_on_rings_that_are_little_longer_than_those_of_their_training():
    """Their errors are sums over the sites: on rings six times as long, N of the maps is right more often."""
    predictor = from_pretrained("chain", "cpu").predictor
    assert [predictor.counts(sites) for sites in (9, 10, 20, 21)] == [False, True, True, False]
