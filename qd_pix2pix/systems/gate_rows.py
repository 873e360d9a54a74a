"""Lever arms, stability diagrams and sweeps of J as rows of numbers, arrays and remarks; see ``gated_dot.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.systems.dot_rows import Row
from solvers import (
    Device,
    ExchangeSweep,
    LeverArms,
    StabilityDiagram,
    fit_constant_interaction,
    mutual_charging,
    triple_points,
)
from solvers.checks import check_number
from solvers.quantum_dots.charge_lines import Line
from solvers.quantum_dots.devices import Knob

RASTER = 160
"""Points of the maps of a diagram along each gate."""
FINE = 240
"""Points of a curve of J."""
CURVES = 5
"""Curves of J at values of the barrier, at most."""
NONE = float("nan")


def knob_text(knob: Knob) -> str:
    """Return the name of a gate, or weights of gates as 0.5 P1 − 0.5 P2."""
    if not isinstance(knob, Mapping):
        return str(knob)
    parts = [f"{'−' if weight < 0 else '+'} {abs(weight):g} {name}" for name, weight in knob.items() if weight]
    return " ".join(parts).removeprefix("+ ")


def configuration_text(configuration: tuple[int, ...]) -> str:
    """Return the electrons of each dot as (1,0)."""
    return f"({','.join(map(str, configuration))})"


def check_widths(temperature: object, width: object) -> None:
    """Raise ValueError unless the widths of the steps are numbers that are not negative."""
    check_number("temperature", temperature, 0.0, hint="It is k T in eV")
    check_number("width", width, 0.0, hint="It is the width of a level in eV")


def lever_arm_rows(arms: LeverArms) -> list[Row]:
    """Return d(site energy) / d(voltage) of each site and gate, and the voltages of the virtual gates."""
    rows = [
        Row("lever_arm", 0, f"{site + 1},{name}", float(arms.matrix[site, g]), float(arms.errors[site, g]), "eV/V")
        for g, name in enumerate(arms.names)
        for site in range(len(arms.matrix))
    ]
    if len(arms.names) < len(arms.matrix):
        return rows
    values, errors = arms.virtual, arms.virtual_errors
    return rows + [
        Row("virtual_gate", 0, f"{site + 1},{name}", float(values[g, site]), float(errors[g, site]), "V/eV")
        for g, name in enumerate(arms.names)
        for site in range(len(arms.matrix))
    ]


def outlines(device: Device) -> dict[str, NDArray[Any]]:
    """Return corners in the window (corners, 2) in nm, the number of the polygon of each, and a place in each gate."""
    gates = [[np.asarray(polygon) - np.asarray(device.origin) for polygon in gate.polygons] for gate in device.gates]
    polygons = [polygon for gate in gates for polygon in gate]
    numbers = [np.full(len(polygon), number) for number, polygon in enumerate(polygons)]
    places = [np.clip(gate[0], 0.0, device.extent).mean(0) for gate in gates]
    return {"corners": np.concatenate(polygons), "polygon": np.concatenate(numbers), "places": np.stack(places)}


def diagram_rows(diagram: StabilityDiagram, lines: list[Line], gates: tuple[str, str]) -> list[Row]:
    """Return triple points, slopes and lever arms of lines, charging energies of the constant-interaction model."""
    rows = []
    for line in lines:
        label = f"{configuration_text(line.a)} {configuration_text(line.b)}"
        rows.append(Row("line_slope", 0, label, float(line.slope), float(line.slope_error), ""))
        rows += [
            Row("line_lever_arm", 0, f"{label}, {gate}", float(arm), float(error), "eV/V")
            for gate, arm, error in zip(gates, line.lever_arms, line.lever_arm_errors, strict=True)
            if line.adds
        ]
    for point in triple_points(diagram, lines):
        label = " ".join(map(configuration_text, point.configurations))
        rows += [
            Row("triple_point", 0, f"{label}, {gate}", float(place), float(error), "V")
            for gate, place, error in zip(gates, point.gates, point.error, strict=True)
        ]
    for pair in mutual_charging(diagram, lines):
        first, second = sorted(pair.dots)
        label = f"{first + 1},{second + 1} {configuration_text(pair.configuration)}"
        rows.append(Row("mutual_charging", 0, label, float(pair.energy), float(pair.error), "eV"))
    if not any(line.adds for line in lines):
        return rows
    model = fit_constant_interaction(diagram, lines)
    rows += [Row("model_charging", 0, str(k + 1), float(value), NONE, "eV") for k, value in enumerate(model.charging)]
    rows += [
        Row("model_lever_arm", 0, f"{k + 1},{gate}", float(arm), NONE, "eV/V")
        for k, arms in enumerate(model.lever_arms)
        for gate, arm in zip(gates, arms, strict=True)
    ]
    return [*rows, Row("model_distance", 0, "", float(model.rms), float(model.error), "eV")]


def diagram_arrays(
    diagram: StabilityDiagram, lines: list[Line], temperature: float, width: float
) -> dict[str, NDArray[Any]]:
    """Return points, crossings and maps: both axes (r,), the signal (r, r), the model's regions (r, r)."""
    first, second, _ = diagram.raster(RASTER)
    points = triple_points(diagram, lines)
    arrays: dict[str, NDArray[Any]] = {
        "axis1": first,
        "axis2": second,
        "signal": diagram.mean_number(RASTER, temperature, width),
        "gates": diagram.gates,
        "energies": diagram.energies,
        "energy_errors": diagram.errors,
        "configurations": np.array(diagram.configurations),
        "crossings": np.concatenate([np.zeros((0, 2)), *(line.points for line in lines)]),
        "adds": np.concatenate([np.zeros(0, int), *(np.full(len(line.points), line.adds) for line in lines)]),
        "triple_points": np.array([point.gates for point in points]).reshape(-1, 2),
    }
    if any(line.adds for line in lines):
        model = fit_constant_interaction(diagram, lines)
        gates = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1)
        arrays["model"] = np.argmin(model.omega(gates, diagram.mu, diagram.n_max)[1], axis=-1)
    return arrays


def diagram_remarks(diagram: StabilityDiagram, lines: list[Line], one_dot: bool) -> list[str]:
    """Return what limits a diagram, as sentences."""
    full, most = float(np.mean(diagram.numbers == diagram.n_max)), diagram.n_max
    texts = [
        (full > 0, f"Stability diagram: N = {most}, the largest number computed, at {100 * full:.3g} % of the points; "
         "more electrons may be lower there. Raise diagram.n_max."),
        (not lines, "Stability diagram: no line crosses these ranges. Widen them, or change diagram.mu."),
        (one_dot and most > 1, "Stability diagram: the potential has one site, so that electrons are not shared among "
         "dots; diagram.dots states their centres."),
    ]  # fmt: skip
    return [text for holds, text in texts if holds]


def detuning_row(arms: LeverArms, knob: Knob) -> Row:
    """Return d(e_1 - e_2) / d detuning of the first two sites."""
    weights = knob if isinstance(knob, Mapping) else {knob: 1.0}
    columns = [(arms.names.index(name), weight) for name, weight in weights.items()]
    value = sum(weight * (arms.matrix[0, g] - arms.matrix[1, g]) for g, weight in columns)
    error = sum(abs(weight) * (arms.errors[0, g] + arms.errors[1, g]) for g, weight in columns)
    return Row("detuning_lever_arm", 1, "1 − 2", float(value), float(error), "eV/V")


def exchange_rows(sweep: ExchangeSweep) -> list[Row]:
    """Return J at every node, and the sweet spots."""
    rows = []
    for place in np.ndindex(*sweep.J.shape):
        label = ", ".join(f"{axis[i]:.6g}" for axis, i in zip(sweep.axes, place, strict=True))
        rows.append(Row("J_sweep", 2, label, float(sweep.J[place]), float(sweep.errors[place]), "eV"))
    if not np.isfinite(sweep.J).all():
        return rows
    for barrier in sweep.barrier.tolist() if sweep.J.ndim == 2 else [None]:
        for number, spot in enumerate(sweep.sweet_spots(barrier), 1):
            label = str(number) if barrier is None else f"{number}, {barrier:.6g}"
            rows.append(Row("sweet_spot", 2, label, float(spot.detuning), float(spot.error), "V"))
            rows.append(Row("sweet_spot_J", 2, label, float(spot.J), float(spot.J_error), "eV"))
    return rows


def exchange_arrays(sweep: ExchangeSweep) -> dict[str, NDArray[Any]]:
    """Return the nodes with J and charges, and curves (c, f) at up to five barriers with their error bars."""
    arrays: dict[str, NDArray[Any]] = {
        name: np.asarray(getattr(sweep, name))
        for name in ("detuning", "barrier", "J", "errors", "imbalance", "trusted")
    }
    if not np.isfinite(sweep.J).all():
        return arrays
    fine = np.linspace(sweep.detuning[0], sweep.detuning[-1], FINE)
    shown: list[int | None] = [None]
    if sweep.J.ndim == 2:
        shown = np.unique(np.linspace(0, len(sweep.barrier) - 1, CURVES).round().astype(int)).tolist()
    barriers = [None if i is None else float(sweep.barrier[i]) for i in shown]
    values, slopes = ([function(fine, b) for b in barriers] for function in (sweep.at, sweep.slope))
    arrays["fine"] = fine
    arrays["shown"] = np.array([0 if i is None else i for i in shown])
    for name, pairs in (("J", values), ("slope", slopes)):
        arrays[f"{name}_fine"], arrays[f"{name}_fine_error"] = (np.stack(part) for part in zip(*pairs, strict=True))
    return arrays


def exchange_remarks(sweep: ExchangeSweep) -> list[str]:
    """Return what limits a sweep, as sentences."""
    missing, unsure = int((~np.isfinite(sweep.J)).sum()), int((~sweep.trusted & np.isfinite(sweep.J)).sum())
    texts = [
        (missing > 0, f"J(ε): {missing} of {sweep.J.size} nodes have no triplet among the lowest states; use a shorter "
         "range."),
        (unsure > 0, f"J(ε): the solver does not trust {unsure} of {sweep.J.size} nodes. Raise solver.n_orbitals, or "
         "n."),
    ]  # fmt: skip
    return [text for holds, text in texts if holds]
