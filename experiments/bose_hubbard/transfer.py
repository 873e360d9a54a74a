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
from solvers.lattices import checkerboard

HERE = Path(__file__).parent
REPEATS = 20
FITTED = -2.0
"""Lowest mu, in t, of the fit of the superfluid."""
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


def coexistence(mu: Array, order: Array, potential: Array, error: Array) -> list[float] | None:
    """Return mu of equal grand potentials of superfluid and solid, and its standard error; None without a solid.

    Chains stay in the superfluid beyond it, as the transition is of first order. The grand potential is taken as
    <H> - mu <N>, without T S. That of the solid, with 1/2 boson a site, is a line; that of the superfluid is fitted by
    a cubic from mu = ``FITTED`` on.
    """
    solid, fluid = order > 0.5, (order < 0.5) & (mu >= FITTED)
    if not solid.any():
        return None
    half = reference.SIDE**2 / 2
    weights = error[solid] ** -2
    level = np.average(potential[solid] + half * mu[solid], weights=weights)
    fit, covariance = np.polyfit(mu[fluid], potential[fluid], 3, w=1 / error[fluid], cov="unscaled")
    roots = np.roots(np.polyadd(fit, [half, -level]))
    real = roots[np.isreal(roots)].real
    at = float(real[np.abs(real - mu[solid].min()).argmin()])
    powers = at ** np.arange(3, -1, -1)
    slope = np.polyval(np.polyder(fit), at) + half
    return [at, float(np.sqrt(powers @ covariance @ powers + 1 / weights.sum()) / abs(slope))]


def own_boundary(surrogate: Surrogate, v: float) -> float | None:
    """Return mu at which the order that the network predicts passes 1/2."""
    mu = np.arange(-4.0, 2 * v + 0.01, 0.02)
    signs = checkerboard((reference.SIDE, reference.SIDE))
    fields = np.broadcast_to(-mu[:, None, None], (len(mu), *signs.shape))
    n = surrogate({"V_mu": fields, "checkerboard": np.broadcast_to(signs, fields.shape)}, neighbour=v)
    return boundary(mu, staggered(np.asarray(n, dtype=np.float64)))


def phases(surrogate: Surrogate, stored: Stored) -> dict[str, Any]:
    """Return density and order against mu of both, by V, and where the solid begins."""
    found = {}
    for v in reference.INTERACTIONS:
        part = f"homogeneous {v:g}"
        mu, own = -stored[f"{part}/potential"].mean((1, 2)), stored[f"{part}/n"].astype(np.float64)
        predicted, order = predict(surrogate, stored, part), staggered(own)
        energies = (stored[f"{part}/{name}"].astype(np.float64) for name in ("energy", "energy_error"))
        found[f"{v:g}"] = {
            "mu": mu.tolist(),
            "n": [own.mean((1, 2)).tolist(), predicted.mean((1, 2)).tolist()],
            "order": [order.tolist(), staggered(predicted).tolist()],
            "boundary": [boundary(mu, order), own_boundary(surrogate, v)],
            "coexistence": coexistence(mu, order, *energies),
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
    parts = ["trap", "well", *(f"random {side}" for side in reference.RANDOM)]
    result = {
        "phases": phases(surrogate, stored),
        "errors": {part: errors(surrogate, stored, part) for part in parts if f"{part}/n" in stored},
        "well": wells(surrogate, stored),
        "speed": {
            str(s): speed(surrogate, stored, s) for s in reference.RANDOM if s > 12 and f"random {s}/n" in stored
        },
        **provenance(),
    }
    write_text(HERE / "transfer.json", json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    guarded(main)
