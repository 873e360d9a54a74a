"""Measures of experiments/generators by hand, and its timing on few lattices."""

from types import SimpleNamespace

import numpy as np
import pytest

from experiments.generators.copies import copies
from experiments.generators.measure import errors, grain, plain, untranslated
from experiments.generators.snapshots import deviations
from experiments.generators.speed import measure
from qd_pix2pix import from_pretrained


def test_errors_of_labels_by_hand():
    """All spins up: -2 J per site, m = 1; a chessboard: +2 J, m = 0."""
    up, board = np.ones((4, 4), dtype=np.int8), (-1) ** np.add.outer(np.arange(4), np.arange(4)).astype(np.int8)
    found = errors(np.stack([up, board]), np.array([-1.9, 1.7]), np.array([0.9, 0.0]))
    assert found["energy"] == pytest.approx(0.2) and found["energy_p95"] == pytest.approx(0.29)
    assert found["magnetisation"] == pytest.approx(0.05) and found["magnetisation_p95"] == pytest.approx(0.095)


def test_the_grain_of_blocks_is_that_of_their_edges():
    """Blocks of 2 x 2 in antiparallel rows and columns: -1 J within a block, +1 J between two, wherever they lie."""
    signs = (-1.0) ** np.add.outer(np.arange(4), np.arange(4))
    blocks = np.stack([np.roll(signs.repeat(2, 0).repeat(2, 1), i, (0, 1)) for i in range(3)])
    ordered = np.ones((3, 8, 8))
    assert grain(blocks, ordered, 2) == pytest.approx(1) and grain(blocks, blocks, 2) == 0 == grain(ordered, blocks, 4)


def test_a_generator_without_translations_has_a_known_boundary():
    """A translation of a translated lattice is that of the same random numbers at rest."""
    sampler = from_pretrained("ising-rugan", device="cpu")
    moved, fixed = (s.sample(6, energy=-1.2, magnetisation=0.1) for s in (sampler, untranslated(sampler)))
    shifts = [(i, j) for i in range(16) for j in range(16)]
    assert all(any((np.roll(b, s, (0, 1)) == a).all() for s in shifts) for a, b in zip(moved, fixed, strict=True))
    assert (moved != fixed).any()


def test_copies_of_any_training_lattice_are_counted():
    """A generator that repeats the last training lattices, beside test lattices of other random spins."""
    spins = np.random.default_rng(0).choice(np.array([-1, 1], dtype=np.int8), (2300, 4, 4))
    parts = {"train": spins[:2200], "test": spins[2200:]}

    def load(part, names):
        return {name: part if name == "spins" else np.zeros(len(part)) for name in names}

    store = SimpleNamespace(split=lambda name: SimpleNamespace(load=lambda names: load(parts[name], names)))
    sampler = SimpleNamespace(sample=lambda n, **labels: parts["train"][-n:])
    found = copies(sampler, store)
    assert found["drawn"] == 0 and found["drawn_copies"] == 1 and found["test_copies"] < 1


def test_maps_are_valid_json():
    assert plain(np.array([[0.12345, np.nan], [-np.inf, 2.0]])) == [[0.1235, None], [None, 2.0]]


def test_deviations_are_in_errors_of_the_difference():
    assert deviations({"a": (1.0, 3.0)}, {"a": (11.0, 4.0)}) == {"a": pytest.approx(-2.0)}


def test_each_way_is_timed_and_judged():
    found = measure({16: 2}, rounds=1)
    assert list(found) == ["RUGAN", "flow", "targeted sampling"]
    assert all(sides["16"]["seconds"] > 0 and sides["16"]["energy"] < 0.6 for sides in found.values())
    assert found["targeted sampling"]["16"]["energy"] < 0.02, "a level is 4 J of 256 sites"
