"""The inverse, verified: potentials for the densities of the test dots, solved again.

    python experiments/field_regressors/inverse.py [--weights ...] [--dots 100] [--noise 0 1e-6 1e-3]

Prints how far the potentials are from those that the densities came from, and their densities from those given, also
where these are not exact: noise is normal, its deviation a share of the largest density. Draws inverse.png.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from qd_pix2pix import from_pretrained
from qd_pix2pix.data.generate import make_recipe
from qd_pix2pix.evaluation import measures as metrics
from qd_pix2pix.evaluation.evaluate import measure, predict_input
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.reports.figures import Axes, comparison

HERE = Path(__file__).parent
WEIGHTS = HERE / "weights" / "nint_to_V-gaas-N2.safetensors"
SHOWN = (0.1, 0.5, 0.9, 1.0)
"""Dots of the figure, by their place among the errors."""


def main() -> None:
    """Draw dots, solve them, ask for their potentials, solve these."""
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
    head = ("noise", "R² of the potential", "points with the wrong step", "NMAE of its density, mean", "median", "90 %")
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for level in arguments.noise:
        noise = np.random.default_rng(0).normal(scale=level * n.max(), size=n.shape)
        p = predict_input(model, np.maximum(n + noise, 0), recipe, verify=True)
        p, summary = measure(replace(p, target=n), float(n.max()), made.n_electrons)
        r2 = metrics.r2(torch.as_tensor(p.source), torch.as_tensor(V))
        wrong = np.abs(p.source - V) > np.ptp(V) / 2
        mean, median, low, high = (f"{100 * summary['nmae'][key]:.3f} %" for key in ("mean", "median", "p05", "p95"))
        row = (f"{level:g}", f"{r2:.4f}", f"{100 * wrong.mean():.2f} %", mean, median, f"{low} … {high}")
        print("| " + " | ".join(row) + " |")
        if level == arguments.noise[0]:
            draw(p).savefig(HERE / "inverse.png", dpi=110)


def draw(p: Predictions) -> Figure:
    """Some dots from the best to the worst."""
    order = np.argsort(p.measures["nmae"])
    chosen = order[[int(share * (len(order) - 1)) for share in SHOWN]]
    titles = [f"NMAE {100 * p.measures['nmae'][i]:.3f} %" for i in chosen]
    axes = Axes(p.extent, p.units, p.source_field, p.target_field)
    columns = ("generated V", "n given", "n of generated V", "difference")
    return comparison(axes, p.source[chosen], np.asarray(p.target)[chosen], p.predicted[chosen], titles, columns)


if __name__ == "__main__":
    main()
