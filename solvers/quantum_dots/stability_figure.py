"""The figure of a charge-stability diagram: its lines, the constant-interaction model, a sensor's signal.

Matplotlib is imported with the first figure.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from solvers.checks import check_choice, check_kind, check_number, check_path, writing
from solvers.quantum_dots.charge_lines import charge_lines, triple_points
from solvers.quantum_dots.constant_interaction import fit_constant_interaction
from solvers.quantum_dots.stability import StabilityDiagram

RASTER = 240
"""Points of the maps along each gate."""
FORMATS = ("png", "pdf", "svg")
"""Endings of the file."""


def draw_stability(
    diagram: StabilityDiagram, path: str | os.PathLike[str], temperature: float = 0.0, width: float = 0.0
) -> Path:
    """Write the figure to ``path`` and return it; its folder is made if it is missing.

    The signal has steps of these widths (eV), as in ``mean_number``.

    Raises:
        ValueError: the ending is unknown, an argument is out of range, or the file cannot be written.
    """
    check_kind("diagram", diagram, StabilityDiagram, "StabilityDiagram, from stability_diagram")
    check_path("path", path, "a file")
    path = Path(path)
    check_choice("path.suffix", path.suffix.lstrip("."), FORMATS)
    check_number("temperature", temperature, 0.0)
    check_number("width", width, 0.0)
    from matplotlib.figure import Figure

    lines = charge_lines(diagram)
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    first, second, _ = diagram.raster(RASTER)
    extent = (first[0], first[-1], second[0], second[-1])
    mean = diagram.mean_number(RASTER, temperature, width)
    image = right.imshow(mean.T, origin="lower", extent=extent, aspect="auto", cmap="viridis")
    figure.colorbar(image, ax=right, label="mean number of electrons")
    right.set_title(f"signal: kT = {1e3 * temperature:g} meV, ħΓ = {1e3 * width:g} meV")
    for line in lines:
        left.scatter(*line.points.T, s=9, color="tab:blue" if line.adds else "tab:orange", zorder=3)
    for point in triple_points(diagram, lines):
        left.plot(*point.gates, "^", color="tab:red", markersize=5, zorder=4)
    if any(line.adds for line in lines):
        model = fit_constant_interaction(diagram, lines)
        gates = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1)
        omega = model.omega(gates, diagram.mu, diagram.n_max)[1]
        for number in np.unique(np.argmin(omega, axis=-1)):
            above = omega[..., number] - np.delete(omega, number, axis=-1).min(axis=-1)
            left.contour(first, second, above.T, levels=[0.0], colors="0.5", linewidths=0.8, linestyles="dashed")
        left.set_title(
            f"full CI (points), constant interaction (dashed)\nrms {1e3 * model.rms:.2g} meV, "
            f"largest {1e3 * model.largest:.2g} meV, error of full CI {1e3 * model.error:.2g} meV",
            fontsize=9,
        )
    for configuration in sorted(set(diagram.configurations)):
        mine = diagram.gates[[c == configuration for c in diagram.configurations]]
        left.text(*np.median(mine, axis=0), str(configuration).replace(" ", ""), ha="center", va="center", fontsize=8)
    for axes in (left, right):
        axes.set(xlabel="gate 1", ylabel="gate 2", xlim=extent[:2], ylim=extent[2:])
    with writing("path", path):
        figure.savefig(path, dpi=150)
    return path
