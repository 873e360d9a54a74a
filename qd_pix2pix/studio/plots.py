"""Options of the charts: a sweep with error bars, and the points of a stability diagram. No widgets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

COLOURS = ("#1b4965", "#c8553d", "#588157", "#8e6c8a", "#b08900", "#5f6f7a", "#2a9d8f", "#7f4f24", "#6d597a", "#333333")
"""Colours with a contrast of at least 3 to white."""


def _axis(name: str, **options: Any) -> dict[str, Any]:
    place = {"nameLocation": "middle", "nameGap": 34, "axisLine": {"onZero": False}}
    return {"type": "value", "name": name, "scale": True} | place | options


def sweep_chart(label: str, points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a chart of J with error bars, or of the gap where there is no J, and of the charge of each dot.

    Args:
        label: name and unit of the knob.
        points: parts of ``work.swept`` so far.
    """
    has_J = any(math.isfinite(p["J"]) for p in points) or not points
    name, unit = ("J", "J (µeV)") if has_J else ("gap", "gap (µeV)")
    kept = [p for p in points if math.isfinite(p[name])]
    curve = [[p["value"], 1e6 * p[name]] for p in kept]
    bars = [
        {"coords": [[p["value"], 1e6 * (p[name] - e)], [p["value"], 1e6 * (p[name] + e)]]}
        for p in kept
        if math.isfinite(e := p[f"{name}_error"])
    ]
    series: list[dict[str, Any]] = [
        {"type": "line", "name": name, "data": curve, "symbolSize": 6, "color": COLOURS[0]},
        {"type": "lines", "coordinateSystem": "cartesian2d", "data": bars, "color": COLOURS[0], "silent": True},
    ]
    count = max((len(p["charges"]) for p in points), default=0)
    series += [
        {
            "type": "line", "name": f"electrons in dot {k + 1}", "xAxisIndex": 1, "yAxisIndex": 1, "symbolSize": 6,
            "data": [[p["value"], float(p["charges"][k])] for p in points], "color": COLOURS[k + 1],
        }
        for k in range(min(count, len(COLOURS) - 1))
    ]  # fmt: skip
    return {
        "aria": {"enabled": True}, "animation": False, "tooltip": {"trigger": "axis"},
        "legend": {"top": 0, "type": "scroll"},
        "grid": [dict(left=70, right=20, top=40, height=130), dict(left=70, right=20, top=220, height=110)],
        "xAxis": [_axis("", gridIndex=0), _axis(label, gridIndex=1)],
        "yAxis": [_axis(unit, gridIndex=0, nameGap=52), _axis("electrons", gridIndex=1, nameGap=52)],
        "series": series,
    }  # fmt: skip


def points_chart(labels: tuple[str, str], points: Sequence[tuple[float, float, str]]) -> dict[str, Any]:
    """Return a chart of the points of a stability diagram, one colour for each configuration."""
    names = sorted({name for _, _, name in points})
    return {
        "aria": {"enabled": True}, "animation": False, "tooltip": {"trigger": "item"},
        "legend": {"top": 0, "type": "scroll"},
        "grid": {"left": 70, "right": 20, "top": 40, "bottom": 50},
        "xAxis": _axis(labels[0]), "yAxis": _axis(labels[1], nameGap=48),
        "series": [
            {
                "type": "scatter", "name": name, "symbol": "rect", "symbolSize": 9, "color": COLOURS[k % len(COLOURS)],
                "data": [[a, b] for a, b, other in points if other == name],
            }
            for k, name in enumerate(names)
        ],
    }  # fmt: skip
