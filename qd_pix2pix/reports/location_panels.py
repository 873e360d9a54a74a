"""Figures of objects in pictures: contributions to their numbers, found and true positions. No import of torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from qd_pix2pix.evaluation.localisation import marked, positions_of_samples
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.reports.colours import COLOURS, ERRORS
from qd_pix2pix.reports.page import Panel, figure_panel, quantity, symbol
from qd_pix2pix.schema import Column

MOST_CLASSES = 4
"""Classes of objects that are drawn for each sample."""
TRUE: Any = {"ls": "", "marker": "o", "ms": 9, "mfc": "none", "mec": COLOURS[2], "mew": 1.3}
FOUND: Any = {"ls": "", "marker": "x", "ms": 6, "mec": COLOURS[1], "mew": 1.3}
"""Markers of true and of found positions."""


def draw_contributions(
    panel: Axes,
    picture: NDArray,
    contributions: NDArray,
    found: NDArray,
    true: NDArray | None,
    small: bool = False,
) -> AxesImage:
    """Draw the contributions of tiles (tiles, tiles) over a picture (n, m), and positions (k, 2); return their image.

    Coordinates are in points of the picture. The opacity of a contribution is proportional to its size. ``small``
    markers are for many objects.
    """
    n, m = picture.shape
    extent = (0, n, 0, m)
    shown: dict[str, Any] = {"origin": "lower", "extent": extent, "interpolation": "nearest"}
    panel.imshow(picture.T, cmap="gray", **shown)
    limit = max(float(np.abs(contributions).max()), 1e-12)
    opacity = 0.75 * np.abs(contributions.T) / limit
    norm = Normalize(-limit, limit)
    drawn = panel.imshow(contributions.T, cmap=ERRORS, norm=norm, alpha=opacity, **shown)
    for places, style in ((true, TRUE), (found, FOUND)):
        if places is not None:
            size = style["ms"] / (4 if small else 1)
            panel.plot(places[:, 0], places[:, 1], **style | {"ms": size, "mew": 0.5 if small else style["mew"]})
    panel.set(xlim=(0, n), ylim=(0, m))
    panel.tick_params(labelsize=7.5)
    return drawn


def legend_of_positions(figure: Figure, with_true: bool = True) -> None:
    """Add the meaning of the markers to a figure."""
    styles = {"true position": TRUE} if with_true else {}
    handles = [Line2D([], [], label=label, **style) for label, style in (styles | {"found position": FOUND}).items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8)


def location_panels(predictions: Predictions, chosen: Mapping[str, NDArray]) -> Iterator[Panel]:
    """Yield one figure for each group of chosen samples: a row for each class of objects, a column for each sample."""
    p = predictions
    columns = [p.schema[name] for name in p.contributions][:MOST_CLASSES]
    for caption, samples in chosen.items():
        figure = _figure(p, columns, samples)
        yield figure_panel(figure, f"{caption}: contributions of tiles to the number of objects.", wide=True)


def _figure(p: Predictions, columns: Sequence[Column], samples: NDArray) -> Figure:
    figure = Figure(figsize=(2.7 * len(samples) + 0.9, 2.7 * len(columns) + 0.9), layout="compressed")
    panels = figure.subplots(len(columns), len(samples), squeeze=False, sharex=True, sharey=True)
    for row, column in zip(panels, columns, strict=True):
        maps = p.contributions[column.name][samples]
        found = positions_of_samples(maps, p.shape)
        for panel, i, one, places in zip(row, samples, maps, found, strict=True):
            drawn = draw_contributions(panel, p.given[p.sources[0]][i], one, places, true_positions(p, column, i))
            figure.colorbar(drawn, ax=panel, shrink=0.84, pad=0.02).ax.tick_params(labelsize=7)
            panel.set_title(_title(p, column, int(i)), fontsize=8)
    for panel in panels[-1]:
        panel.set_xlabel(p.schema.domain.axes[0], fontsize=8.5)
    for panel in panels[:, 0]:
        panel.set_ylabel(p.schema.domain.axes[1], fontsize=8.5)
    legend_of_positions(figure, bool(p.marks))
    return figure


def true_positions(predictions: Predictions, column: Column, i: int) -> NDArray | None:
    """Return the marked positions (k, 2) of one sample; None where there are no marks."""
    field = predictions.marks.get(column.marked_in or "")
    return None if field is None else marked(field[i], column.mark)


def _title(p: Predictions, column: Column, i: int) -> str:
    line = f"{symbol(column)}: predicted {quantity(column, p.predicted[column.name][i], p.schema)}"
    if column.name in p.reference:
        line += f", true {quantity(column, p.reference[column.name][i], p.schema)}"
    return f"{p.schema.sample} {p.sample[i]}\n{line}"
