"""Draw the figures of this folder, from results.json and from the checkpoints of the runs.

python -m experiments.generators.figures            # plane.png, snapshots.png
python -m experiments.generators.figures lattices   # lattices.png, from the checkpoints in runs/generators
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from experiments.generators.measure import PLANE
from experiments.generators.run import EXPERIMENT
from qd_pix2pix import from_pretrained
from solvers.spins import energies, magnetisation, sample_plane

HERE = Path(__file__).parent
NAMES = ("RUGAN", "flow")
WINDOWS = ((-1.75, -1.0), (1.0, 1.9))
WIDTH = 0.2
"""Energies per site (J) and largest |m| of training."""
SHOWN = ((-1.7, 0.0), (-1.2, 0.1), (-0.5, 0.3), (0.0, 0.0), (1.2, 0.0))
LARGE = 64
OBSERVABLES = {
    "C_s(1)": "$C_s(1)$",
    "C_s(√2)": r"$C_s(\sqrt{2})$",
    "count": "strings per site",
    "length": "mean length",
}


def plane() -> Figure:
    """Return the maps of the errors of energy over the plane, with the windows of training."""
    results = EXPERIMENT.results()
    figure = Figure(figsize=(9.5, 6.4), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for row, name in zip(panels, NAMES, strict=True):
        for panel, (key, side) in zip(row, (("x1", 16), ("x4", LARGE)), strict=True):
            errors = np.array(results[name][key]["plane"]["energy"], dtype=float)
            image = panel.pcolormesh(PLANE[0], PLANE[1], errors.T, vmin=0, vmax=0.5, cmap="magma_r", shading="nearest")
            for low, high in WINDOWS:
                box = Rectangle((low, -WIDTH), high - low, 2 * WIDTH, fill=False, edgecolor="tab:cyan", linewidth=1.5)
                panel.add_patch(box)
            panel.set_title(f"{name}, L = {side}")
    figure.supxlabel("requested energy per site (J)")
    figure.supylabel("requested magnetisation")
    figure.colorbar(image, ax=panels, label=r"median $|\Delta E| / L^2$ (J)", extend="max")
    return figure


def snapshots() -> Figure:
    """Return the observables of drawn snapshots beside those of the model, against the doping."""
    rows: list[dict[str, Any]] = EXPERIMENT.results()["snapshots, between"]["curves"]
    figure = Figure(figsize=(11, 3), layout="constrained")
    for panel, (name, label) in zip(figure.subplots(1, 4), OBSERVABLES.items(), strict=True):
        for kind, style in (("strings", "k-"), ("sprinkled", "C7--")):
            own = [row for row in rows if row["side"] == 16]
            panel.plot([r["doping"] for r in own], [r[kind][name][0] for r in own], style, label=f"model, {kind}")
        for side, marker in ((16, "o"), (32, "s")):
            own = [row for row in rows if row["side"] == side]
            values, errors = np.transpose([row["drawn"][name] for row in own])
            panel.errorbar(
                [r["doping"] for r in own], values, errors, fmt=marker, ms=4, label=f"drawn, {side} × {side}"
            )
        panel.axvspan(0.09, 0.23, color="0.9", zorder=0)
        panel.set_xlabel(r"doping $\delta$")
        panel.set_title(label)
    figure.axes[0].legend(fontsize=7)
    return figure


def lattices() -> Figure:
    """Return drawn lattices of the larger size beside those of Monte Carlo, at the same labels."""
    made = {name: from_pretrained(f"ising-{name.lower()}", "cpu") for name in NAMES}
    figure = Figure(figsize=(2.1 * len(SHOWN), 7), layout="constrained")
    for row, name in zip(figure.subplots(3, len(SHOWN)), ("Monte Carlo", *NAMES), strict=True):
        for panel, (energy, mean) in zip(row, SHOWN, strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # two of the energies were not seen, on purpose
                spins = (
                    made[name].sample(energy=energy, magnetisation=mean, size=LARGE, seed=5)
                    if name in made
                    else sample_plane(LARGE, [energy], [mean])
                )
            panel.imshow(spins[0], cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
            found = f"{energies(spins)[0] / LARGE**2:.2f} J, {magnetisation(spins)[0]:.2f}"
            panel.set_title(found, fontsize=9)
            panel.set_xticks([])
            panel.set_yticks([])
        row[0].set_ylabel(name)
    for panel, (energy, mean) in zip(figure.axes, SHOWN, strict=False):
        panel.text(0.5, 1.18, f"requested {energy:g} J, {mean:g}", transform=panel.transAxes, ha="center", fontsize=9)
    return figure


if __name__ == "__main__":
    drawn = {"lattices": lattices} if "lattices" in sys.argv[1:] else {"plane": plane, "snapshots": snapshots}
    for stem, draw in drawn.items():
        draw().savefig(HERE / f"{stem}.png", dpi=130)
