"""Draw phases.png and traps.png: network and worm algorithm, side by side.

python -m experiments.bose_hubbard.figures
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.bose_hubbard import reference
from experiments.bose_hubbard.transfer import predict
from qd_pix2pix import from_pretrained

HERE = Path(__file__).parent
DEPTH = 6
"""Number of the shown depth."""


def phases(found: dict[str, Any]) -> Figure:
    """Return density and order of homogeneous lattices against mu."""
    figure = Figure(figsize=(3.4 * len(found), 3.2), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    for panel, (v, lines) in zip(panels, found.items(), strict=True):
        for name, colour, label in (("n", "C0", "density"), ("order", "C1", "order of the solid")):
            own, predicted = lines[name]
            panel.plot(lines["mu"], own, "o", ms=3.5, mfc="none", color=colour, label=f"{label}, worm")
            panel.plot(lines["mu"], predicted, "-", lw=1.2, color=colour, label=f"{label}, network")
        if lines["coexistence"]:
            panel.axvline(lines["coexistence"][0], ls=":", lw=1, color="0.4", label="equal grand potentials")
        panel.set_title(f"V = {v} t")
        panel.set_xlabel("μ (t)")
    panels[0].set_ylabel("bosons per site")
    panels[-1].legend(fontsize=7, frameon=False)
    return figure


def traps(maps: list[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """Return maps of n by both, and their profiles through the middle."""
    figure = Figure(figsize=(9.6, 2.9 * len(maps)), layout="constrained")
    panels = figure.subplots(len(maps), 3, squeeze=False)
    for row, (name, own, predicted) in zip(panels, maps, strict=True):
        for panel, values, title in zip(row, (own, predicted), ("worm", "network"), strict=False):
            image = panel.imshow(values, vmin=0, vmax=1, cmap="viridis")
            panel.set_title(f"{name}, {title}", fontsize=9)
            panel.set_xticks([])
            panel.set_yticks([])
        figure.colorbar(image, ax=row[:2], label="n", shrink=0.8)
        middle = own.shape[0] // 2
        row[2].plot(own[middle], "o", ms=3.5, mfc="none", label="worm")
        row[2].plot(predicted[middle], "-", lw=1.2, label="network")
        row[2].set_xlabel("site of the middle row")
        row[2].set_ylim(-0.05, 1.05)
        row[2].legend(fontsize=7, frameon=False)
    return figure


def main() -> None:
    """Draw both figures."""
    transfer = json.loads((HERE / "transfer.json").read_text(encoding="utf-8"))
    phases(transfer["phases"]).savefig(HERE / "phases.png", dpi=110)
    stored, surrogate = reference.read(), from_pretrained("bose-hubbard", device="cpu")
    shown = {"trap": ("parabola", 0), "well": (f"well of depth {reference.DEPTHS[DEPTH]:g} t", DEPTH)}
    shown |= {f"random {side}": (f"random, {side} × {side}", 0) for side in reference.RANDOM if side > 16}
    maps = [(name, stored[f"{part}/n"][i], predict(surrogate, stored, part)[i]) for part, (name, i) in shown.items()]
    traps(maps).savefig(HERE / "traps.png", dpi=90)


if __name__ == "__main__":
    main()
