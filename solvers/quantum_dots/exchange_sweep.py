"""The exchange coupling over detuning and barrier: values, derivatives and sweet spots with error bars.

J spans decades, so that its logarithm is interpolated wherever all values are positive. With rho the relative error of
J, that of a derivative has four parts:

    |J' rho| + |J rho'| + what the spline misses, with rho' from calculations in fewer orbitals and on fewer points.

At a sweet spot J' = 0 only rho' and the spline count; its place is uncertain by their sum over |J''|.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.optimize import brentq

from solvers.checks import check_array, check_choice, check_number
from solvers.quantum_dots.exchange_points import CHANCE, GRID_FACTOR
from solvers.quantum_dots.tensor_curve import FALL, TensorCurve

Floats = NDArray[np.float64]

KNOBS = ("detuning", "barrier")
SAMPLES = 24
"""Points of each interval at which a sign change of dJ / d detuning is sought."""


class SweetSpot(NamedTuple):
    """A place where dJ / d ``detuning`` = 0, in the unit of the detuning, and its ``error``.

    ``J`` and ``J_error`` in eV; ``curvature`` is d^2 J / d detuning^2: positive at a minimum of J.
    """

    detuning: float
    error: float
    J: float
    J_error: float
    curvature: float


@dataclass(frozen=True, eq=False)
class ExchangeSweep:
    """J = E(triplet) - E(singlet) of two electrons by full CI; energies in eV.

    Arrays have the shape (n,), or (n, m) where the barrier was swept as well.

    Attributes:
        detuning: first number of the potentials, (n,), increasing.
        barrier: second number, (m,); one value where it was fixed; empty for potentials of one number.
        J, errors: exchange coupling and its error bar: truncation to M orbitals, the grid, and the places of steps.
        fewer: J in fewer orbitals.
        coarse: the same on fewer points, (..., 2).
        energies: of the lowest singlet and triplet, (..., 2).
        charges: electrons nearest to each dot in the lowest singlet and triplet, (..., 2, dots).
        trusted: False where the solver does not trust its result, or found no triplet.
    """

    detuning: Floats
    barrier: Floats
    J: Floats
    errors: Floats
    fewer: Floats
    coarse: Floats
    energies: Floats
    charges: Floats
    trusted: NDArray[np.bool_]

    @property
    def axes(self) -> tuple[Floats, ...]:
        """The axes that were swept."""
        return (self.detuning,) if self.J.ndim == 1 else (self.detuning, self.barrier)

    @property
    def imbalance(self) -> Floats:
        """n_1 - n_2 of the lowest singlet and triplet, (..., 2): the electrons of the first dot less the second's."""
        return self.charges[..., 0] - self.charges[..., 1]

    @cached_property
    def logarithmic(self) -> bool:
        """Whether log J is interpolated: all values are positive."""
        return bool((self.J > 0).all())

    @cached_property
    def curve(self) -> TensorCurve:
        """The interpolated function: log J, or J.

        Raises:
            ValueError: J is not known at every node.
        """
        if not np.isfinite(self.J).all():
            place = [float(axis[i]) for axis, i in zip(self.axes, np.argwhere(~np.isfinite(self.J))[0], strict=True)]
            raise ValueError(
                f"detuning: expected a sweep with J at all nodes, got none at {place}: no triplet is among the lowest "
                "states. Use a shorter range"
            )
        return TensorCurve(self.axes, np.log(self.J) if self.logarithmic else self.J)

    @cached_property
    def _deviations(self) -> list[TensorCurve]:
        """Estimates of rho, or of the absolute error of J: by fewer orbitals, and by fewer points."""
        scale = self.J if self.logarithmic else np.ones_like(self.J)
        fewest, most = np.moveaxis(GRID_FACTOR * (self.coarse - self.fewer[..., None]), -1, 0)
        parts = [self.fewer - self.J, CHANCE * fewest, most]
        return [TensorCurve(self.axes, part / scale) for part in parts]

    @cached_property
    def spline_errors(self) -> list[Floats]:
        """What the interpolation misses in each interval of each axis, in eV: shape of J, with n - 1 along the axis."""
        found = []
        for axis in range(len(self.axes)):
            errors = self.curve.interval_errors(axis)
            size = np.moveaxis(np.abs(self.J), axis, 0)
            size = np.moveaxis(np.maximum(size[1:], size[:-1]), 0, axis)
            found.append(errors * size if self.logarithmic else errors)
        return found

    def at(self, detuning: ArrayLike, barrier: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Return J and its error bar, both in eV, with that of the interpolation, of the shape of the arguments.

        Raises:
            ValueError: a place is outside of the sweep, or ``barrier`` is missing or was not swept.
        """
        places = self._places(detuning, barrier)
        J = self._value(places)
        missed = self.curve.spline_error(places) * (np.abs(J) if self.logarithmic else 1.0)
        return J, self._bar(places, J) + missed

    def slope(
        self, detuning: ArrayLike, barrier: ArrayLike | None = None, along: str = "detuning"
    ) -> tuple[Floats, Floats]:
        """Return dJ / d detuning, or dJ / d barrier, and its error bar, of the shape of the arguments.

        Raises:
            ValueError: as ``at``; ``along`` is not an axis of the sweep.
        """
        axis = self._axis(along)
        places = self._places(detuning, barrier)
        J, first = self._value(places), self.curve.at(places, axis)
        slope = J * first if self.logarithmic else first
        others = self.curve.spline_error(places) - self.curve.spline_error(places, axis)
        bar = self._bar(places, J) + others * (np.abs(J) if self.logarithmic else 1.0)
        relative = bar / np.maximum(np.abs(J), np.finfo(float).tiny)
        return slope, np.abs(slope) * np.minimum(relative, 1.0) + self._wandering(places, J, axis)

    def sweet_spots(self, barrier: float | None = None) -> list[SweetSpot]:
        """Return the places where dJ / d detuning = 0, at one ``barrier`` if it was swept.

        Raises:
            ValueError: ``barrier`` is missing, outside of the sweep, or was not swept.
        """
        if barrier is not None:
            check_number("barrier", barrier)
        self._places(self.detuning[0], barrier)
        if len(self.detuning) < 3:
            return []
        fine = np.unique(
            np.concatenate([np.linspace(a, b, SAMPLES) for a, b in zip(*_ends(self.detuning), strict=True)])
        )
        fixed = None if barrier is None else np.full(len(fine), barrier)
        signs = np.sign(self.curve.at(self._places(fine, fixed), 0))
        brackets = [(fine[i], fine[i + 1]) for i in np.flatnonzero(signs[1:] * signs[:-1] < 0)]
        roots = [*(self._root(low, high, barrier) for low, high in brackets), *fine[1:-1][signs[1:-1] == 0]]
        return [self._sweet_spot(float(root), barrier) for root in sorted(roots)]

    def _root(self, low: float, high: float, barrier: float | None) -> float:
        return float(brentq(lambda x: float(self.curve.at(self._places(x, barrier), 0)), low, high, xtol=1e-15))

    def _sweet_spot(self, detuning: float, barrier: float | None) -> SweetSpot:
        places = self._places(detuning, barrier)
        J, bar = (float(value) for value in self.at(detuning, barrier))
        second = float(self.curve.at(places, 0, 2)) * (J if self.logarithmic else 1.0)
        uncertain = float(self._wandering(places, np.asarray(J), 0))
        return SweetSpot(detuning, uncertain / max(abs(second), np.finfo(float).tiny), J, bar, second)

    def _value(self, places: Floats) -> Floats:
        found = self.curve.at(places)
        return np.exp(found) if self.logarithmic else found

    def _bar(self, places: Floats, J: Floats) -> Floats:
        """Return the error bars of the nodes, interpolated as parts of J where all J are positive."""
        bars = self.errors / self.J if self.logarithmic else self.errors
        found = RegularGridInterpolator(self.axes, bars)(places).reshape(places.shape[:-1])
        return found * (J if self.logarithmic else 1.0)

    def _wandering(self, places: Floats, J: Floats, axis: int) -> Floats:
        """Return the error of the derivative along an axis by rho' and by the spline."""
        by_orbitals, *by_points = (np.abs(part.at(places, axis)) for part in self._deviations)
        missed = FALL * self.curve.spline_error(places, axis) / self.curve.spacing(places, axis)
        return (by_orbitals + np.max(by_points, axis=0) + missed) * (np.abs(J) if self.logarithmic else 1.0)

    def _axis(self, along: str) -> int:
        check_choice("along", along, KNOBS[: len(self.axes)])
        return KNOBS.index(along)

    def _places(self, detuning: ArrayLike, barrier: ArrayLike | None) -> Floats:
        """Return places (..., axes) within the sweep."""
        given: list[ArrayLike | None] = [detuning, barrier]
        if len(self.axes) == 1 and barrier is not None:
            raise ValueError(f"barrier: expected None, because it was not swept, got {barrier!r}")
        found = [_within(name, value, nodes) for name, value, nodes in zip(KNOBS, given, self.axes, strict=False)]
        try:
            return np.stack(np.broadcast_arrays(*found), axis=-1)
        except ValueError:
            shapes = " and ".join(str(part.shape) for part in found)
            raise ValueError(f"barrier: expected the shape of detuning, or one number, got {shapes}") from None


def _within(name: str, value: object, nodes: Floats) -> Floats:
    """Return a number, or an array of numbers, within the nodes."""
    if not isinstance(value, (list, tuple, np.ndarray)) or isinstance(value, np.ndarray) and value.ndim == 0:
        number = value.item() if isinstance(value, np.ndarray) else value
        check_number(name, number, nodes[0], nodes[-1])
        return np.asarray(float(number))  # type: ignore[arg-type]
    shape = tuple("abcdefgh"[: value.ndim]) if isinstance(value, np.ndarray) else ("places",)
    return check_array(name, value, shape, nodes[0], nodes[-1]).astype(np.float64)


def _ends(nodes: Floats) -> tuple[Floats, Floats]:
    return nodes[:-1], nodes[1:]
