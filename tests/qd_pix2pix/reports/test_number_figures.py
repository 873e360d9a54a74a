"""Figures of one number per sample: what is drawn is what was given."""

import numpy as np
import pytest

from qd_pix2pix.evaluation.measures import Context, sample_measures
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.reports import figures, number_figures
from qd_pix2pix.reports.number_figures import against_reference, confusion, error_by_reference, histogram
from qd_pix2pix.reports.page import rows
from qd_pix2pix.reports.prediction_panels import distribution_panels, target_panels
from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.spins import ENERGY, SPINS

LEVEL = Column("level", "class", "i8", None, "", "number of the level", classes=3)
LATTICE = Schema(
    "lattices",
    "lattice",
    (SPINS, ENERGY, LEVEL),
    Domain(("x", "y"), (4, 4), boundary="periodic"),
    units={"energy": "J"},
)


def words(figure):
    """Every label of a figure."""
    return " ".join(text for p in figure.get_axes() for text in (p.get_title(), p.get_xlabel(), p.get_ylabel()))


def predictions(name, reference, predicted):
    """Predictions of a number or class from spins, with measures."""
    size, column = len(reference), LATTICE[name]
    spins = np.random.default_rng(0).choice([-1, 1], (size, 4, 4)).astype(np.int8)
    measures = sample_measures(column.kind, predicted, reference, Context(1.0))
    return Predictions(
        LATTICE, ("spins",), (name,), {"spins": spins}, {name: predicted}, np.arange(size), {}, {name: reference},
        measures={name: measures},
    )  # fmt: skip


@pytest.fixture
def drawn(monkeypatch):
    """The figures that pages draw, by the name of their function."""
    found = {}
    for module, name in ((figures, "strip"), (number_figures, "confusion"), (number_figures, "error_by_reference")):
        draw = getattr(module, name)

        def keep(*given, draw=draw, name=name):
            return found.setdefault(name, []).append(draw(*given)) or found[name][-1]

        monkeypatch.setattr(module, name, keep)
    return found


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


def test_many_classes_are_an_image_without_digits():
    reference = np.repeat(np.arange(200), 3)
    figure = confusion(reference, np.minimum(reference + (np.arange(600) % 3 == 0), 199), 200, "level", "lattice")
    panel, bar = figure.get_axes()
    table = panel.get_images()[0].get_array()
    assert table.shape == (200, 200) and not panel.texts and bar.get_ylabel() == "lattices"
    assert table.sum() == 600 and table[7, 7] == 2 and table[7, 8] == 1 and table[8, 7] == 0
    assert panel.get_images()[0].norm(np.array([0, 1])).mask.tolist() == [True, False]


def test_errors_of_levels_have_one_bin_for_each_level():
    reference = np.repeat([-32.0, -24.0, 24.0], 100)
    error = np.concatenate([np.arange(100), -np.arange(100), np.full(100, 7.0)])
    figure = error_by_reference(reference, error, "E (J)", "|error| (J)")
    upper, medians = (line.get_xydata() for line in figure.get_axes()[0].get_lines())
    np.testing.assert_allclose(medians, [[-32, 49.5], [-24, 49.5], [24, 7]])
    np.testing.assert_allclose(upper, [[-32, 94.05], [-24, 94.05], [24, 7]])
    assert words(figure).split() == "reference E (J) |error| (J)".split()


def test_errors_of_continuous_numbers_have_bins_of_equal_width():
    """Each bin has its own error, the number of its bin; the empty ones have none."""
    reference = np.concatenate([np.linspace(0, 0.5, 501), np.linspace(0.9, 1, 101)])
    bin_of = np.minimum((reference * 20 + 1e-9).astype(int), 19)
    figure = error_by_reference(reference, (-1) ** np.arange(602) * bin_of, "E", "|error|")
    medians = figure.get_axes()[0].get_lines()[1].get_xydata()
    expected = [*range(11), 18, 19]
    np.testing.assert_allclose(medians, [[(i + 0.5) / 20, i] for i in expected])


def test_levels_have_bars_at_their_values():
    values = np.repeat([-32.0, -24.0, -20.0, 0.0], [3, 4, 5, 1])
    bars = histogram(values, "E (J)", "lattice").get_axes()[0].patches
    assert [bar.get_height() for bar in bars] == [3, 4, 5, 1]
    np.testing.assert_allclose([bar.get_x() + bar.get_width() / 2 for bar in bars], [-32, -24, -20, 0])
    continuous = histogram(np.random.default_rng(0).normal(size=200), "E (J)").get_axes()[0].patches
    assert len(continuous) == 30 and sum(bar.get_height() for bar in continuous) == 200


def test_pages_of_numbers_show_sources_and_errors_by_reference(drawn):
    reference = np.repeat([-32.0, 0.0, 8.0], 10)
    p = predictions("energy", reference, reference + np.linspace(0, 2.9, 30))
    captions = [panel.caption for panel in (*target_panels(p), *distribution_panels(p))]
    assert captions == [
        "Typical lattices by |error|: spins, +1 or -1.",
        "Worst lattices by |error|: spins, +1 or -1.",
        "Predicted against reference E, energy of the lattice.",
        "|error| (J) over 30 lattices.",
        "Absolute error of E against its reference: median and 95 % of each value.",
    ]
    worst = drawn["strip"][1].get_axes()[0]
    assert worst.get_title() == "lattice 29\nE = 8 J\npredicted 10.9 J"
    assert worst.get_images()[0].get_array().tolist() == p.given["spins"][29].T.tolist()
    medians = drawn["error_by_reference"][0].get_axes()[0].get_lines()[1].get_xydata()
    np.testing.assert_allclose(medians, [[-32, 0.45], [0, 1.45], [8, 2.45]])


def test_pages_of_classes_show_the_confusion_matrix_with_correct_and_wrong_samples(drawn):
    reference, predicted = np.arange(12) % 3, np.arange(12) * 2 % 3
    p = predictions("level", reference, predicted)
    captions = [panel.caption for panel in (*target_panels(p), *distribution_panels(p))]
    assert captions == [
        "Correct lattices: spins, +1 or -1.",
        "Misclassified lattices: spins, +1 or -1.",
        "Confusion matrix of level, number of the level: lattices of each reference in rows.",
    ]
    assert [panel.get_title().split()[1] for panel in drawn["strip"][0].get_axes()[:3]] == ["0", "3", "6"]
    assert drawn["strip"][1].get_axes()[0].get_title() == "lattice 1\nlevel = 1\npredicted 2"
    assert drawn["confusion"][0].get_axes()[0].get_images()[0].get_array().tolist() == [[4, 0, 0], [0, 0, 4], [0, 4, 0]]


def test_shares_have_a_mean_only():
    """The median of zeros and ones is no measure."""
    spread = {"mean": 0.25, "median": 0.0, "p05": 0.0, "p95": 1.0}
    (row,) = rows({"accuracy": spread}, LEVEL, LATTICE)
    assert (row.mean, row.median, row.spread) == ("25 %", "", "")


def test_predictions_are_points_over_the_exact_curve():
    figure = number_figures.with_exact(np.arange(3.0), np.array([np.nan, 1.0, 2.0]), np.arange(3.0), "T (J)", "C")
    exact, points = figure.axes[0].lines
    np.testing.assert_array_equal(exact.get_ydata(), [0, 1, 2])
    np.testing.assert_array_equal(points.get_ydata(), [np.nan, 1, 2])
    assert figure.axes[0].get_xlabel() == "T (J)"
