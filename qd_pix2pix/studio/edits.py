"""Edits of a drawn dot: each returns another dot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qd_pix2pix.studio.brush import Stroke
from qd_pix2pix.studio.dot import SIDES, Dot, Gate, Well
from solvers.checks import check_number


def with_field(dot: Dot, name: str, value: Any) -> Dot:
    """Return the dot with another value of the field ``name``."""
    changes: dict[str, Any] = {name: value}
    return replace(dot, **changes)


def resized(dot: Dot, side: float) -> Dot:
    """Return the dot on a square of another side: all lengths grow with it, and V stays the same."""
    check_number("side", side, *SIDES)
    s = side / dot.side

    def scaled(strokes: tuple[Stroke, ...]) -> tuple[Stroke, ...]:
        return tuple(
            Stroke(tuple((at(s * x), at(s * y)) for x, y in k.points), at(s * k.size), k.height) for k in strokes
        )

    return replace(
        dot,
        side=side,
        gas_depth=at(s * dot.gas_depth),
        wells=tuple(Well(at(s * w.x), at(s * w.y), w.depth, max(at(s * w.width), 0.05)) for w in dot.wells),
        gates=tuple(Gate(at(s * g.x), at(s * g.y), at(s * g.width), at(s * g.height), g.voltage) for g in dot.gates),
        strokes=scaled(dot.strokes),
        target=scaled(dot.target),
    )


def at(value: float) -> float:
    """Return a length (nm) rounded to picometres, so that links are short and exact."""
    return round(float(value), 3)


def without(dot: Dot, kind: str, number: int) -> Dot:
    """Return the dot without one of its ``wells`` or ``gates``."""
    kept = getattr(dot, kind)
    return with_field(dot, kind, kept[:number] + kept[number + 1 :])


def with_changed(dot: Dot, kind: str, number: int, **values: float) -> Dot:
    """Return the dot with other numbers of one of its ``wells`` or ``gates``."""
    kept = list(getattr(dot, kind))
    kept[number] = replace(kept[number], **values)
    return with_field(dot, kind, tuple(kept))


def cleared(dot: Dot) -> Dot:
    """Return the dot with its conditions only, V = 0."""
    return replace(dot, wells=(), gates=(), strokes=(), background=None, target=(), detuning=0.0, barrier=0.0)
