"""Draw wells.png and depths.png from transfer.json and dmrg.json.

python -m experiments.chain.figures
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from qd_pix2pix.reports.colours import COLOURS

HERE = Path(__file__).parent
SHOWN = 3
"""Wells of each set that are shown."""


def read(name: str) -> dict[str, Any]:
    """Return the content of a file of this folder."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def wells_figure(found: dict[str, Any], references: dict[str, Any]) -> Figure:
    """Return densities of step wells: reference, network, Hartree-Fock, with a row for each set."""
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    names = [name for name in ("wells", "wide") if name in found["wells"]]
    panels = figure.subplots(len(names), SHOWN, squeeze=False)
    for row, name in zip(panels, names, strict=True):
        kept, exact = found["wells"][name], references[name]
        filled = sorted(range(len(exact)), key=lambda i, exact=exact: -exact[i]["well"]["width"])
        for panel in row[len(filled) :]:
            panel.set_axis_off()
        for panel, i in zip(row, filled, strict=False):
            well = exact[i]["well"]
            sites = np.arange(well["sites"])
            panel.plot(sites, exact[i]["density"], "o", ms=4, mfc="none", color="black", label="DMRG")
            panel.plot(sites, kept["predicted"][i], "-", lw=1.5, color=COLOURS[0], label="network")
            panel.plot(sites, kept["mean_field"][i], "--", lw=1.2, color=COLOURS[1], label="Hartree–Fock")
            panel.set_title(f"{well['width']} sites, N = {exact[i]['particles']}, V − μ = {well['inside']:g} J", size=9)
            panel.set(ylim=(-0.03, 1.05), xlim=(well["sites"] / 2 - 16, well["sites"] / 2 + 16))
        row[0].set_ylabel("density")
        for panel in row[: len(filled)]:
            panel.set_xlabel("site")
    figure.legend(handles=panels[0][0].get_lines(), loc="outside lower center", ncols=3, fontsize=8)
    return figure


def depths_figure(found: dict[str, Any], references: dict[str, Any]) -> Figure:
    """Return the number of fermions, and the density by site, against the depth of a well."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    number, *maps = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
    kept, exact = found["wells"]["depths"], references["depths"]
    depth = [-reference["well"]["inside"] for reference in exact]
    number.plot(depth, kept["particles"], "o", ms=4, mfc="none", color="black", label="DMRG")
    number.plot(depth, kept["predicted_particles"], "-", color=COLOURS[0], label="network")
    number.plot(depth, kept["mean_field_particles"], "--", color=COLOURS[1], label="Hartree–Fock")
    number.set(xlabel="μ − V in the well (J)", ylabel="fermions")
    number.legend(fontsize=8)
    densities = ([reference["density"] for reference in exact], kept["predicted"])
    for panel, density, title in zip(maps, densities, ("DMRG", "network"), strict=True):
        extent = (depth[0], depth[-1], -0.5, len(density[0]) - 0.5)
        image = panel.imshow(np.array(density).T, aspect="auto", origin="lower", extent=extent, vmin=0, vmax=1)
        panel.set(xlabel="μ − V in the well (J)", title=title)
    maps[0].set_ylabel("site")
    figure.colorbar(image, ax=maps, label="density")
    return figure


def main() -> None:
    """Draw and save both figures."""
    found, references = read("transfer.json"), read("dmrg.json")
    wells_figure(found, references).savefig(HERE / "wells.png", dpi=110)
    depths_figure(found, references).savefig(HERE / "depths.png", dpi=110)


if __name__ == "__main__":
    main()
