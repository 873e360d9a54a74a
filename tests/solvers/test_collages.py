"""Collages: areas and places of shapes by hand, counts, overlap, noise, digits of the splits."""

import sys

import numpy as np
import pytest

from solvers import collages
from solvers.collages import SHAPES, Digit, Digits, Shape, Shapes, collage

ALL = Shapes(classes=tuple(SHAPES), radius=(6.0, 8.0))
AREAS = {"disc": np.pi, "square": 2.0, "triangle": 0.75 * np.sqrt(3), "cross": 2.0}  # of radius 1; the cross: 20 w^2


def rng(seed=0):
    return np.random.default_rng(seed)


class One:
    """One object, always the same."""

    names, symmetry = ("it",), "none"

    def __init__(self, item):
        self.item = item

    def sample(self, rng, number, split):
        return self.item


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("angle", [0.0, 0.3, 1.1])
def test_shapes_have_their_area_centre_and_square(kind, angle):
    shape = Shape(kind, 9.3, angle)
    found = collage(rng(), 40, One(shape), [1])
    assert found.picture.sum() == pytest.approx(AREAS[kind] * 9.3**2, rel=0.02)
    points = np.arange(40) + 0.5
    centroid = [found.picture.sum(1) @ points, found.picture.sum(0) @ points] / found.picture.sum()
    np.testing.assert_allclose(centroid, found.centres[0], atol=0.05)
    x = np.linspace(-20, 20, 401)
    bright = shape(x[:, None], x)[np.maximum.outer(abs(x), abs(x)) > shape.half]
    assert bright.max() == 0


def test_a_cross_is_three_times_as_long_as_wide():
    cross, length = Shape("cross", 10.0, 0.0), 10 / np.hypot(1, 1 / 3)
    assert cross(0.0, length - 1) == 1 == cross(length / 3 - 1, length - 1)
    assert cross(0.0, length + 1) == 0 == cross(length / 3 + 1, length - 1)


def test_counts_classes_and_centres_agree():
    found = collage(rng(), 128, ALL, [3, 0, 2, 1])
    assert found.counts.tolist() == [3, 0, 2, 1] == np.bincount(found.classes, minlength=4).tolist()
    assert found.picture.shape == (128, 128) and found.centres.shape == (6, 2)
    assert 0 == found.picture.min() < found.picture.max() == 1
    assert ((found.centres > 7) & (found.centres < 121)).all(), "objects lie within the picture"
    empty = collage(rng(), 32, ALL, [0, 0, 0, 0])
    assert not empty.picture.any() and empty.centres.shape == (0, 2) and not len(empty.classes)


def test_objects_overlap_only_where_they_may():
    disc = One(Shape("disc", 5.0, 0.0))
    apart = collage(rng(), 64, disc, [8])
    assert apart.picture.sum() == pytest.approx(8 * np.pi * 25, rel=0.01)
    distances = [np.abs(a - b).max() for i, a in enumerate(apart.centres) for b in apart.centres[:i]]
    assert min(distances) >= 12
    crowd = collage(rng(), 32, disc, [20], overlap=True)
    assert crowd.picture.sum() < 20 * np.pi * 25 and crowd.picture.max() == 1
    assert len(np.unique(crowd.centres.astype(int), axis=0)) == 20, "one centre per pixel"


def test_noise_has_its_width_and_stays_in_bounds():
    noisy = collage(rng(), 128, ALL, [0, 0, 0, 0], noise=0.1).picture
    assert noisy.min() == 0 and noisy.max() <= 1
    assert np.sqrt(np.mean(noisy**2)) == pytest.approx(0.1 / np.sqrt(2), rel=0.03)  # one half is clipped


def test_digits_are_upright_images_on_their_square():
    values = np.zeros((8, 8))
    values[1, 6] = 1.0  # left and up
    found = collage(rng(), 48, One(Digit(values, 24.0)), [1])
    brightest = np.array(np.unravel_index(found.picture.argmax(), (48, 48))) + 0.5
    np.testing.assert_allclose(brightest - found.centres[0], [-7.5, 7.5], atol=0.71)


def test_digits_of_the_splits_differ():
    pytest.importorskip("sklearn")
    digits = Digits(classes=(4, 8), size=(16.0, 20.0))
    assert digits.names == ("digit_4", "digit_8")
    drawn = {split: [digits.sample(rng(i), i % 2, split) for i in range(400)] for split in ("train", "val", "test")}
    images = {split: {d.values.tobytes() for d in found} for split, found in drawn.items()}
    assert not images["train"] & images["val"] and not images["train"] & images["test"]
    assert not images["val"] & images["test"] and len(images["test"]) > 25 and len(images["train"]) > 150
    assert all(16 <= d.size <= 20 and 0.8 < d.values.max() <= 1 for d in drawn["train"])


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    collages._images.cache_clear()
    with pytest.raises(ValueError, match=r"scikit-learn.*pip install 'qd_pix2pix\[counting\]'"):
        Digits(classes=(9,)).sample(rng(), 0, "train")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shapes(classes=("disk",)), "objects.classes: expected one of disc, square"),
        (lambda: Shapes(classes=("disc", "disc")), "objects.classes: expected different classes"),
        (lambda: Shapes(classes=()), "objects.classes: expected different classes"),
        (lambda: Shapes(classes="disc"), "objects.classes: expected different classes"),
        (lambda: Shapes(radius=(9.0, 7.0)), "objects.radius: expected"),
        (lambda: Digits(classes=(10,)), "objects.classes: expected a whole number in 0 ... 9"),
        (lambda: Digits(size=(2.0, 3.0)), "objects.size: expected"),
        (lambda: Digits().sample(rng(), 0, "all"), "split: expected one of train, val, test"),
        (lambda: collage(3, 64, ALL, [1, 1, 1, 1]), "rng: expected"),
        (lambda: collage(rng(), 0, ALL, [1, 1, 1, 1]), "side: expected a whole number"),
        (lambda: collage(rng(), 64, ALL, [1]), "counts: expected an array"),
        (lambda: collage(rng(), 64, ALL, [1, 1, 1, -1]), "counts: expected an array"),
        (lambda: collage(rng(), 64, ALL, [1, 1, 1, 0.5]), "counts: expected whole numbers"),
        (lambda: collage(rng(), 64, ALL, [1, 1, 1, 1], overlap=2), "overlap: expected True or False"),
        (lambda: collage(rng(), 64, ALL, [1, 1, 1, 1], noise=-1), "noise: expected"),
        (lambda: collage(rng(), 8, ALL, [1, 1, 1, 1]), "side: expected at least 1"),
        (lambda: collage(rng(), 32, ALL, [4, 4, 4, 4]), "counts: 16 objects.*found no place"),
    ],
)
def test_bad_arguments_get_one_clear_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_picture_may_be_rectangular():
    found = collage(rng(0), (96, 40), Shapes(classes=("disc",), radius=(4.0, 4.0)), [6])
    assert found.picture.shape == (96, 40)
    assert found.picture.sum() == pytest.approx(6 * np.pi * 16, rel=0.01)
    assert found.centres[:, 0].max() > 40 and (found.centres > 4).all() and (found.centres < [92, 36]).all()
    with pytest.raises(ValueError, match="side: expected one number of pixels"):
        collage(rng(0), (96, 40, 2), Shapes(classes=("disc",)), [1])
