"""Laws of generators: what labels mean at another size, allowed values, translations, and exact distributions."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from small import configuration, generator_words
from torch import nn

from qd_pix2pix.generators import ContinuousFlow, DiscreteFlow, LatentGenerator, make_predictor
from qd_pix2pix.generators.latent import translated
from qd_pix2pix.inference.sample import draw
from qd_pix2pix.networks import ResidualGenerator
from qd_pix2pix.systems import make_recipe
from qd_pix2pix.training.settings import _card, intervals, make_card
from solvers.spins import potts_energies


def of_words(*words):
    """The generator of an option, with placeholders for the statistics of its data."""
    torch.manual_seed(0)
    config = configuration("train", *words)
    schema = make_recipe(config["data"]).schema
    statistics = {c.name: {"min": -1.0, "max": 1.0, "mean": 0.0} for c in schema.columns}
    statistics["energy"] = {"min": -128.0, "max": 64.0, "mean": 0.0}
    return make_predictor(_card(config, [schema], [config["data"]], statistics, [])).eval()


@pytest.fixture
def rugan():
    return of_words(*generator_words("rugan"))


@pytest.fixture
def discrete():
    return of_words(*generator_words("flow"))


@pytest.fixture
def continuous():
    return of_words(*generator_words("flow"), "data=potts", "mapping=labels_to_spins", "mapping.target=angles",
                    "mapping.given=[energy]")  # fmt: skip


class Constant(nn.Module):
    """A network that returns the same numbers at each point, and remembers its inputs."""

    upscale = 1

    def __init__(self, *values):
        super().__init__()
        self.values = nn.Parameter(torch.tensor(values))
        self.inputs = []

    def forward(self, x):
        self.inputs.append(x)
        return self.values.reshape(1, -1, 1, 1).expand(len(x), -1, *x.shape[2:])


def columns(n, **labels):
    return {name: torch.full((n,), value) for name, value in labels.items()}


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def test_each_kind_of_target_has_its_generator(rugan, discrete, continuous):
    assert [type(g) for g in (rugan, discrete, continuous)] == [LatentGenerator, DiscreteFlow, ContinuousFlow]


@pytest.mark.parametrize("size", [(8, 8), (16, 16), (16, 8), (32, 32)])
def test_a_label_means_the_same_at_any_size(rugan, size):
    """-1 per site is 1/3 of the way from -2 to 1: -1/3; the magnetisation is a mean already."""
    given = columns(2, energy=-1.0 * math.prod(size), magnetisation=0.25)
    found = rugan.label_channels(given, size, torch.zeros(2, 1, 4, 2))
    assert found.shape == (2, 2, 4, 2)
    torch.testing.assert_close(found, torch.tensor([-1 / 3, 0.25]).reshape(1, 2, 1, 1).expand(2, 2, 4, 2))


def test_spins_are_rounded_to_the_nearest(rugan):
    found = rugan.decode(torch.tensor([-1.0, -0.3, -1e-4, 1e-4, 0.9, 1.0]).reshape(1, 1, 2, 3))
    assert found.flatten().tolist() == [-1, -1, -1, 1, 1, 1]
    again = rugan.encode({"spins": found})
    assert torch.equal(again[:, 0], found), "the range is the physical one"


@pytest.mark.parametrize("option", ["rugan", "gan", "flow"])
def test_whatever_the_weights_are_spins_are_drawn(option):
    generator = of_words(*generator_words(option))
    for p in generator.parameters():
        p.data = 3 * torch.randn(p.shape)
    given = {"energy": -0.3, "magnetisation": 0.0} if generator.labels else {}
    for size in ((8, 8), (16, 24)):
        found = draw(generator, {k: v * math.prod(size) for k, v in given.items()}, 5, size)
        assert found.dtype == np.int8 and found.shape == (5, *size) and set(np.unique(found)) == {-1, 1}


@pytest.mark.parametrize("upscale", [1, 2, 4])
def test_a_sample_moves_with_its_noise(upscale):
    torch.manual_seed(0)
    network = ResidualGenerator(3, 1, channels=4, upscale=upscale, periodic=True).double().eval()
    noise = torch.randn(2, 3, 4, 6).double()
    moved = network(noise.roll((1, -2), (-2, -1)))
    torch.testing.assert_close(moved, network(noise).roll((upscale, -2 * upscale), (-2, -1)))
    walls = ResidualGenerator(3, 1, channels=4, upscale=upscale).double().eval()
    assert not torch.allclose(walls(noise.roll(1, -1)), walls(noise).roll(upscale, -1))


def test_a_periodic_noise_gives_a_periodic_sample(rugan):
    """The sample at 2 L from the tiled noise is the tiled sample, at the same label per site."""
    rugan = rugan.double()
    for p in rugan.parameters():
        p.data += 0.3 * torch.randn_like(p)
    noise = torch.randn(3, 3, 2, 2).double()
    small = rugan.draw(columns(3, energy=-32.0, magnetisation=0.1), (8, 8), noise)
    large = rugan.draw(columns(3, energy=-128.0, magnetisation=0.1), (16, 16), noise.tile(1, 1, 2, 2))
    assert small.std() > 1e-3
    torch.testing.assert_close(large, small.tile(1, 1, 2, 2), atol=1e-6, rtol=1e-5)


def test_translations_are_uniform_and_change_nothing_else():
    """Numbered points: each sample is a translation of them, and all 24 translations are equally frequent."""
    points = torch.arange(24.0).reshape(4, 6)
    found = translated(points.expand(4800, 4, 6), random())
    known = [points.roll((i, j), (0, 1)) for i, j in product(range(4), range(6))]
    counts = [int((found == other).flatten(1).all(1).sum()) for other in known]
    assert sum(counts) == 4800 and stats.chisquare(counts).pvalue > 1e-3
    line = translated(torch.arange(5.0).expand(7, 5), random())
    assert len({tuple(row.tolist()) for row in line}) > 1 and (line.diff(dim=1) % 5 == 1).all()


def test_no_site_is_preferred_by_an_adversarial_sample(rugan):
    """A network whose sample always has its only spin up at one site draws it at each of the 64 sites alike."""
    network = Constant(-1.0)
    network.forward = lambda x: torch.nn.functional.pad(torch.full((len(x), 1, 1, 1), 18.0), (3, 4, 5, 2), value=-9.0)
    network.upscale, rugan.network = 4, network
    found = rugan.sample(columns(6400, energy=0.0, magnetisation=0.0), (8, 8), random())
    assert ((found > 0).sum((1, 2)) == 1).all()
    assert stats.chisquare((found > 0).sum(0).flatten()).pvalue > 1e-3


def test_a_flow_with_as_many_steps_as_sites_has_the_probabilities_of_its_network(discrete):
    """Logits 0 and log 3: each of the 16 states of four sites has 3^(sites up) / 4^4."""
    discrete.network = network = Constant(0.0, math.log(3.0))
    discrete.options["steps"] = 4
    found = discrete.sample(columns(20_000, energy=0.0, magnetisation=0.0), (2, 2), random()).flatten(1)
    states = list(product((-1.0, 1.0), repeat=4))
    counts = [int((found == torch.tensor(state)).all(1).sum()) for state in states]
    expected = [20_000 * 3 ** sum(s > 0 for s in state) / 4**4 for state in states]
    assert stats.chisquare(counts, expected).pvalue > 1e-3
    known = torch.stack([x[:, :2].sum((1, 2, 3)) for x in network.inputs])
    assert torch.equal(known, torch.arange(4.0)[:, None].expand(-1, 20_000)), "each step draws one site more"
    times = torch.stack([x[:, 2, 0, 0] for x in network.inputs])
    torch.testing.assert_close(times, 2 * known / 4 - 1)


def test_a_flow_draws_each_site_given_the_earlier_ones(discrete):
    """The second of two sites copies the first: two states of four, each half the time."""

    class Copy(Constant):
        def forward(self, x):
            return 50 * x[:, :2].sum((2, 3), keepdim=True).expand(-1, -1, *x.shape[2:]) + 0 * self.values[0]

    discrete.network, discrete.options["steps"] = Copy(0.0), 2
    found = discrete.sample(columns(4000, energy=0.0, magnetisation=0.0), (1, 2), random()).flatten(1)
    assert torch.equal(found[:, 0], found[:, 1])
    assert stats.binomtest(int((found[:, 0] > 0).sum()), 4000).pvalue > 1e-3


def test_the_likelihood_of_independent_sites_is_exact(discrete):
    """Logits 0 and log 3: -log p of four sites is 4 log 4 - (sites up) log 3, whatever the order."""
    discrete.network = Constant(0.0, math.log(3.0))
    spins = torch.tensor([[[1.0, 1.0], [1.0, 1.0]], [[-1.0, -1.0], [-1.0, -1.0]]])
    given = columns(2, energy=0.0, magnetisation=0.0) | {"spins": spins}
    found = discrete.negative_log_likelihood(given, random())
    torch.testing.assert_close(found, torch.tensor([4 * math.log(4 / 3), 4 * math.log(4)]))


def test_the_likelihood_averages_over_what_is_known(discrete):
    """A network that copies the known site: p = 1/2 for two equal sites; half of the draws know one, half none."""

    class Copy(Constant):
        def forward(self, x):
            return 50 * x[:, :2].sum((2, 3), keepdim=True).expand(-1, -1, *x.shape[2:]) + 0 * self.values[0]

    discrete.network = Copy(0.0)
    given = columns(4000, energy=0.0, magnetisation=0.0) | {"spins": torch.ones(4000, 1, 2)}
    found = discrete.negative_log_likelihood(given, random(), draws=1)
    assert found.mean().item() == pytest.approx(math.log(2), rel=0.05)


@pytest.mark.parametrize(("steps", "calls"), [(1, 1), (3, 3), (7, 7), (64, 64), (500, 64)])
def test_every_site_is_drawn_once(discrete, steps, calls):
    discrete.network, discrete.options["steps"] = Constant(0.0, 0.0), steps
    discrete.sample(columns(3, energy=0.0, magnetisation=0.0), (8, 8), random())
    known = [int(x[0, :2].sum()) for x in discrete.network.inputs]
    assert len(known) == calls and known[0] == 0
    assert (np.diff([*known, 64]) > 0).all() and np.ptp(np.diff([*known, 64])) <= 1


def test_a_flow_with_the_velocity_of_a_gaussian_has_its_mean_and_variance(continuous):
    """x ~ N(m, s^2): v = m + (t s^2 - (1 - t)) / (t^2 s^2 + (1 - t)^2) (x_t - t m), Heun's error is O(1 / steps^2)."""
    mean, width = 0.2, 0.2

    class Exact(Constant):
        def forward(self, x):
            t = (x[:, 1:2] + 1) / 2
            share = (t * width**2 - (1 - t)) / (t**2 * width**2 + (1 - t) ** 2)
            return mean + share * (x[:, :1] - t * mean)

    continuous.network, error = Exact(0.0), {}
    for steps in (8, 16, 32):
        continuous.options["steps"] = steps
        found = continuous.sample(columns(400, energy=0.0), (8, 8), random())
        scaled = continuous.ranges["angles"].encode(found)
        assert scaled.mean() == pytest.approx(mean, abs=5 * width / 160)
        exact = mean + width * torch.randn(400, 1, 8, 8, generator=random())[:, 0]
        error[steps] = (scaled - exact).abs().mean().item()
    assert error[8] > 2.5 * error[16] > 6 * error[32], error
    assert scaled.std() == pytest.approx(width, rel=0.05)


def test_angles_are_below_pi(continuous):
    """The highest angle in single precision, 3.1415927, is above pi, and the solver refuses it."""
    continuous.network = Constant(9.0)  # leaves the range
    high = continuous.sample(columns(3, energy=0.0), (8, 8), random()).detach().double().numpy()
    assert (high < np.pi).all() and high.max() == pytest.approx(np.pi)
    np.testing.assert_allclose(potts_energies(high), 128)
    continuous.network = Constant(-9.0)
    assert continuous.sample(columns(3, energy=0.0), (8, 8), random()).min() == 0


def test_a_network_of_another_scale_is_refused():
    words = [w for w in generator_words("flow") if not w.startswith("network.")]
    with pytest.raises(ValueError, match=r"network: expected an output of \(8, 8\) points .* got \(32, 32\)"):
        of_words(*words, "network=mills_generator").try_on((8, 8))


def test_any_network_of_fields_draws_at_full_resolution():
    words = [w for w in generator_words("rugan") if not w.startswith("network.")]
    generator = of_words(*words, "network=unet", "network.channels=4", "network.levels=2")
    assert generator.upscale == 1 and generator.noise(2, (8, 8), random()).shape == (2, 3, 8, 8)
    generator.try_on((8, 8))


@pytest.mark.parametrize("flow", ["discrete", "continuous"])
def test_a_size_is_tried_with_one_evaluation(flow, request):
    generator = request.getfixturevalue(flow)
    generator.network = Constant(*[0.0] * generator.n_raw)
    generator.options["steps"] = 16
    generator.try_on((16, 16))
    assert len(generator.network.inputs) == 1 and generator.network.inputs[0].shape == (1, generator.n_features, 16, 16)


def test_drawing_in_batches_and_all_at_once(rugan, monkeypatch):
    """A generator draws as many as are asked for, each at its own label."""
    shown = []
    real = LatentGenerator.label_channels

    def label_channels(self, given, shape, like):
        shown.append(given["magnetisation"].clone())
        return real(self, given, shape, like)

    monkeypatch.setattr(LatentGenerator, "label_channels", label_channels)
    monkeypatch.setattr("qd_pix2pix.inference.sample.POINTS", 3 * 64)
    m = np.linspace(-1, 1, 8)
    found = draw(rugan, {"energy": -30.0, "magnetisation": m}, 8, (8, 8), progress=False)
    assert found.shape == (8, 8, 8) and [len(s) for s in shown] == [3, 3, 2]
    np.testing.assert_allclose(torch.cat(shown), m, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 1.0, 2.0], [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]),
        (range(41), [0.0, 40.0]),
        (np.r_[np.linspace(0, 1, 50), np.linspace(3, 4, 50)], [0.0, 1.0, 3.0, 4.0]),
        ([2.0, 2.0], [2.0, 2.0]),
        (np.r_[np.linspace(0, 1, 50), 9.0], [0.0, 1.0, 9.0, 9.0]),
        (np.repeat(np.arange(11) / 64, 3), [0.0, 10 / 64]),
        (np.r_[np.arange(5), np.arange(15, 20)] / 64, [0.0, 4 / 64, 15 / 64, 19 / 64]),
    ],
)
def test_intervals_of_the_training_labels(values, expected):
    np.testing.assert_allclose(intervals(np.asarray(values)), expected)


def test_chosen_labels_of_a_lattice_are_apart():
    """Eight dopings of 8 x 8 sites that were chosen, and all numbers of holes from 0 to 10."""
    chosen = np.array([0, 6, 13, 19, 26, 32, 38, 45]) / 64
    np.testing.assert_allclose(intervals(chosen, 1 / 64), np.repeat(chosen, 2))
    np.testing.assert_allclose(intervals(np.arange(11) / 64, 1 / 64), [0, 10 / 64])


def test_a_label_that_a_sample_lacks_is_named(ising_store, monkeypatch):
    real = type(ising_store.split("train")).load

    def load(self, names):
        found = real(self, names)
        if "energy" in found:
            found["energy"] = np.where(np.arange(len(found["energy"])) == 3, np.nan, found["energy"])
        return found

    monkeypatch.setattr(type(ising_store.split("train")), "load", load)
    with pytest.raises(ValueError, match=r"mapping.given: energy is unknown in 1 of 24 training samples"):
        make_card(configuration("train", *generator_words("rugan")), [ising_store])


def test_a_card_has_the_labels_of_training(ising_store):
    card = make_card(configuration("train", *generator_words("rugan")), [ising_store])
    stored = ising_store.split("train").load(("energy", "magnetisation"))
    for name, values in stored.items():
        assert (card.seen[name][0], card.seen[name][-1]) == (values.min(), values.max())
    assert card.generator == {"class": "LatentGenerator", "noise": 3, "scale": 1.0}
