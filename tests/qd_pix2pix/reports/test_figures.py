"""What stands on the axes of a figure."""

import re
from dataclasses import replace

import numpy as np
import pytest

from qd_pix2pix.reports.figures import Frame, comparison, evolution, strip
from qd_pix2pix.reports.number_figures import scatter
from qd_pix2pix.schema import Domain, Schema
from qd_pix2pix.systems.quantum_dots import CONDITIONS, DENSITIES, SCALARS, V, conditions_of
from qd_pix2pix.systems.spins import ANGLES, ENERGY, SPINS

FIELD = np.random.default_rng(0).uniform(size=(2, 8, 8))
DOTS = Schema(
    "quantum dots", "dot", (V, *DENSITIES, *SCALARS), Domain(("x", "y"), (8, 8), ("extent", "extent")), CONDITIONS,
    {"n_electrons": 2.0, "m_eff": 1.0, "eps_r": 1.0, "extent": 40.0},
    {"length": "nm", "energy": "eV", "density": "nm^-2"},
)  # fmt: skip
LATTICE = Schema(
    "lattices",
    "lattice",
    (SPINS, ANGLES, ENERGY),
    Domain(("x", "y"), (4, 6), boundary="periodic"),
    units={"energy": "J"},
)
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


def test_a_rectangle_has_its_sides_and_a_figure_of_its_proportions():
    sides = {"extent_x": 60.0, "extent_y": 30.0}
    conditions, constants = conditions_of(n_electrons=2, m_eff=1.0, eps_r=1.0, extent=tuple(sides.values()))
    domain = Domain(("x", "y"), (8, 4), tuple(sides))
    schema = replace(DOTS, domain=domain, conditions=conditions, constants=constants)
    figures = []
    for frame, field in ((Frame(DOTS), FIELD), (Frame(schema), FIELD[:, :, :4])):
        column, source = schema["n_int"], [(schema["V"], field)]
        figures += [
            comparison([frame] * 2, source, column, field, field),
            strip([frame] * 2, column, field, ["a", "b"]),
            evolution(frame, column, [1, 2], list(field), None),
        ]
    for square, long in zip(figures[:3], figures[3:], strict=True):
        panels = [panel for panel in long.get_axes() if panel.get_images()]
        assert all(panel.get_images()[0].get_extent() == [0.0, 60.0, 0.0, 30.0] for panel in panels)
        assert all(panel.get_aspect() == 1.0 for panel in panels)
        assert long.get_figwidth() == square.get_figwidth() and long.get_figheight() < 0.8 * square.get_figheight()


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


def test_spins_are_cells_of_two_colours_around_their_sites():
    spins = np.where(np.random.default_rng(0).random((2, 4, 6)) < 0.5, -1, 1).astype(np.int8)
    figure = strip([Frame(LATTICE)] * 2, SPINS, spins, ["first", "second"])
    *panels, bar = figure.get_axes()
    assert [panel.get_title() for panel in panels] == ["first", "second"]
    assert [text.get_text() for text in bar.get_yticklabels()] == ["−1", "+1"]
    assert (panels[0].get_xlabel(), panels[0].get_ylabel(), bar.get_ylabel()) == ("x", "y", r"$\sigma$")
    for panel, field in zip(panels, spins, strict=True):
        (image,) = panel.get_images()
        assert image.get_extent() == [-0.5, 3.5, -0.5, 5.5] and image.get_interpolation() == "nearest"
        colours = image.cmap(image.norm(field))
        assert len(np.unique(colours.reshape(-1, 4), axis=0)) == 2
        assert (colours[field == 1] == colours[field == 1][0]).all()
        assert image.get_array().tolist() == field.T.tolist()
        assert all(tick == round(tick) for axis in (panel.xaxis, panel.yaxis) for tick in axis.get_majorticklocs())


def test_a_field_of_one_value_keeps_its_colour():
    """All spins up are not shown as all spins down."""
    figures = [strip([Frame(LATTICE)], SPINS, np.full((1, 4, 6), sign), [""]) for sign in (-1, 1)]
    down, up = (f.get_axes()[0].get_images()[0] for f in figures)
    assert down.cmap(down.norm(-1)) == up.cmap(up.norm(-1)) != up.cmap(up.norm(1)) == down.cmap(down.norm(1))


def test_continuous_predictions_of_spins_have_the_colours_of_their_references_at_the_ends():
    spins = np.where(FIELD < 0.5, -1.0, 1.0)
    figure = comparison([Frame(LATTICE)] * 2, [], SPINS, spins, 0.5 * spins)
    reference, predicted, error = (panel.get_images()[0] for panel in figure.get_axes()[:3])
    for value in (-1, 1):
        assert reference.cmap(reference.norm(value)) == pytest.approx(predicted.cmap(predicted.norm(value)), abs=1e-9)
    assert predicted.get_clim() == (-1, 1) and error.get_clim() == (-0.5, 0.5)


def test_angles_have_the_scale_of_their_bounds():
    figure = strip([Frame(LATTICE)] * 2, ANGLES, 1 + FIELD, ["", ""])
    first, _, bar = figure.get_axes()
    assert first.get_images()[0].get_clim() == (0, np.pi) and first.get_images()[0].cmap.name == "cividis"
    assert [t.get_text() for t in bar.get_yticklabels()] == ["0", r"$\pi/4$", r"$\pi/2$", r"$3\pi/4$", r"$\pi$"]
