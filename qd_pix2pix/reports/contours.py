"""Contours of the potential over maps. No import of torch."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

LINES = 6
"""Contours of one map."""
RANGE = (2.0, 70.0)
"""Percentiles of V between which contours lie: walls have values far above those of the dot."""


def draw_contours(panel: Axes, x: NDArray, y: NDArray, V: NDArray, dark: bool = False) -> None:
    """Draw contours of a potential V (n_x, n_y) at the points x (n_x,) and y (n_y,) over a map.

    Args:
        panel: axes of the map.
        x, y: coordinates in those of the axes.
        V: potential.
        dark: the map below is bright, so that dark lines are visible on it.
    """
    low, high = (float(v) for v in np.percentile(V, RANGE))
    if not high > low:
        low, high = float(V.min()), float(V.max())
    if high > low:
        levels = np.linspace(low, high, LINES + 2)[1:-1]
        panel.contour(
            x, y, V.T, levels, colors="0.35" if dark else "white", linewidths=0.6, linestyles="solid", alpha=0.6
        )
