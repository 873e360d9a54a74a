"""Levels against the field, and the fields at which the ground state changes, with error bars.

Two levels a and b cross where d(B) = E_b(B) - E_a(B) = 0. A level is followed by its labels: S, S_z, and L_z where that
is conserved. Between two fields with different ground states d is interpolated linearly, and computed again at its
zero, until that moves by less than its error bar,

    dB = error of d / |slope of d|.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.checks import check_array, check_kind, check_number
from solvers.grid import Grid
from solvers.quantum_dots.magnetic.field import MagneticField
from solvers.quantum_dots.magnetic.solution import FieldSolution
from solvers.quantum_dots.magnetic.solve import solve_in_field
from solvers.quantum_dots.options import check_options
from solvers.units import Material

Floats = NDArray[np.float64]

CONSERVED = 0.1
"""Largest spread of L_z of a level that is labelled with it."""
MOST_STEPS = 6
"""Largest number of further fields for one crossing."""
SETTLED = 1e-4
"""Part of the distance of two fields by which a crossing between them may still move."""


class Label(NamedTuple):
    """``spin`` S, ``s_z``, and L_z in hbar, ``angular_momentum``, None where it is not conserved."""

    spin: float
    s_z: float
    angular_momentum: int | None


class Crossing(NamedTuple):
    """The ground state changes from ``before`` to ``after`` at the field ``B`` (tesla), up to ``error``."""

    B: float
    error: float
    before: Label
    after: Label


@dataclass(frozen=True)
class FieldSweep:
    """Levels of one dot at the fields ``B``; k is the number of states.

    Attributes:
        B: fields in tesla, ascending, (F,).
        energies, energy_errors, gap_errors: see ``FieldSolution``, (F, k).
        spins, s_z, angular_momenta, angular_spreads: likewise, (F, k).
        crossings: where the ground state changes its spin or, in a round dot, its L_z. Two changes between neighbouring
            fields count as one, or as none if the second takes back the first. Empty with a gradient: it mixes states
            of different spin, whose levels avoid each other.
        solutions: all results, one for each field.
    """

    B: Floats
    energies: Floats
    energy_errors: Floats
    gap_errors: Floats
    spins: Floats
    s_z: Floats
    angular_momenta: Floats
    angular_spreads: Floats
    crossings: tuple[Crossing, ...]
    solutions: tuple[FieldSolution, ...]


def field_sweep(
    V: ArrayLike,
    grid: Grid,
    n_electrons: int,
    material: Material,
    B: ArrayLike,
    g: float = 2.0,
    gradient: float = 0.0,
    **options: Any,
) -> FieldSweep:
    """Return the levels of one dot ``V`` (n_x, n_y) in eV at the fields ``B`` (F,) in tesla, and the crossings.

    ``g`` and ``gradient`` are those of ``MagneticField``. ``options`` are those of ``solve_in_field``; ``n_states``
    must be large enough for both levels of a crossing, 6 by default.

    Raises:
        ValueError: an argument is out of range, or the fields do not ascend.
    """
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    check_number("g", g)
    check_number("gradient", gradient)
    potential = check_array("V", V, grid.shape).astype(np.float64)
    fields = check_array("B", B, ("fields",)).astype(np.float64)
    if (np.diff(fields) <= 0).any():
        raise ValueError("B: expected fields in ascending order, got others. Sort them, and remove equal ones")
    check_options(options, ("field",), "sweep", solve_in_field)
    options = {"n_states": 6} | options

    def at(strength: float) -> FieldSolution:
        return solve_in_field(potential, grid, n_electrons, material, MagneticField(strength, g, gradient), **options)

    strongest_first = sorted(fields.tolist(), key=abs, reverse=True)  # it has the strictest checks
    solved = {b: at(b) for b in strongest_first}
    solutions = [solved[b] for b in fields.tolist()]
    clear = [] if gradient else [i for i in range(len(fields)) if not _at_a_crossing(solutions, i)]
    pairs = zip(clear[:-1], clear[1:], strict=True)
    found = [_crossing(fields[i], fields[j], solutions[i], solutions[j], at) for i, j in pairs]
    names = ("energies", "energy_errors", "gap_errors", "spins", "s_z", "angular_momenta", "angular_spreads")
    arrays = {name: np.stack([getattr(s, name) for s in solutions]) for name in names}
    return FieldSweep(fields, **arrays, crossings=tuple(c for c in found if c), solutions=tuple(solutions))


def labels(solution: FieldSolution) -> list[Label]:
    """Return the labels of the states of one dot."""
    rows = zip(solution.spins, solution.s_z, solution.angular_momenta, solution.angular_spreads, strict=True)
    return [
        Label(round(2 * s) / 2, round(2 * m) / 2, round(float(turn)) if spread < CONSERVED else None)
        for s, m, turn, spread in rows
        if not np.isnan(s)
    ]


def _same(solution: FieldSolution, other: Label) -> bool:
    """Return whether ``other`` is a state of the ground level; where L_z is not conserved, the spins decide."""
    for spin, s_z, turn in labels(solution)[: int(solution.degeneracy)]:
        alike = turn is None or other.angular_momentum is None or turn == other.angular_momentum
        if (spin, s_z) == other[:2] and alike:
            return True
    return False


def _at_a_crossing(solutions: Sequence[FieldSolution], number: int) -> bool:
    """Return whether one of the fields is that of a crossing itself, such as B = 0 for the spins of one electron."""
    if not 0 < number < len(solutions) - 1:
        return False
    before, here, after = solutions[number - 1 : number + 2]
    a, b = labels(before)[0], labels(after)[0]
    return _same(here, a) and _same(here, b) and not (_same(before, b) or _same(after, a))


def _distance(solution: FieldSolution, a: Label, b: Label) -> tuple[float, float] | None:
    """Return E_b - E_a and its error, or None if one of the levels is not among the states."""
    every = labels(solution)
    if a not in every or b not in every:
        return None
    i, j = every.index(a), every.index(b)
    error = float(solution.gap_errors[i] + solution.gap_errors[j])
    return float(solution.energies[j] - solution.energies[i]), error


def _crossing(low: float, high: float, first: FieldSolution, last: FieldSolution, at: Any) -> Crossing | None:
    """Return the crossing of the ground states at two fields, None if they are the same.

    A zero outside of the fields between which the sign of d changes is none: the interval is halved instead, and
    without a zero half of it is the error. Without error bars of the levels the error is NaN.
    """
    a, b = labels(first)[0], labels(last)[0]
    if _same(first, b) or _same(last, a):
        return None
    found = {low: _distance(first, a, b), high: _distance(last, a, b)}
    ends = low, high
    place, error = np.nan, np.inf
    for step in range(MOST_STEPS + 1):
        zero, width = _zero(found)
        wide = np.nan_to_num(width)
        inside = max(low - wide, ends[0]) <= zero <= min(high + wide, ends[1])
        moved, place = abs(zero - place), zero if inside else (low + high) / 2
        error = (width if step and moved <= width else width + high - low) if inside else (high - low) / 2
        if place in found or (step and inside and moved <= max(wide / 4, SETTLED * (ends[1] - ends[0]))):
            break
        if step < MOST_STEPS:
            middle = at(place)
            found[place] = distance = _distance(middle, a, b)
            below = distance[0] > 0 if distance else labels(middle)[0] == a
            low, high = (max(low, place), high) if below else (low, min(high, place))
    return Crossing(float(place), float(np.minimum(error, max(place - ends[0], ends[1] - place))), a, b)


def _zero(found: dict[float, tuple[float, float] | None]) -> tuple[float, float]:
    """Return the zero of a line through two values of d, and its error; NaN and 0 without such a line.

    These two are the nearest to zero, or those next to the change of sign if the zero is not between these.
    """
    values = {field: found[field] or (0.0, 0.0) for field in sorted(found) if found[field] is not None}
    above = [field for field, (d, _) in values.items() if d > 0]
    beyond = [field for field, (d, _) in values.items() if d <= 0 and above and field > above[-1]]
    nearest = sorted(values, key=lambda field: abs(values[field][0]))[:2]
    if len(nearest) < 2:
        return np.nan, 0.0
    zero, error = _line(values, *sorted(nearest))
    if beyond and not above[-1] <= zero <= beyond[0]:
        zero, error = _line(values, above[-1], beyond[0])
    return zero, error


def _line(values: dict[float, tuple[float, float]], left: float, right: float) -> tuple[float, float]:
    """Return the zero of the line through the values of d at two fields, and its error; NaN and 0 for equal values."""
    (d0, e0), (d1, e1) = values[left], values[right]
    slope = (d1 - d0) / (right - left)
    if slope == 0:
        return np.nan, 0.0
    zero = left - d0 / slope
    return zero, float(np.interp(zero, [left, right], [e0, e1]) / abs(slope))
