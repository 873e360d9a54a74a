"""Measure the time of configurations with given energy and magnetisation.

python -m experiments.spin_samplers.plane      (half a minute on one core; prints the table, writes plane.json)

Times are those of the processor, on one thread, after the kernels have been loaded. ``quick`` measures less and writes
nothing.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.spin_samplers.tables import plane_table
from qd_pix2pix.provenance import provenance
from solvers.spins import energies, energy_bounds, levels, magnetisation, magnetisations, sample_plane

FILE = Path(__file__).parent / "plane.json"
SEED = 0
SIDES = {16: 400, 64: 40}
"""Targets of each window, by the side."""
WINDOWS = ((-1.75, -1.0), (-1.0, 1.0), (1.0, 1.9))
"""Energies per site (J), with magnetisations in -0.2 ... 0.2."""


def targets(rng: np.random.Generator, side: int, window: tuple[float, float], count: int) -> np.ndarray:
    """Return pairs of a level and a sum of spins that satisfy the bounds, (2, count)."""
    known, total = levels(side), magnetisations(side)
    known = known[(known >= window[0] * side**2) & (known <= window[1] * side**2)]
    total = total[np.abs(total) <= 0.2 * side**2]
    e, m = rng.choice(known, 20 * count), rng.choice(total, 20 * count)
    low, high = energy_bounds(side, m)
    return np.stack([e, m])[:, (e >= low) & (e <= high)][:, :count]


def sampling(work: float) -> list[dict[str, Any]]:
    """Return side, window, time per configuration (ms) and the share of targets reached."""
    rng, found = np.random.default_rng(SEED), []
    sample_plane(4, [0.0], [0.0])
    for side, count in SIDES.items():
        for window in WINDOWS:
            e, m = targets(rng, side, window, max(int(count * work), 2))
            start = time.process_time()
            spins = sample_plane(side, e / side**2, m / side**2, SEED, threads=1)
            seconds = time.process_time() - start
            there = (energies(spins) == e) & (magnetisation(spins) == m / side**2)
            row = {"side": side, "window": window, "targets": len(e), "ms": 1000 * seconds / len(e)}
            found.append(row | {"reached": float(there.mean())})
    return found


def main() -> None:
    """Measure, print the table, write the file."""
    quick = "quick" in sys.argv
    rows = sampling(0.01 if quick else 1.0)
    print(plane_table(rows))
    if not quick:
        record = {"sampling": rows, "seed": SEED, "provenance": provenance()}
        FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
