"""One figure of fields for notebooks. No import of torch, and none of pyplot: nothing stays open."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qd_pix2pix.reports.colours import ERRORS
from qd_pix2pix.reports.figures import FLATTEST, TALLEST, labelled, plain, tex_unit
from solvers.checks import check_positive, number_of

Extent = float | tuple[float, float] | None
"""The side of a square, the sides of a rectangle along x and y, or None for a lattice."""
MOST_PANELS = 48
COLUMNS = 6
"""Panels in a row."""


class Picture(Figure):
    """A figure that a notebook shows where it is the value of a cell."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=110)
        return content.getvalue()


def picture(
    fields: Any, extent: Extent = None, unit: str = "", titles: Sequence[str] = (), length: str = "nm"
) -> Picture:
    """Return a figure of one field (n_x, n_y) or of several (S, n_x, n_y); see ``qd_pix2pix.plot``.

    Raises:
        ValueError: an argument has another type or shape, or there are too many fields.
    """
    values = _array(fields)
    sides = _sides(extent)
    if titles and len(titles) != len(values):
        raise ValueError(f"titles: expected one for each of {len(values)} fields, got {len(titles)}")
    across = min(COLUMNS, len(values))
    down = math.ceil(len(values) / across)
    right, top = sides or (values.shape[1] - 0.5, values.shape[2] - 0.5)
    ratio = min(max(sides[1] / sides[0], FLATTEST), TALLEST) if sides else 1.0
    height = (2.4 + 1.9 * (ratio - 1)) * down + 0.4 if len(values) > 1 else 3.4 + 2.4 * (ratio - 1)
    figure = Picture(figsize=(max(2.4 * across + 1.0, 4.2), height))
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.06)
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    norm, colours = _colours(values)
    # the middle of a cell of a lattice without length is a whole number
    left = 0.0 if sides else -0.5
    image = None
    for i, panel in enumerate(panels.flat):
        if i >= len(values):
            panel.set_axis_off()
            continue
        # fields are indexed [ix, iy]
        image = panel.imshow(
            values[i].T, origin="lower", extent=(left, right, left, top), norm=norm, cmap=colours,
            interpolation="nearest",
        )  # fmt: skip
        panel.set_title(plain(titles[i]) if titles else "", fontsize=9)
        panel.tick_params(labelsize=8)
        if i + across >= len(values):
            panel.tick_params(labelbottom=True)
            panel.set_xlabel(labelled("x", length if sides else ""), fontsize=9)
        if i % across == 0:
            panel.set_ylabel(labelled("y", length if sides else ""), fontsize=9)
    assert image is not None
    bar = figure.colorbar(image, ax=panels, shrink=0.9, label=tex_unit(plain(unit)))
    bar.ax.tick_params(labelsize=8)
    return figure


def _sides(extent: Extent) -> tuple[float, float] | None:
    """Return the sides along x and y, None for a lattice."""
    if extent is None:
        return None
    sides = tuple(extent) if isinstance(extent, (tuple, list)) else (number_of(extent),) * 2
    if len(sides) != 2:
        raise ValueError(f"extent: expected one side, or the sides along x and y, got {extent!r}")
    for side in sides:
        check_positive("extent", side)
    return float(sides[0]), float(sides[1])


def _array(fields: Any) -> NDArray[np.float64]:
    """Return fields (S, n_x, n_y) of finite numbers; of a tensor without its gradient."""
    if hasattr(fields, "detach"):
        fields = fields.detach().cpu().numpy()
    if isinstance(fields, np.ma.MaskedArray) and np.ma.is_masked(fields):
        raise ValueError("field: expected plain numbers, got masked points; fill them, values.filled(...)")
    try:
        if np.iscomplexobj(fields):
            raise TypeError("the imaginary part would be left out")
        values = np.asarray(fields, dtype=np.float64)
    except (TypeError, ValueError):
        got = "complex ones; plot field.real, field.imag or abs(field)" if np.iscomplexobj(fields) else ""
        got = got or type(fields).__name__
        raise ValueError(f"field: expected an array of real numbers, got {got}") from None
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3 or values.size == 0:
        raise ValueError(f"field: expected shape (n_x, n_y) or (fields, n_x, n_y), got {np.shape(fields)}")
    if len(values) > MOST_PANELS:
        raise ValueError(f"field: expected at most {MOST_PANELS} fields in one figure, got {len(values)}")
    if not np.isfinite(values).all():
        raise ValueError(f"field: {np.count_nonzero(~np.isfinite(values))} values are NaN or infinite")
    return values


def _colours(values: NDArray[np.float64]) -> tuple[Normalize, str]:
    """Return colours and their range: symmetric about zero where both signs have similar magnitudes."""
    low, high = float(values.min()), float(values.max())
    if min(-low, high) > 0.1 * max(-low, high):
        limit = max(-low, high)
        return Normalize(-limit, limit), ERRORS
    return Normalize(low, high), "cividis"
