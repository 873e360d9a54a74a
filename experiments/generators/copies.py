"""Count copies of training lattices among drawn ones, and write copies.json.

python -m experiments.generators.copies      (six minutes on one core)

From the root. The shipped generators draw lattices at labels of the test split. Each is compared with all lattices of
its training, over all symmetries and translations. The data are generated once and kept under data/.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from qd_pix2pix import from_pretrained
from qd_pix2pix.cli import guarded
from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.generated import nearest_neighbours
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.sampler import Sampler
from qd_pix2pix.provenance import provenance

HERE, DATA = Path(__file__).parent, Path("data")
SHIPPED = {"RUGAN": "ising-rugan", "flow": "ising-flow"}
LATTICES = 300
"""Drawn lattices, and lattices of the test split, that are compared."""


def copies(sampler: Sampler, store: Store, lattices: int = LATTICES) -> dict[str, float]:
    """Return the median distance to the nearest of all training lattices, of drawn lattices and of those of the test.

    ``drawn_copies`` and ``test_copies`` are the shares of lattices at the distance 0. The median shows copies of a part
    of the training only where most drawn lattices are copies.
    """
    train, test = (store.split(name).load(("spins",))["spins"] for name in ("train", "test"))
    labels = store.split("test").load(("energy", "magnetisation"))
    energy, mean = labels["energy"][:lattices] / train[0].size, labels["magnetisation"][:lattices]
    drawn = sampler.sample(energy=energy, magnetisation=mean, n=len(energy))
    found = {
        name: nearest_neighbours(spins, train) for name, spins in {"drawn": drawn, "test": test[:lattices]}.items()
    }
    medians = {name: float(np.median(distances)) for name, distances in found.items()}
    return medians | {f"{name}_copies": float((distances == 0).mean()) for name, distances in found.items()}


def main() -> None:
    """Measure and write."""
    found = {}
    for name, weights in SHIPPED.items():
        sampler = from_pretrained(weights, device="cpu")
        store = Store(generate(sampler.card.recipes[0], DATA))
        found[name] = copies(sampler, store) | {"training": len(store.split("train"))}
        print(name, found[name], flush=True)
    content = {"lattices": LATTICES, "provenance": provenance("CPU"), "generators": found}
    write_text(HERE / "copies.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    guarded(main)
