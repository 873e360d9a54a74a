"""Time the ways to the energy of 8 x 8 spins with a screened Coulomb interaction, in turns: writes speed.json.

python -m experiments.spin_energies.speed
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qd_pix2pix.files import write_text
from qd_pix2pix.networks import MillsCNN
from qd_pix2pix.provenance import provenance
from solvers.spins import ScreenedCoulomb

FILE = Path(__file__).parent / "speed.json"
LATTICES, ROUNDS, SIDE = 4096, 7, 8
INTERACTION = ScreenedCoulomb(k=0.5, r_cut=64, form="coulomb", coupling=1.0)


def image_sum(spins: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the energies (S,) by a sum over all pairs and images within r_cut, one pair at a time for all lattices."""
    x = np.arange(-INTERACTION.r_cut, INTERACTION.r_cut + 1)
    r = np.hypot(x[:, None], x)
    near = [(i, j) for i, j in np.argwhere((r > 0) & (r <= INTERACTION.r_cut)) - INTERACTION.r_cut]
    total = np.zeros(len(spins))
    for i, j in near:
        d = float(np.hypot(i, j))
        total += np.exp(-INTERACTION.k * d) / d * (spins * np.roll(spins, (i, j), (1, 2))).sum((1, 2)) / 2
    return total


def main() -> None:
    """Time all, print and write the medians in seconds per lattice."""
    rng = np.random.default_rng(0)
    spins = rng.choice(np.array([-1, 1], np.int8), (LATTICES, SIDE, SIDE))
    few = spins[:64]
    network = MillsCNN(shape=(SIDE, SIDE), channels=32, upscale=2, periodic=True).eval()
    x = torch.from_numpy(spins.astype(np.float32))[:, None]
    assert np.allclose(image_sum(few), INTERACTION.energies(few))

    def by_network() -> Any:
        with torch.inference_mode():
            return [network(part) for part in x.split(512)]

    ways: dict[str, tuple[Callable[[], Any], int]] = {
        "sum over all pairs and images within 64 sites, NumPy": (lambda: image_sum(few), len(few)),
        "convolution by FFT, SciPy": (lambda: INTERACTION.energies(spins), LATTICES),
        "network of the paper": (by_network, LATTICES),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (way, number) in ways.items():
            began = time.perf_counter()
            way()
            times[name].append((time.perf_counter() - began) / number)
    seconds = {name: statistics.median(found) for name, found in times.items()}
    for name, found in seconds.items():
        print(f"{name}: {1e6 * found:.3g} µs a lattice")
    write_text(FILE, json.dumps({"seconds": seconds, "provenance": provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
