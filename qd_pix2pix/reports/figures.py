"""Matplotlib figures of fields, errors and training, with units. No import of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

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
COLOURS = ("#1b4965", "#c8553d", "#588157", "#8e6c8a", "#b08900", "#5f6f7a")
COLUMNS = ("reference", "predicted", "error")
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

    @property
    def unit(self) -> str:
        """The unit of lengths; empty on a lattice."""
        return self.schema.units.get("length", "") if self.schema.domain.sides else ""

    def axis(self, position: int) -> str:
        """Return the label of an axis."""
        return labelled(self.schema.domain.axes[position], self.unit)

    def shown(self, column: Column) -> tuple[float, str]:
        """Return the conversion factor and the label of a field's colour bar; densities are in 1/100 of their unit."""
        unit = tex_unit(self.schema.unit(column))
        if column.quantity == DENSITY and unit:
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
    figure: Figure, panel: Axes, values: NDArray, frame: Frame, column: Column, bounds: tuple[float, float], symbol: str
) -> None:
    factor, unit = frame.shown(column)
    low, high = (factor * bound for bound in bounds)
    lengths = frame.lengths(values.shape)
    panel.tick_params(labelsize=7.5)
    if values.ndim == 1:
        x = np.asarray(next(iter(frame.schema.domain.resized(values.shape).coordinates(
            {**frame.schema.constants, **(frame.conditions or {})}).values())))  # fmt: skip
        panel.plot(x, factor * values, drawstyle="steps-mid", color=COLOURS[0], lw=1.2)
        margin = 0.06 * (high - low) or 1.0
        panel.set_ylim(low - margin, high + margin)
        panel.set_ylabel(labelled(f"${symbol}$", unit), fontsize=8.5)
        return
    colours = "RdBu_r" if bounds[0] == -bounds[1] else _colours(column)
    extent = (0, lengths[0], 0, lengths[1])
    drawn = panel.imshow(factor * values.T, extent=extent, cmap=colours, vmin=low, vmax=high)
    bar = figure.colorbar(drawn, ax=panel, shrink=0.84, pad=0.02)
    bar.ax.tick_params(labelsize=7.5)
    bar.set_label(labelled(f"${symbol}$", unit), fontsize=8.5)


def _colours(column: Column) -> str:
    return "magma" if column.kind == "density" else "cividis"


def _grid(frames: Sequence[Frame], names: Sequence[str], titles: Sequence[str] | None, dims: int) -> tuple[Figure, Any]:
    """Return a figure and its panels, one row per sample, with headings, labels of the axes and titles of the rows."""
    rows = len(frames)
    figure = Figure(figsize=(2.75 * len(names), (2.3 if dims == 2 else 1.5) * rows + 0.25), layout="constrained")
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
                titles[row], (-0.42, 0.5), xycoords="axes fraction", rotation=90, va="center", ha="center", fontsize=8
            )
    return figure, panels


def _limits(*arrays: NDArray) -> tuple[float, float]:
    return float(min(a.min() for a in arrays)), float(max(a.max() for a in arrays))


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
            _draw(figure, panel, values, frame, source, _limits(values), source.tex)
        rest = row[len(given) :]
        shown = [predicted] if reference is None else [reference, predicted]
        for panel, field in zip(rest, shown, strict=False):
            _draw(figure, panel, field, frame, column, _limits(*shown), column.tex)
        if reference is not None:
            error = predicted - reference
            bound = max(float(np.abs(error).max()), 1e-12)
            _draw(figure, rest[2], error, frame, column, (-bound, bound), rf"\Delta {column.tex}")
    return figure


def gallery(frames: Sequence[Frame], fields: Fields, titles: Sequence[str] | None = None) -> Figure:
    """Return a figure with one row per sample and one column of panels for each field (S, *points)."""
    figure, panels = _grid(frames, [f"${column.tex}$" for column, _ in fields], titles, fields[0][1].ndim - 1)
    for row, frame in enumerate(frames):
        for panel, (column, values) in zip(panels[row], fields, strict=True):
            _draw(figure, panel, values[row], frame, column, _limits(values[row]), column.tex)
    return figure


def curves(history: dict[str, Curve], names: dict[str, str], ylabel: str, log: bool = False) -> Figure:
    """Return a figure of quantities over training steps; ``names`` maps names of the history to those of the legend."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    for colour, (name, label) in zip(COLOURS, ((n, text) for n, text in names.items() if n in history), strict=False):
        steps, values = history[name]
        if len(steps) > 120:  # running mean, to reduce the noise of small batches
            width = max(len(steps) // 60, 1)
            smooth = np.convolve(values, np.ones(width) / width, mode="valid")
            panel.plot(steps, values, color=colour, alpha=0.16, lw=0.6)
            panel.plot(steps[width - 1 :], smooth, color=colour, label=label, lw=1.5)
        else:
            panel.plot(steps, values, "o-", color=colour, label=label, lw=1.5, ms=3)
    if log:
        panel.set_yscale("log")
    panel.set_xlabel("training step")
    panel.set_ylabel(ylabel)
    panel.legend(fontsize=8)
    return figure


def against_reference(reference: NDArray, predicted: NDArray, label: str) -> Figure:
    """Return a figure of predicted numbers against references, with the diagonal."""
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    panel = figure.subplots()
    low, high = _limits(reference, predicted)
    panel.plot([low, high], [low, high], color="0.6", lw=1)
    panel.plot(reference, predicted, ".", color=COLOURS[0], ms=5)
    panel.set_xlabel(f"reference {label}")
    panel.set_ylabel(f"predicted {label}")
    return figure


def confusion(reference: NDArray, predicted: NDArray, classes: int, label: str) -> Figure:
    """Return a figure of the confusion matrix: samples of each class (rows) by predicted class (columns)."""
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (reference.astype(int), predicted.astype(int)), 1)
    figure = Figure(figsize=(5.2, 4.4), layout="constrained")
    panel = figure.subplots()
    figure.colorbar(panel.imshow(table, cmap="cividis"), ax=panel, label="samples", pad=0.02)
    if classes <= 12:
        for (row, column), number in np.ndenumerate(table):
            colour = "black" if number > table.max() / 2 else "white"
            panel.text(column, row, str(number), ha="center", va="center", fontsize=8, color=colour)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    panel.set_xlabel(f"predicted {label}")
    panel.set_ylabel(f"reference {label}")
    return figure


def histogram(values: NDArray, label: str, sample: str = "dot") -> Figure:
    """Return a histogram over samples, with the median."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    panel.hist(values, bins=min(30, max(8, len(values) // 5)), color=COLOURS[0], alpha=0.85)
    median = float(np.median(values))
    panel.axvline(median, color=COLOURS[1], lw=1.5, label=f"median {median:.3g}")
    panel.set_xlabel(label)
    panel.set_ylabel(f"{sample}s")
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(fontsize=8)
    return figure


def scatter(x: NDArray, xlabel: str, values: NDArray, ylabel: str) -> Figure:
    """Return a scatter plot of one quantity of each sample against another one."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    panel.scatter(x, values, s=14, color=COLOURS[0], alpha=0.7, lw=0)
    panel.set_xlabel(xlabel)
    panel.set_ylabel(ylabel)
    return figure


def evolution(
    frame: Frame, column: Column, steps: Sequence[int], predicted: Sequence[NDArray], reference: NDArray | None
) -> Figure:
    """Return a figure of one sample during training: predictions (*points) at some steps, and the reference."""
    maps = list(predicted) + ([] if reference is None else [reference])
    titles = [f"step {step}" for step in steps] + ["reference"]
    figure = Figure(figsize=(11, 11 / max(len(maps), 5) + 0.4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(maps), sharey=True))
    low, high = _limits(maps[-1])
    lengths = frame.lengths(maps[0].shape)
    for panel, values, title in zip(panels, maps, titles, strict=False):
        if values.ndim == 1:
            panel.plot(values, drawstyle="steps-mid", color=COLOURS[0], lw=1.2)
        else:
            extent = (0, lengths[0], 0, lengths[1])
            panel.imshow(values.T, extent=extent, cmap=_colours(column), vmin=low, vmax=high)
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
