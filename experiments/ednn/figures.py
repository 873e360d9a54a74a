"""Draw blur.png: the error of each network where one site of every tile is blurred.

python -m experiments.ednn.figures
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from experiments.ednn.run import EXPERIMENT

HERE = Path(__file__).parent


def draw() -> Figure:
    """Return the figure."""
    results = EXPERIMENT.results()
    found = {c: results[f"c = {c}, equal steps"]["blur"] for c in (1, 2, 3) if f"c = {c}, equal steps" in results}
    figure = Figure(figsize=(3.2 * len(found) + 0.8, 3.3), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    every = np.concatenate([np.ravel(blur) for blur in found.values()])
    norm = LogNorm(every.min(), every.max())
    for panel, (c, blur) in zip(panels, found.items(), strict=True):
        image = panel.imshow(
            blur, norm=norm, cmap="viridis", origin="upper", extent=(-c - 0.5, c + 0.5, -c - 0.5, c + 0.5)
        )
        for (i, j), value in np.ndenumerate(np.array(blur)):
            colour = "black" if norm(value) > 0.6 else "white"
            text = f"{value:.2g}"
            panel.text(j - c, c - i, text, ha="center", va="center", fontsize=9 - 1.2 * c, color=colour)
        panel.set_title(f"c = {c}")
        panel.set_xlabel("position in the tile (sites)")
        panel.set_xticks(range(-c, c + 1))
        panel.set_yticks(range(-c, c + 1))
    figure.colorbar(image, ax=panels, label="median |error| of an 8 × 8 lattice (J)")
    return figure


if __name__ == "__main__":
    draw().savefig(HERE / "blur.png", dpi=150)
