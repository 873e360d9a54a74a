"""The tables (Markdown, on the terminal) and the figures of this folder, from results.json.

python experiments/field_regressors/figures.py
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, StrMethodFormatter
from run import CHOICES, LENGTHS, MINUTES, NETWORKS, SEEDS, SIZES, SIZES_STEPS, STEPS, read_results

from qd_pix2pix.reports.figures import COLOURS

HERE = Path(__file__).parent
BARS = {
    "bar gaas-N2 10 min": ("GaAs, N = 2", "NMAE ≤ 1.5 %", 0.015),
    "bar gaas-N2 30 min": ("GaAs, N = 2", "NMAE ≤ 1 %", 0.010),
    "bar gaas-N4 30 min": ("GaAs, N = 4", "NMAE ≤ 3 %", 0.030),
    "bar si-N2 30 min": ("Si, N = 2", "NMAE ≤ 2.5 %", 0.025),
    "bar si-N4 30 min": ("Si, N = 4", "NMAE ≤ 5 %", 0.050),
    "bar gaas-N2 inverse 30 min": ("GaAs, N = 2, n_int → V", "R² ≥ 0.975", 0.975),
}
LABELS = {"gaas-N2": "GaAs, N = 2", "gaas-N4": "GaAs, N = 4", "si-N2": "Si, N = 2", "si-N4": "Si, N = 4"}
MATERIALS = {"m_eff=0.067,eps_r=12.9": "GaAs", "m_eff=0.19,eps_r=11.7": "Si"}
"""As the kinds of a range name them."""
Results = dict[str, dict[str, Any]]
Points = dict[int, float]
Measure = Callable[[dict[str, Any]], float | None]


def nmae(result: dict[str, Any]) -> float:
    """Mean over the test dots, in percent."""
    return 100 * result["measures"]["nmae"]["mean"]


def truth(result: dict[str, Any]) -> float | None:
    """The same against converged labels, in percent; None where truth.py has not held it against them."""
    return 100 * result["truth"] if "truth" in result else None


SORTS = (
    ("paper", nmae, {"marker": "o", "ls": "-"}, ("M = 8", "M = 8")),
    ("paper", truth, {"marker": "^", "ls": "-."}, ("M = 8", "converged")),
    ("converged", nmae, {"marker": "s", "ls": "--"}, ("converged", "converged")),
)
"""Learning curves: labels learned, measure, line, and the labels that were learned and that judge."""
FLOORS = {"paper": (":", "M = 8"), "converged": ((0, (1, 4)), "converged")}
"""Lines of the labels' own errors, and the labels' names."""


def nmae_cells(measures: dict[str, Any]) -> list[str]:
    """Mean, median and the central 90 % of NMAE; empty for potentials."""
    spread = measures.get("nmae")
    if not spread:
        return ["", "", ""]
    shown = {key: f"{100 * value:.2f}" for key, value in spread.items()}
    return [f"{shown['mean']} %", f"{shown['median']} %", f"{shown['p05']} … {shown['p95']} %"]


def bars_table(results: Results) -> list[str]:
    """What the best network reaches."""
    head = ("dots, minutes", "bar", "NMAE, mean", "median", "90 % of the dots", "R²", "steps", "labels", "")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for name, (dots, bar, bound) in BARS.items():
        if name not in results:
            continue
        result, measures = results[name], results[name]["measures"]
        spread, parts = measures.get("nmae"), nmae_cells(measures)
        label = f"{100 * result['label_error']:.1f} %"
        met = spread["mean"] <= bound if spread else measures["r2"] >= bound
        row = (
            f"{dots}, {name.split(maxsplit=2)[2].removeprefix('inverse ')}",
            bar,
            *parts,
            f"{measures['r2']:.5f}",
            result["steps"],
            label,
            "met" if met else "missed",
        )
        lines.append("| " + " | ".join(map(str, row)) + " |")
    return lines


def converged_table(results: Results) -> list[str]:
    """The networks for use, beside the error of their labels."""
    lines = ["| dots | NMAE, mean | median | 90 % of the dots | R² | steps | labels |", "|" + " --- |" * 7]
    for name, result in results.items():
        kind, _, inverse = name.removeprefix("converged ").partition(" ")
        if name.startswith("converged"):
            dots, measures = LABELS[kind] + (", n_int → V" if inverse else ""), result["measures"]
            label = f"{100 * result['label_error']:.2f} %"
            row = (dots, *nmae_cells(measures), f"{measures['r2']:.5f}", str(result["steps"]), label)
            lines.append("| " + " | ".join(row) + " |")
    return lines


def networks_table(results: Results, kind: str, ending: str) -> list[str]:
    """Mean and spread over the seeds of every network, on one kind of dots."""
    head = ("network", "parameters", "steps", "ms a step", LABELS[kind], "averaged")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for name in NETWORKS:
        found = [results.get(f"network {name}, {kind}, {ending}, seed {seed}") for seed in SEEDS]
        done = [result for result in found if result]
        if done:
            first, values = done[0], [nmae(result) for result in done]
            spread = f" ({min(values):.2f} … {max(values):.2f}, {len(values)} seeds)" if len(values) > 1 else ""
            averaged = [100 * result["averaged_nmae"] for result in done if result["averaged_nmae"]]
            row = (
                name,
                f"{first['parameters'] / 1e6:.2f} M",
                first["steps"],
                f"{1e3 * first['seconds'] / first['steps']:.0f}",
                f"{np.mean(values):.2f} %{spread}",
                f"{np.mean(averaged):.2f} %" if averaged else "",
            )
            lines.append("| " + " | ".join(map(str, row)) + " |")
    return lines


def wide_tables(results: Results) -> list[str]:
    """Several outputs at once, and one network for a range of dots."""
    lines = []
    if "wide gaas-N2 all outputs" in results:
        result = results["wide gaas-N2 all outputs"]
        lines += ["| output | mean error | median | R² |", "|" + " --- |" * 4]
        spread = result["measures"]["nmae"]
        lines.append(
            f"| n_int | {nmae(result):.2f} % | {100 * spread['median']:.2f} % | {result['measures']['r2']:.5f} |"
        )
        for name, found in result["also"].items():
            factor, unit = (1e3, "meV") if "error" in found else (100, "%")
            spread = found.get("error", found.get("nmae"))
            errors = [f"{factor * spread[key]:.2f} {unit}" for key in ("mean", "median")]
            lines.append(f"| {name} | {errors[0]} | {errors[1]} | {found['r2']:.5f} |")
    if "wide range" in results:
        lines += ["", "| dots | NMAE, mean | median | R² |", "|" + " --- |" * 4]
        for member, measures in results["wide range"]["members"].items():
            electrons, material = member.removeprefix("n_electrons=").split(",", 1)
            shares = [f"{100 * measures['nmae'][key]:.2f} %" for key in ("mean", "median")]
            label = f"N = {electrons}, {MATERIALS[material]}"
            lines.append(f"| {label} | {shares[0]} | {shares[1]} | {measures['r2']:.5f} |")
    return lines


def choices_table(results: Results) -> list[str]:
    """What each choice is worth."""
    lines = ["| one choice changed | ms a step | GaAs, N = 2: NMAE | Si, N = 4: NMAE |", "|" + " --- |" * 4]
    for name in CHOICES:
        found = [results.get(f"choice {name}, {kind}") for kind in ("gaas-N2", "si-N4")]
        values = [f"{nmae(result):.2f} %" if result else "" for result in found]
        speeds = [1e3 * result["seconds"] / result["steps"] for result in found if result]
        if speeds:
            lines.append(f"| {name} | {min(speeds):.0f} | {values[0]} | {values[1]} |")
    return lines


def points(results: Results, kind: str, preset: str, measure: Measure) -> tuple[Points, Points]:
    """A measure against training dots, and against steps, of those runs that have it."""
    name = f"curve {kind} {preset}"
    dots = {n: results.get(f"{name} {n} dots") for n in SIZES}
    steps = {n: results.get(f"{name} {n} steps") for n in LENGTHS} | {SIZES_STEPS: dots[4800]}
    longest = results.get(f"bar {kind} 30 min" if preset == "paper" else f"converged {kind}")
    if longest:
        steps[longest["steps"]] = longest
    found = [{n: measure(run) for n, run in sorted(runs.items()) if run} for runs in (dots, steps)]
    by_dots, by_steps = ({n: value for n, value in values.items() if value is not None} for values in found)
    return by_dots, by_steps


def curves_table(results: Results) -> list[str]:
    """The learning curves in numbers; then what half an hour reaches, and how far the learned labels themselves are.

    These by their own estimate, or where truth.py has found it, from the converged ones.
    """
    sizes, lengths = [f"{n} dots" for n in SIZES], [f"{n} steps" for n in LENGTHS]
    head = ("dots", "learned from", "held against", *sizes, *lengths, "half an hour", "the labels")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for kind, label in LABELS.items():
        for preset, measure, _, (learned, held) in SORTS:
            by_dots, by_steps = points(results, kind, preset, measure)
            longest = [value for n, value in by_steps.items() if n > max(LENGTHS)]
            values = [by_dots.get(n) for n in SIZES] + [by_steps.get(n) for n in LENGTHS] + (longest or [None])
            run = results.get(f"curve {kind} {preset} 4800 dots", {})
            floor = run.get("labels_truth" if measure is truth else "label_error")
            if any(values):
                values.append(100 * floor if floor else None)
                cells = [f"{value:.2f} %" if value else "" for value in values]
                lines.append("| " + " | ".join((label, learned, held, *cells)) + " |")
    return lines


def curves_figure(results: Results) -> Figure:
    """NMAE against training dots and steps; a row for each material."""
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
    """All learning curves of one kind of dots, and the errors of its labels."""
    for preset, measure, style, _ in SORTS:
        for panel, values in zip(panels, points(results, kind, preset, measure), strict=True):
            panel.plot(list(values), list(values.values()), color=colour, ms=4, lw=1.4, **style)
    for preset, (style, _) in FLOORS.items():
        label_error = results.get(f"curve {kind} {preset} 4800 dots", {}).get("label_error")
        for panel in panels if label_error else ():
            panel.axhline(100 * label_error, color=colour, lw=0.8, ls=style)


def _meanings() -> list[Line2D]:
    """Entries of the legend: colours, curves, errors of labels."""
    shown = [Line2D([], [], color=c, label=f"N = {n}") for c, n in zip(COLOURS, (2, 4), strict=False)]
    for _, _, style, (learned, held) in SORTS:
        text = f"learned from {learned}, held against {held} labels"
        shown.append(Line2D([], [], color="grey", ms=4, label=text, **style))
    for style, labels in FLOORS.values():
        shown.append(Line2D([], [], color="grey", lw=0.8, ls=style, label=f"error of the {labels} labels themselves"))
    return shown


def main() -> None:
    """Print and draw."""
    results = read_results()
    print("\n".join(bars_table(results) + ["", *converged_table(results)]))
    for kind in ("gaas-N2", "si-N4"):
        for ending in (f"{MINUTES} min", f"{STEPS} steps"):
            print(f"\n{ending}\n\n" + "\n".join(networks_table(results, kind, ending)))
    print("\n" + "\n".join(choices_table(results) + ["", *curves_table(results), "", *wide_tables(results)]))
    if any(name.startswith("curve") for name in results):
        curves_figure(results).savefig(HERE / "curves.png", dpi=130)


if __name__ == "__main__":
    main()
