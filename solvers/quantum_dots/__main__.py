"""The couplings and spectra of one dot on the command line: ``python -m solvers.quantum_dots dot.npy --extent 120``.

``dot.npy`` holds the potential V[ix, iy] in eV at cell-centred points of a square, or of a rectangle with two sides
after ``--extent``. Two masses after ``--m-eff`` are those along x and y. Every number is printed with its error bar,
and written to a file with ``--json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from solvers.grid import Grid
from solvers.quantum_dots.coulomb import Interaction
from solvers.quantum_dots.hubbard import hubbard
from solvers.quantum_dots.solve import PRESETS, solve
from solvers.quantum_dots.spectroscopy import excitations, tunnelling
from solvers.units import Material


def device_numbers(
    V: np.ndarray, grid: Grid, material: Material, interaction: Interaction, n_electrons: int, n_sites: int
) -> list[dict[str, Any]]:
    """Return rows of ``name``, ``value``, ``error`` and ``unit`` for a potential (n_x, n_y) in eV.

    Raises:
        ValueError: an argument is out of range.
    """
    dot = solve(V, grid, n_electrons, material, interaction=interaction, **PRESETS["converged"])
    sites = hubbard(V, grid, material, n_sites, interaction)
    light = excitations(V, grid, n_electrons, material, interaction=interaction)
    leads = tunnelling(V, grid, n_electrons, material, interaction=interaction)
    rows: list[tuple[str, float, float, str]] = [
        (f"energy of {n_electrons} electrons", float(dot.energy), float(dot.energy_error + dot.grid_error), "eV")
    ]
    c, e = sites.couplings, sites.errors
    rows += [(f"energy of site {p + 1}", c.site_energy[p], e.site_energy[p], "eV") for p in range(n_sites)]
    rows += [(f"U of site {p + 1}", c.U[p], e.U[p], "eV") for p in range(n_sites)]
    for p, q in zip(*np.triu_indices(n_sites, 1), strict=True):
        pair = f"{p + 1}, {q + 1}"
        for name, values, errors in (("t", c.t, e.t), ("U'", c.U_prime, e.U_prime), ("K", c.exchange, e.exchange)):
            rows.append((f"{name} of sites {pair}", values[p, q], errors[p, q], "eV"))
    if n_sites == 2:
        rows.append(("J of the two-site model", sites.J, sites.J_error, "eV"))
        rows.append(("J of full CI", sites.J_ci, sites.J_ci_error, "eV"))
    for k, (energy, error) in enumerate(zip(light.energies, light.energy_errors, strict=True)):
        rows.append((f"excitation {k + 1}, S = {abs(light.spins[k]):.3g}", energy, error, "eV"))
        for axis, name in enumerate("xy"):
            found = light.strengths[k, axis], light.strength_errors[k, axis]
            rows.append((f"oscillator strength {k + 1} along {name}", *found, ""))
    for k, (factor, error) in enumerate(zip(leads.factors, leads.factor_errors, strict=True)):
        rows.append((f"spectroscopic factor {k + 1}", factor, error, ""))
        rows.append((f"tunnelling energy {k + 1}", leads.energies[k], leads.energy_errors[k], "eV"))
    return [
        dict(zip(("name", "value", "error", "unit"), (n, float(v), float(d), u), strict=True)) for n, v, d, u in rows
    ]


def _one_or_more(values: list[float]) -> Any:
    """Return one value as a number, several as a tuple."""
    return values[0] if len(values) == 1 else tuple(values)


def main(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit status: 0, or 2 after one line that states what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m solvers.quantum_dots", description=__doc__.partition(":")[0])
    parser.add_argument("potential", type=Path, help="V[ix, iy] in eV, a .npy file")
    parser.add_argument("--extent", type=float, nargs="+", required=True, help="side of the square, or two sides, nm")
    masses = "effective mass, or two along x and y, free electron masses (GaAs)"
    parser.add_argument("--m-eff", type=float, nargs="+", default=[0.067], help=masses)
    parser.add_argument("--eps-r", type=float, default=12.9, help="relative permittivity (GaAs)")
    parser.add_argument("--thickness", type=float, default=0.0, help="extent of the electrons across the plane, nm")
    parser.add_argument("--gate-distance", type=float, default=None, help="distance of a metal plane, nm")
    parser.add_argument("--electrons", type=int, default=2, help="number of electrons of the spectra")
    parser.add_argument("--sites", type=int, default=2, help="number of localised orbitals")
    parser.add_argument("--json", type=Path, default=None, help="file for the numbers")
    given = parser.parse_args(arguments)
    try:
        V = np.load(given.potential, allow_pickle=False)
        grid = Grid(tuple(V.shape) if V.ndim == 2 else V.shape[0] if V.ndim else 0, _one_or_more(given.extent))
        interaction = Interaction(thickness=given.thickness, gate_distance=given.gate_distance)
        material = Material(_one_or_more(given.m_eff), given.eps_r)
        rows = device_numbers(V, grid, material, interaction, given.electrons, given.sites)
        if given.json is not None:
            given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    except (OSError, ValueError, AttributeError) as error:  # np.load returns no array for an archive
        print(f"error: {error}", file=sys.stderr)
        return 2
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        print(f"{row['name']:{width}}  {row['value']:>13.6g} ± {row['error']:<9.2g} {row['unit']}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
