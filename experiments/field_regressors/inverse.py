"""Verify the inverse: solve the potentials that a network proposes for the densities of the test dots.

    python -m experiments.field_regressors.inverse [--weights ...] [--dots 100] [--noise 0 1e-6 1e-3]

Potentials are compared with those of the test dots, and their densities with the given ones. Normal noise is added to
the given densities; its standard deviation is a fraction of the largest density. Writes inverse.json and inverse.png.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.field_regressors.tables import inverse_table
from qd_pix2pix import from_pretrained
from qd_pix2pix.evaluation.measures import mean_and_spread, r2
from qd_pix2pix.evaluation.verification import Verification
from qd_pix2pix.evaluation.verify import verify_inverse
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from qd_pix2pix.reports.figures import Frame, comparison
from qd_pix2pix.systems import make_recipe

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
    network = from_pretrained(arguments.weights)
    config = network.card.recipes[0]
    made = make_recipe(config)
    V = np.stack([made.draw("test", i) for i in range(arguments.dots)])
    n = np.concatenate([made.solve({"V": V[i : i + 25]})["n_int"] for i in range(0, len(V), 25)])
    found: dict[str, Any] = {}
    for level in arguments.noise:
        noise = np.random.default_rng(0).normal(scale=level * n.max(), size=n.shape)
        proposed = network(np.maximum(n + noise, 0))
        verified = verify_inverse(config, made.schema, {"V": proposed}, {"n_int": n}, float(n.max()))
        wrong = np.abs(proposed - V) > np.ptp(V) / 2
        nmae = mean_and_spread(verified.measures["nmae"])
        found[f"{level:g}"] = {"r2": float(r2(proposed, V)), "points_wrong": float(wrong.mean()), "nmae": nmae}
        if level == arguments.noise[0]:
            draw(verified).savefig(HERE / "inverse.png", dpi=110)
    record = {"weights": arguments.weights.stem, "dots": len(V), "noise": found, "provenance": provenance()}
    write_text(HERE / "inverse.json", json.dumps(record, indent=1) + "\n")
    print(inverse_table(record))


def draw(found: Verification) -> Figure:
    """Return some dots from the best to the worst."""
    order = np.argsort(found.measures["nmae"])
    return verified_dots(found, order[[int(share * (len(order) - 1)) for share in SHOWN]], 3)


def verified_dots(found: Verification, chosen: NDArray, decimals: int) -> Figure:
    """Return chosen dots: the generated potential, the given density, the density of the potential, the difference."""
    titles = [f"NMAE {100 * found.measures['nmae'][i]:.{decimals}f} %" for i in chosen]
    names = ("generated V", "n given", "n of generated V", "difference")
    frames = [Frame(found.schema)] * len(chosen)
    given = [(found.schema[found.names[0]], found.proposed[chosen])]
    return comparison(frames, given, found.column, found.given[chosen], found.reference[chosen], titles, names)


if __name__ == "__main__":
    main()
