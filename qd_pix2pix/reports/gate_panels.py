"""The sections of one solved dot on gates: their outlines, lever arms, the stability diagram, J over the detuning."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qd_pix2pix.evaluation.solved_dot import Row, SolvedDot
from qd_pix2pix.reports.colours import COLOURS
from qd_pix2pix.reports.figures import labelled, tex_unit
from qd_pix2pix.schema import SMALL

DECADE = 10.0
"""Ratio of the largest to the smallest J from which the scale is logarithmic."""
Table = tuple[str, list[str], list[list[str]]]
Named = tuple[str, Figure, str, bool]


def gate_map(dot: SolvedDot) -> Figure:
    """Return the map of V with the outlines of the gates and their names."""
    factor, unit = SMALL[dot.energy]
    x, y = dot.arrays["x"], dot.arrays["y"]
    sides = float(x[0] + x[-1]), float(y[0] + y[-1])
    figure = Figure(figsize=(4.9, max(3.9 * sides[1] / sides[0], 1.6) + 0.7), layout="compressed")
    panel = figure.subplots()
    shown = factor * dot.arrays["V"].T
    image = panel.imshow(shown, extent=(0, sides[0], 0, sides[1]), origin="lower", cmap="cividis")
    corners, numbers = dot.arrays["corners-gates"], dot.arrays["polygon-gates"]
    for number in np.unique(numbers):
        panel.plot(*_closed(corners[numbers == number]), color="white", lw=1.2)
    for place, name in zip(dot.arrays["places-gates"], gates_of(dot), strict=True):
        panel.text(float(place[0]), float(place[1]), name, color="white", ha="center", va="center", fontsize=8)
    panel.set_xlim(0, sides[0])
    panel.set_ylim(0, sides[1])
    panel.set_xlabel(labelled("x", dot.length))
    panel.set_ylabel(labelled("y", dot.length))
    figure.colorbar(image, ax=panel, pad=0.02).set_label(labelled("$V$", unit), fontsize=8.5)
    return figure


def _closed(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([corners, corners[:1]]).T


def gates_of(dot: SolvedDot) -> list[str]:
    """Return the names of the gates in the order of the device."""
    return list(dict.fromkeys(row.label.partition(",")[2] for row in dot.of("lever_arm")))


def stability(dot: SolvedDot) -> Figure:
    """Return the lines with the regions of the constant-interaction model, and the signal of a charge sensor."""
    first, second = (dot.arrays[f"axis{k}-diagram"] for k in (1, 2))
    extent = (float(first[0]), float(first[-1]), float(second[0]), float(second[-1]))
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    crossings, adds = dot.arrays["crossings-diagram"], dot.arrays["adds-diagram"]
    for some, colour, text in ((adds > 0, COLOURS[0], "an electron enters"), (adds == 0, COLOURS[1], "it moves")):
        if some.any():
            left.scatter(*crossings[some].T, s=9, color=colour, zorder=3, label=text)
    if len(corners := dot.arrays["triple_points-diagram"]):
        left.plot(*corners.T, "^", color=COLOURS[3], ms=5, zorder=4, label="triple point")
    if (model := dot.arrays.get("model-diagram")) is not None:
        for number in np.unique(model):
            left.contour(first, second, (model == number).T.astype(float), [0.5], colors="0.5", linewidths=0.7)
        left.plot([], [], color="0.5", lw=0.7, label="constant interaction")
    _write_configurations(left, dot)
    if left.get_legend_handles_labels()[0]:
        figure.legend(*left.get_legend_handles_labels(), fontsize=7.5, loc="outside lower left", ncols=4)
    image = right.imshow(dot.arrays["signal-diagram"].T, extent=extent, origin="lower", aspect="auto", cmap="viridis")
    figure.colorbar(image, ax=right, pad=0.02).set_label("mean number of electrons", fontsize=8.5)
    names = [str(dot.settings["gates"][f"gate{k}"]) for k in (1, 2)]
    for panel in (left, right):
        panel.set(xlim=extent[:2], ylim=extent[2:], xlabel=labelled(names[0], "V"), ylabel=labelled(names[1], "V"))
    return figure


def _write_configurations(panel: object, dot: SolvedDot) -> None:
    """Write the electrons of each dot in the middle of their region."""
    gates, configurations = dot.arrays["gates-diagram"], dot.arrays["configurations-diagram"]
    for configuration in np.unique(configurations, axis=0):
        mine = gates[(configurations == configuration).all(1)]
        text = f"({','.join(map(str, configuration.tolist()))})"
        panel.text(*np.median(mine, axis=0), text, ha="center", va="center", fontsize=8)  # type: ignore[attr-defined]


def exchange(dot: SolvedDot) -> Figure:
    """Return J with its error band, its slope, and the imbalance of the charges, against the detuning."""
    factor, unit = SMALL[dot.energy]
    part = {name.removesuffix("-exchange"): a for name, a in dot.arrays.items() if name.endswith("-exchange")}
    detuning, several = part["detuning"], part["J"].ndim == 2
    figure = Figure(figsize=(11.5, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for number, index in enumerate(part.get("shown", np.array([0]))):
        colour = COLOURS[number % len(COLOURS)]
        J, errors, charges = ((part[n][:, index] if several else part[n]) for n in ("J", "errors", "imbalance"))
        text = f"{part['barrier'][index]:.4g} V" if several else None
        left.errorbar(detuning, factor * J, factor * errors, fmt="o", ms=3, capsize=2, color=colour, label=text)
        for panel, name in ((left, "J"), (middle, "slope")):
            if f"{name}_fine" in part:
                values, bar = factor * part[f"{name}_fine"][number], factor * part[f"{name}_fine_error"][number]
                panel.plot(part["fine"], values, color=colour)
                panel.fill_between(part["fine"], values - bar, values + bar, color=colour, alpha=0.2, lw=0)
        right.plot(detuning, charges[:, 0], ".-", color=colour)
        right.plot(detuning, charges[:, 1], ".--", color=colour)
    if np.nanmin(part["J"]) > 0 and np.nanmax(part["J"]) > DECADE * np.nanmin(part["J"]):
        left.set_yscale("log")
    middle.axhline(0.0, color="0.7", lw=0.8, zorder=0)
    left.set_ylabel(labelled("J", unit))
    middle.set_ylabel(labelled("dJ/dε", tex_unit(f"{unit} V^-1")))
    right.set_ylabel("n₁ − n₂, singlet (full), triplet (dashed)")
    for panel in (left, middle, right):
        panel.set_xlabel(labelled(f"ε: {dot.settings['gates']['detuning']}", "V"))
        for arm in dot.of("detuning_lever_arm"):
            _energy_axis(panel, factor * arm.value, unit)
    if several:
        left.legend(title=str(dot.settings["gates"]["barrier"]), fontsize=7.5)
    return figure


def _energy_axis(panel: Axes, factor: float, unit: str) -> None:
    """Add the change of the difference of two site energies at the top; ``factor`` is that per volt."""
    if not factor:
        return
    pair = partial(np.multiply, factor), partial(np.multiply, 1 / factor)
    axis = panel.secondary_xaxis("top", functions=pair)
    axis.set_xlabel(labelled("Δ($e_1 - e_2$)", unit), fontsize=8.5)


def figures(dot: SolvedDot) -> dict[str, list[Named]]:
    """Return the figures of gates by the heading of their section: name, figure, caption, full width."""
    found: dict[str, list[Named]] = {}
    if "corners-gates" in dot.arrays:
        found["Gates"] = [("gates", gate_map(dot), "Potential V and the outlines of the gates.", False)]
    if "signal-diagram" in dot.arrays:
        text = "Lines beside those of the constant-interaction model, and the signal of a charge sensor."
        found["Stability diagram"] = [("stability", stability(dot), text, True)]
    if "J-exchange" in dot.arrays:
        text = "Exchange coupling, its slope, and the electrons of the first dot less those of the second."
        if dot.of("detuning_lever_arm"):
            text += " Upper axis: ε times its lever arm at the voltages of the dot."
        found["Exchange coupling"] = [("exchange", exchange(dot), text, True)]
    return found


def tables(dot: SolvedDot, text_of: Callable[[Row], str]) -> dict[str, list[Table]]:
    """Return the tables of gates by the heading of their section."""
    matrices = {"lever_arm": "Lever arms dε/dV", "virtual_gate": "Virtual gates"}
    found = {
        "Gates": [_matrix(dot, name, title, text_of) for name, title in matrices.items() if dot.of(name)],
        "Stability diagram": _diagram_tables(dot, text_of),
        "Exchange coupling": _spots(dot, text_of),
    }
    return {head: some for head, some in found.items() if some}


def _matrix(dot: SolvedDot, name: str, title: str, text_of: Callable[[Row], str]) -> Table:
    """Return one row for each gate and one column for each site."""
    cells: dict[str, list[str]] = {}
    for row in dot.of(name):
        cells.setdefault(row.label.partition(",")[2], []).append(text_of(row))
    sites = range(1, 1 + max(map(len, cells.values())))
    return title, ["", *(f"site {k}" for k in sites)], [[gate, *values] for gate, values in cells.items()]


def _diagram_tables(dot: SolvedDot, text_of: Callable[[Row], str]) -> list[Table]:
    """Return triple points, lines, and the parameters of the constant-interaction model."""
    if "signal-diagram" not in dot.arrays:
        return []
    gates, found = [str(dot.settings["gates"][f"gate{k}"]) for k in (1, 2)], []
    for name, title in (("triple_point", "Triple points"), ("line_lever_arm", "Lines, −dμ/dV")):
        cells: dict[str, list[str]] = {}
        for row in dot.of(name):
            cells.setdefault(row.label.rpartition(", ")[0], []).append(text_of(row))
        if cells:
            found.append((title, ["", *gates], [[label, *values] for label, values in cells.items()]))
    rows = [[f"mutual charging {row.label}", text_of(row)] for row in dot.of("mutual_charging")]
    known = [row for row in dot.of("model_charging") if np.isfinite(row.value)]
    rows += [[f"E_C of dot {row.label}, model", text_of(row)] for row in known]
    rows += [["model − full CI (rms)", text_of(row)] for row in dot.of("model_distance")]
    return [*found, ("Charging", ["", "energy"], rows)] if rows else found


def _spots(dot: SolvedDot, text_of: Callable[[Row], str]) -> list[Table]:
    """Return the lever arm of the detuning, and the sweet spots if there are any."""
    arms = [[f"d(e₁ − e₂)/dε of sites {row.label}", text_of(row)] for row in dot.of("detuning_lever_arm")]
    found: list[Table] = [("Detuning", ["", "lever arm"], arms)] if arms else []
    spots = list(zip(dot.of("sweet_spot"), dot.of("sweet_spot_J"), strict=True))
    rows = [[place.label, text_of(place), text_of(J)] for place, J in spots]
    return [*found, ("Sweet spots", ["", "ε", "J"], rows)] if rows else found
