"""The section of one solved dot on magnetic fields: levels against the field, currents, and tables of states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qd_pix2pix.evaluation.solved_dot import Row, SolvedDot
from qd_pix2pix.reports.colours import COLOURS
from qd_pix2pix.reports.contours import draw_contours
from qd_pix2pix.reports.figures import labelled, tex_unit
from qd_pix2pix.schema import SMALL

ARROWS = 14
"""Arrows of a current along the longer side."""
COLUMNS = {"energy": "E", "gap": "E − E₀", "spin": "S", "s_z": "S_z", "l_z": "L_z (ħ)"}
Table = tuple[str, list[str], list[list[str]]]
Floats = NDArray[np.float64]


def fields_of(dot: SolvedDot, n: int) -> list[str]:
    """Return the fields in which ``n`` electrons were solved, in tesla, as in the labels of the rows."""
    return list(dict.fromkeys(row.label for row in dot.of("magnetisation", n)))


def _states(dot: SolvedDot, n: int, name: str) -> dict[str, list[Row]]:
    """Return the rows of ``field_<name>`` of each field."""
    found: dict[str, list[Row]] = {}
    for row in dot.of(f"field_{name}", n):
        found.setdefault(row.label.partition(",")[0], []).append(row)
    return found


def tables(dot: SolvedDot, text_of: Callable[[Row], str]) -> list[Table]:
    """Return a table for each number of electrons: the states of one field, or the ground states of several."""
    found = []
    for n in dot.electrons:
        fields = fields_of(dot, n)
        columns = {name: _states(dot, n, name) for name in COLUMNS}
        moments = {row.label: text_of(row) for row in dot.of("magnetisation", n)}
        if len(fields) == 1:
            (B,) = fields
            cells = {name: [text_of(row) for row in columns[name][B]] for name in COLUMNS}
            cells["gap"] = ["", *cells["gap"]]
            rows = [[str(k), *line] for k, line in enumerate(zip(*cells.values(), strict=True))]
            found.append((f"N = {n}, B = {B} T, −dE/dB = {moments[B]}", ["k", *COLUMNS.values()], rows))
        elif fields:
            heads = ["B (T)", *COLUMNS.values(), "−dE/dB"]
            heads[2] = "E₁ − E₀"
            firsts = [[B, *(text_of(columns[name][B][0]) for name in COLUMNS), moments[B]] for B in fields]
            found.append((f"N = {n}, ground states", heads, firsts))
    return found


def levels(dot: SolvedDot, n: int) -> Figure:
    """Return a figure of the levels of ``n`` electrons against the field, coloured by their spin."""
    factor, unit = SMALL[dot.energy]
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    panel = figure.subplots()
    energies, spins = _states(dot, n, "energy"), _states(dot, n, "spin")
    known = sorted({round(2 * row.value) / 2 for rows in spins.values() for row in rows})
    for colour, spin in enumerate(known):
        points = [
            (float(B), factor * row.value, factor * row.error)
            for B, rows in energies.items()
            for row, of in zip(rows, spins[B], strict=True)
            if round(2 * of.value) / 2 == spin
        ]
        B, values, errors = np.array(points).T
        panel.errorbar(
            B, values, np.nan_to_num(errors), fmt="o", ms=3.5, capsize=2, color=COLOURS[colour], label=f"S = {spin:g}"
        )
    panel.set_xlabel("B (T)")
    panel.set_ylabel(labelled(f"E, N = {n}", unit))
    panel.legend(fontsize=7.5)
    return figure


def current(dot: SolvedDot, n: int, B: str) -> Figure:
    """Return a map of the density with the contours of V, and the particle current as arrows."""
    x, y = dot.arrays["x"], dot.arrays["y"]
    density, flow = (dot.arrays[f"{name}-field-N{n}-B{B}"] for name in ("density", "current"))
    sides = float(x[0] + x[-1]), float(y[0] + y[-1])
    figure = Figure(figsize=(4.6, max(3.4 * sides[1] / sides[0], 1.6) + 0.7), layout="compressed")
    panel = figure.subplots()
    image = panel.imshow(density.T, extent=(0, sides[0], 0, sides[1]), origin="lower", cmap="magma", vmin=0)
    draw_contours(panel, x, y, dot.arrays["V"])
    step = max(max(density.shape) // ARROWS, 1)
    some = slice(step // 2, None, step)
    longest = 1.2 * step * max(x[1] - x[0], y[1] - y[0])
    scale = max(float(np.hypot(*flow).max()), 1e-300) / longest
    arrows = {"color": "white", "pivot": "mid", "angles": "xy", "scale_units": "xy", "scale": scale}
    panel.quiver(x[some], y[some], flow[0][some, some].T, flow[1][some, some].T, **arrows)
    panel.set_title(f"N = {n}, B = {B} T")
    panel.set_xlabel(labelled("x", dot.length))
    panel.set_ylabel(labelled("y", dot.length))
    figure.colorbar(image, ax=panel, pad=0.02).set_label(labelled("$n$", tex_unit(f"{dot.length}^-2")), fontsize=8.5)
    return figure


def figures(dot: SolvedDot) -> list[tuple[str, Figure, str, bool]]:
    """Return levels over several fields, and the current in the strongest one: name, figure, caption, full width."""
    found = []
    for n in dot.electrons:
        fields = fields_of(dot, n)
        if len(fields) > 1:
            found.append((f"field_levels_N{n}", levels(dot, n), f"N = {n}: levels against the field, by spin.", False))
        if fields:
            B = fields[-1]
            text = f"N = {n}: density, contours of V, and the current of the electrons at {B} T."
            found.append((f"current_N{n}", current(dot, n, B), text, False))
    return found
