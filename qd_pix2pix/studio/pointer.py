"""Edits by the pointer or the keyboard on the square: a state machine without widgets.

Coordinates are in nm from the lower left corner. ``press``, ``drag`` and ``release`` return the dot and the pointer
after an event; the dot between press and release is a preview, which enters the history on release.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from qd_pix2pix.studio.brush import Stroke
from qd_pix2pix.studio.dot import Dot, Gate, Well
from qd_pix2pix.studio.edits import at, with_changed, with_field

TOOLS = {"brush": "Brush", "wells": "Wells", "gates": "Gates", "target": "Density"}
"""Tools and their labels."""
NEAR = 0.05
"""Distance at which a well is touched, as a part of the side; at least half of its width."""
SMALLEST = 0.02
"""Smallest side of a gate that is dragged open, as a part of the side of the square."""


@dataclass(frozen=True)
class Settings:
    """Numbers of the tools, in nm, meV and mV; ``erase`` of painted densities."""

    size: float = 10.0
    height: float = -10.0
    depth: float = 20.0
    width: float = 20.0
    voltage: float = -100.0
    erase: bool = False


@dataclass(frozen=True)
class Pointer:
    """The tool in use, what it holds, and what is selected.

    Attributes:
        tool: a name of ``TOOLS``; settings: its numbers.
        held: True between press and release.
        selected: number of the selected well or gate, None for none.
        start: where the pointer was pressed, relative to the middle of a dragged object, or the corner of a new gate.
        opening: True while a new gate is dragged open.
    """

    tool: str = "wells"
    settings: Settings = Settings()
    held: bool = False
    selected: int | None = None
    start: tuple[float, float] = (0.0, 0.0)
    opening: bool = False


def press(dot: Dot, pointer: Pointer, x: float, y: float) -> tuple[Dot, Pointer]:
    """Begin a stroke, take hold of a well or gate, or make a new one.

    Raises:
        ValueError: there are too many objects.
    """
    x, y = _inside(dot, x), _inside(dot, y)
    s = pointer.settings
    if pointer.tool in ("brush", "target"):
        name = "strokes" if pointer.tool == "brush" else "target"
        stroke = Stroke(((x, y),), s.size, s.height if pointer.tool == "brush" else (-1.0 if s.erase else 1.0))
        return with_field(dot, name, (*getattr(dot, name), stroke)), replace(pointer, held=True)
    touched = _touched(dot, pointer.tool, x, y)
    if touched is not None:
        item = getattr(dot, pointer.tool)[touched]
        return dot, replace(pointer, held=True, selected=touched, start=(x - item.x, y - item.y), opening=False)
    if pointer.tool == "wells":
        made = replace(dot, wells=(*dot.wells, Well(x, y, s.depth, s.width)))
        return made, replace(pointer, held=True, selected=len(dot.wells), start=(0.0, 0.0), opening=False)
    least = at(SMALLEST * dot.side)
    made = replace(dot, gates=(*dot.gates, Gate(x, y, least, least, s.voltage)))
    return made, replace(pointer, held=True, selected=len(dot.gates), start=(x, y), opening=True)


def drag(dot: Dot, pointer: Pointer, x: float, y: float) -> Dot:
    """Return the dot with the stroke, well or gate that is held taken to (x, y)."""
    if not pointer.held:
        return dot
    x, y = _inside(dot, x), _inside(dot, y)
    if pointer.tool in ("brush", "target"):
        name = "strokes" if pointer.tool == "brush" else "target"
        *others, last = getattr(dot, name)
        return with_field(dot, name, (*others, last.longer(x, y)))
    if pointer.selected is None:
        return dot
    if pointer.opening:
        least = SMALLEST * dot.side
        (a, b), width, height = (
            pointer.start,
            max(abs(x - pointer.start[0]), least),
            max(abs(y - pointer.start[1]), least),
        )
        middle = {"x": at((a + x) / 2), "y": at((b + y) / 2), "width": at(width), "height": at(height)}
        return with_changed(dot, "gates", pointer.selected, **middle)
    return with_changed(
        dot, pointer.tool, pointer.selected, x=_inside(dot, x - pointer.start[0]), y=_inside(dot, y - pointer.start[1])
    )


def release(pointer: Pointer) -> Pointer:
    """Return the pointer after the button was released."""
    return replace(pointer, held=False, opening=False)


def _inside(dot: Dot, value: float) -> float:
    return at(min(max(value, 0.0), dot.side))


def _touched(dot: Dot, kind: str, x: float, y: float) -> int | None:
    """Return the number of the nearest well, or of the uppermost gate, at a point; None where there is none."""
    if kind == "gates":
        under = [k for k, g in enumerate(dot.gates) if abs(x - g.x) <= g.width / 2 and abs(y - g.y) <= g.height / 2]
        return under[-1] if under else None
    distances = [((x - w.x) ** 2 + (y - w.y) ** 2) ** 0.5 for w in dot.wells]
    near = [k for k, d in enumerate(distances) if d <= max(NEAR * dot.side, dot.wells[k].width / 2)]
    return min(near, key=distances.__getitem__) if near else None
