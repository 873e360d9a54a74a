"""Time the networks of every dot beside the solver and cheaper approximations, with the error of each.

    python -m experiments.universal.speed

From the root, minutes on one thread. Writes speed.json. The dots are test dots of measure.py, Gaussian wells. All ways
take their turn on each group of dots, and the least time of several rounds counts. Last, ``from_pretrained`` predicts
many dots with all outputs, on one and on two threads, the fast network with products in bfloat16, too.
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
from threadpoolctl import threadpool_limits

from experiments.universal.measure import dots_of, families, started
from qd_pix2pix import from_pretrained
from qd_pix2pix.cli import guarded
from qd_pix2pix.evaluation.measures import nmae
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.predict import predict
from qd_pix2pix.inference.pretrained import find_weights
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.provenance import provenance
from qd_pix2pix.sweeps.plan import resolve
from solvers import PRESETS, Grid, Material, solve
from solvers.quantum_dots.potentials import RandomGaussianWells

HERE = Path(__file__).parent
NUMBERS = (2, 3, 4)
DOTS = 12
ROUNDS = 3
ROUNDED = "universal-fast, bfloat16"
"""Name of the fast network with products in bfloat16."""
NETWORKS = {"network": "universal", "fast network": "universal-fast"}
"""Shipped networks by their names in the table."""
MANY = 512
"""Dots of one call, for the dots per second."""
SIDE = 30.0
"""Their side in nm."""
GIVEN = ("V", "n_electrons", "coupling")
"""Columns that the networks take."""
ATOMIC = Material(1.0, 1.0, "bohr, hartree")
Way = Callable[[dict[str, NDArray]], NDArray]


def solved(**options: Any) -> Way:
    """Return a way that solves each dot with these options of ``solve``."""

    def way(dots: dict[str, NDArray]) -> NDArray:
        found = []
        for v, number, coupling in zip(dots["V"], dots["n_electrons"], dots["coupling"], strict=True):
            grid = Grid(v.shape[-1], float(coupling))
            solution = solve(v / coupling**2, grid, int(number), ATOMIC, estimate=False, threads=1, **options)
            found.append(solution.density * coupling**2)
        return np.stack(found)

    return way


def begun(prior: str) -> Way:
    """Return a way that is only the density from which networks with this prior start."""
    return lambda dots: started(prior, dots)


def networked(predictor: Predictor, batch: int = DOTS) -> Way:
    """Return a way that asks a network."""

    def way(dots: dict[str, NDArray]) -> NDArray:
        given = {name: dots[name] for name in GIVEN}
        return predict(predictor, given, batch_size=batch, progress=False, device="cpu")["n_int"]

    return way


def ways() -> dict[str, Way]:
    """Return all ways by name."""
    predictors = {name: load_predictor(find_weights(shipped))[0] for name, shipped in NETWORKS.items()}
    return {
        **{f"{name}, batches of {DOTS}": networked(predictor) for name, predictor in predictors.items()},
        "network, one at a time": networked(predictors["network"], 1),
        "Kohn–Sham orbitals": begun("kohn_sham"),
        "one orbital (N = 2: Hartree–Fock)": begun("mean_field"),
        "CI in 6 orbitals": solved(n_orbitals=6),
        "CI in 8 orbitals (preset=paper)": solved(**PRESETS["paper"]),
        "CI in 14 refined orbitals (preset=converged)": solved(**PRESETS["converged"]),
    }


def timed(ways: dict[str, Way], dots: dict[str, NDArray], number: int) -> list[dict[str, Any]]:
    """Return seconds a dot and NMAE of all ways, for the first dots of a number of electrons."""
    chosen = np.flatnonzero(dots["n_electrons"] == number)[:DOTS]
    some = {name: values[chosen] for name, values in dots.items()}
    least: dict[str, float] = {}
    errors: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            found = way(some)
            seconds = (time.perf_counter() - start) / len(chosen)
            least[name] = min(least.get(name, np.inf), seconds)
            reference = some["n_int"].astype(float)
            errors[name] = float(nmae(found.astype(float), reference, np.full(len(chosen), float(number))).mean())
    return [
        {"n_electrons": number, "dots": len(chosen), "way": name, "seconds": least[name], "nmae": errors[name]}
        for name in least
    ]


def throughput() -> list[dict[str, Any]]:
    """Return dots per second of ``from_pretrained(...)``, in turns, the best of several rounds."""
    networks = {name: from_pretrained(name, "cpu") for name in NETWORKS.values()}
    networks[ROUNDED] = from_pretrained("universal-fast", "cpu", bf16=True)
    grid, rng = Grid(64, SIDE), np.random.default_rng(0)
    potentials = np.stack([RandomGaussianWells().sample(rng, grid)(grid) for _ in range(MANY)])
    best: dict[tuple[str, int], float] = {}
    for _ in range(2 * ROUNDS):
        for threads in (1, 2):
            torch.set_num_threads(threads)
            for name, network in networks.items():
                start = time.perf_counter()
                network(potentials, n_electrons=2, material="gaas", extent=SIDE)
                rate = MANY / (time.perf_counter() - start)
                best[name, threads] = max(best.get((name, threads), 0.0), rate)
    return [{"network": name, "threads": threads, "per_second": rate} for (name, threads), rate in best.items()]


def main() -> None:
    """Time all ways, write the results."""
    torch.set_num_threads(1)
    config = resolve(("experiment=universal",))["data"]
    dots = dots_of(config, families(config)["Gaussian wells"], 60)
    rows = []
    found = ways()
    with threadpool_limits(1):
        for number in NUMBERS:
            rows += timed(found, dots, number)
            times = ", ".join(f"{row['way']} {1e3 * row['seconds']:.1f} ms" for row in rows[-len(found) :])
            print(f"N = {number}: {times}", flush=True)
    rates = throughput()
    print(", ".join(f"{r['network']}, {r['threads']} threads: {r['per_second']:.0f} dots/s" for r in rates))
    content = {"rows": rows, "throughput": rates, "provenance": provenance("CPU")}
    write_text(HERE / "speed.json", json.dumps(content, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    guarded(main)
