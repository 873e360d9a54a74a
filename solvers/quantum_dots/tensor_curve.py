"""Functions of one or two parameters, known at the nodes of a product of axes: splines and their errors.

Between nodes a function is a spline of third order (lower with fewer than four nodes on an axis). What it misses is
estimated at each node from the spline without this node: where intervals are h long, that one has an interval of 2 h,
and an error that is larger by 2^4 for smooth functions. ``FALL`` assumes less. It may be small by chance, so that an
interval has the largest error of its nodes and the next ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import NdBSpline, make_interp_spline

Floats = NDArray[np.float64]

FALL = 4.0
"""Error at a node that is left out, over the error of the whole spline next to it."""
END = 2.0
"""Error of the spline in the first and last interval, over that in the next one."""
ORDER = 3


@dataclass(frozen=True, eq=False)
class TensorCurve:
    """``values`` at the nodes of one or two ``axes``, each (n_k,) and increasing; shape (n_1,) or (n_1, n_2)."""

    axes: tuple[Floats, ...]
    values: Floats

    @cached_property
    def _orders(self) -> tuple[int, ...]:
        return tuple(min(ORDER, len(axis) - 1) for axis in self.axes)

    @cached_property
    def _spline(self) -> NdBSpline:
        knots, coefficients = [], np.asarray(self.values, dtype=np.float64)
        for number, (axis, order) in enumerate(zip(self.axes, self._orders, strict=True)):
            spline = make_interp_spline(axis, coefficients, k=order, axis=number)
            knots.append(spline.t)
            coefficients = np.moveaxis(spline.c, 0, number)
        return NdBSpline(tuple(knots), coefficients, self._orders)

    def at(self, places: Floats, along: int | None = None, order: int = 1) -> Floats:
        """Return the function at ``places`` (..., axes), or its derivative ``along`` an axis, of this ``order``."""
        orders = [0] * len(self.axes)
        if along is not None:
            if order > self._orders[along]:
                return np.zeros(places.shape[:-1])
            orders[along] = order
        return np.asarray(self._spline(places, nu=orders), dtype=np.float64)

    def left_out(self, axis: int) -> Floats:
        """Return |spline without a node - value| / FALL, of the shape of the values; 0 at the ends of the axis."""
        nodes, found = self.axes[axis], np.zeros_like(self.values)
        if len(nodes) < 3:
            return found
        moved, result = np.moveaxis(self.values, axis, 0), np.moveaxis(found, axis, 0)  # a view
        for i in range(1, len(nodes) - 1):
            rest = np.delete(np.arange(len(nodes)), i)
            spline = make_interp_spline(nodes[rest], moved[rest], k=min(ORDER, len(rest) - 1), axis=0)
            result[i] = np.abs(spline(nodes[i]) - moved[i]) / FALL
        return found

    def interval_errors(self, axis: int) -> Floats:
        """Return the error in each interval of an axis, (..., n - 1, ...): the largest of its nodes and the next ones.

        With two nodes on the axis it is the difference of these.
        """
        if len(self.axes[axis]) < 3:
            return np.abs(np.diff(self.values, axis=axis))
        errors = np.moveaxis(self.left_out(axis), axis, 0)
        errors[0], errors[-1] = END * errors[1], END * errors[-2]
        wide = np.concatenate([errors[:1], errors, errors[-1:]])
        return np.moveaxis(np.max([wide[i : len(wide) - 3 + i] for i in range(4)], axis=0), 0, axis)

    def spline_error(self, places: Floats, along: int | None = None) -> Floats:
        """Return the error of the spline at ``places`` (..., axes), by one axis or summed over all."""
        total = np.zeros(places.shape[:-1])
        for axis, nodes in enumerate(self.axes):
            if along not in (None, axis):
                continue
            errors = np.moveaxis(self.interval_errors(axis), axis, 0)
            mine = np.clip(np.searchsorted(nodes, places[..., axis], side="right") - 1, 0, len(nodes) - 2)
            if len(self.axes) == 1:
                total += errors[mine]
                continue
            other = self.axes[1 - axis]
            right = np.clip(np.searchsorted(other, places[..., 1 - axis]), 0, len(other) - 1)
            left = np.maximum(right - 1, 0)
            total += np.maximum(errors[mine, left], errors[mine, right])
        return total

    def spacing(self, places: Floats, axis: int) -> Floats:
        """Return the lengths (...) of the intervals of an axis in which ``places`` lie."""
        nodes = self.axes[axis]
        return np.diff(nodes)[np.clip(np.searchsorted(nodes, places[..., axis], side="right") - 1, 0, len(nodes) - 2)]
