"""Regressors of scikit-learn for the energies of 8 x 8 spins: kernel ridge regression and random forests.

    python -m experiments.spin_energies.baselines       # a few minutes; writes baselines.json

Each has the spins as they are. Their settings are chosen on validation lattices, errors are those of test lattices. The
polynomial kernel of degree two contains all products of two spins, so that energies of pairs are in its space.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from qd_pix2pix.systems.spins import CoulombSpins, Ising
from solvers.spins import FlatSpins, ScreenedCoulomb

FILE = Path(__file__).parent / "baselines.json"
SIZES = {"train": 4000, "val": 1000, "test": 4000}
QUICK = {"train": 40, "val": 20, "test": 20}
COMMON: dict[str, Any] = {"side": 8, "ensemble": FlatSpins(kt=16.0, attempts=40), "seed": 0, "shard_size": 500} | SIZES
SYSTEMS = {
    "Ising": Ising(**COMMON),
    "Coulomb": CoulombSpins(interaction=ScreenedCoulomb(k=0.5, r_cut=64, form="coulomb", coupling=1.0), **COMMON),
}
Split = tuple[NDArray, NDArray]


def regressors() -> dict[str, list[Callable[[], Any]]]:
    """Return the candidates of each kind."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.kernel_ridge import KernelRidge

    def ridge(**options: Any) -> Callable[[], Any]:
        return lambda: KernelRidge(**options)

    return {
        "kernel ridge, Gaussian": [
            ridge(kernel="rbf", gamma=g / 64, alpha=a) for g in (0.05, 0.2, 0.5, 1.0) for a in (1e-6, 1e-3, 1e-1)
        ],
        "kernel ridge, pairs": [ridge(kernel="poly", degree=2, alpha=a) for a in (1e-10, 1e-6, 1e-2)],
        "random forest": [
            lambda f=f: RandomForestRegressor(200, max_features=f, random_state=0, n_jobs=-1) for f in (0.3, 1.0)
        ],
    }


def data(system: Any, sizes: dict[str, int]) -> dict[str, Split]:
    """Return spins (S, 64) and energies (S,) of each split."""
    found = {}
    for split, size in sizes.items():
        columns = system.columns(split, range(size))
        found[split] = columns["spins"].reshape(size, -1).astype(float), columns["energy"].astype(float)
    return found


def best(candidates: list[Callable[[], Any]], splits: dict[str, Split]) -> dict[str, float]:
    """Return the median and mean error in J on test of the candidate that is best on validation, and its seconds."""
    fitted = []
    for make in candidates:
        began = time.monotonic()
        model = make().fit(*splits["train"])
        x, energy = splits["val"]
        fitted.append((float(np.median(np.abs(model.predict(x) - energy))), time.monotonic() - began, model))
    _, seconds, model = min(fitted, key=lambda found: found[0])
    x, energy = splits["test"]
    error = np.abs(model.predict(x) - energy)
    return {"median": float(np.median(error)), "mean": float(error.mean()), "seconds": seconds}


def main() -> None:
    """Fit all and write the file; with the argument quick fit a few lattices and only print."""
    quick = sys.argv[1:] == ["quick"]
    found: dict[str, Any] = {}
    for name, system in SYSTEMS.items():
        splits = data(system, QUICK if quick else SIZES)
        found[name] = {kind: best(candidates, splits) for kind, candidates in regressors().items()}
        for kind, errors in found[name].items():
            print(f"{name}, {kind}: median |error| {errors['median']:.3g} J")
    if not quick:
        write_text(FILE, json.dumps({"systems": found, "sizes": SIZES, "provenance": provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
