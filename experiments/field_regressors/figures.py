"""Draw curves.png from results.json; the tables are written by ``python -m experiments.tables``.

python -m experiments.field_regressors.figures
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from experiments.field_regressors.studies import SIZES_STEPS
from experiments.field_regressors.tables import HERE, SORTS, Results, points, read
from qd_pix2pix.reports.figures import COLOURS

STYLES = (
    {"marker": "o", "ls": "-"},
    {"marker": "^", "ls": "-."},
    {"marker": "s", "ls": "--"},
)
"""Lines of the learning curves, in the order of SORTS."""
FLOORS = {"paper": (":", "M = 8"), "converged": ((0, (1, 4)), "converged")}
"""Lines of the labels' own errors, and the labels' names."""


def curves_figure(results: Results) -> Figure:
    """Return NMAE against training dots and steps, with a row for each material."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    rows = figure.subplots(2, 2, sharex="col", sharey=True)
    texts = (f"training dots ({SIZES_STEPS} steps)", "steps (4800 dots)")
    for panels, (material, name) in zip(rows, (("gaas", "GaAs"), ("si", "Si")), strict=True):
        for colour, electrons in zip(COLOURS, (2, 4), strict=False):
            _draw_curves(panels, results, f"{material}-N{electrons}", colour)
        for panel, text in zip(panels, texts, strict=True):
            panel.set(xscale="log", yscale="log", yticks=[0.2, 0.5, 1, 2, 5, 10], title=name)
            panel.set_xlabel(text if name == "Si" else "")
            panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            panel.yaxis.set_minor_formatter(NullFormatter())
        panels[0].set_ylabel("NMAE of 100 test dots (%)")
    figure.legend(handles=_meanings(), loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _draw_curves(panels: Sequence[Axes], results: Results, kind: str, colour: str) -> None:
    """Draw all learning curves of one kind of dot, and the errors of its labels."""
    for (preset, measure, _), style in zip(SORTS, STYLES, strict=True):
        for panel, values in zip(panels, points(results, kind, preset, measure), strict=True):
            panel.plot(list(values), list(values.values()), color=colour, ms=4, lw=1.4, **style)
    for preset, (style, _) in FLOORS.items():
        label_error = results.get(f"curve {kind} {preset} 4800 dots", {}).get("label_error")
        for panel in panels if label_error else ():
            panel.axhline(100 * label_error, color=colour, lw=0.8, ls=style)


def _meanings() -> list[Line2D]:
    """Return the entries of the legend: colours, curves, errors of labels."""
    shown = [Line2D([], [], color=c, label=f"N = {n}") for c, n in zip(COLOURS, (2, 4), strict=False)]
    for (_, _, (learned, reference)), style in zip(SORTS, STYLES, strict=True):
        text = f"trained on {learned}, evaluated against {reference} labels"
        shown.append(Line2D([], [], color="grey", ms=4, label=text, **style))
    for style, labels in FLOORS.values():
        shown.append(Line2D([], [], color="grey", lw=0.8, ls=style, label=f"error of the {labels} labels themselves"))
    return shown


def main() -> None:
    """Draw and save the figure."""
    curves_figure(read("results.json")).savefig(HERE / "curves.png", dpi=130)


if __name__ == "__main__":
    main()
