"""Matplotlib figures of fields, errors and training, with units. No import of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from qd_pix2pix.reports.colours import COLOURS, ERRORS, Shading, bounds, shading
from qd_pix2pix.reports.contours import over_cells, potential_of
from qd_pix2pix.schema import Column, Schema

Curve = tuple[NDArray, NDArray]
"""Steps and values of a curve."""
Fields = Sequence[tuple[Column, NDArray]]
"""The columns with their values, (S, *points) each."""

STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "legend.frameon": False,
    "image.origin": "lower",
}
matplotlib.rcParams.update(STYLE)
COLUMNS = ("reference", "predicted", "error")
FLATTEST, TALLEST = 0.4, 2.0
"""Limits of the ratio of height and width for which figures are sized."""
DENSITY = "density"
"""Name of the quantity that is shown in hundredths of its unit."""


@dataclass(frozen=True)
class Frame:
    """The domain and the units in which the fields of a figure are drawn.

    Attributes:
        schema: schema of the samples.
        conditions: conditions of the sample by name, including the sides of the domain.
    """

    schema: Schema
    conditions: Mapping[str, float] | None = None

    def lengths(self, shape: Sequence[int]) -> tuple[float, ...]:
        """Return the length of each axis for fields of these points."""
        known = {**self.schema.constants, **(self.conditions or {})}
        return self.schema.domain.resized(shape).lengths(known)

    def extent(self, shape: Sequence[int]) -> tuple[float, ...]:
        """Return the edges of a map of these points, low and high along each axis; each point is the centre of a cell.

        Points of a periodic domain are at 0, 1, ..., those between walls at 1/2, 3/2, ...
        """
        start = 0.5 if self.schema.domain.boundary == "periodic" else 0.0
        steps = [length / points for length, points in zip(self.lengths(shape), shape, strict=True)]
        edges = [(-start * h, (points - start) * h) for h, points in zip(steps, shape, strict=True)]
        return tuple(edge for pair in edges for edge in pair)

    @property
    def taller(self) -> float:
        """By how much of its width a map is taller than a square; negative for rectangles along the first axis."""
        sides = self.lengths(self.schema.domain.shape)
        return min(max(sides[1] / sides[0], FLATTEST), TALLEST) - 1 if len(sides) == 2 else 0.0

    @property
    def unit(self) -> str:
        """The unit of lengths; empty on a lattice."""
        return self.schema.units.get("length", "") if self.schema.domain.sides else ""

    def axis(self, position: int) -> str:
        """Return the label of an axis."""
        return labelled(self.schema.domain.axes[position], self.unit)

    def shown(self, column: Column) -> tuple[float, str]:
        """Return the conversion factor and the label of a field's colour bar; densities are in 1/100 of nm^-2."""
        unit = tex_unit(self.schema.unit(column))
        if column.quantity == DENSITY and unit and not self.schema.reduction:
            return 100.0, rf"$10^{{-2}}$ {unit}"
        return 1.0, unit


class Line(NamedTuple):
    """One sample of a comparison.

    Attributes:
        frame: frame of the sample.
        given: given columns with their fields, (*points).
        column: predicted column.
        reference: reference field, (*points), or None.
        predicted: predicted field, (*points).
    """

    frame: Frame
    given: Fields
    column: Column
    reference: NDArray | None
    predicted: NDArray


class Strip(NamedTuple):
    """One row of a strip.

    Attributes:
        frames: frame of each sample.
        values: fields, (S, *points).
        titles: titles of the samples.
    """

    frames: Sequence[Frame]
    values: NDArray
    titles: Sequence[str]


def tex_unit(unit: str) -> str:
    """Return a unit with its power in TeX: nm^-2 becomes nm$^{-2}$."""
    base, _, power = unit.partition("^")
    return f"{base}$^{{{power}}}$" if power else base


def labelled(name: str, unit: str) -> str:
    """Return a name with its unit in parentheses, if there is one."""
    return f"{name} ({unit})" if unit else name


def plain(text: str | None) -> str:
    """Return a text that Matplotlib shows unchanged: dollars in values of axes would start a formula."""
    return (text or "").replace("$", r"\$")


def _draw(
    figure: Figure, panel: Axes, values: NDArray, frame: Frame, column: Column, limits: tuple[float, float], symbol: str
) -> None:
    factor, unit = frame.shown(column)
    low, high = (factor * limit for limit in limits)
    panel.tick_params(labelsize=7.5)
    if values.ndim == 1:
        _line(panel, factor * values, frame, (low, high), labelled(f"${symbol}$", unit))
        return
    _bar(figure, [panel], *_map(panel, factor * values, frame, column, (low, high)), labelled(f"${symbol}$", unit))


def _draw_error(figure: Figure, panel: Axes, error: NDArray, frame: Frame, column: Column) -> None:
    factor, unit = frame.shown(column)
    limit = factor * max(float(np.abs(error).max()), 1e-12)
    label = labelled(rf"$\Delta {column.tex}$", unit)
    panel.tick_params(labelsize=7.5)
    if error.ndim == 1:
        _line(panel, factor * error, frame, (-limit, limit), label)
        return
    colours = Shading(ERRORS, Normalize(-limit, limit))
    _bar(figure, [panel], _image(panel, factor * error, frame, colours), colours, label)


def _contours(panels: Sequence[Axes], frame: Frame, column: Column, V: NDArray | None) -> None:
    """Draw contours of the potential over maps of a density; those after the second one are errors, on white."""
    if V is not None and column.quantity == DENSITY:
        for i, panel in enumerate(panels):
            over_cells(panel, frame.extent(V.shape), V, dark=i > 1)


def _line(panel: Axes, values: NDArray, frame: Frame, limits: tuple[float, float], label: str) -> None:
    known = {**frame.schema.constants, **(frame.conditions or {})}
    x = np.asarray(next(iter(frame.schema.domain.resized(values.shape).coordinates(known).values())))
    panel.plot(x, values, drawstyle="steps-mid", color=COLOURS[0], lw=1.2)
    margin = 0.06 * (limits[1] - limits[0]) or 1.0
    panel.set_ylim(limits[0] - margin, limits[1] + margin)
    panel.set_ylabel(label, fontsize=8.5)


def _map(
    panel: Axes, values: NDArray, frame: Frame, column: Column, limits: tuple[float, float]
) -> tuple[AxesImage, Shading]:
    colours = shading(column, values, *limits)
    return _image(panel, values, frame, colours), colours


def _image(panel: Axes, values: NDArray, frame: Frame, colours: Shading) -> AxesImage:
    """Draw values (x, y) as cells of one colour each; sites of a lattice have whole numbers on the axes."""
    left, right, bottom, top = frame.extent(values.shape)
    is_lattice = not frame.schema.domain.sides
    if is_lattice:
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(4, integer=True))
    return panel.imshow(
        values.T,
        extent=(left, right, bottom, top),
        cmap=colours.colours,
        norm=colours.norm,
        interpolation="nearest" if is_lattice else None,
    )


def _bar(figure: Figure, panels: Sequence[Axes], drawn: AxesImage, colours: Shading, label: str) -> None:
    bar = figure.colorbar(drawn, ax=list(panels), shrink=0.84, pad=0.02)
    if colours.ticks is not None:
        bar.set_ticks(colours.ticks, labels=colours.labels)
        bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=7.5)
    bar.set_label(label, fontsize=8.5)


def _grid(frames: Sequence[Frame], names: Sequence[str], titles: Sequence[str] | None, dims: int) -> tuple[Figure, Any]:
    """Return a figure and its panels, one row per sample, with headings, labels of the axes and titles of the rows."""
    rows = len(frames)
    height = 2.3 + 1.7 * frames[0].taller if dims == 2 else 1.5
    figure = Figure(figsize=(2.75 * len(names), height * rows + 0.25), layout="constrained")
    panels = figure.subplots(rows, len(names), squeeze=False, sharex=True, sharey=dims == 2)
    for panel, name in zip(panels[0], names, strict=True):
        panel.set_title(name)
    for panel in panels[-1]:
        panel.set_xlabel(frames[-1].axis(0))
    for row, frame in enumerate(frames):
        if dims == 2:
            panels[row, 0].set_ylabel(frame.axis(1))
        if titles:
            panels[row, 0].annotate(
                titles[row],
                (-0.36, 0.5),
                xycoords="axes fraction",
                rotation=90,
                va="center",
                ha="right",
                fontsize=8,
                multialignment="center",
            )
    return figure, panels


def comparison(
    frames: Sequence[Frame],
    given: Fields,
    column: Column,
    reference: NDArray | None,
    predicted: NDArray,
    titles: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """Return a figure with one row per sample: given fields, reference, prediction, error (prediction - reference).

    Args:
        frames: frame of each sample.
        given: given columns with their fields, (S, *points).
        column: predicted column.
        reference: reference fields, (S, *points), with the colour scale of the predicted ones; None omits reference
            and error.
        predicted: predicted fields, (S, *points).
        titles: titles of the rows.
        names: headings of the figure's columns.
    """
    predicted_only = COLUMNS[1:2]
    names = names or [*(f"${c.tex}$" for c, _ in given), *(predicted_only if reference is None else COLUMNS)]
    lines = [
        Line(frame, [(c, v[i]) for c, v in given], column, None if reference is None else reference[i], predicted[i])
        for i, frame in enumerate(frames)
    ]
    return lines_figure(lines, names, titles)


def lines_figure(lines: Sequence[Line], names: Sequence[str], titles: Sequence[str] | None = None) -> Figure:
    """Return a figure with one row per line, each of any column; see ``comparison``."""
    figure, panels = _grid([line.frame for line in lines], names, titles, lines[0].predicted.ndim)
    for row, (frame, given, column, reference, predicted) in zip(panels, lines, strict=True):
        for panel, (source, values) in zip(row, given, strict=False):
            _draw(figure, panel, values, frame, source, bounds(source, values), source.tex)
        rest, V = row[len(given) :], potential_of(given)
        shown = [predicted] if reference is None else [reference, predicted]
        for panel, field in zip(rest, shown, strict=False):
            _draw(figure, panel, field, frame, column, bounds(column, *shown), column.tex)
        if reference is not None:
            _draw_error(figure, rest[2], predicted - reference, frame, column)
        _contours(rest, frame, column, V)
    return figure


def gallery(frames: Sequence[Frame], fields: Fields, titles: Sequence[str] | None = None) -> Figure:
    """Return a figure with one row per sample and one column of panels for each field (S, *points)."""
    figure, panels = _grid(frames, [f"${column.tex}$" for column, _ in fields], titles, fields[0][1].ndim - 1)
    for row, frame in enumerate(frames):
        for panel, (column, values) in zip(panels[row], fields, strict=True):
            _draw(figure, panel, values[row], frame, column, bounds(column, values[row]), column.tex)
            _contours([panel], frame, column, potential_of([(c, v[row]) for c, v in fields]))
    return figure


def strip(
    frames: Sequence[Frame], column: Column, values: NDArray, titles: Sequence[str], below: Strip | None = None
) -> Figure:
    """Return a figure of one field of several samples side by side, (S, *points), on a common scale.

    Args:
        frames: frame of each sample.
        column: column of the field.
        values: the fields; of one or two dimensions.
        titles: titles of the samples.
        below: a second row of as many samples.
    """
    rows, dims = [Strip(frames, values, titles), *([below] if below else [])], values.ndim - 1
    lines = sum(max(title.count("\n") for title in row.titles) + 1 for row in rows)
    height = 2.2 + 1.6 * frames[0].taller if dims == 2 else 1.6
    size = (1.95 * len(frames) + 0.75, height * len(rows) + 0.16 * lines)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(rows), len(frames), squeeze=False, sharey=True)
    factor, unit = frames[0].shown(column)
    low, high = (factor * limit for limit in bounds(column, *(row.values for row in rows)))
    label = labelled(f"${column.tex}$", unit)
    for line, row in zip(panels, rows, strict=True):
        for panel, frame, field, title in zip(line, *row, strict=True):
            panel.set_title(title, fontsize=8.5)
            panel.tick_params(labelsize=7.5)
            if dims == 2:
                drawn = _map(panel, factor * field, frame, column, (low, high))
            else:
                _line(panel, factor * field, frame, (low, high), "")
        line[0].set_ylabel(row.frames[0].axis(1) if dims == 2 else label, fontsize=8.5)
    for panel, frame in zip(panels[-1], rows[-1].frames, strict=True):
        panel.set_xlabel(frame.axis(0), fontsize=8.5)
    if dims == 2:
        _bar(figure, list(panels.flat), *drawn, label)
    return figure


def evolution(
    frame: Frame,
    column: Column,
    steps: Sequence[int],
    predicted: Sequence[NDArray],
    reference: NDArray | None,
    name: str = "reference",
) -> Figure:
    """Return a figure of one sample during training: predictions (*points) at some steps, and the reference."""
    maps = list(predicted) + ([] if reference is None else [reference])
    titles = [f"step {step}" for step in steps] + [name]
    width = 11 / max(len(maps), 5)
    height = width + 0.8 * width * frame.taller if maps[0].ndim == 2 else width
    figure = Figure(figsize=(11, height + 0.4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(maps), sharey=True))
    limits = bounds(column, maps[-1])
    for panel, values, title in zip(panels, maps, titles, strict=False):
        if values.ndim == 1:
            panel.plot(values, drawstyle="steps-mid", color=COLOURS[0], lw=1.2)
        else:
            _map(panel, values, frame, column, limits)
        panel.set_title(title, fontsize=8.5)
        panel.set_xlabel(frame.axis(0), fontsize=8)
        panel.tick_params(labelsize=7)
    panels[0].set_ylabel(frame.axis(1) if maps[0].ndim == 2 else f"${column.tex}$", fontsize=8)
    return figure


def to_pixels(figure: Figure, dpi: int = 110) -> NDArray[np.uint8]:
    """Return the figure as an RGB image, (height, width, 3)."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
