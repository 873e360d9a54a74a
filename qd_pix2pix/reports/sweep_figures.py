"""Matplotlib figures of a sweep. No import of torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes as MplAxes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qd_pix2pix.reports.figures import COLOURS, plain
from qd_pix2pix.reports.study import Study, number

Curve = tuple[NDArray, NDArray]
FEW = 12
"""Validations of a run up to which each of them is marked."""


def against_axis(study: Study, axis: str, by: str | None, measure: str, label: str, factor: float) -> Figure:
    """Return a figure of a measure against one axis: runs, mean, standard deviation; one colour per value of ``by``."""
    figure = Figure(figsize=(5.2, 3.3), layout="constrained")
    panel = figure.subplots()
    values = study.values(axis)
    places = _places(values)
    for i, group in enumerate(study.values(by) if by else [""]):
        colour = COLOURS[i % len(COLOURS)]
        means, spreads, at = [], [], []
        for value in values:
            runs = _runs(study, measure, {axis: value} | ({by: group} if by else {}))
            if len(runs):
                at.append(places[value])
                means.append(factor * runs.mean())
                spreads.append(factor * runs.std(ddof=1) if len(runs) > 1 else 0.0)
                panel.plot([places[value]] * len(runs), factor * runs, ".", color=colour, alpha=0.35, ms=4)
        name = plain(f"{study.short(by)} {group}") if by else None
        panel.errorbar(at, means, spreads, fmt="o-", color=colour, ms=4, lw=1.4, capsize=2.5, label=name)
    _ticks(panel, places)
    panel.set_xlabel(plain(study.short(axis)))
    panel.set_ylabel(label)
    if by:
        panel.legend(fontsize=8)
    return figure


def _places(values: Sequence[str]) -> dict[str, float]:
    """Return the position of each value on an axis: the value itself if all are numbers, otherwise its index."""
    sizes = [size for value in values if (size := number(value)) is not None]
    return dict(zip(values, sizes if len(sizes) == len(values) else map(float, range(len(values))), strict=True))


def _ticks(panel: MplAxes, places: dict[str, float]) -> None:
    at, numeric = list(places.values()), all(number(value) is not None for value in places)
    if numeric and len(at) > 2 and min(at) > 0 and max(at) / min(at) >= 20:
        panel.set_xscale("log")
    elif not numeric or len(at) <= 8:
        panel.set_xticks(
            at, [plain(value) for value in places], rotation=0 if max(map(len, places)) < 9 else 25, fontsize=8
        )


def _runs(study: Study, measure: str, where: dict[str, str]) -> NDArray:
    parts = [p.of(measure) for p in study.points if all(p.values[a] == v for a, v in where.items())]
    return np.concatenate(parts) if parts else np.zeros(0)


def heat_map(study: Study, axis: str, by: str, measure: str, label: str, factor: float) -> Figure:
    """Return a heat map of the mean of a measure over two axes, with the numbers in the cells."""
    columns, rows = study.values(axis), study.values(by)
    table = np.full((len(rows), len(columns)), np.nan)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            runs = _runs(study, measure, {axis: column, by: row})
            table[i, j] = factor * runs.mean() if len(runs) else np.nan
    figure = Figure(figsize=(5.2, 1.4 + 0.42 * len(rows)), layout="constrained")
    panel = figure.subplots()
    drawn = panel.imshow(table, cmap="cividis", aspect="auto")
    middle = np.nanmean([np.nanmin(table), np.nanmax(table)])
    for (i, j), value in np.ndenumerate(table):
        if np.isfinite(value):
            colour = "black" if value > middle else "white"
            panel.text(j, i, f"{value:.4g}", ha="center", va="center", fontsize=8, color=colour)
    panel.set_xticks(range(len(columns)), [plain(column) for column in columns])
    panel.set_yticks(range(len(rows)), [plain(row) for row in rows])
    panel.set_xlabel(plain(study.short(axis)))
    panel.set_ylabel(plain(study.short(by)))
    panel.spines[:].set_visible(False)
    figure.colorbar(drawn, ax=panel, label=label, pad=0.02)
    return figure


def learning_curves(curves: Sequence[tuple[str, Curve]], label: str, factor: float, log: bool) -> Figure:
    """Return a figure of a validation measure over the steps of all runs; runs of one point share a colour."""
    figure = Figure(figsize=(5.2, 3.3), layout="constrained")
    panel = figure.subplots()
    names = list(dict.fromkeys(name for name, _ in curves))
    shown = set()
    for name, (steps, values) in curves:
        i = names.index(name)
        style = ("-", "--", ":", "-.")[i // len(COLOURS) % 4]
        text = None if name in shown else plain(name)
        shown.add(name)
        mark = "o" if len(steps) <= FEW else None  # one validation is a point, which a line does not show
        colour = COLOURS[i % len(COLOURS)]
        panel.plot(
            steps, factor * values, style, color=colour, lw=1.2, alpha=0.85, marker=mark, markersize=3.5, label=text
        )
    if log:
        panel.set_yscale("log")
    panel.set_xlabel("training step")
    panel.set_ylabel(label)
    if 1 < len(names) <= 12:
        panel.legend(fontsize=7, ncols=2 if len(names) > 6 else 1)
    return figure
