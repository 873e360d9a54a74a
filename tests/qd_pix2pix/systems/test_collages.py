"""Collages as a system: columns of the classes, centres, symmetry, numbers equally often, bad settings."""

import numpy as np
import pytest

from qd_pix2pix.evaluation.localisation import marked
from qd_pix2pix.systems import Collages
from solvers.collages import Digits, Shapes

SIZES = {"seed": 3, "train": 6, "val": 3, "test": 3, "shard_size": 3}
DEFAULTS = {"side": 64, "objects": Shapes(), "most": 2, "overlap": False, "noise": 0.0}


def collages(**changes):
    return Collages(**SIZES | DEFAULTS | changes)


def test_columns_are_those_of_the_classes():
    recipe = collages(objects=Shapes(classes=("square", "disc", "cross"), radius=(4.0, 6.0)))
    assert [c.name for c in recipe.schema.of_role("counts")] == ["square", "disc", "cross"]
    assert all(c.extensive for c in recipe.schema.of_role("counts"))
    columns = recipe.columns("train", range(5))
    for number, name in enumerate(("square", "disc", "cross")):
        held = [len(marked(field, number + 1)) for field in columns["centres"]]
        assert held == columns[name].tolist()


def test_centres_are_those_of_the_objects():
    columns = collages(objects=Shapes(classes=("disc",), radius=(5.0, 5.0)), most=1).columns("train", range(6))
    assert 0 < columns["disc"].sum() < 6
    points = np.arange(64) + 0.5
    for picture, field, count in zip(columns["picture"], columns["centres"], columns["disc"], strict=True):
        if count:
            centroid = [picture.sum(1) @ points, picture.sum(0) @ points] / picture.sum()
            assert np.abs(marked(field, 1)[0] - centroid).max() < 0.51
        else:
            assert not picture.any() and not field.any()


def test_numbers_are_equally_likely():
    drawn = collages(objects=Shapes(radius=(2.0, 3.0)), most=3).columns("train", range(400))
    for name in ("disc", "cross"):
        assert (np.abs(np.bincount(drawn[name], minlength=4) - 100) < 35).all()


def test_only_drawn_shapes_have_the_symmetries_of_the_square():
    assert collages().schema.domain.symmetry == "square" and collages().schema.domain.boundary == "walls"
    assert collages(objects=Digits()).schema.domain.symmetry == "none"
    assert [c.name for c in collages(objects=Digits()).schema.of_role("counts")] == ["digit_4", "digit_8"]


def test_the_split_chooses_the_digits():
    pytest.importorskip("sklearn")
    recipe = collages(objects=Digits(classes=(4,), size=(24.0, 24.0)), most=1)
    split = {}

    class Spy:
        names, symmetry = ("digit_4",), "none"

        def sample(self, rng, number, part):
            split[part] = True
            return recipe.objects.sample(rng, number, part)

    for part in ("train", "val", "test"):
        collages(objects=Spy(), most=1).columns(part, range(6))
    assert list(split) == ["train", "val", "test"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": 0}, "data.side: expected a whole number"),
        ({"objects": 3}, "data.objects: expected a distribution"),
        ({"most": 0}, "data.most: expected a whole number"),
        ({"overlap": "no"}, "data.overlap: expected True or False"),
        ({"noise": -0.1}, "data.noise: expected a number"),
        ({"most": 30}, "data.most: 60 objects.*found no place"),
        ({"side": 10}, "data.side: expected at least 1"),
    ],
)
def test_bad_settings_get_one_clear_error(change, message):
    with pytest.raises(ValueError, match=message):
        collages(**change).rehearse()
