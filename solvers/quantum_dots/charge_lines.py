"""Lines, triple points and capacitances of a charge-stability diagram.

A line separates two configurations a and b. Where N changes, it is Omega_a = Omega_b, between two points of a finest
cell by linear interpolation of the energies; an electron that moves between dots crosses it where the charge of a dot
passes the middle between whole numbers. The lever arms of a line are alpha_i = -d(E_b - E_a) / dg_i per electron, and
its slope is dg_2 / dg_1 = -alpha_1 / alpha_2.

Near a triple point tunnelling bends the lines. Slopes and triple points are those of the straight parts, where
electrons have a whole charge in each dot. The mutual charging energy of two dots is the energy by which one electron
moves the lines of the other: alpha (T' - T), from the triple point T of (n, m), (n + 1, m), (n, m + 1) to T' of
(n + 1, m + 1) and the same two (van der Wiel et al., Rev. Mod. Phys. 75, 1 (2003)).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_kind
from solvers.quantum_dots.stability import Configuration, Place, StabilityDiagram

Floats = NDArray[np.float64]

PURE = 0.12
"""Largest distance of the charges of both ends of an edge from whole numbers on a straight part."""
FEWEST = 3
"""Points below which a straight part has no fit of its own: then all points are used."""
OUTLIER = 2.0
"""Points whose error is larger than the median times this are not part of a straight line."""
NEAR = 0.25
"""Triple points further outside the diagram than this part of its sides are left out."""


@dataclass(frozen=True)
class Line:
    """The line between configurations ``a`` and ``b``, b with at least as many electrons.

    Attributes:
        points: crossings, (k, 2) in the units of the gates.
        errors: errors of their position across the line (k,), in parts of the diagram's sides: those of the energies
            and of the interpolation, and half an edge for moved electrons.
        lever_arms, lever_arm_errors: alpha_1 and alpha_2 in eV per unit of the gates, (2,), and their errors: the
            standard deviation along the line, and the change of the differences from which they follow between
            neighbouring points; NaN for moved electrons.
        slope, slope_error: dg_2 / dg_1 of the straight part, and its error from the errors of the points.
        middle, direction: the straight part, points ``middle`` + s ``direction``, (2,) each.
        tilt: error of the angle of the straight part (rad), where both sides of the diagram have the length 1.
        straight: points on it, (k,).
    """

    a: Configuration
    b: Configuration
    points: Floats
    errors: Floats
    lever_arms: Floats
    lever_arm_errors: Floats
    slope: float
    slope_error: float
    middle: Floats
    direction: Floats
    tilt: float
    straight: NDArray[np.bool_]

    @property
    def adds(self) -> int:
        """Electrons by which b has more than a."""
        return sum(self.b) - sum(self.a)


class TriplePoint(NamedTuple):
    """The place (2,), in the units of the gates, where three ``configurations`` meet; ``error`` (2,) of it."""

    configurations: tuple[Configuration, Configuration, Configuration]
    gates: Floats
    error: Floats


class MutualCharging(NamedTuple):
    """``energy`` and ``error`` (eV): by how much an electron in one of two ``dots`` raises the other's energy.

    ``configuration`` (n, m) is that before both electrons are added.
    """

    dots: tuple[int, int]
    configuration: Configuration
    energy: float
    error: float


class _Crossing(NamedTuple):
    """A point of a line; ``error`` across it, of which ``own`` is not that of its neighbours, over the ranges.

    ``gradient`` (2,) of E_b - E_a in eV per finest cell, and ``uncertain`` (2,), its error.
    """

    place: Floats
    error: float
    own: float
    gradient: Floats
    uncertain: Floats
    straight: bool


def charge_lines(diagram: StabilityDiagram) -> list[Line]:
    """Return the lines of a diagram, by the configurations that they separate.

    Raises:
        ValueError: the argument is no diagram.
    """
    check_kind("diagram", diagram, StabilityDiagram, "StabilityDiagram, from stability_diagram")
    found: dict[tuple[Configuration, Configuration], list[_Crossing]] = defaultdict(list)
    edges = set()
    for i, j, size in diagram.cells.tolist():
        if size == 1:
            edges |= {((i, j), (i + 1, j)), ((i, j), (i, j + 1)), ((i + 1, j), (i + 1, j + 1))}
            edges |= {((i, j + 1), (i + 1, j + 1))}
    for start, end in sorted(edges):
        a, b = (diagram.configurations[diagram.place_numbers[p]] for p in (start, end))
        if a != b:
            ends = (start, end) if (sum(a), a) < (sum(b), b) else (end, start)
            key = (min(a, b, key=lambda c: (sum(c), c)), max(a, b, key=lambda c: (sum(c), c)))
            found[key].append(_crossing(diagram, *ends))
    return [_line(diagram, a, b, crossings) for (a, b), crossings in sorted(found.items())]


def checked_lines(diagram: StabilityDiagram, lines: list[Line] | None) -> list[Line]:
    """Return ``lines``, or those of the ``diagram`` where they are None.

    Raises:
        ValueError: an argument is of another kind.
    """
    check_kind("diagram", diagram, StabilityDiagram, "StabilityDiagram, from stability_diagram")
    if lines is None:
        return charge_lines(diagram)
    check_kind("lines", lines, list, "list of lines, from charge_lines")
    for line in lines:
        check_kind("lines", line, Line, "Line, from charge_lines, as each member")
    return lines


def _crossing(diagram: StabilityDiagram, start: Place, end: Place) -> _Crossing:
    """Return the crossing between two neighbouring points, whose configurations differ."""
    p, q = (diagram.place_numbers[place] for place in (start, end))
    n_a, n_b = int(diagram.numbers[p]), int(diagram.numbers[q])
    charges = [diagram.charges[k][n] for k, n in ((p, n_a), (q, n_b))]
    straight = all(np.abs(c - np.round(c)).max() < PURE for c in charges)
    if n_a == n_b:
        a, b = (np.array(diagram.configurations[k]) for k in (p, q))
        dot = int(np.argmax(np.abs(b - a)))
        half = (a[dot] + b[dot]) / 2
        values = [float(diagram.charges[k][n_a][dot] - half) for k in (p, q)]
        s = values[0] / (values[0] - values[1]) if values[0] != values[1] else 0.5
        place = np.array(start) + np.clip(s, 0.0, 1.0) * (np.array(end) - np.array(start))
        unknown = np.full(2, np.nan)
        return _Crossing(place, 0.5 / diagram.steps, 0.5 / diagram.steps, unknown, unknown, straight)
    first, last = (float(diagram.omega[k][n_b] - diagram.omega[k][n_a]) for k in (p, q))
    s = first / (first - last)
    place = np.array(start) + s * (np.array(end) - np.array(start))
    curvature = _curvature(diagram, start, end, n_a, n_b)
    gradient, uncertain = _gradient(diagram, start, end, n_a, n_b, curvature)
    error = max(diagram.errors[p][[n_a, n_b]].max(), diagram.errors[q][[n_a, n_b]].max())  # they have one sign
    own = curvature / 4  # a kink in the middle; 1 / 8 for a parabola
    across = float(np.linalg.norm(gradient)) * diagram.steps
    return _Crossing(place, (error + own) / across, own / across, gradient, uncertain, straight)


def _gradient(
    diagram: StabilityDiagram, start: Place, end: Place, n_a: int, n_b: int, curvature: float
) -> tuple[Floats, Floats]:
    """Return d(E_b - E_a) by both coordinates, in eV per finest cell, and its errors.

    Along the edge it is one difference, uncertain by the second one, ``curvature``; across, it is the mean of those in
    the cells beside it.
    """
    low, high = min(start, end), max(start, end)
    along, across = (0, 1) if low[1] == high[1] else (1, 0)

    def value(place: Place) -> float | None:
        number = diagram.place_numbers.get(place)
        return None if number is None else float(diagram.energies[number][n_b] - diagram.energies[number][n_a])

    found, slopes = np.zeros(2), []
    first, last = value(low), value(high)
    assert first is not None and last is not None
    found[along] = last - first
    for place, here in ((low, first), (high, last)):
        for sign in (1, -1):
            beside = value((place[0] + sign * (across == 0), place[1] + sign * (across == 1)))
            if beside is not None:
                slopes.append(sign * (beside - here))
    found[across] = float(np.mean(slopes))
    errors = np.zeros(2)
    errors[along], errors[across] = curvature, float(np.ptp(slopes)) / 2
    return found, errors


def _curvature(diagram: StabilityDiagram, start: Place, end: Place, n_a: int, n_b: int) -> float:
    """Return the larger second difference of E_b - E_a along an edge, with a third point on either side of it."""
    (i, j), (di, dj) = start, (end[0] - start[0], end[1] - start[1])
    line = [diagram.place_numbers.get((i + k * di, j + k * dj)) for k in (-1, 0, 1, 2)]
    values = [np.nan if k is None else diagram.energies[k][n_b] - diagram.energies[k][n_a] for k in line]
    return float(np.nanmax(np.abs(np.diff(values, 2)), initial=0.0))


def _line(diagram: StabilityDiagram, a: Configuration, b: Configuration, crossings: list[_Crossing]) -> Line:
    places = np.stack([c.place for c in crossings])
    straight = np.array([c.straight for c in crossings])
    errors = np.array([c.error for c in crossings])
    if straight.sum() >= FEWEST:  # an energy bends next to a triple point: the interpolation has a large error there
        straight = straight & (errors <= OUTLIER * np.median(errors[straight]))
    used = straight if straight.sum() >= FEWEST else np.ones(len(crossings), dtype=bool)
    spans = np.array([diagram.gate1[1] - diagram.gate1[0], diagram.gate2[1] - diagram.gate2[0]])
    middle, direction, tilt = _straight_fit(
        places[used] / diagram.steps, errors[used], np.array([c.own for c in crossings])[used]
    )
    adds = max(sum(b) - sum(a), 1)
    per_gate = diagram.steps / spans / adds
    levers = -np.stack([c.gradient for c in crossings])[used] * per_gate
    uncertain = np.stack([c.uncertain for c in crossings])[used] * per_gate
    slope = direction[1] / direction[0] * spans[1] / spans[0] if direction[0] else np.inf * np.sign(direction[1])
    along = spans * direction
    return Line(
        a=a,
        b=b,
        points=diagram.in_gates(places),
        errors=errors,
        lever_arms=levers.mean(axis=0),
        lever_arm_errors=levers.std(axis=0) + uncertain.mean(axis=0),
        slope=float(slope),
        slope_error=float(tilt / direction[0] ** 2 * spans[1] / spans[0]) if direction[0] else float("inf"),
        middle=diagram.in_gates(middle * diagram.steps),
        direction=along / np.linalg.norm(along),
        tilt=tilt,
        straight=straight,
    )


def _straight_fit(points: Floats, errors: Floats, own: Floats) -> tuple[Floats, Floats, float]:
    """Return middle and direction of a straight line through ``points`` (k, 2), and the error of its angle (rad).

    It follows from the scatter of the points, from the errors that are each point's ``own`` (k,), and from the range of
    all other ``errors`` (k,): what these have in common moves the line, and does not turn it.
    """
    middle = points.mean(axis=0)
    _, sizes, axes = np.linalg.svd(points - middle, full_matrices=True)
    if len(points) < 2 or sizes[0] == 0:
        return middle, np.array([1.0, -1.0]) / 2**0.5, np.pi / 2
    scatter = sizes[1] / max(len(points) - 2, 1) ** 0.5 if len(sizes) > 1 else 0.0
    each = np.sqrt(np.mean(own**2) / 3)  # of uniform errors within these bounds
    return middle, axes[0], float((scatter + each + np.ptp(errors - own)) / sizes[0])


def triple_points(diagram: StabilityDiagram, lines: list[Line] | None = None) -> list[TriplePoint]:
    """Return the triple points: intersections of the straight parts of two lines at which electrons enter.

    Their configurations are c, and two more with one electron more than c in two different dots, or one less.

    Raises:
        ValueError: an argument is of another kind.
    """
    lines = checked_lines(diagram, lines)
    entering = {(line.a, line.b): line for line in lines if line.adds == 1}
    spans = np.array([diagram.gate1[1] - diagram.gate1[0], diagram.gate2[1] - diagram.gate2[0]])
    low = np.array([diagram.gate1[0], diagram.gate2[0]])
    found = []
    for (a, b), first in entering.items():
        for (c, d), second in entering.items():
            if (a == c and b < d) or (b == d and a < c):
                place = _intersection(first, second)
                if place is None or not (np.abs((place - low) / spans - 0.5) <= 0.5 + NEAR).all():
                    continue
                three = (a, b, d) if a == c else (a, c, b)
                found.append(TriplePoint(three, place, _error_of_intersection(first, second, place, spans)))
    return found


def _error_of_intersection(first: Line, second: Line, place: Floats, spans: Floats) -> Floats:
    """Return the error (2,) of the ``place`` where two lines meet: it is the larger, the smaller their angle is.

    Each line is uncertain across by its mean error, and by its angle over the distance from its middle.
    """
    lines = [first, second]
    directions = np.stack([line.direction / spans for line in lines])
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    across = sum(line.errors.mean() + line.tilt * np.linalg.norm((place - line.middle) / spans) for line in lines)
    return across / abs(np.linalg.det(directions)) * spans


def _intersection(first: Line, second: Line) -> Floats | None:
    matrix = np.stack([first.direction, -second.direction], axis=1)
    if abs(np.linalg.det(matrix)) < 1e-6:
        return None
    s, _ = np.linalg.solve(matrix, second.middle - first.middle)
    return first.middle + s * first.direction


def mutual_charging(diagram: StabilityDiagram, lines: list[Line] | None = None) -> list[MutualCharging]:
    """Return the mutual charging energies, from each pair of triple points that share the same two configurations.

    Raises:
        ValueError: an argument is of another kind.
    """
    lines = checked_lines(diagram, lines)
    entering = {(line.a, line.b): line for line in lines if line.adds == 1}
    points = triple_points(diagram, lines)
    spans = np.array([diagram.gate1[1] - diagram.gate1[0], diagram.gate2[1] - diagram.gate2[0]])
    found = []
    for below in points:
        a, b, c = below.configurations
        if not sum(b) == sum(c) == sum(a) + 1:
            continue
        for above in points:
            if sum(above.configurations[0]) != sum(b) or {*above.configurations[:2]} != {b, c}:
                continue
            values = []
            shift = above.gates - below.gates
            for side in (b, c):  # the line of either electron moves by the same energy
                values.append(float(entering[(a, side)].lever_arms @ shift))
            top = above.configurations[2]
            first, last = ([entering[ends] for ends in pairs] for pairs in (((a, b), (a, c)), ((b, top), (c, top))))
            error = _error_of_charging(first, last, shift, spans) + abs(values[0] - values[1]) / 2
            dots = tuple(int(np.flatnonzero(np.array(s) != np.array(a))[0]) for s in (b, c))
            found.append(MutualCharging((dots[0], dots[1]), a, float(np.mean(values)), error))
    return found


def _error_of_charging(below: list[Line], above: list[Line], shift: Floats, spans: Floats) -> float:
    """Return the error of lever arms times ``shift``, from where two lines meet below to where two meet above.

    It is the distance of nearly parallel lines: along the lines, triple points may be uncertain by more.
    """
    across = sum(line.errors.mean() for line in [*below, *above]) * spans
    arms = np.mean([np.abs(line.lever_arms) for line in below], axis=0)
    uncertain = np.mean([line.lever_arm_errors for line in below], axis=0)
    return float(arms @ across + uncertain @ np.abs(shift))
