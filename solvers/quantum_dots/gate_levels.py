"""Gates in several metal levels: a gate screens those above it.

The potential at the gas follows from that of the surface on which the metal lies. Where gates of several levels
overlap, the lowest one, of the smallest number, covers this surface; of the others only the parts beside it count.
Differences in height are neglected, as is the thin oxide between two levels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from solvers.quantum_dots.potentials.overlap import overlap

Floats = NDArray[np.float64]

PRECISION = 1e-7
"""Distance (nm) at which cut outlines join corners."""
SMALLEST = 1e-3
"""Parts of a gate with less area than this (nm^2) are left out: those of rounding."""


def visible(outlines: Sequence[Sequence[Floats]], levels: Sequence[int], names: Sequence[str]) -> list[list[Floats]]:
    """Return for each gate the polygons that no gate of a lower level covers.

    Args:
        outlines: polygons (corners, 2) of each gate in nm.
        levels: level of each gate; 0 is nearest to the gas.
        names: names of the gates, for messages.

    Raises:
        ValueError: nothing of a gate is left.
        ModuleNotFoundError: gates overlap, and gdstk is not installed.
    """
    found = []
    for name, own, level in zip(names, outlines, levels, strict=True):
        below = [q for other, at in zip(outlines, levels, strict=True) if at < level for q in other]
        cut = [p for polygon in own for p in _without(polygon, [q for q in below if overlap(polygon, q)])]
        if not cut:
            raise ValueError(f"gates.{name}.level: expected a gate that lower ones do not cover, got one below others")
        found.append(cut)
    return found


def _without(polygon: Floats, others: Sequence[Floats]) -> list[Floats]:
    """Return the polygons that remain of one where the others cover it; none of them has a hole.

    A hole has one of the others along its edge, or several that touch. The polygon is divided at the centre of each of
    them first, so that every hole is open to a side.
    """
    if not others:
        return [polygon]
    try:
        import gdstk
    except ImportError:
        raise ModuleNotFoundError("level: gates that overlap need gdstk; pip install 'qd_pix2pix[gds]'") from None
    places = sorted({float(q[:, 0].min() + q[:, 0].max()) / 2 for q in others})
    whole, *covers = (gdstk.Polygon(p.tolist()) for p in (polygon, *others))
    parts = [p for slab in gdstk.slice([whole], places, "x", precision=PRECISION) for p in slab]
    left = [p for part in parts for p in gdstk.boolean(part, covers, "not", precision=PRECISION)]
    return [np.asarray(p.points, dtype=np.float64) for p in left if p.area() > SMALLEST]
