"""Samples near requested labels: a generator whose errors are known, the shipped one, and unusable requests."""

import warnings

import numpy as np
import pytest
from small import SHORT, SMALL_DATA, configuration, generator_words

from qd_pix2pix import from_pretrained, sample_near
from qd_pix2pix.generators import make_predictor
from qd_pix2pix.inference.sampler import Sampler
from qd_pix2pix.inversion import near
from qd_pix2pix.systems import make_recipe
from qd_pix2pix.training.settings import make_card, untrained
from solvers.spins import energies, magnetisation


@pytest.fixture
def exact(ising_store):
    """A sampler that is given the magnetisation, whose draws a test replaces."""
    card = make_card(configuration("train", *generator_words("flow"), "mapping.given=[magnetisation]"), [ising_store])
    return Sampler(make_predictor(card).eval(), card, device="cpu")


def lattices(means, side=8):
    """Lattices (n, side, side) with these magnetisations, as near as whole spins allow."""
    up = np.rint((np.asarray(means) + 1) / 2 * side**2)
    return np.where(np.arange(side**2) < up[:, None], 1, -1).astype(np.int8).reshape(-1, side, side)


def drawing(sampler, monkeypatch, found):
    """Let the sampler draw lattices of the magnetisations ``found(asked)``, and keep what was asked."""
    asked = []

    def sample(n, size, seed, magnetisation):
        asked.append((np.broadcast_to(magnetisation, n).copy(), seed))
        return lattices(found(asked[-1][0]))

    monkeypatch.setattr(sampler, "sample", sample)
    return asked


def test_a_deviation_is_found_and_subtracted(exact, monkeypatch):
    """The deviation differs between both requests; the second attempt is exact."""
    wanted = np.array([0.25, -0.5, 0.25, -0.5])
    asked = drawing(exact, monkeypatch, lambda m: m + np.where(m > -0.2, 0.25, -0.125))
    found = sample_near(exact, 4, attempts=3, seed=5, magnetisation=wanted)
    np.testing.assert_allclose(asked[0][0], wanted)
    np.testing.assert_allclose(asked[1][0], wanted - np.tile([0.25, -0.125], 2))
    assert np.abs(found.errors["magnetisation"]).max() == 0 and found.attempts == 3
    np.testing.assert_allclose(magnetisation(found.samples), wanted)
    assert len({seed for _, seed in asked}) == 3 and asked[0][1] == 5


def test_the_nearest_attempt_is_kept(exact, monkeypatch):
    """Deviations of the attempts 1/2, 0 and 1/4: that of the second is kept, whatever follows."""
    sizes = iter([0.5, 0.0, 0.25])
    drawing(exact, monkeypatch, lambda m: np.full(len(m), next(sizes)))
    found = sample_near(exact, 3, attempts=3, magnetisation=0.0)
    assert (found.found["magnetisation"] == 0).all() and (magnetisation(found.samples) == 0).all()


def test_requests_stay_within_the_bounds_and_the_range_of_the_training(exact, monkeypatch):
    span = exact.generator.ranges["magnetisation"].span
    asked = drawing(exact, monkeypatch, lambda m: np.full(len(m), -1.0))
    sample_near(exact, 1, attempts=2, magnetisation=0.9)
    assert asked[1][0] == pytest.approx(min(1.0, 0.9 + span))


def test_unsolved_samples_are_not_kept(exact, monkeypatch):
    drawing(exact, monkeypatch, lambda m: m)
    turns = iter([[np.nan, 0.5], [0.25, np.nan], [np.nan, np.nan]])
    monkeypatch.setattr(near, "solve_drawn", lambda *_: {"magnetisation": np.array(next(turns))})
    found = sample_near(exact, 2, attempts=3, magnetisation=0.0)
    np.testing.assert_array_equal(found.found["magnetisation"], [0.25, 0.5])


def test_ctrl_c_keeps_what_was_found(exact, monkeypatch):
    def interrupted(m):
        if len(asked) == 2:
            raise KeyboardInterrupt
        return m

    asked = drawing(exact, monkeypatch, interrupted)
    found = sample_near(exact, 2, attempts=5, magnetisation=0.0)
    assert found.interrupted and found.attempts == 1 and len(found.samples) == 2
    asked = [None]
    monkeypatch.setattr(exact, "sample", lambda *_, **__: interrupted(None))
    asked.append(None)
    with pytest.raises(KeyboardInterrupt):
        sample_near(exact, 2, attempts=5, magnetisation=0.0)


@pytest.mark.parametrize("size", [16, 32])
def test_shipped_lattices_are_nearer_after_more_attempts(size):
    """Energies that no training lattice has; labels are those of the lattices, also of larger ones."""
    rugan = from_pretrained("ising-rugan", device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        once, more = (
            sample_near(rugan, 30, attempts=k, size=size, seed=1, energy=0.0, magnetisation=0.1) for k in (1, 4)
        )
        np.testing.assert_array_equal(once.samples, rugan.sample(30, size, 1, energy=0.0, magnetisation=0.1))
    np.testing.assert_allclose(more.found["energy"], energies(more.samples) / size**2)
    np.testing.assert_allclose(more.errors["magnetisation"], magnetisation(more.samples) - 0.1)
    first, last = (np.median(np.abs(found.errors["energy"])) for found in (once, more))
    assert last < 0.6 * first, (first, last)


@pytest.mark.filterwarnings("ignore:.*in training")
@pytest.mark.parametrize("mapping", ["energy_to_V", "gap_to_V"])
def test_potentials_have_the_labels_that_the_solver_finds(mapping):
    """Dots of an untrained generator, whose labels are those of the solver of the user."""
    words = (*SMALL_DATA, "model=rugan", f"mapping={mapping}", "network.channels=4", *SHORT)
    model = untrained(configuration("train", *words))
    sampler = Sampler(model.predictor.eval(), model.card, device="cpu")
    label = sampler.labels[0]
    found = sample_near(sampler, 3, attempts=2, **{label: 0.3})
    dots = make_recipe(model.card.recipes[0]).solve({"V": found.samples})
    np.testing.assert_allclose(found.found[label], dots[label], rtol=1e-9)
    assert np.isfinite(found.errors[label]).all()


def test_unseen_labels_are_said_once():
    with pytest.warns(UserWarning, match="energy is 0 J per point, in training") as found:
        sample_near("ising-rugan", 2, attempts=3, energy=0.0, magnetisation=0.1)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("generator", "options", "said"),
    [
        ("ising-ednn", {}, "generator: expected a network that draws samples, such as ising-rugan; this one predicts"),
        ("ising-rugan", {"attempts": 0}, "attempts: expected a whole number"),
        ("ising-rugan", {"attempts": 1001}, "attempts: expected a whole number"),
        ("ising-rugan", {"energy": -1.0}, "magnetisation: expected a number, or one for each sample"),
        ("ising-rugan", {"energy": -1.0, "magnetisation": 2}, r"magnetisation: expected a number in \[-1, 1\]"),
        ("ising-rugan", {"energy": -1.0, "magnetisation": 0, "size": 10}, "size: expected a multiple of 4"),
        ("nothing", {}, "nothing"),
    ],
)
def test_unusable_requests_are_one_error(generator, options, said):
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        sample_near(generator, 2, **options)


def test_a_generator_without_labels_is_refused(ising_store):
    card = make_card(configuration("train", *generator_words("gan")), [ising_store])
    with pytest.raises(ValueError, match="generator: expected one that is given labels, of model=flow or model=rugan"):
        sample_near(Sampler(make_predictor(card), card, device="cpu"), 2)
