"""The figure of an exchange sweep: J with its error band, its derivative, and the charge of the first dot.

Matplotlib is imported with the first figure.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from solvers.checks import check_choice, check_kind, check_path, writing
from solvers.quantum_dots.exchange_points import SINGLET, TRIPLET
from solvers.quantum_dots.exchange_sweep import ExchangeSweep
from solvers.quantum_dots.stability_figure import FORMATS

FINE = 400
"""Points of a curve."""
DECADE = 10.0
"""Ratio of the largest to the smallest J from which the scale is logarithmic."""
CURVES = 5
"""Curves at values of the barrier, at most."""


def draw_exchange(sweep: ExchangeSweep, path: str | os.PathLike[str]) -> Path:
    """Write the figure to ``path`` and return it; its folder is made if it is missing.

    A swept barrier has one curve for each of up to five values.

    Raises:
        ValueError: the ending is unknown, J is not known at every node, or the file cannot be written.
    """
    check_kind("sweep", sweep, ExchangeSweep, "ExchangeSweep, from exchange_sweep")
    check_path("path", path, "a file")
    path = Path(path)
    check_choice("path.suffix", path.suffix.lstrip("."), FORMATS)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    fine = np.linspace(sweep.detuning[0], sweep.detuning[-1], FINE)
    for number, barrier in _shown(sweep):
        _draw_curve(left, middle, sweep, fine, number, barrier)
        _draw_charges(right, sweep, number, barrier)
    if sweep.logarithmic and sweep.J.max() > DECADE * sweep.J.min():
        left.set_yscale("log")
    middle.axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
    left.set(ylabel="J (meV)", title="exchange coupling")
    middle.set(ylabel="dJ / d detuning (meV per unit)", title="slope; sweet spots")
    right.set(ylabel="n₁ − n₂", title="singlet (full), triplet (dashed)")
    for axes in (left, middle, right):
        axes.set_xlabel("detuning")
    if sweep.J.ndim == 2:
        left.legend(title="barrier", fontsize=8)
    with writing("path", path):
        figure.savefig(path, dpi=150)
    return path


def _shown(sweep: ExchangeSweep) -> list[tuple[int | None, float | None]]:
    """Return the numbers and values of the barrier that are drawn; None where it was not swept."""
    if sweep.J.ndim == 1:
        return [(None, None)]
    chosen = np.unique(np.linspace(0, len(sweep.barrier) - 1, CURVES).round().astype(int))
    return [(int(i), float(sweep.barrier[i])) for i in chosen]


def _draw_curve(
    left: Any, middle: Any, sweep: ExchangeSweep, fine: np.ndarray, number: int | None, barrier: float | None
) -> None:
    """Draw J and its slope at one value of the barrier, with nodes and sweet spots."""
    J, error = (1e3 * values for values in sweep.at(fine, barrier))
    (line,) = left.plot(fine, J, label=None if barrier is None else f"{barrier:g}")
    low = np.maximum(J - error, J.min() / 10) if sweep.logarithmic else J - error
    left.fill_between(fine, low, J + error, color=line.get_color(), alpha=0.25, linewidth=0)
    nodes = sweep.J if number is None else sweep.J[:, number]
    left.plot(sweep.detuning, 1e3 * nodes, "o", markersize=3, color=line.get_color())
    slope, uncertain = (1e3 * values for values in sweep.slope(fine, barrier))
    middle.plot(fine, slope, color=line.get_color())
    middle.fill_between(fine, slope - uncertain, slope + uncertain, color=line.get_color(), alpha=0.25, linewidth=0)
    for spot in sweep.sweet_spots(barrier):
        middle.errorbar(spot.detuning, 0.0, xerr=spot.error, fmt="s", markersize=4, color=line.get_color(), zorder=3)


def _draw_charges(axes: Any, sweep: ExchangeSweep, number: int | None, barrier: float | None) -> None:
    """Draw n_1 - n_2 of the singlet and the triplet at one value of the barrier."""
    charges = sweep.imbalance if number is None else sweep.imbalance[:, number]
    (line,) = axes.plot(sweep.detuning, charges[:, SINGLET], ".-")
    axes.plot(sweep.detuning, charges[:, TRIPLET], ".--", color=line.get_color())
