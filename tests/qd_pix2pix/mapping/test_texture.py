"""The texture of fields, by hand, and as a warning of networks for potentials of two values."""

import warnings

import numpy as np
import pytest

from qd_pix2pix import from_pretrained
from qd_pix2pix.mapping.texture import texture
from solvers import Grid
from solvers.quantum_dots.potentials import GaussianWells, RandomWells

GRID = Grid(64, 30.0)


def test_texture_by_hand():
    steps = np.array([[0.0, 0.0, 2.0, 2.0]])
    ramp = np.array([[0.0, 1.0, 2.0, 3.0]])
    found = texture(np.stack([steps, ramp])[:, 0])
    assert found["level"].tolist() == [1.0, 0.5]
    assert found["roughness"] == pytest.approx([1 / 3, 1 / 3])
    constant = texture(np.full((1, 4, 4), 3.0))
    assert constant["level"].tolist() == [1.0] and constant["roughness"].tolist() == [0.0]


def test_texture_does_not_depend_on_height_and_offset():
    fields = np.random.default_rng(0).normal(size=(3, 8, 8))
    for name, values in texture(7 * fields - 20).items():
        np.testing.assert_allclose(values, texture(fields)[name])


@pytest.fixture(scope="module")
def surrogate():
    return from_pretrained("gaas-N2", device="cpu")


def potentials():
    x, _ = GRID.mesh()
    centres = np.array([[-5.0, 0.0], [6.0, 1.0]])
    wells = GaussianWells(np.array([0.4, 0.35]), centres, np.full((2, 2), 6.0))(GRID)
    noise = np.random.default_rng(0).uniform(0, 0.5, size=(64, 64))
    return {"two wells": 0.5 + wells, "ramp": 0.5 * x / 30, "white noise": noise, "empty box": np.zeros((64, 64))}


@pytest.mark.parametrize("name", potentials())
def test_potentials_unlike_training_are_reported(surrogate, name):
    """All lie in the range of the training, whose potentials have two values."""
    with pytest.warns(UserWarning, match="unlike training|outside the training data"):
        surrogate(potentials()[name])


def test_potentials_like_training_are_not_reported(surrogate):
    family = RandomWells()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        surrogate(np.stack([family.sample(np.random.default_rng(i), GRID)(GRID) for i in range(20)]))
