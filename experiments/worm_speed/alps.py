"""Sample Bose-Hubbard systems with ALPS (B. Bauer et al., J. Stat. Mech. (2011) P05001), for a comparison.

    PYTHON alps.py SYSTEMS.json RESULTS.json

PYTHON is an interpreter with pyalps 3.0.0 (``pip install pyalps``); this file needs nothing else of this repository.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyalps

CODE = "dirloop_sse"
"""Directed loops in a series expansion; the code ``worm`` of this version crashes where each site has its own type."""


def write_graph(path: Path, side: int) -> None:
    """Write a periodic square lattice in which every site has its own type, and hence its own mu."""
    edges = []
    for x in range(side):
        for y in range(side):
            edges += [(x * side + y, a * side + b) for a, b in (((x + 1) % side, y), (x, (y + 1) % side))]
    vertices = [f'<VERTEX id="{i + 1}" type="{i}"/>' for i in range(side**2)]
    lines = [f'<EDGE id="{k + 1}" source="{i + 1}" target="{j + 1}" type="0"/>' for k, (i, j) in enumerate(edges)]
    head = f'<LATTICES><GRAPH name="sites" dimension="2" vertices="{side**2}" edges="{2 * side**2}">'
    path.write_text("\n".join([head, *vertices, *lines, "</GRAPH></LATTICES>", ""]))


def sample(system: dict[str, Any], sweeps: int, limit: float) -> dict[str, Any]:
    """Return the densities, their errors and the processor time; empty without a result within ``limit`` seconds."""
    potential = np.array(system["potential"])
    side, folder = potential.shape[0], Path(tempfile.mkdtemp())
    write_graph(folder / "lattice.xml", side)
    parameters = {
        "LATTICE_LIBRARY": str(folder / "lattice.xml"),
        "GRAPH": "sites",
        "MODEL": "boson Hubbard",
        "Nmax": system["n_max"],
        "t": 1.0,
        "U": system["onsite"],
        "V": system["neighbour"],
        "T": 1 / system["beta"],
        **system.get("more_for_alps", {}),
        "SWEEPS": sweeps,
        "THERMALIZATION": sweeps // 10,
        "MEASURE_LOCAL[Local Density]": "n",
        **{f"mu{i}": -float(v) for i, v in enumerate(potential.ravel())},
    }
    files = pyalps.writeInputFiles(str(folder / "p"), [parameters])
    before, wall = os.times().children_user, time.time()
    pyalps.runApplication(CODE, files, T=limit, Tmin=1)
    seconds = os.times().children_user - before
    found = pyalps.loadMeasurements(pyalps.getResultFiles(prefix="p", dirname=str(folder)), ["Local Density", "Energy"])
    shutil.rmtree(folder)
    result: dict[str, Any] = {"sweeps": sweeps, "seconds": seconds, "wall": time.time() - wall}
    if not found or len(found[0]) < 2:
        return {**result, "finished": False}
    for data in found[0]:
        name = "n" if data.props["observable"] == "Local Density" else "energy"
        values = data.y if name == "n" else data.y[0]
        result |= {name: np.array([v.mean for v in np.atleast_1d(values)]).tolist()}
        result |= {f"{name}_error": np.array([v.error for v in np.atleast_1d(values)]).tolist()}
    return {**result, "finished": True}


def main(systems: str, results: str) -> None:
    """Sample all systems of a file."""
    given = json.loads(Path(systems).read_text())
    found = {name: sample(system, system["alps_sweeps"], system["limit"]) for name, system in given.items()}
    Path(results).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
