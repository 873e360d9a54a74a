"""Compare the worm algorithm with ALPS, side by side in one run: densities, and processor time to a given error.

    python -m experiments.worm_speed.run PYTHON     # PYTHON: an interpreter with pyalps 3.0.0

Time to an error is seconds * (error / target)^2, with the mean error over the sites. It contains the burn-in, neither
imports nor compilation. Densities of both codes are kept in results.json, where a test compares them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers.lattices import Bosons, power_law_field, sample_bosons

HERE = Path(__file__).parent
TARGET = 0.015
"""Mean error of the density."""


def systems() -> dict[str, dict[str, Any]]:
    """Return the compared systems by name, plain containers."""
    rng = np.random.default_rng(7)

    def system(side: int, mu: float, amplitude: float, **others: Any) -> dict[str, Any]:
        field = amplitude * power_law_field(rng, (side, side), 1.0) - mu
        return {"potential": field.tolist(), "onsite": 0.0, "n_max": 1, "limit": 60, "sweeps": 2000, **others}

    return {
        "hard core, 4 x 4": system(4, 2.0, 3.0, beta=2.0, neighbour=1.0, alps_sweeps=20000),
        "superfluid, 8 x 8": system(8, 2.0, 3.0, beta=8.0, neighbour=1.0, alps_sweeps=3000),
        "V = 2, 8 x 8": system(8, 3.0, 4.0, beta=8.0, neighbour=2.0, alps_sweeps=2000),
        "soft core, 4 x 4": system(
            4,
            8.0,
            6.0,
            beta=4.0,
            neighbour=2.5,
            onsite=10.0,
            n_max=3,
            alps_sweeps=1000,
            more_for_alps={"INITIAL_CUTOFF": 2000},
        ),
    }


def main(python: str) -> None:
    """Sample all systems with both codes, and write results.json."""
    given = systems()
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "systems.json", Path(folder) / "results.json"
        asked.write_text(json.dumps(given))
        subprocess.run([python, str(HERE / "alps.py"), str(asked), str(answered)], check=True)
        found = json.loads(answered.read_text())
    sample_bosons(model_of(next(iter(given.values()))), 64)  # compiles
    rows = {name: {"system": system, "alps": found[name], "own": own(system)} for name, system in given.items()}
    result = {"target": TARGET, "alps": "pyalps 3.0.0", **provenance(), "rows": rows}
    write_text(HERE / "results.json", json.dumps(result, indent=1) + "\n")


def model_of(system: dict[str, Any]) -> Bosons:
    """Return the system of plain containers."""
    names = ("beta", "onsite", "neighbour", "n_max")
    return Bosons(np.array(system["potential"]), **{name: system[name] for name in names})


def own(system: dict[str, Any]) -> dict[str, Any]:
    """Return densities and time of the worm algorithm of this repository."""
    start = time.process_time()
    found = sample_bosons(model_of(system), system["sweeps"])
    return {
        "sweeps": found.sweeps,
        "seconds": time.process_time() - start,
        "n": found.n.ravel().tolist(),
        "n_error": found.n_error.ravel().tolist(),
        "energy": [found.energy],
        "energy_error": [found.energy_error],
        "tau": found.tau,
        "finished": True,
    }


def time_to(result: dict[str, Any], target: float = TARGET) -> float:
    """Return the processor time to a mean error of the density, s."""
    return float(result["seconds"] * (np.mean(result["n_error"]) / target) ** 2)


if __name__ == "__main__":
    main(sys.argv[1])
