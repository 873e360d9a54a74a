"""Matplotlib figures of one solved dot: maps with the contours of V, levels, charging, spectra. No import of torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from qd_pix2pix.evaluation.solved_dot import Row, SolvedDot
from qd_pix2pix.reports.colours import COLOURS, ERRORS
from qd_pix2pix.reports.contours import draw_contours
from qd_pix2pix.reports.figures import labelled, tex_unit
from qd_pix2pix.schema import SMALL

ACROSS = 3
"""Maps in a row."""
CLOSE = 0.035
"""Distance of levels that are drawn side by side, as a part of the range of all."""
Floats = NDArray[np.float64]


class Map(NamedTuple):
    """One map.

    Attributes:
        title: title.
        values: field (n_x, n_y).
        label: label of the colour bar; its unit included.
        signed: colours symmetric about zero.
        colours: map of colours of a field that is not signed.
    """

    title: str
    values: Floats
    label: str
    signed: bool = False
    colours: str = "magma"


def small(dot: SolvedDot) -> tuple[float, str]:
    """Return the conversion factor and the name of the unit in which energies are shown."""
    return SMALL[dot.energy]


def maps(dot: SolvedDot, shown: Sequence[Map], marks: Floats | None = None) -> Figure:
    """Return a figure of maps on the square of the dot with the contours of V; ``marks`` (k, 2) are points in it."""
    x, y = dot.arrays["x"], dot.arrays["y"]
    sides = float(x[0] + x[-1]), float(y[0] + y[-1])
    across = min(ACROSS, len(shown))
    down = -(-len(shown) // across)
    height = (2.9 if across == 1 else 2.4) * sides[1] / sides[0] + 0.7
    figure = Figure(figsize=(max(3.7 * across, 4.6), max(height, 1.8) * down), layout="compressed")
    panels = figure.subplots(down, across, squeeze=False)
    for panel in panels.flat[len(shown) :]:
        panel.set_axis_off()
    for panel, one in zip(panels.flat, shown, strict=False):
        low, high = float(one.values.min()), float(one.values.max())
        limit = max(-low, high, 1e-300)
        limits = (-limit, limit) if one.signed else (low, high)
        image = panel.imshow(
            one.values.T, extent=(0, sides[0], 0, sides[1]), origin="lower", vmin=limits[0], vmax=limits[1],
            cmap=ERRORS if one.signed else one.colours,
        )  # fmt: skip
        draw_contours(panel, x, y, dot.arrays["V"], one.signed)
        if marks is not None:
            panel.plot(marks[:, 0], marks[:, 1], "x", color=COLOURS[1], ms=6)
        panel.set_title(one.title)
        panel.set_xlabel(labelled("x", dot.length))
        panel.set_ylabel(labelled("y", dot.length))
        bar = figure.colorbar(image, ax=panel, pad=0.02)
        bar.set_label(one.label, fontsize=8.5)
        bar.ax.tick_params(labelsize=7.5)
    return figure


def ladder(dot: SolvedDot) -> Figure:
    """Return a figure of the levels of one electron beside the potential along the axes through its minimum."""
    factor, unit = small(dot)
    levels = factor * np.array([row.value for row in dot.of("level")])
    V = factor * dot.arrays["V"]
    at = np.unravel_index(int(np.argmin(V)), V.shape)
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    panel, beside = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    panel.plot(
        dot.arrays["x"], V[:, at[1]], color=COLOURS[0], lw=1.4, label=f"V along x, y = {dot.arrays['y'][at[1]]:.4g}"
    )
    panel.plot(
        dot.arrays["y"], V[at[0]], color=COLOURS[4], lw=1.4, label=f"V along y, x = {dot.arrays['x'][at[0]]:.4g}"
    )
    panel.set_xlabel(labelled("x, y", dot.length))
    panel.set_ylabel(labelled("energy", unit))
    panel.legend(fontsize=7.5)
    for places in _together(levels):
        for column, k in enumerate(places):
            beside.hlines(levels[k], column, column + 0.8, color=COLOURS[1], lw=1.6)
        beside.text(len(places) + 0.05, levels[places[0]], _numbers(places), va="center", fontsize=7)
    beside.set_xlim(-0.3, 4)
    beside.set_xticks([])
    beside.set_xlabel("levels of one electron")
    spread = np.ptp(levels) or 1.0
    panel.set_ylim(
        min(V.min(), levels[0]) - 0.08 * spread, max(levels[-1] + 0.25 * spread, min(V.max(), levels[-1] + spread))
    )
    return figure


def _together(levels: Floats) -> list[list[int]]:
    """Return the indices of levels, those close to each other in one list."""
    groups: list[list[int]] = []
    for k, level in enumerate(levels):
        if groups and level - levels[groups[-1][-1]] < CLOSE * np.ptp(levels):
            groups[-1].append(k)
        else:
            groups.append([k])
    return groups


def _numbers(places: Sequence[int]) -> str:
    return ", ".join(str(k + 1) for k in places)


def charging(dot: SolvedDot) -> Figure:
    """Return a figure of energies and chemical potentials against N, with their error bars."""
    factor, unit = small(dot)
    figure = Figure(figsize=(6.4, 3.1), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, name, label in zip(panels, ("energy", "mu"), ("E(N)", "μ(N) = E(N) − E(N − 1)"), strict=True):
        rows = dot.of(name)
        n = [row.electrons for row in rows]
        values, errors = _numbers_of(rows)
        panel.errorbar(n, factor * values, factor * errors, fmt="o", color=COLOURS[0], ms=4, capsize=3)
        panel.set_xlabel("number of electrons N")
        panel.set_ylabel(labelled(label, unit))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.margins(0.2)
    return figure


def spectrum(dot: SolvedDot, n: int) -> Figure:
    """Return a figure of the excitations of ``n`` electrons by their spin, and of their oscillator strengths."""
    factor, unit = small(dot)
    rows, spins = dot.of("excitation", n), [row.value for row in dot.of("excitation_spin", n)]
    figure = Figure(figsize=(6.4, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    ground = next(row.value for row in dot.of("spin", n))
    energies, errors = (factor * a for a in _numbers_of(rows))
    known = sorted({ground, *(round(2 * s) / 2 for s in spins)})
    for k, spin in enumerate(known):
        levels = [(e, d) for e, d, s in zip(energies, errors, spins, strict=True) if round(2 * s) / 2 == spin]
        levels += [(0.0, 0.0)] if spin == ground else []
        for energy, error in levels:
            left.errorbar(
                spin, energy, np.nan_to_num(error), fmt="_", ms=26, mew=2, capsize=3, color=COLOURS[k % len(COLOURS)]
            )
    left.set_xticks(known, [_fraction(spin) for spin in known])
    left.set_xlim(known[0] - 0.5, known[-1] + 0.5)
    left.set_xlabel("total spin S")
    left.set_ylabel(labelled("energy above the ground state", unit))
    for name, colour, shift in (("strength_x", COLOURS[0], -1), ("strength_y", COLOURS[1], 1)):
        strengths = dot.of(name, n)
        places = energies + shift * 0.006 * max(energies.max(), 1e-12)
        values, bars = _numbers_of(strengths)
        right.barh(places, values, height=0.012 * energies.max(), color=colour, label=f"along {name[-1]}")
        right.errorbar(values, places, xerr=np.nan_to_num(bars), fmt="none", ecolor=colour, elinewidth=0.8, capsize=2)
    right.set_xlabel(f"oscillator strength (sum over all states: {n})")
    right.set_xlim(left=0)
    right.legend(fontsize=7.5)
    return figure


def _numbers_of(rows: Sequence[Row]) -> tuple[Floats, Floats]:
    """Return values and error bars (k,)."""
    return np.array([row.value for row in rows]), np.array([row.error for row in rows])


def _fraction(spin: float) -> str:
    return str(round(spin)) if spin == round(spin) else f"{round(2 * spin)}/2"


def density_maps(dot: SolvedDot, name: str) -> list[Map]:
    """Return the maps of ``name``, "density" or "spin_density", of each number of electrons."""
    signed, unit = name == "spin_density", tex_unit(f"{dot.length}^-2")
    found = []
    for n in dot.electrons:
        values = dot.arrays[f"{name}-ground-N{n}"]
        if signed and not np.abs(values).max() > 1e-6 * np.abs(dot.arrays[f"density-ground-N{n}"]).max():
            continue
        symbol = r"$n_\uparrow - n_\downarrow$" if signed else "$n$"
        spin = next(row.value for row in dot.of("spin", n))
        found.append(Map(f"N = {n}, S = {_fraction(spin)}", values, labelled(symbol, unit), signed, "magma"))
    return found


def orbital_maps(dot: SolvedDot) -> list[Map]:
    """Return the maps of the lowest orbitals of one electron."""
    factor, unit = small(dot)
    levels = [factor * row.value for row in dot.of("level")]
    label = labelled(r"$\varphi$", tex_unit(f"{dot.length}^-1"))
    return [
        Map(f"{k + 1}: {levels[k]:.4g} {unit}".replace("-", "−"), values, label, True)
        for k, values in enumerate(dot.arrays["orbitals-levels"])
    ]


def dyson_maps(dot: SolvedDot, n: int) -> list[Map]:
    """Return the maps of the Dyson orbitals of electron ``n``."""
    factors = [row.value for row in dot.of("factor", n)]
    label = labelled(r"$\langle k|\psi(r)|0\rangle$", tex_unit(f"{dot.length}^-1"))
    fields = dot.arrays[f"dyson_orbitals-tunnelling-N{n}"]
    return [Map(f"k = {k}, Z = {factors[k]:.3f}", values, label, True) for k, values in enumerate(fields)]


def site_maps(dot: SolvedDot) -> list[Map]:
    """Return the maps of the localised orbitals."""
    label = labelled(r"$w$", tex_unit(f"{dot.length}^-1"))
    return [Map(f"site {k + 1}", values, label, True) for k, values in enumerate(dot.arrays["site_orbitals-sites"])]


def potential_map(dot: SolvedDot) -> Map:
    """Return the map of the potential."""
    factor, unit = small(dot)
    return Map("V", factor * dot.arrays["V"], labelled("$V$", unit), False, "cividis")
