"""Errors of a network in units of the statistical errors of its test samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qd_pix2pix import from_pretrained
from qd_pix2pix.data.store import Store
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.mapping.gutzwiller import ENHANCED, product_state
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.sweeps.ledger import Record

LAST = "last.ckpt"
"""The checkpoint that is measured and shipped."""
WEAK = ", weak"
"""Ending of the side of lattices in weak fields, the last dataset."""
FLOOR = 0.015
"""The error of the density that samples may have: the scale of the second chi^2."""
Array = NDArray[np.float64]


def predict(surrogate: Surrogate, potential: Array, checkerboard: Array, neighbour: Array) -> Array:
    """Return n (S, L, L) of samples, each with its own V."""
    return np.stack(
        [
            surrogate({"V_mu": v, "checkerboard": signs}, neighbour=float(coupling))
            for v, signs, coupling in zip(potential, checkerboard, neighbour, strict=True)
        ]
    )


def chi_squares(predicted: Array, reference: Array, sigma: Array) -> dict[str, float]:
    """Return the mean error and reduced chi^2: by the error of each site, its median over samples, and by ``FLOOR``.

    Insulators have errors of 1e-4: a deviation of 0.002, which no use of a network notices, is then 20 errors. The
    third number therefore takes no site's error below that with which samples were requested.
    """
    squares = (predicted - reference) ** 2
    by_site = squares / np.maximum(sigma, 1e-4) ** 2
    return {
        "mae": float(np.abs(predicted - reference).mean()),
        "sigma": float(sigma.mean()),
        "chi2": float(by_site.mean()),
        "median_chi2": float(np.median(by_site.mean((1, 2)))),
        "chi2_floor": float((squares / np.maximum(sigma, FLOOR) ** 2).mean()),
    }


def product_states(potential: Array, checkerboard: Array, neighbour: Array, n: Array) -> list[float]:
    """Return the mean errors of n of product states: with t, and with the hopping that the prior starts from."""
    v, signs, coupling = (torch.from_numpy(values) for values in (potential, checkerboard, neighbour[:, None, None]))
    states = (product_state(v, coupling, hopping, signs) for hopping in (coupling**0, 1 + ENHANCED * coupling))
    return [float(np.abs(state.n.numpy() - n).mean()) for state in states]


def measures(run: Path, record: Record) -> dict[str, Any]:
    """Return the errors of a finished run on its test splits, by the side of the lattices.

    They are those of the last weights; best.ckpt is selected by R^2 of the validation, not by the mean error.
    """
    checkpoint = run / "checkpoints" / LAST
    surrogate = from_pretrained(checkpoint)
    errors = {}
    for dataset in next(iter(read_tests(run).values())).model["datasets"]:
        columns = Store(Path("data") / dataset).split("test").load(("V_mu", "checkerboard", "n", "sigma", "neighbour"))
        values = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
        predicted = predict(surrogate, values["V_mu"], values["checkerboard"], values["neighbour"])
        starts = product_states(*(values[name] for name in ("V_mu", "checkerboard", "neighbour", "n")))
        found = chi_squares(predicted, values["n"], values["sigma"])
        side = str(values["n"].shape[-1])
        errors[side + WEAK if side in errors else side] = {**found, "product_states": starts}
    last, of_labels = surrogate.card, [found["sigma"] for found in errors.values()]
    kept = {"steps": last.step, "seconds": last.train_seconds, "label_errors": of_labels, "measures": {}, "also": {}}
    return {"errors": errors, **kept}
