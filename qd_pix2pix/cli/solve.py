"""One dot on the command line: ``python solve.py V=my_dot.npy extent=120``, from options to files and page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qd_pix2pix.evaluation.solve_dot import identity, solve_dot
from qd_pix2pix.evaluation.solved_dot import SolvedDot
from qd_pix2pix.fields import Placing
from qd_pix2pix.files import digest
from qd_pix2pix.provenance import available_cores
from qd_pix2pix.systems.build import build
from qd_pix2pix.systems.dot_in_field import Fields
from qd_pix2pix.systems.gated_dot import Gated
from qd_pix2pix.systems.given_device import PARTS, changed_options, read_gated
from qd_pix2pix.systems.given_potential import GivenPotential, draw_potential, read_potential
from qd_pix2pix.systems.one_dot import OneDot
from solvers.checks import check_integer, check_number

ROOT = Path("runs/solve")
"""Folder of the results of all dots without ``output``."""
FILE_ONLY = ("dot", "column", "unit", "length_unit", "points", "resample", "z")
"""Options of a file that have no meaning for a family or a device."""
SHOWN = (
    *("energy", "gap", "spin", "mu", "addition", "J", "t", "U", "J_ci"),
    *("lever_arm", "detuning_lever_arm", "sweet_spot", "sweet_spot_J"),
)
"""Quantities that the terminal shows."""
SOURCES = ("V", "potential", "device")
"""Options that state the potential, one of which is given."""


def solved(config: Mapping[str, Any], words: list[str]) -> tuple[SolvedDot, Path]:
    """Solve the dot of a configuration of conf/solve.yaml; return the results and their folder.

    Raises:
        FileNotFoundError: the file of the potential does not exist.
        ValueError: an option is invalid; before any calculation.
    """
    material = build(config["material"], "material")
    options = dict(build(config["solver"], "solver").keywords)
    gated = _gated(config, material, options)
    given = _potential(config, material) if gated is None else GivenPotential(gated.V, gated.grid, gated.path)
    dot = OneDot(
        given.V, given.grid, material, options, _numbers(config["n_electrons"]), config["n_excitations"],
        config["n_sites"], _fields(config["field"]), gated,
    )  # fmt: skip
    dot.check()
    name = Path(given.origin.partition(",")[0]).stem
    folder = Path(config["output"]) if config["output"] else ROOT / f"{name}-{digest(identity(dot))}"
    command = " ".join(["python solve.py", *words])
    return solve_dot(dot, folder, given.origin, given.notes, command), folder


def _gated(config: Mapping[str, Any], material: Any, options: dict[str, Any]) -> Gated | None:
    """Return the gates of the device, or None where the potential is stated in another way."""
    stated = [name for name in SOURCES if config.get(name) is not None]
    if len(stated) != 1:
        raise ValueError(
            "V: expected a file with its side, V=my_dot.npy extent=120, a family, potential=double_gaussian seed=3, or "
            f"gates, device=chip.yaml; got {' and '.join(stated) or 'none'}"
        )
    parts = {name: config[name] for name in ("voltages", "diagram", "exchange")}
    if stated != ["device"]:
        used = [option for name in PARTS for option in changed_options(name, parts[name])]
        if used or parts["voltages"]:
            raise ValueError(f"{[*used, 'voltages'][0]}: is an option of gates; give device=FILE, or leave it out")
        return None
    if extra := [name for name in ("extent", *FILE_ONLY) if config[name] is not None]:
        raise ValueError(f"{extra[0]}: is an option of a file, and the window of the device has it; leave it out")
    processes = available_cores() if config["processes"] is None else config["processes"]
    kept = {"n": config["n"], "n_sites": config["n_sites"], "processes": processes, "progress": True}
    return read_gated(config["device"], material, options, **parts, **kept)


def _potential(config: Mapping[str, Any], material: Any) -> GivenPotential:
    """Return the potential of the file or of the family."""
    path, family = config["V"], config.get("potential")
    if path is None:
        if extra := [name for name in FILE_ONLY if config[name] is not None]:
            raise ValueError(f"{extra[0]}: is an option of a file, and potential draws from a family; leave it out")
        if isinstance(family, dict) and "path" in family:
            raise ValueError("potential: file is for datasets; give V=FILE extent=SIDE")
        return draw_potential(build(family, "potential"), config["seed"], config["n"], config["extent"])
    placing = Placing(config["points"], config["resample"])
    names = {name: config[name] for name in ("n", "extent", "column", "unit", "length_unit", "z")}
    return read_potential(path, material, number=config["dot"], placing=placing, **names)


def _fields(given: Mapping[str, Any]) -> Fields:
    """Return the magnetic fields in ascending order."""
    B = given["B"]
    strengths = [] if B is None else B if isinstance(B, list) else [B]
    for strength in strengths:
        check_number("field.B", strength, hint="It is given in tesla; several as field.B=[0,1,2]")
    rest = {name: given[name] for name in ("g", "gradient", "n_states")}
    return Fields(tuple(sorted({float(strength) for strength in strengths})), **rest)


def _numbers(given: Any) -> tuple[int, ...]:
    """Return the numbers of electrons in ascending order."""
    numbers = given if isinstance(given, list) else [given]
    for number in numbers:
        check_integer("n_electrons", number, 1, "Several are given as n_electrons=[1,2,3]")
    return tuple(sorted(set(numbers)))


def summary(dot: SolvedDot) -> str:
    """Return the main numbers with error bars, one a line, for the terminal."""
    known = [row for row in dot.rows if math.isfinite(row.value)]
    shown = [row for row in known if row.name in SHOWN]
    lines = []
    for row in sorted(shown, key=lambda row: (row.electrons, row.name != "energy")):
        head = f"{row.name} {row.label} ".ljust(12)
        error = f" ± {row.error:.2g}" if math.isfinite(row.error) else ""
        lines.append(
            f"{f'N = {row.electrons}' if row.electrons else '':8}{head}{row.value:>12.6g}{error} {row.unit}".rstrip()
        )
    return "\n".join([*lines, *(f"note: {text}" for text in (*dot.notes, *dot.remarks))])
