"""The axes x, y and z, by the names that programs write for columns and dimensions."""

from __future__ import annotations

import re
from collections.abc import Sequence

NOUN = "(?:pos|positions?|coords?|coordinates?|axis|cent(?:er|re)s?|grid)"
"""Nouns beside the letter of an axis."""
KINDS = (
    re.compile(r"^([xyz])$", re.IGNORECASE),
    re.compile(rf"^(?:{NOUN}[\s_.-]*)?([xyz])(?:[\s_.-]*{NOUN})?$", re.IGNORECASE),
    re.compile(r"^([xyz])\1$", re.IGNORECASE),
    re.compile(r"^[in]_?([xyz])$", re.IGNORECASE),
)
"""Names of an axis in order of preference: x; x_pos or position x; xx, as of a mesh; ix, an index, or nx, the name of a
dimension."""
MAPS = {"lon": "x", "longitude": "x", "lat": "y", "latitude": "y"} | {f"projection_{a}_coordinate": a for a in "xyz"}
"""Axes of maps, whose names other data on grids have too; they count as x_pos and y_pos."""


def axis_of(name: str) -> str | None:
    """Return "x", "y" or "z" for the name of an axis without its unit, as in ``KINDS``; otherwise None."""
    name = usual(name)
    found = next((match for kind in KINDS if (match := kind.match(name))), None)
    return found[1].lower() if found else None


def usual(name: str) -> str:
    """Return a name without spaces around it; an axis of a map is named x_pos or y_pos."""
    short = name.strip()
    return f"{MAPS[short.lower()]}_pos" if short.lower() in MAPS else short


def places(names: Sequence[str]) -> dict[str, int]:
    """Return the place of each axis among names without units, by the letter of the axis.

    Raises:
        ValueError: different names, none preferred to the other, are those of one axis.
    """
    found: dict[str, int] = {}
    for axis in "xyz":
        kinds = [[i for i, name in enumerate(names) if axis_of(name) == axis and k.match(usual(name))] for k in KINDS]
        at = next((at for at in kinds if at), [])
        if len({names[i] for i in at}) > 1:
            raise ValueError(f"expected one name of {axis}; got {', '.join(names[i] for i in at)}. Rename all but one")
        if at:
            found[axis] = at[0]
    return found


def plane(axes: Sequence[str | None], names: Sequence[str]) -> tuple[int, int] | None:
    """Return the places of x and y among dimensions; None if neither is there.

    Args:
        axes: axis of each dimension, None if neither its name nor its coordinates state one.
        names: names of the dimensions, for errors.

    Raises:
        ValueError: one of x and y is missing, or there several times.
    """
    if "x" not in axes and "y" not in axes:
        return None
    if axes.count("x") != 1 or axes.count("y") != 1:
        given = ", ".join(name or "one without a name" for name in names)
        raise ValueError(f"expected dimensions named x and y; got {given}. Name both, or add coordinates")
    return axes.index("x"), axes.index("y")
