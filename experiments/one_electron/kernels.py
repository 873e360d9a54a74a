"""Kernel ridge regression and random forest (scikit-learn, extra ``counting``) on energies. Writes kernels.json.

    python -m experiments.one_electron.kernels

For each class and method, the settings with the least error on the validation split: size of the averaged cells, height
at which V is cut, kernel, width and ridge; features per split and size of the leaves. The seconds are those of fitting
and predicting with these settings, on one core.
"""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.preprocessing import StandardScaler

from experiments.one_electron.energies import datasets, errors
from experiments.one_electron.studies import SIZES
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance

HERE = Path(__file__).parent
CELLS = (16, 32)
"""Cells per side over which V is averaged."""
CUTS = {"SHO": (20.0, 1.0), "random": (20.0,)}
"""Heights in hartree at which V is cut before averaging."""
KERNELS = tuple(
    {"kernel": kernel, "gamma": gamma, "alpha": alpha}
    for kernel, gammas in (("rbf", (1e-2, 1e-1, 1.0, 10.0)), ("laplacian", (1e-2, 1e-1, 1.0)))
    for gamma, alpha in itertools.product(gammas, (1e-8, 1e-5, 1e-3))
)
"""Widths gamma are per feature: k = exp(-gamma |x - x'|^p / features)."""
FORESTS = tuple({"max_features": share, "min_samples_leaf": leaf} for share in (0.1, 0.33) for leaf in (1, 2))
TREES = 100
TUNED_ON = 500
"""Training potentials of the search for settings."""
MOST_ROWS = 8000
"""Largest training set of kernel ridge with all rotated and reflected copies: its matrix takes half a gigabyte."""


def with_copies(V: NDArray, energies: NDArray) -> tuple[NDArray, NDArray]:
    """Return potentials (8 S, n, n) and energies (8 S,): the given ones and their rotated and reflected copies."""
    turned = [np.rot90(fields, k, (1, 2)) for fields in (V, V.swapaxes(1, 2)) for k in range(4)]
    return np.concatenate(turned), np.tile(energies, 8)


def features(V: NDArray, cells: int, cut: float) -> NDArray:
    """Return V (S, n, n), cut and averaged over cells, as (S, cells^2)."""
    size = V.shape[1] // cells
    return np.minimum(V, cut).reshape(len(V), cells, size, cells, size).mean((2, 4)).reshape(len(V), -1)


def kernel_ridge(given: dict[str, Any], n_features: int) -> Any:
    """Return the estimator of a setting."""
    return KernelRidge(**(given | {"gamma": given["gamma"] / n_features}))


def forest(given: dict[str, Any], n_features: int) -> Any:
    """Return the estimator of a setting."""
    return RandomForestRegressor(TREES, random_state=0, n_jobs=1, **given)


METHODS = {"kernel ridge": (kernel_ridge, KERNELS), "random forest": (forest, FORESTS)}


def fitted(method: str, setting: dict[str, Any], train: tuple[NDArray, NDArray], V: NDArray) -> tuple[NDArray, float]:
    """Return the energies of potentials ``V``, and the seconds of fitting and predicting."""
    shape, setting = (setting["cells"], setting["cut"]), {k: v for k, v in setting.items() if k not in ("cells", "cut")}
    start = time.perf_counter()
    given, wanted = (features(fields, *shape) for fields in (train[0], V))
    scaler = StandardScaler().fit(given)
    mean, spread = train[1].mean(), train[1].std()
    estimator = METHODS[method][0](setting, given.shape[1])
    estimator.fit(scaler.transform(given), (train[1] - mean) / spread)
    return estimator.predict(scaler.transform(wanted)) * spread + mean, time.perf_counter() - start


def tuned(method: str, name: str, train: tuple[NDArray, NDArray], val: tuple[NDArray, NDArray]) -> dict[str, Any]:
    """Return the settings with the least median error on the validation split."""
    best: tuple[float, dict[str, Any]] = (np.inf, {})
    for cells, cut, setting in itertools.product(CELLS, CUTS[name], METHODS[method][1]):
        chosen = {**setting, "cells": cells, "cut": cut}
        error = float(np.median(np.abs(fitted(method, chosen, train, val[0])[0] - val[1])))
        best = min(best, (error, chosen), key=lambda pair: pair[0])
    return best[1]


def main() -> None:
    """Tune, fit and measure; write kernels.json."""
    found: dict[str, Any] = {}
    for name in CUTS:
        store = datasets()[name]
        splits = {split: store.split(split).load(("V", "energy")) for split in ("train", "val", "test")}
        train, val, test = ((columns["V"], columns["energy"]) for columns in splits.values())
        for method in METHODS:
            start = time.perf_counter()
            setting = tuned(method, name, tuple(part[:TUNED_ON] for part in train), val)  # type: ignore[arg-type]
            searched = time.perf_counter() - start
            for size in SIZES:
                part = train[0][:size], train[1][:size]
                sets = {method: part}
                if method == "kernel ridge" and 8 * size <= MOST_ROWS:
                    sets["kernel ridge, 8 copies"] = with_copies(*part)
                for label, rows in sets.items():
                    energies, seconds = fitted(method, setting, rows, test[0])
                    record = {**errors(energies, test[1]), "setting": setting, "seconds": seconds, "tuning": searched}
                    found[f"{label} {name} {size}"] = record
                    print(label, name, size, f"{record['median']:.2f} mHa in {seconds:.1f} s", setting, flush=True)
    write_text(HERE / "kernels.json", json.dumps(found | {"provenance": provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
