"""Contours of the potential over maps. No import of torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from qd_pix2pix.schema import Column

LINES = 5
"""Contours of one map."""
RANGE = (2.0, 70.0)
"""Percentiles of V between which contours lie: walls have values far above those of the dot."""
ENERGY, DIMENSIONS = "energy", 2
"""Quantity and dimensions of a field of which contours are drawn."""


def potential_of(fields: Sequence[tuple[Column, NDArray]]) -> NDArray | None:
    """Return the values (n_x, n_y) of the first field of energies among fields (*points); None if there is none."""
    found = (values for column, values in fields if column.quantity == ENERGY and values.ndim == DIMENSIONS)
    return next(found, None)


def over_cells(panel: Axes, edges: Sequence[float], V: NDArray, dark: bool = False) -> None:
    """Draw contours of a potential V (n_x, n_y) on cells between ``edges``: left, right, bottom, top."""
    (left, right, bottom, top), (nx, ny) = edges, V.shape
    x = left + (np.arange(nx) + 0.5) * (right - left) / nx
    y = bottom + (np.arange(ny) + 0.5) * (top - bottom) / ny
    draw_contours(panel, x, y, V, dark)


def draw_contours(panel: Axes, x: NDArray, y: NDArray, V: NDArray, dark: bool = False) -> None:
    """Draw contours of a potential V (n_x, n_y) at the points x (n_x,) and y (n_y,) over a map.

    Potentials of few values, such as wells with steep walls, have one contour between each of them.

    Args:
        panel: axes of the map.
        x, y: coordinates in those of the axes.
        V: potential.
        dark: the map below is bright, so that dark lines are visible on it.
    """
    low, high = (float(v) for v in np.percentile(V, RANGE))
    if not high > low:
        low, high = float(V.min()), float(V.max())
    known = np.unique(V)
    few = 1 < len(known) <= LINES
    levels = (known[1:] + known[:-1]) / 2 if few else np.linspace(low, high, LINES + 2)[1:-1]
    if high > low:
        colour = "0.35" if dark else "white"
        panel.contour(x, y, V.T, levels, colors=colour, linewidths=0.6, linestyles="solid", alpha=0.6)
