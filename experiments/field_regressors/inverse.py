"""Verify the inverse: solve the potentials that a network proposes for the densities of the test dots.

    python -m experiments.field_regressors.inverse [--weights ...] [--dots 100] [--noise 0 1e-6 1e-3]

Potentials are compared with those of the test dots, and their densities with the given ones. Normal noise is added to
the given densities; its standard deviation is a fraction of the largest density. Writes inverse.json and inverse.png.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from experiments.field_regressors.tables import inverse_table
from qd_pix2pix import from_pretrained
from qd_pix2pix.data.generate import make_recipe
from qd_pix2pix.evaluation import measures as metrics
from qd_pix2pix.evaluation.evaluate import measure, predict_input
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from qd_pix2pix.reports.figures import Axes, comparison

HERE = Path(__file__).parent
WEIGHTS = HERE.parents[1] / "qd_pix2pix" / "inference" / "weights" / "gaas-N2-inverse.safetensors"
SHOWN = (0.1, 0.5, 0.9, 1.0)
"""Dots of the figure, as quantiles of the error."""


def main() -> None:
    """Draw and solve dots, predict their potentials, and solve these."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--dots", type=int, default=100)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 1e-6, 1e-3])
    arguments = parser.parse_args()
    model = from_pretrained(arguments.weights).model
    recipe = model.card["recipes"][0]
    made = make_recipe(recipe)
    V = np.stack([made.draw("test", i) for i in range(arguments.dots)])
    n = np.concatenate([made.solve(V[i : i + 25]).density for i in range(0, len(V), 25)])
    found: dict[str, Any] = {}
    for level in arguments.noise:
        noise = np.random.default_rng(0).normal(scale=level * n.max(), size=n.shape)
        p = predict_input(model, np.maximum(n + noise, 0), recipe, verify=True)
        p, summary = measure(replace(p, target=n), float(n.max()), made.n_electrons)
        r2 = metrics.r2(torch.as_tensor(p.source), torch.as_tensor(V))
        wrong = np.abs(p.source - V) > np.ptp(V) / 2
        found[f"{level:g}"] = {"r2": float(r2), "points_wrong": float(wrong.mean()), "nmae": summary["nmae"]}
        if level == arguments.noise[0]:
            draw(p).savefig(HERE / "inverse.png", dpi=110)
    record = {"weights": arguments.weights.stem, "dots": len(V), "noise": found, "provenance": provenance()}
    write_text(HERE / "inverse.json", json.dumps(record, indent=1) + "\n")
    print(inverse_table(record))


def draw(p: Predictions) -> Figure:
    """Return some dots from the best to the worst."""
    order = np.argsort(p.measures["nmae"])
    chosen = order[[int(share * (len(order) - 1)) for share in SHOWN]]
    titles = [f"NMAE {100 * p.measures['nmae'][i]:.3f} %" for i in chosen]
    axes = Axes(p.extent, p.units, p.source_field, p.target_field)
    columns = ("generated V", "n given", "n of generated V", "difference")
    return comparison(axes, p.source[chosen], np.asarray(p.target)[chosen], p.predicted[chosen], titles, columns)


if __name__ == "__main__":
    main()
