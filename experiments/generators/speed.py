"""Time the ways to a lattice with requested labels, in turns in one run, and write speed.json.

python -m experiments.generators.speed      (half a minute on one core)

One thread, shipped generators, labels in the windows of training; the seconds of a lattice are the smallest of three
rounds. Targeted sampling may end beside its target, so that its errors are measured like those of the generators.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.generators.measure import errors
from experiments.spin_samplers.plane import targets
from qd_pix2pix import from_pretrained
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers.spins import sample_plane

HERE = Path(__file__).parent
WINDOWS = ((-1.75, -1.0), (1.0, 1.9))
SIDES = {16: 100, 64: 10}
"""Lattices of each window and round, by the side."""
ROUNDS, SEED = 3, 0
Draw = Callable[[int, NDArray, NDArray, int], NDArray]


def ways() -> dict[str, Draw]:
    """Return functions from side, energies per site, magnetisations and seed to lattices."""

    def of(name: str) -> Draw:
        sampler = from_pretrained(name, device="cpu")
        return lambda side, e, m, seed: sampler.sample(len(e), side, seed, energy=e, magnetisation=m)

    return {
        "RUGAN": of("ising-rugan"),
        "flow": of("ising-flow"),
        "targeted sampling": lambda side, e, m, seed: sample_plane(side, e, m, seed, threads=1),
    }


def measure(sides: dict[int, int], rounds: int) -> dict[str, dict[str, Any]]:
    """Return time of a lattice (s) and errors of its labels, by way and side."""
    made, rng = ways(), np.random.default_rng(SEED)
    found: dict[str, dict[str, Any]] = {name: {} for name in made}
    for side, count in sides.items():
        pairs = np.concatenate([targets(rng, side, window, count) for window in WINDOWS], axis=1) / side**2
        for draw in made.values():
            draw(side, pairs[0, :1], pairs[1, :1], SEED)  # compiles, allocates
        for i in range(rounds):
            for name, draw in made.items():
                start = time.perf_counter()
                spins = draw(side, *pairs, SEED + i)
                seconds = (time.perf_counter() - start) / len(spins)
                before = found[name].get(str(side), {"seconds": seconds})
                found[name][str(side)] = {"seconds": min(seconds, before["seconds"]), **errors(spins, *pairs)}
    return found


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    record = {"ways": measure(SIDES, ROUNDS), "seed": SEED, "rounds": ROUNDS, "provenance": provenance()}
    write_text(HERE / "speed.json", json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["ways"], indent=1))


if __name__ == "__main__":
    main()
