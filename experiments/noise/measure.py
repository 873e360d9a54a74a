"""Potentials from noisy densities: solve what networks and the variational inverse propose, for several noise levels.

    python -m experiments.noise.measure [--dots 12]      # 15 minutes on one core

From the root, after ``python -m experiments.noise.run inverse``. Normal noise has a standard deviation relative to the
largest value of each density. All proposals are solved, and their densities compared with those without noise. Writes
measure.json and measure.png beside this program.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.noise.run import EXPERIMENT
from experiments.noise.tables import levels_figure
from qd_pix2pix import design, from_pretrained
from qd_pix2pix.cli import guarded
from qd_pix2pix.evaluation.measures import mean_and_spread, nmae, r2
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from qd_pix2pix.systems import make_recipe

HERE = Path(__file__).parent
LEVELS = (0.0, 1e-4, 1e-3, 1e-2, 3e-2)
LEAST = 3e-3
"""Smallest tolerance of the variational inverse, relative to the largest density: about the error of the network."""
STEPS = 120
Fields = NDArray[np.float64]


def variational(given: Fields, level: float, start: Fields) -> Fields:
    """Return potentials that reproduce densities to their noise, with the least total variation, from a start."""
    surrogate = from_pretrained("gaas-N2")
    found = []
    for n, V in zip(given, start, strict=True):
        tolerance = max(level, LEAST) * float(n.max())
        one = design(
            surrogate, n, start=np.clip(V, 0, 0.5), tolerance=tolerance, variation="discrepancy", scale=0.7,
            steps=STEPS,
            identify=False, progress=False,
        )  # fmt: skip
        found.append(one.best)
    return np.stack(found)


def main() -> None:
    """Draw and solve dots, add noise, propose potentials, and solve these."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dots", type=int, default=12)
    dots = parser.parse_args().dots
    networks = {"trained without noise": from_pretrained("gaas-N2-inverse")}
    for name in EXPERIMENT.runs():
        path = EXPERIMENT.run_folder(name) / "checkpoints" / "best.ckpt"
        networks[f"trained with {name}"] = from_pretrained(path)
    recipe = make_recipe(networks["trained without noise"].card.recipes[0])
    V = np.stack([recipe.draw("test", i) for i in range(dots)])
    n = recipe.solve({"V": V})["n_int"].astype(float)
    mean = n.mean((1, 2))
    found: dict[str, Any] = {}
    for level in LEVELS:
        normal = np.random.default_rng(0).standard_normal(n.shape)
        noisy = np.maximum(n + level * n.max((1, 2), keepdims=True) * normal, 0)
        proposed = {name: network(noisy) for name, network in networks.items()}
        proposed["variational"] = variational(noisy, level, proposed["trained with noise"])
        rows = {"noisy density": {"nmae": mean_and_spread(nmae(noisy, n, mean))}}
        for name, potentials in proposed.items():
            density = recipe.solve({"V": potentials})["n_int"]
            wrong = float((np.abs(potentials - V) > np.ptp(V) / 2).mean())
            rows[name] = {
                "nmae": mean_and_spread(nmae(density, n, mean)),
                "r2": float(r2(potentials, V)),
                "wrong": wrong,
            }
        found[f"{level:g}"] = rows
        print(level, {name: row["nmae"]["mean"] for name, row in rows.items()}, flush=True)
        record = {"dots": dots, "levels": found, "provenance": provenance()}
        write_text(HERE / "measure.json", json.dumps(record, indent=1) + "\n")
    levels_figure(found).savefig(HERE / "measure.png", dpi=110)


if __name__ == "__main__":
    guarded(main)
