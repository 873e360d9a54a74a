"""Measure how near to their requested labels lattices are after several attempts, and write near.json.

python -m experiments.generators.near      (ten minutes on one core)

From the root; the shipped generators. All lattices of a row have the same request; see ``qd_pix2pix.sample_near``.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.generators.copies import SHIPPED
from qd_pix2pix import from_pretrained, sample_near
from qd_pix2pix.cli import guarded
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance

HERE = Path(__file__).parent
ENERGIES, MAGNETISATION = (-1.6, -1.2, 0.0, 1.2, 1.6), 0.1
"""Requests, J per site and mean spin; 0 J is far from the energies of the training."""
LATTICES = {16: 60, 64: 12}
"""Lattices of each request, by the side."""
ATTEMPTS = (1, 2, 4)
SEED = 4


def requests(weights: str, side: int, n: int, energies: Sequence[float] = ENERGIES) -> list[dict[str, Any]]:
    """Return the median errors of the labels for each request, by the number of attempts."""
    sampler = from_pretrained(weights, device="cpu")
    found = []
    for energy in energies:
        labels = {"energy": energy, "magnetisation": MAGNETISATION}
        each = {}
        for attempts in ATTEMPTS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # energies that were not seen are part of the question
                near = sample_near(sampler, n, attempts=attempts, size=side, seed=SEED, **labels)
            each[str(attempts)] = {name: float(np.median(np.abs(values))) for name, values in near.errors.items()}
        found.append({**labels, "attempts": each})
    return found


def main() -> None:
    """Measure and write."""
    found = {
        name: {str(side): requests(weights, side, n) for side, n in LATTICES.items()}
        for name, weights in SHIPPED.items()
    }
    content = {"attempts": ATTEMPTS, "seed": SEED, "lattices": LATTICES, "generators": found}
    write_text(HERE / "near.json", json.dumps(content | {"provenance": provenance("CPU")}, indent=1) + "\n")


if __name__ == "__main__":
    guarded(main)
