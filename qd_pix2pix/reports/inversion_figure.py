"""The figure of an inversion: target, density, potential, what is not determined, and the descent. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from qd_pix2pix.reports.colours import COLOURS
from qd_pix2pix.reports.figures import labelled, plain, tex_unit
from qd_pix2pix.reports.picture import Picture

MOST_CURVES = 24


class Field(NamedTuple):
    """One panel: a title, values (n,) or (n, n), their unit."""

    title: str
    values: NDArray[np.float64]
    unit: str


def inversion_figure(fields: Sequence[Field], lengths: tuple[tuple[float, ...], str], trajectory: NDArray) -> Picture:
    """Return a figure with one panel for each field, and one of the misfits of all starts against the step.

    Args:
        fields: fields on one or two axes; others are left out.
        lengths: length of each axis, and its unit.
        trajectory: misfits, (steps, S).
    """
    shown = [field for field in fields if field.values.ndim in (1, 2)]
    count = len(shown) + 1
    across = min(3, count)
    down = -(-count // across)
    figure = Picture(figsize=(3.4 * across, 2.9 * down))
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    panels = figure.subplots(down, across, squeeze=False).flat
    for panel, field in zip(panels, shown, strict=False):
        _draw(panel, field, *lengths)
    last = panels[count - 1]
    for i, curve in enumerate(trajectory.T[:MOST_CURVES]):
        last.plot(np.arange(1, len(curve) + 1), curve, color=COLOURS[0] if i == 0 else "0.75", lw=1, zorder=-i)
    last.set_yscale("log" if trajectory.min() > 0 else "linear")
    last.set_xlabel("step")
    last.set_title("misfit of all starts", fontsize=9.5)
    for panel in panels[count:]:
        panel.set_axis_off()
    return figure


def _draw(panel: Axes, field: Field, lengths: tuple[float, ...], unit: str) -> None:
    panel.set_title(plain(field.title), fontsize=9.5)
    panel.set_xlabel(labelled("x", unit))
    if field.values.ndim == 1:
        x = (np.arange(len(field.values)) + 0.5 * bool(unit)) * lengths[0] / len(field.values)
        panel.plot(x, field.values, "." if len(x) < 60 else "-", ls="-", color=COLOURS[0], lw=1.2)
        panel.set_ylabel(tex_unit(plain(field.unit)))
        return
    image = panel.imshow(
        field.values.T, origin="lower", extent=(0, lengths[0], 0, lengths[1]), cmap="cividis", interpolation="nearest"
    )
    panel.set_ylabel(labelled("y", unit))
    panel.figure.colorbar(image, ax=panel, shrink=0.9, label=tex_unit(plain(field.unit)))
