"""Matplotlib figures of several runs side by side: fields, and errors of the same samples. No import of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from qd_pix2pix.reports.colours import COLOURS, ERRORS, Shading, bounds, shading
from qd_pix2pix.reports.contours import over_cells, potential_of
from qd_pix2pix.reports.figures import DENSITY, Frame, labelled, plain
from qd_pix2pix.schema import Column


class Sample(NamedTuple):
    """One sample, predicted by several runs.

    Attributes:
        title: title of its rows.
        frame: frame of the sample.
        given: given columns with their fields (*points).
        reference: reference field.
        predicted: predicted field of each run by name.
    """

    title: str
    frame: Frame
    given: Sequence[tuple[Column, NDArray]]
    reference: NDArray
    predicted: Mapping[str, NDArray]


def side_by_side(samples: Sequence[Sample], column: Column) -> Figure:
    """Return a figure with two rows for each sample: reference and predictions on one scale, errors below on another.

    Fields have two dimensions; of several given fields the first is shown.
    """
    names = list(samples[0].predicted)
    figure = Figure(figsize=(2.2 * (len(names) + 2), 3.9 * len(samples) + 0.4), layout="constrained")
    panels = figure.subplots(2 * len(samples), len(names) + 2, squeeze=False, sharex=True, sharey=True)
    first = samples[0].given[0][0]
    for panel, name in zip(panels[0], [f"${first.tex}$", "reference", *map(plain, names)], strict=True):
        panel.set_title(name)
    for i, sample in enumerate(samples):
        _rows(figure, panels[2 * i : 2 * i + 2], sample, column)
    for panel in panels[-1, 2:]:
        panel.set_xlabel(samples[-1].frame.axis(0))
    return figure


def _rows(figure: Figure, rows: NDArray, sample: Sample, column: Column) -> None:
    """Draw the two rows of panels (2, k) of a sample."""
    frame, V = sample.frame, potential_of(sample.given) if column.quantity == DENSITY else None
    factor, unit = frame.shown(column)
    fields = [sample.reference, *sample.predicted.values()]
    errors = [field - sample.reference for field in sample.predicted.values()]
    source, values = sample.given[0]
    _image(rows[0, 0], values, frame, shading(source, values, *bounds(source, values)))
    low, high = bounds(column, *fields)
    colours = shading(column, factor * sample.reference, factor * low, factor * high)
    for panel, field in zip(rows[0, 1:], fields, strict=True):
        drawn = _image(panel, factor * field, frame, colours)
        if V is not None:
            over_cells(panel, frame.extent(V.shape), V)
    _bar(figure, rows[0, 1:], drawn, labelled(f"${column.tex}$", unit))
    limit = factor * max(max(float(np.abs(error).max()) for error in errors), 1e-12)
    for panel, error in zip(rows[1, 2:], errors, strict=True):
        drawn = _image(panel, factor * error, frame, Shading(ERRORS, Normalize(-limit, limit)))
        if V is not None:
            over_cells(panel, frame.extent(V.shape), V, dark=True)
    _bar(figure, rows[1, 2:], drawn, labelled(rf"$\Delta {column.tex}$", unit))
    rows[0, 0].set_ylabel(f"{sample.title}\n{frame.axis(1)}", fontsize=8.5)
    rows[1, 0].set_axis_off()
    rows[1, 1].set_axis_off()


def _image(panel: Axes, values: NDArray, frame: Frame, colours: Shading) -> AxesImage:
    panel.tick_params(labelsize=7.5)
    edges = frame.extent(values.shape)
    extent = (edges[0], edges[1], edges[2], edges[3])
    return panel.imshow(values.T, extent=extent, cmap=colours.colours, norm=colours.norm)


def _bar(figure: Figure, panels: NDArray, drawn: AxesImage, label: str) -> None:
    bar = figure.colorbar(drawn, ax=list(panels), shrink=0.84, pad=0.02)
    bar.ax.tick_params(labelsize=7.5)
    bar.set_label(label, fontsize=8.5)


def distribution(scores: Mapping[str, NDArray], label: str, sample: str) -> Figure:
    """Return a figure of the fraction of samples whose score (S,) is at most the abscissa, one curve for each run."""
    figure = Figure(figsize=(5.2, 3.3), layout="constrained")
    panel = figure.subplots()
    for i, (name, values) in enumerate(scores.items()):
        fractions = np.arange(1, len(values) + 1) / len(values)
        panel.step(np.sort(values), fractions, where="post", color=COLOURS[i % len(COLOURS)], label=plain(name))
    if all((values > 0).all() for values in scores.values()):
        panel.set_xscale("log")
    panel.set_xlabel(label)
    panel.set_ylabel(f"fraction of the {sample}s")
    panel.set_ylim(0, 1.02)
    panel.legend(fontsize=8)
    return figure
