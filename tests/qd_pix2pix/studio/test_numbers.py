"""Numbers on the page: rounding to the error, verdicts, charts, pictures and materials."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from qd_pix2pix.studio.dot import Dot, Well
from qd_pix2pix.studio.knobs import knobs, turned, value_of
from qd_pix2pix.studio.materials import materials, name_of
from qd_pix2pix.studio.pictures import PIXELS, contours, picture
from qd_pix2pix.studio.plots import points_chart, sweep_chart

pytest.importorskip("nicegui", reason="needs the extra studio")

from qd_pix2pix.studio.numbers import spin  # noqa: E402


def test_spins_are_fractions():
    assert [spin(s) for s in (0.0, 0.5, 1.0, 1.5)] == ["0", "1/2", "1", "3/2"]


def test_pictures_have_x_to_the_right_and_y_upwards():
    field = np.zeros((64, 64))
    field[:8, -8:] = 1.0  # small x, large y
    content = base64.b64decode(picture(field, "gray", 0.0, 1.0).partition(",")[2])
    image = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    assert image.shape == (PIXELS, PIXELS)
    assert image[5, 5] == 255 and image[-5, 5] == 0 and image[5, -5] == 0
    assert "<path" in contours(field) and contours(np.zeros((64, 64))) == ""


def test_charts_have_error_bars_and_one_series_for_each_configuration():
    point = {"value": 1.0, "J": 2e-6, "J_error": 5e-7, "gap": 1.0, "gap_error": 0.1, "charges": np.array([1.5, 0.5])}
    curve, bars, *electrons = sweep_chart("detuning", [point])["series"]
    assert curve["data"] == [[1.0, 2.0]] and bars["data"][0]["coords"] == [[1.0, 1.5], [1.0, 2.5]]
    assert [series["data"] for series in electrons] == [[[1.0, 1.5]], [[1.0, 0.5]]]
    shown = points_chart(("a", "b"), [(0.0, 1.0, "(0, 1)"), (1.0, 0.0, "(1, 0)"), (2.0, 0.0, "(1, 0)")])
    assert {s["name"]: len(s["data"]) for s in shown["series"]} == {"(0, 1)": 1, "(1, 0)": 2}


def test_knobs_turn_what_they_name():
    dot = Dot(wells=(Well(30.0, 50.0, 20.0, 10.0), Well(70.0, 50.0, 25.0, 10.0)))
    assert list(knobs(dot)) == ["detuning", "barrier", "well 1", "well 2"]
    for knob in knobs(dot):
        assert value_of(turned(dot, knob, 7.5), knob) == 7.5
    assert turned(dot, "well 2", 7.5).wells[0] == dot.wells[0]
    assert knobs(Dot()) == {}
    with pytest.raises(ValueError, match="knob: expected one of"):
        turned(dot, "gate 1", 1.0)


def test_materials_have_nanometres_and_one_mass():
    assert materials()["gaas"] == (0.067, 12.9) and not {"vacuum", "si_valley"} & set(materials())
    assert name_of(0.067, 12.9) == "gaas" and name_of(0.067, 13.0) == "other"
