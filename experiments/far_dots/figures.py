"""Draw distance.png from arrays.json: what sums miss against the distance of two equal dots.

python -m experiments.far_dots.figures
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from experiments.far_dots.tables import APART, HERE, columns, read
from qd_pix2pix.reports.figures import COLOURS

LOWEST = 1e-3
"""Lower end of the axis, in meV."""


def distance_figure() -> Figure:
    """Return magnitudes of what the sums miss: without interaction on the left, with it on the right."""
    rows = columns(read("arrays.json")["sweep"])
    d, singles, law = rows["distance"], rows["singles"], rows["coulomb"]
    apart = d >= APART
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    lines = (
        (panels[0], 0, "-", "", "lone levels, one electron in each: |ε₀ + ε₁ − Σe|", rows["levels"] - singles),
        (panels[0], 1, "-", "", "lone levels, both in the lowest level: |2ε₀ − Σe|", rows["paired"] - singles),
        (panels[0], 2, "none", "o", "sum of tiles: |tiles − (ε₀ + ε₁)|", rows["tiles"] - rows["levels"]),
        (panels[1], 0, "-", "", "lone levels: |E − Σe|", rows["interacting"] - singles),
        (panels[1], 2, "none", "o", "sum of tiles: |E − tiles|", rows["interacting"] - rows["tiles"]),
        (panels[1], 2, "none", "x", "tiles + law: |E − tiles − law|", rows["interacting"] - rows["tiles"] - law),
        (panels[1], 1, "-", "", "lone levels + law: |E − Σe − law|", rows["interacting"] - singles - law),
        (
            *(panels[1], 3, "-", "", "lone levels + Coulomb energy of the densities"),
            np.where(apart, rows["interacting"] - singles - rows["densities"], np.nan),
        ),
    )
    for panel, colour, line, marker, label, missing in lines:
        panel.plot(d, np.abs(missing), ls=line, marker=marker, color=COLOURS[colour], lw=1.4, ms=5, label=label)
    panels[1].plot(d, law, ":", color="0.2", lw=1.4, label="law: e² / 4πε₀εᵣd")
    for panel, title in zip(panels, ("without interaction", "two interacting electrons"), strict=True):
        panel.set(title=title, yscale="log", xlabel="distance d (nm)", ylim=(LOWEST, None))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.grid(axis="y", lw=0.3)
        panel.legend(fontsize=8)
    panels[0].set_ylabel("missing energy (meV)")
    return figure


def main() -> None:
    """Draw it."""
    distance_figure().savefig(HERE / "distance.png", dpi=110)


if __name__ == "__main__":
    main()
