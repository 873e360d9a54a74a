"""Compare the shipped network with the sampled test systems: phases, trap, well, larger lattices, and time.

python -m experiments.bose_hubbard.transfer     # after reference.py; writes transfer.json
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.bose_hubbard import reference
from experiments.bose_hubbard.measure import chi_squares
from qd_pix2pix import from_pretrained
from qd_pix2pix.cli import guarded
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.provenance import provenance
from qd_pix2pix.systems.bose_hubbard import variant

HERE = Path(__file__).parent
REPEATS = 20
Array = NDArray[np.float64]
Stored = dict[str, NDArray[np.float64]]


def predict(surrogate: Surrogate, stored: Stored, part: str) -> Array:
    """Return n of all systems of a part, each with the checkerboard of its reference."""
    systems = zip(stored[f"{part}/potential"], stored[f"{part}/neighbour"], stored[f"{part}/n"], strict=True)
    return np.stack(
        [surrogate({"V_mu": v, "checkerboard": variant(n)}, neighbour=float(coupling)) for v, coupling, n in systems]
    ).astype(np.float64)


def staggered(n: Array) -> Array:
    """Return the difference of n between the two sublattices, (S,), without its sign."""
    return np.array([2 * (variant(one) * one).mean() for one in n])


def boundary(mu: Array, order: Array) -> float | None:
    """Return the lowest mu at which the order, between the points linear, passes 1/2; None without a solid."""
    above = np.flatnonzero(order > 0.5)
    if not len(above) or above[0] == 0:
        return None
    i = above[0]
    share = (0.5 - order[i - 1]) / (order[i] - order[i - 1])
    return float(mu[i - 1] + share * (mu[i] - mu[i - 1]))


def phases(surrogate: Surrogate, stored: Stored) -> dict[str, Any]:
    """Return density and order against mu of both, by V, and where the solid begins."""
    found = {}
    for v in reference.INTERACTIONS:
        part = f"homogeneous {v:g}"
        mu, own = -stored[f"{part}/potential"].mean((1, 2)), stored[f"{part}/n"].astype(np.float64)
        predicted = predict(surrogate, stored, part)
        edges = [boundary(mu, staggered(n)) for n in (own, predicted)]
        found[f"{v:g}"] = {
            "mu": mu.tolist(),
            "n": [own.mean((1, 2)).tolist(), predicted.mean((1, 2)).tolist()],
            "order": [staggered(own).tolist(), staggered(predicted).tolist()],
            "boundary": edges,
            "mae": float(np.abs(own.mean((1, 2)) - predicted.mean((1, 2))).mean()),
        }
    return found


def errors(surrogate: Surrogate, stored: Stored, part: str) -> dict[str, Any]:
    """Return the errors of a part."""
    return chi_squares(predict(surrogate, stored, part), stored[f"{part}/n"], stored[f"{part}/sigma"])


def wells(surrogate: Surrogate, stored: Stored) -> dict[str, Any]:
    """Return the number of bosons in the lattice against the depth of the well."""
    numbers = [n.sum((1, 2)).tolist() for n in (stored["well/n"], predict(surrogate, stored, "well"))]
    return {"depth": reference.DEPTHS.tolist(), "number": numbers}


def speed(surrogate: Surrogate, stored: Stored, side: int) -> dict[str, Any]:
    """Return the times of both for one lattice, s, each with its standard deviation, and the error of the sampling."""
    part = f"random {side}"
    sampling = stored[f"{part}/seconds"]
    v, neighbour = stored[f"{part}/potential"][0], float(stored[f"{part}/neighbour"][0])
    surrogate(v, neighbour=neighbour)
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        surrogate(v, neighbour=neighbour)
        times.append(time.process_time() - start)
    ratio = sampling / np.median(times)
    return {
        "sigma": float(stored[f"{part}/sigma"].mean()),
        "sampling": [float(sampling.mean()), float(sampling.std())],
        "network": [float(np.median(times)), float(np.std(times))],
        "ratio": [float(ratio.mean()), float(np.hypot(ratio.std(), ratio.mean() * np.std(times) / np.median(times)))],
    }


def main() -> None:
    """Compare all parts, and write transfer.json."""
    surrogate, stored = from_pretrained("bose-hubbard", device="cpu"), reference.read()
    parts = ["trap", "well", *(f"random {side}" for side in reference.LARGER)]
    result = {
        "phases": phases(surrogate, stored),
        "errors": {part: errors(surrogate, stored, part) for part in parts if f"{part}/n" in stored},
        "well": wells(surrogate, stored),
        "speed": {str(s): speed(surrogate, stored, s) for s in reference.LARGER if f"random {s}/n" in stored},
        **provenance(),
    }
    write_text(HERE / "transfer.json", json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    guarded(main)
