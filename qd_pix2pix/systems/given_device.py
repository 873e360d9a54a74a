"""The gates of a dot from a file, with the options of a stability diagram and of a sweep of J."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from qd_pix2pix.systems.gated_dot import Diagram, Exchange, Gated
from qd_pix2pix.systems.given_potential import DEFAULT_POINTS, Size
from solvers import Material, load_device
from solvers.checks import check_integer
from solvers.quantum_dots.stability import MOST_PROCESSES

NEEDED = {"diagram": ("gate1", "gate2", "range1", "range2"), "exchange": ("detuning", "range")}
"""Options without which there is no diagram, and no sweep."""
PARTS = {"diagram": Diagram, "exchange": Exchange}


def read_gated(
    path: str,
    material: Material,
    options: dict[str, Any],
    n: Size = None,
    voltages: Mapping[str, float] | None = None,
    n_sites: int | None = None,
    diagram: Mapping[str, Any] | None = None,
    exchange: Mapping[str, Any] | None = None,
    processes: int = 1,
    progress: bool = False,
) -> Gated:
    """Return the dot in the window of a device, see ``load_device``.

    Args:
        path: YAML file of the device.
        material: effective mass and permittivity, in nm and eV.
        options: options of ``solve``.
        n: points of a side, or those along x and y; None: ``DEFAULT_POINTS``.
        voltages: voltages (V) by the names of gates that differ from those of the device.
        n_sites: number of sites; None: as many as the potential has.
        diagram, exchange: options of ``Diagram`` and ``Exchange``; their gates are None where there is none.
        processes: processes that solve points at once.
        progress: show the points done, their rate and remaining time.

    Raises:
        ValueError: the file cannot be read, or an option is missing or out of range.
    """
    if material.units != "nm, eV":
        raise ValueError(f"material: expected one in nm and eV, because voltages are in V, got {material.units}")
    if not Path(path).is_file():
        raise FileNotFoundError(f"device: {path} is not there")
    device = load_device(path)
    points: Any = DEFAULT_POINTS if n is None else tuple(n) if isinstance(n, (list, tuple)) else n
    for number in points if isinstance(points, tuple) else (points,):
        check_integer("n", number, 4)
    check_integer("processes", processes, 1, high=MOST_PROCESSES)
    if not isinstance(voltages, Mapping | None):
        raise ValueError(f"voltages: expected numbers by the names of gates, such as {{P1: 0.06}}, got {voltages!r}")
    grid, changed = device.grid(points), dict(voltages or {})
    V = np.asarray(device.potential(changed)(grid), dtype=np.float64)
    return Gated(
        device, path, V, grid, material, options, changed, n_sites,
        _options("diagram", diagram), _options("exchange", exchange), processes, progress,
    )  # fmt: skip


def stated_options(part: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return those options of a part, "diagram" or "exchange", which it needs and which are not None."""
    return {key: given[key] for key in NEEDED[part] if given[key] is not None} if given else {}


def changed_options(part: str, given: Mapping[str, Any] | None) -> list[str]:
    """Return the names of options of a part, "diagram" or "exchange", that differ from their default values."""
    defaults = {option.name: option.default for option in fields(PARTS[part])}
    return [f"{part}.{key}" for key, value in (given or {}).items() if value not in (None, defaults.get(key))]


def _options(name: str, given: Mapping[str, Any] | None) -> Any:
    """Return the options of a part, or None where no gates are named."""
    stated = stated_options(name, given)
    if not stated:
        if changed := changed_options(name, given):
            raise ValueError(f"{changed[0]}: expected {name}.{NEEDED[name][0]} beside it, got none")
        return None
    if missing := [key for key in NEEDED[name] if key not in stated]:
        raise ValueError(f"{name}.{missing[0]}: expected a value beside {name}.{next(iter(stated))}, got none")
    assert given is not None
    return PARTS[name](**given)
