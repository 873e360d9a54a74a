"""The colours of fields: which map, between which values, with which ticks. No import of torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.colors import BoundaryNorm, Colormap, LinearSegmentedColormap, ListedColormap, Normalize
from numpy.typing import NDArray

from qd_pix2pix.schema import Column

COLOURS = ("#1b4965", "#c8553d", "#588157", "#8e6c8a", "#b08900", "#5f6f7a")
LEVELS = LinearSegmentedColormap.from_list("levels", ("#1b4965", "#f3dfb0"))
"""The colours of whole numbers, from the lowest to the highest."""
MOST_LEVELS = 8
"""Different whole numbers that have one colour each; more of them have a continuous map."""
ERRORS = "RdBu_r"


class Shading(NamedTuple):
    """The colours of one field.

    Attributes:
        colours: map of colours.
        norm: conversion of values to the range of the map.
        ticks: ticks of the colour bar; None for those of Matplotlib.
        labels: labels of these ticks.
    """

    colours: Colormap | str
    norm: Normalize
    ticks: list[float] | None = None
    labels: list[str] | None = None


def bounds(column: Column, *arrays: NDArray) -> tuple[float, float]:
    """Return the lowest and the highest value that a map shows; physical bounds on both sides are part of the range."""
    physical = [] if column.low is None or column.high is None else [column.low, column.high]
    low, high = min([*physical, *(a.min() for a in arrays)]), max([*physical, *(a.max() for a in arrays)])
    return float(low), float(high)


def shading(column: Column, values: NDArray, low: float, high: float) -> Shading:
    """Return the colours of a field (*points) of a column between two values.

    Whole numbers have one colour each. A range of 0 to a multiple of pi, that of angles, has ticks in units of pi. The
    map of all other fields is perceptually uniform.
    """
    colours: Colormap | str = "magma" if column.kind == "density" else "cividis"
    if np.dtype(column.dtype).kind in "iu":
        levels = np.unique(np.concatenate([np.ravel(values), [low, high]]))
        if 1 < len(levels) <= MOST_LEVELS and (levels == np.round(levels)).all():
            return _of_levels(levels)
        colours = LEVELS
    turns = high / np.pi
    if low == 0 and turns > 0.5 and abs(turns - round(turns)) < 1e-6:
        labels = ["0", *(_multiple(round(turns) * i, 4) for i in range(1, 5))]
        return Shading(colours, Normalize(low, high), [high * i / 4 for i in range(5)], labels)
    return Shading(colours, Normalize(low, high))


def _of_levels(levels: NDArray) -> Shading:
    middles = (levels[1:] + levels[:-1]) / 2
    edges = [2 * levels[0] - middles[0], *middles, 2 * levels[-1] - middles[-1]]
    colours = ListedColormap(LEVELS(np.linspace(0, 1, len(levels))))
    signed = levels[0] < 0
    names = [f"{int(v):+d}".replace("-", "−") if signed and v else str(int(v)) for v in levels]
    ticks = [(a + b) / 2 for a, b in zip(edges[1:], edges[:-1], strict=True)]
    return Shading(colours, BoundaryNorm(edges, len(levels)), ticks, names)


def _multiple(quarters: int, parts: int) -> str:
    """Return quarters / parts of pi in TeX, as a fraction in lowest terms."""
    common = int(np.gcd(quarters, parts))
    above, below = quarters // common, parts // common
    return rf"${'' if above == 1 else above}\pi{'' if below == 1 else f'/{below}'}$"
