"""Recall and precision of counted objects: from maps by hand, from an untrained network, in files and on pages."""

import dataclasses

import numpy as np
import pytest
import xarray

from qd_pix2pix.evaluation import located
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.inference.predict import contributions, predict
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.reports import location_panels as reports
from qd_pix2pix.systems import Collages
from solvers.collages import Shapes

RECIPE = Collages(
    seed=0, train=1, val=1, test=1, shard_size=1, side=64, objects=Shapes(radius=(4.0, 6.0)), most=3, overlap=False,
    noise=0.0,
)  # fmt: skip
TRUNK = {"class": "SlidingCNN", "channels": [4], "kernels": [4], "strides": [2], "width": 6}
NETWORK = {"class": "EDNN", "focus": 8, "context": 4, "gain": 8.0, "trunk": TRUNK}


@pytest.fixture(scope="module")
def columns():
    return RECIPE.columns("test", range(5))


def predictor(network=NETWORK):
    statistics = {name: {"min": 0.0, "max": high} for name, high in (("picture", 1.0), ("disc", 3.0), ("cross", 3.0))}
    mapping = {"source": "picture", "target": "disc", "also": ["cross"]}
    given = {"schemas": [RECIPE.schema.to_dict()], "mapping": mapping, "network": network, "statistics": statistics}
    return Predictor(Card(**given, heads={}, logarithm=False))


def by_hand(columns, missed=0, invented=0):
    """Predictions whose maps have one unit in the tile of each disc's centre, but for some of the first sample."""
    maps = np.zeros((5, 8, 8), np.float32)
    for sample, row, column in np.argwhere(columns["centres"] == 1):
        maps[sample, row // 8, column // 8] += 1
    for row, column in np.argwhere(maps[0])[:missed]:
        maps[0, row, column] = 0
    far = np.argwhere((columns["centres"][0] > 0).reshape(8, 8, 8, 8).any((1, 3)) == 0)
    distance = np.abs(far[:, None] - np.argwhere(columns["centres"][0])[None] // 8).max(-1).min(1)
    for row, column in far[distance > 2][:invented]:
        maps[0, row, column] = 1
    counts = {"disc": columns["disc"].astype(float)}
    return Predictions(
        RECIPE.schema, ("picture",), ("disc",), {"picture": columns["picture"]}, counts, np.arange(5),
        reference=counts, contributions={"disc": maps}, marks={"centres": columns["centres"]},
        measures={"disc": {"mae": np.zeros(5)}},
    )  # fmt: skip


def test_recall_and_precision_are_those_of_the_marks(columns):
    number, column = int(columns["disc"].sum()), RECIPE.schema["disc"]
    assert columns["disc"][0] >= 1 and column.marked_in == "centres" and RECIPE.schema["cross"].mark == 2
    assert located.shares(by_hand(columns), column) == {"recall": 1.0, "precision": 1.0}
    missed = located.shares(by_hand(columns, missed=1), column)
    assert missed == {"recall": pytest.approx((number - 1) / number), "precision": 1.0}
    more = located.shares(by_hand(columns, invented=1), column)
    assert more == {"recall": 1.0, "precision": pytest.approx(number / (number + 1))}
    nothing = dataclasses.replace(by_hand(columns), contributions={"disc": np.zeros((5, 8, 8))})
    assert located.shares(nothing, column) == {"recall": 0.0}, "no position has no precision"
    assert located.shares(dataclasses.replace(nothing, marks={}), column) == {}


def test_contributions_of_tiles_add_up_to_the_predicted_numbers(columns):
    """Also on pictures of other sides, for every class; other networks have none."""
    network = predictor()
    for picture in (columns["picture"], np.tile(columns["picture"], (1, 1, 2))):
        numbers, maps = predict(network, {"picture": picture}), contributions(network, {"picture": picture})
        assert list(maps) == ["disc", "cross"] and maps["disc"].shape == (5, 8, picture.shape[2] // 8)
        for name, values in maps.items():
            np.testing.assert_allclose(values.sum((1, 2)), numbers[name], rtol=1e-4, atol=1e-4)
    assert located.mark_fields(network) == ["centres"]
    whole = predictor({"class": "MillsCNN", "channels": 2, "between": 2, "width": 3})
    assert contributions(whole, {"picture": columns["picture"]}) == {} and located.mark_fields(whole) == []


def test_maps_and_marks_are_stored_and_drawn(columns, tmp_path, monkeypatch):
    predictions = by_hand(columns)
    predictions.write(tmp_path / "predictions.h5")
    found = Predictions.read(tmp_path / "predictions.h5")
    np.testing.assert_array_equal(found.contributions["disc"], predictions.contributions["disc"])
    np.testing.assert_array_equal(found.marks["centres"], columns["centres"])
    with xarray.open_dataset(tmp_path / "predictions.h5", engine="h5netcdf") as file:
        np.testing.assert_allclose(file.tile_x, 8 * np.arange(8) + 4)
    drawn = []
    draw = reports.figure_panel
    monkeypatch.setattr(reports, "figure_panel", lambda figure, *a, **b: drawn.append(figure) or draw(figure, *a, **b))
    (panel,) = reports.location_panels(found, {"Typical": np.array([0, 2])})
    assert panel.wide and panel.caption.startswith("Typical: contributions")
    first, empty = [axes for axes in drawn[0].axes if axes.get_title()]
    assert first.get_title() == "collage 0\ndisc: predicted 3, true 3" and "true 0" in empty.get_title()
    true, places = (np.sort(line.get_xydata(), axis=0) for line in first.lines)
    assert len(true) == len(places) == 3 and not len(empty.lines[1].get_xydata())
    np.testing.assert_allclose(places, true, atol=4.1)
