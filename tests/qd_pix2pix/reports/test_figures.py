"""What stands on the axes of a figure."""

import re
from dataclasses import replace

import numpy as np
import pytest

from qd_pix2pix.reports.figures import Frame, against_reference, comparison, confusion, evolution, scatter
from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.quantum_dots import CONDITIONS, DENSITIES, SCALARS, V

FIELD = np.random.default_rng(0).uniform(size=(2, 8, 8))
DOTS = Schema(
    "quantum dots", "dot", (V, *DENSITIES, *SCALARS), Domain(("x", "y"), (8, 8), ("extent", "extent")), CONDITIONS,
    {"n_electrons": 2.0, "m_eff": 1.0, "eps_r": 1.0, "extent": 40.0},
    {"length": "nm", "energy": "eV", "density": "nm^-2"},
)  # fmt: skip
ATOMIC = {"length": "bohr", "energy": "hartree", "density": "bohr^-2"}


def words(figure):
    """Every label of a figure."""
    panels = figure.get_axes()
    return " ".join(text for p in panels for text in (p.get_title(), p.get_xlabel(), p.get_ylabel()))


@pytest.mark.parametrize(("units", "milli"), [(DOTS.units, "meV"), (ATOMIC, "mHa")], ids=["nm", "bohr"])
def test_figures_bear_the_units_of_the_dataset(units, milli):
    schema = replace(DOTS, units=units)
    density, (factor, small) = schema["n_int"], schema.small_unit(schema["gap"])
    text = words(comparison([Frame(schema)] * 2, [(schema["V"], FIELD)], density, FIELD, FIELD))
    text += words(evolution(Frame(schema), density, [1, 2], list(FIELD), None))
    text += words(scatter(factor * FIELD[0, 0], f"gap ({small})", FIELD[0, 1], "NMAE"))
    length = units["length"]
    for expected in (f"x ({length})", f"({units['energy']})", rf"$10^{{-2}}$ {length}$^{{-2}}$", f"({milli})"):
        assert expected in text
    others = {"nm", "eV", "meV", "bohr", "hartree", "mHa"} - {length, units["energy"], milli}
    assert not re.findall(rf"\b({'|'.join(others)})\b", text)


def test_a_field_fills_the_square_of_its_own_dot():
    """Twice the side, where the conditions of the sample say so."""
    frames = [Frame(DOTS), Frame(DOTS, {"extent": 80.0})]
    figure = comparison(frames, [(DOTS["V"], FIELD)], DOTS["n_int"], None, FIELD)
    sides = [panel.get_images()[0].get_extent()[1] for panel in figure.get_axes() if panel.get_images()]
    assert sides == [40.0, 40.0, 80.0, 80.0]


def test_reference_and_prediction_share_their_colours_and_errors_are_centred():
    figure = comparison([Frame(DOTS)] * 2, [(DOTS["V"], FIELD)], DOTS["n_int"], FIELD, 0.5 * FIELD)
    limits = [panel.get_images()[0].get_clim() for panel in figure.get_axes() if panel.get_images()]
    _, reference, predicted, error = limits[:4]
    assert reference == predicted == (50 * FIELD[0].min(), 100 * FIELD[0].max())
    assert error[0] == -error[1] == pytest.approx(-50 * FIELD[0].max())


def test_fields_of_one_dimension_are_lines_over_their_points():
    line = Schema("wires", "wire", (V, *DENSITIES[:1]), Domain(("x",), (8,)), (CONDITIONS[0],), {"n_electrons": 1.0})
    figure = comparison([Frame(line)] * 2, [(line["V"], FIELD[0, :2])], line["n0"], FIELD[0, :2], FIELD[1, :2])
    drawn = [panel.get_lines()[0].get_xydata() for panel in figure.get_axes()]
    assert len(drawn) == 8
    np.testing.assert_allclose(drawn[2], np.stack([np.arange(8) + 0.5, FIELD[1, 0]], axis=1))
    assert "$V$" in words(figure) and "x" in words(figure)


def test_numbers_lie_on_the_line_where_they_are_right():
    """The line goes through all that is shown."""
    reference, predicted = np.array([-2.0, 1.0, 5.0]), np.array([-3.0, 1.0, 4.0])
    figure = against_reference(reference, predicted, "E (meV)")
    line, points = (drawn.get_xydata() for drawn in figure.get_axes()[0].get_lines())
    assert line.tolist() == [[-3.0, -3.0], [5.0, 5.0]]
    assert points.tolist() == np.stack([reference, predicted], axis=1).tolist()
    assert words(figure).split() == "reference E (meV) predicted E (meV)".split()


def test_confusion_counts_references_in_rows():
    phase = Column("phase", "class", "i8", classes=3)
    figure = confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1]), phase.classes, "phase")
    image = figure.get_axes()[0].get_images()[0].get_array()
    assert image.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    numbers = [text.get_text() for text in figure.get_axes()[0].texts]
    assert sorted(numbers) == ["0"] * 5 + ["1"] * 4 and "predicted phase" in words(figure)
