"""The figure of the observables of snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

COLOURS = {
    "strings": "#1b4965",
    "strings, 32 × 32": "#5fa8d3",
    "strings, all sectors": "#8a8a3c",
    "sprinkled": "#c8553d",
}
MARKERS = {"strings": "o", "strings, 32 × 32": "s", "strings, all sectors": "^", "sprinkled": "D"}
PANELS = {
    "C_s(1)": "$C_s(1)$",
    "C_s(√2)": r"$C_s(\sqrt{2})$",
    "count": "strings longer than 2, per site",
    "length": "mean string length (sites)",
}


def draw(found: Mapping[str, Any], snapshots: Mapping[str, Any]) -> Figure:
    """Return the figure: observables against doping, lengths of strings, one snapshot of each kind."""
    figure = Figure(figsize=(11.5, 6), layout="constrained")
    panels = figure.subplots(2, 4).ravel()
    order = (0, 1, 4, 5)
    for place, (name, label) in zip(order, PANELS.items(), strict=True):
        panel = panels[place]
        for kind, rows in found["curves"].items():
            x, (y, error) = [row["doping"] for row in rows], np.transpose([row[name] for row in rows])
            style = {"color": COLOURS[kind], "marker": MARKERS[kind], "markersize": 3.5, "linewidth": 1}
            panel.errorbar(x, y, error, label=kind, capsize=2, **style)
        panel.set_xlabel(r"doping $\delta$")
        panel.set_title(label, fontsize=10)
        if name == "C_s(√2)":
            panel.axhline(0, color="0.6", linewidth=0.8)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=4, fontsize=9, frameon=False)
    _lengths(panels[2], found["strings"]["lengths"])
    for place, (name, snapshot) in zip((3, 7), snapshots.items(), strict=True):
        panels[place].imshow(
            snapshot.T, cmap=ListedColormap(["#1b4965", "#ffffff", "#f4d9a8"]), norm=BoundaryNorm([-2, -0.5, 0.5, 2], 3)
        )
        panels[place].set(xticks=[], yticks=[])
        panels[place].set_title(rf"{name}, $\delta$ = {(snapshot == 0).mean():.2f}", fontsize=10)
    _difference(panels[6], found["curves"])
    return figure


def _lengths(panel: Any, lengths: Mapping[str, Any]) -> None:
    for name, style in zip(lengths, ("o-", "^--", "v:"), strict=True):
        p = lengths[name]["p"][:13]
        panel.plot(range(len(p)), p, style, markersize=3.5, linewidth=1, label=f"{name}: {lengths[name]['mean']:.1f}")
    panel.set_title("lengths of strings, $p(l)$", fontsize=10)
    panel.set_xlabel("$l$ (sites)")
    panel.legend(title="sectors: mean", fontsize=8, title_fontsize=8, frameon=False)


def _difference(panel: Any, curves: Mapping[str, Any]) -> None:
    """Draw the difference of strings and sprinkled holes in standard errors."""
    for name, label in PANELS.items():
        pairs = list(zip(curves["strings"], curves["sprinkled"], strict=True))
        values = [abs(a[name][0] - b[name][0]) / max(np.hypot(a[name][1], b[name][1]), 1e-12) for a, b in pairs]
        short = label if name.startswith("C") else name
        panel.plot([a["doping"] for a, _ in pairs], values, "o-", markersize=3.5, linewidth=1, label=short)
    panel.axhline(3, color="0.6", linewidth=0.8)
    panel.set_yscale("symlog", linthresh=3)
    panel.set_ylim(0)
    panel.set_xlabel(r"doping $\delta$")
    panel.set_title("|strings − sprinkled| (σ)", fontsize=10)
    panel.legend(fontsize=8, frameon=False)
