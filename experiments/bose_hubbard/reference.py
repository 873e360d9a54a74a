"""Sample the test systems of this folder by the worm algorithm: homogeneous lattices, traps, wells, larger lattices.

    python -m experiments.bose_hubbard.reference     # about a quarter of an hour on one core; writes reference.npz

Each part is written when it is complete; after an interruption the same command samples the missing ones.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.cli import guarded
from solvers.lattices import Bosons, HardCore, NotReached, parabola, sample_until, square_well
from solvers.lattices.worm_averages import Averages

HERE = Path(__file__).parent
FILE = HERE / "reference.npz"
BETA = 8.0
SIDE = 8
"""Sites along each side of the homogeneous lattices."""
INTERACTIONS = (1.0, 3.0, 5.0)
"""V of the homogeneous lattices; there is a solid for V > 2."""
TRAP_V, TRAP_SIDE = 3.5, 24
WELL_V, WELL_SIDE, WELL_WIDTH, WELL_MU = 2.5, 16, 8, -4.5
DEPTHS = np.arange(0.0, 20.1, 2.0)
ATTEMPTS = 3
BURN_IN = {"trap": 3000}
"""Sweeps of the burn-in where domains of the solid meet in a ring; 120 for all others."""
RANDOM = {8: 100, 12: 60, 16: 6, 24: 3, 40: 2}
"""Random lattices by their side."""
STARTS = 4
"""Burn-ins of a chain on these, of which the one with the lowest energy is continued."""


def chemical_potentials(v: float) -> NDArray[np.float64]:
    """Return mu from an empty lattice to half filling, mu = 2 V; holes give the other half."""
    if v <= 2:
        return np.arange(-4.0, 2 * v + 0.01, 0.5)
    return np.concatenate([np.arange(-4.0, -0.9, 1.0), np.arange(-0.75, 2 * v + 0.01, 0.25)])


def trap() -> Bosons:
    """Return a parabola from a full lattice in the middle to an empty one at the edge, flat in the corners.

    Corners of the parabola would be above all potentials of the training.
    """
    edge = 4 * TRAP_V + 10
    shape = np.minimum(parabola((TRAP_SIDE, TRAP_SIDE), edge), edge)
    return Bosons(shape - (4 * TRAP_V + 5), BETA, neighbour=TRAP_V)


def well(depth: float) -> Bosons:
    """Return a square well in an empty lattice."""
    return Bosons(square_well((WELL_SIDE, WELL_SIDE), WELL_WIDTH, depth) - WELL_MU, BETA, neighbour=WELL_V)


def parts() -> dict[str, list[Bosons]]:
    """Return all systems by part."""
    ensemble = HardCore(BETA, (0.0, 6.0), 1.0, (0.1, 10.0), (0.0, 1.0))
    found = {
        f"homogeneous {v:g}": [Bosons(np.full((SIDE, SIDE), -mu), BETA, neighbour=v) for mu in chemical_potentials(v)]
        for v in INTERACTIONS
    }
    found |= {"trap": [trap()], "well": [well(depth) for depth in DEPTHS]}
    for side, count in RANDOM.items():
        rng = np.random.default_rng([side, count])
        found[f"random {side}"] = [ensemble.sample(rng, side) for _ in range(count)]
    return found


def sample(model: Bosons, number: int, burn_in: int = 120, starts: int = 1) -> tuple[Averages, float]:
    """Return the averages of a system and the processor time, s.

    A chain that changes between both sublattices of a solid does not reach its error. Such a system is sampled again
    with other random numbers, at most ``ATTEMPTS`` times; then the averages of the last chain are those returned.
    """
    for attempt in range(ATTEMPTS):
        start = time.process_time()
        try:
            found = sample_until(model, 0.01, 256, 2048, burn_in, seed=number + 1000 * attempt, starts=starts)
            break
        except NotReached as missed:
            found = missed.averages
    return found, time.process_time() - start


def read() -> dict[str, NDArray[np.float64]]:
    """Return the stored arrays: for each part potential, neighbour, n, energy, seconds, sweeps, tau, and errors."""
    if not FILE.exists():
        return {}
    with np.load(FILE) as file:
        return {name: file[name] for name in file.files}


def main() -> None:
    """Sample all parts that are missing."""
    sample(Bosons(np.zeros((4, 4)), 1.0), 0)  # compiles
    for part, models in parts().items():
        stored = read()
        if f"{part}/n" in stored:
            continue
        starts = STARTS if part.startswith("random") else 1
        found = [sample(model, number, BURN_IN.get(part, 120), starts) for number, model in enumerate(models)]
        columns = {
            "potential": [model.potential for model in models],
            "neighbour": [model.neighbour for model in models],
            "n": [averages.n for averages, _ in found],
            "sigma": [averages.n_error for averages, _ in found],
            "energy": [averages.energy for averages, _ in found],
            "energy_error": [averages.energy_error for averages, _ in found],
            "seconds": [seconds for _, seconds in found],
            "sweeps": [averages.sweeps for averages, _ in found],
            "tau": [max(averages.tau.values()) for averages, _ in found],
        }
        stored |= {f"{part}/{name}": np.array(values, dtype=np.float32) for name, values in columns.items()}
        np.savez_compressed(FILE, **stored)
        print(f"{part}: {len(models)} systems, {sum(columns['seconds']):.0f} s")


if __name__ == "__main__":
    guarded(main)
