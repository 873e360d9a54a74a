"""Figures of fields, errors and training, as Matplotlib figures with units. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes as MplAxes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from qd_pix2pix.schema import Field, Units

Curve = tuple[NDArray, NDArray]
"""Steps and values."""

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


@dataclass(frozen=True)
class Axes:
    """What the fields of a figure are: side of the square, units, field given, field asked."""

    extent: float
    units: Units
    source: Field
    target: Field


def shown_unit(field: Field, units: Units) -> tuple[float, str]:
    """Factor and name of the unit in which colour bars show a field: densities in 10^-2 nm^-2."""
    return (100.0, rf"$10^{{-2}}$ {units.length}$^{{-2}}$") if field.is_density else (1.0, units.of(field.quantity))


def _map(
    figure: Figure, panel: MplAxes, values: NDArray, axes: Axes, field: Field, symbol: str, bounds: tuple[float, float]
) -> None:
    factor, unit = shown_unit(field, axes.units)
    colours = "RdBu_r" if bounds[0] == -bounds[1] else _colours(field)
    low, high = (factor * b for b in bounds)
    square = (0, axes.extent, 0, axes.extent)
    drawn = panel.imshow(factor * values.T, extent=square, cmap=colours, vmin=low, vmax=high)
    bar = figure.colorbar(drawn, ax=panel, shrink=0.84, pad=0.02)
    bar.ax.tick_params(labelsize=7.5)
    bar.set_label(f"${symbol}$ ({unit})", fontsize=8.5)
    panel.tick_params(labelsize=7.5)


def comparison(
    axes: Axes | Sequence[Axes],
    source: NDArray,
    target: NDArray | None,
    predicted: NDArray,
    titles: Sequence[str] | None = None,
    columns: Sequence[str] = ("input", "exact", "predicted", "error"),
) -> Figure:
    """One row a dot: input, exact, predicted, error (predicted - exact); without ``target`` input and predicted only.

    Fields have shape (dots, n, n). Exact and predicted share their colours. ``axes`` are those of all dots, or of each.
    """
    each = [axes] * len(source) if isinstance(axes, Axes) else list(axes)
    columns = [columns[0], columns[2]] if target is None else columns
    rows = len(source)
    figure = Figure(figsize=(2.75 * len(columns), 2.3 * rows + 0.25), layout="constrained")
    panels = figure.subplots(rows, len(columns), squeeze=False, sharex=True, sharey=True)
    for row, own in enumerate(each):
        shown = [predicted[row]] if target is None else [target[row], predicted[row]]
        bounds = min(s.min() for s in shown), max(s.max() for s in shown)
        limits = float(source[row].min()), float(source[row].max())
        _map(figure, panels[row, 0], source[row], own, own.source, own.source.symbol, limits)
        for panel, values in zip(panels[row, 1:], shown, strict=False):
            _map(figure, panel, values, own, own.target, own.target.symbol, bounds)
        if target is not None:
            error = predicted[row] - target[row]
            bound = max(float(np.abs(error).max()), 1e-12)
            _map(figure, panels[row, 3], error, own, own.target, rf"\Delta {own.target.symbol}", (-bound, bound))
        panels[row, 0].set_ylabel(f"y ({own.units.length})")
        if titles:
            panels[row, 0].annotate(
                titles[row], (-0.42, 0.5), xycoords="axes fraction", rotation=90, va="center", ha="center", fontsize=8
            )
    for panel, name in zip(panels[0], columns, strict=True):
        panel.set_title(name)
    for panel in panels[-1]:
        panel.set_xlabel(f"x ({each[-1].units.length})")
    return figure


def _colours(field: Field) -> str:
    return "magma" if field.is_density else "cividis"


def curves(history: dict[str, Curve], names: dict[str, str], ylabel: str, log: bool = False) -> Figure:
    """Quantities over training steps; ``names`` maps those of the history to the legend's."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    for colour, (name, label) in zip(COLOURS, ((n, text) for n, text in names.items() if n in history), strict=False):
        steps, values = history[name]
        if len(steps) > 120:  # a running mean over the noise of batch 1
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


def against_exact(exact: NDArray, predicted: NDArray, label: str) -> Figure:
    """Predicted numbers against exact ones, with the line where they agree."""
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    panel = figure.subplots()
    low, high = min(exact.min(), predicted.min()), max(exact.max(), predicted.max())
    panel.plot([low, high], [low, high], color="0.6", lw=1)
    panel.plot(exact, predicted, ".", color=COLOURS[0], ms=5)
    panel.set_xlabel(f"exact {label}")
    panel.set_ylabel(f"predicted {label}")
    return figure


def histogram(values: NDArray, label: str) -> Figure:
    """Distribution over dots, with its median."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    panel.hist(values, bins=min(30, max(8, len(values) // 5)), color=COLOURS[0], alpha=0.85)
    median = float(np.median(values))
    panel.axvline(median, color=COLOURS[1], lw=1.5, label=f"median {median:.3g}")
    panel.set_xlabel(label)
    panel.set_ylabel("dots")
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(fontsize=8)
    return figure


def against_gap(gap: NDArray, unit: str, values: NDArray, label: str) -> Figure:
    """A measure of each dot against the gap above its ground state: small gaps are where densities are hard."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    panel.scatter(gap, values, s=14, color=COLOURS[0], alpha=0.7, lw=0)
    panel.set_xlabel(f"gap to the next state ({unit})")
    panel.set_ylabel(label)
    return figure


def evolution(axes: Axes, steps: Sequence[int], predicted: Sequence[NDArray], exact: NDArray | None) -> Figure:
    """One dot while the model learns: predictions (n, n) at some steps, and the exact field."""
    maps = list(predicted) + ([] if exact is None else [exact])
    figure = Figure(figsize=(11, 11 / max(len(maps), 5) + 0.4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(maps), sharey=True))
    titles = [f"step {step}" for step in steps] + ["exact"]
    low, high = maps[-1].min(), maps[-1].max()
    square = (0, axes.extent, 0, axes.extent)
    for panel, values, title in zip(panels, maps, titles, strict=False):
        panel.imshow(values.T, extent=square, cmap=_colours(axes.target), vmin=low, vmax=high)
        panel.set_title(title, fontsize=8.5)
        panel.set_xlabel(f"x ({axes.units.length})", fontsize=8)
        panel.tick_params(labelsize=7)
    panels[0].set_ylabel(f"y ({axes.units.length})", fontsize=8)
    return figure


def to_pixels(figure: Figure, dpi: int = 110) -> NDArray[np.uint8]:
    """The figure as an RGB image (height, width, 3)."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
