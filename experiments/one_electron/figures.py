"""Draw sizes.png from the results, and errors.png with the networks of finished runs on this machine.

python -m experiments.one_electron.figures
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from experiments.one_electron.energies import ACCURATE, OTHERS, datasets, predicted
from experiments.one_electron.run import EXPERIMENT
from experiments.one_electron.studies import SIZES, SIZES_STEPS
from experiments.one_electron.tables import BASELINES, HERE, LABELS, found, read
from qd_pix2pix import from_pretrained
from qd_pix2pix.reports.figures import COLOURS
from qd_pix2pix.systems import make_recipe

SHOWN = ("SHO", "IW", "DIG", "random")
DRAWN = {"mills_cnn": "o", "field": "."}


def sizes_figure() -> Figure:
    """Return median errors against the number of training potentials of the random class and of oscillators."""
    energies, kernels = read("energies.json"), read("kernels.json")
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, name in zip(panels, ("random", "SHO"), strict=True):
        lines = {m: [kernels.get(f"{m} {name} {s}") for s in SIZES] for m in BASELINES}
        for method, steps in SIZES_STEPS.items():
            label = f"{LABELS[method].strip('`')}, {steps} steps"
            lines[label] = [found(energies, f"{method} {name} {s}", name, "energy") for s in SIZES]
        for colour, marker, (label, errors) in zip(COLOURS, "osv^D", lines.items(), strict=False):
            points = [(size, error["median"]) for size, error in zip(SIZES, errors, strict=True) if error]
            if points:
                panel.plot(*zip(*points, strict=True), color=colour, marker=marker, ms=5, lw=1.4, label=label)
        panel.axhline(ACCURATE, color="0.5", lw=0.8, ls=":")
        panel.set(xscale="log", yscale="log", title=name, xlabel="training potentials", xticks=SIZES)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_minor_formatter(NullFormatter())
        panel.legend(fontsize=8)
    panels[0].set_ylabel("median error of ε₀ (mHa)")
    return figure


def errors_figure() -> Figure:
    """Return signed errors of ε₀ against ε₀ for test potentials of each class."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    for panel, name in zip(figure.subplots(2, 2).flat, SHOWN, strict=True):
        for colour, (method, marker) in zip(COLOURS, DRAWN.items(), strict=False):
            _draw_errors(
                panel, f"{method} {name}", {"color": colour, "marker": marker, "label": LABELS[method].strip("`")}
            )
        panel.axhspan(-ACCURATE, ACCURATE, color="0.9", zorder=0)
        panel.set(title=name, yscale="symlog", xlabel="ε₀ (mHa)", ylabel="error of ε₀ (mHa)")
        panel.set_yscale("symlog", linthresh=0.1)
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.grid(axis="y", lw=0.3)
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _draw_errors(panel: Axes, run: str, style: dict[str, Any]) -> None:
    """Draw the errors of one run, if its network is on this machine."""
    best = EXPERIMENT.run_folder(run) / "checkpoints" / "best.ckpt"
    if run not in EXPERIMENT.results() or not best.exists():
        return
    store = datasets()[run.split()[1]]
    exact = {key: values[:OTHERS] for key, values in store.split("test").load(("V", "energy")).items()}
    energy = predicted(from_pretrained(best), exact["V"], make_recipe(store.recipe))["energy"]
    panel.scatter(1e3 * exact["energy"], 1e3 * (np.asarray(energy) - exact["energy"]), s=12, alpha=0.6, lw=0, **style)


def main() -> None:
    """Draw both."""
    sizes_figure().savefig(HERE / "sizes.png", dpi=110)
    errors_figure().savefig(HERE / "errors.png", dpi=110)


if __name__ == "__main__":
    main()
