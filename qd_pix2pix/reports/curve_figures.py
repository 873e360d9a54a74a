"""Matplotlib figures of training curves, of quantities with error bars on exact curves, of power laws. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qd_pix2pix.reports.colours import COLOURS
from qd_pix2pix.reports.figures import Curve

Floats = NDArray[np.float64]


class Measured(NamedTuple):
    """Values (n,) with standard errors (n,), and the exact curve (x, y) of the same quantity, if it is known."""

    label: str
    values: Floats
    errors: Floats
    exact: tuple[Floats, Floats] | None = None


def on_exact_curves(x: Floats, quantities: Sequence[Measured], xlabel: str, name: str) -> Figure:
    """Return a figure with one panel per quantity: points of ``name`` with bars of two standard errors, exact curves.

    Args:
        x: abscissae of all values, (n,).
        quantities: the quantities.
        xlabel: label of the abscissa, with its unit.
        name: name of the points in the legend.
    """
    figure = Figure(figsize=(3.4 * len(quantities), 3.1), layout="constrained")
    panels = figure.subplots(1, len(quantities), squeeze=False)[0]
    for panel, (label, values, errors, exact) in zip(panels, quantities, strict=True):
        if exact is not None:
            panel.plot(*exact, color="0.6", lw=1.2, label="exact")
        panel.errorbar(x, values, 2 * errors, fmt="o", color=COLOURS[0], ms=3, lw=1, capsize=2, label=name)
        panel.set_xlabel(xlabel)
        panel.set_ylabel(label)
        panel.legend(fontsize=8)
    return figure


def power_laws(series: Mapping[str, tuple[Floats, Floats, float]], xlabel: str, ylabel: str, fitted: int) -> Figure:
    """Return a figure of y against x on logarithmic axes, with power laws through the last ``fitted`` points.

    ``series`` are ascending x (n,), y (n,) and the exponent by name.
    """
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    panel = figure.subplots()
    for colour, (name, (x, y, exponent)) in zip(COLOURS, series.items(), strict=False):
        panel.plot(x, y, "o", color=colour, ms=4, label=f"{name}, exponent {exponent:.2f}")
        x, y = x[-fitted:], y[-fitted:]
        factor = np.exp(np.mean(np.log(y)) - exponent * np.mean(np.log(x)))
        panel.plot(x, factor * x**exponent, color=colour, lw=1, alpha=0.5)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel(xlabel)
    panel.set_ylabel(ylabel)
    panel.legend(fontsize=8)
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
