"""What stands on the axes of a figure."""

import re

import numpy as np
import pytest

from qd_pix2pix.reports.figures import Axes, against_exact, against_gap, comparison, evolution
from qd_pix2pix.schema import MILLI, Units, get_field

FIELD = np.random.default_rng(0).uniform(size=(2, 8, 8))


def words(figure):
    """Every label of a figure."""
    panels = figure.get_axes()
    return " ".join(text for p in panels for text in (p.get_xlabel(), p.get_ylabel()))


@pytest.mark.parametrize("units", [Units("nm", "eV"), Units("bohr", "hartree")])
def test_figures_bear_the_units_of_the_dataset(units):
    axes = Axes(40.0, units, get_field("V"), get_field("n_int"))
    text = words(comparison(axes, FIELD, FIELD, FIELD)) + words(evolution(axes, [1, 2], list(FIELD), None))
    text += words(against_gap(FIELD[0, 0], MILLI[units.energy], FIELD[0, 1], "NMAE"))
    for expected in (f"x ({units.length})", f"({units.energy})", f"{units.length}$^{{-2}}$", MILLI[units.energy]):
        assert expected in text
    others = {"nm", "eV", "meV", "bohr", "hartree", "mHa"} - {units.length, units.energy, MILLI[units.energy]}
    assert not re.findall(rf"\b({'|'.join(others)})\b", text)


def test_numbers_lie_on_the_line_where_they_are_exact():
    """The line goes through all that is shown."""
    exact, predicted = np.array([-2.0, 1.0, 5.0]), np.array([-3.0, 1.0, 4.0])
    figure = against_exact(exact, predicted, "E (meV)")
    line, points = (drawn.get_xydata() for drawn in figure.get_axes()[0].get_lines())
    assert line.tolist() == [[-3.0, -3.0], [5.0, 5.0]]
    assert points.tolist() == np.stack([exact, predicted], axis=1).tolist()
    assert words(figure) == "exact E (meV) predicted E (meV)"
