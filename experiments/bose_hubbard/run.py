"""Train the network of this folder and keep its measures.

    python -m experiments.bose_hubbard.run best     # the shipped network
    python -m experiments.bose_hubbard.run prior    # what product states as inputs are worth

From the root. Results are where experiments/trained.py describes; reference.py and transfer.py follow.
"""

from __future__ import annotations

from experiments.bose_hubbard.measure import measures
from experiments.trained import Experiment, Runs
from qd_pix2pix.cli import guarded

DATA = (
    *("data.train=4000", "data.val=150", "data.test=200"),
    "more_data=[{side: 12, train: 1300, val: 50, test: 60},"
    "{ensemble: {neighbour: [2.0, 6.0], amplitude: [0.0, 0.1]}, train: 900, val: 50, test: 50}]",
)
LAPTOP = (*DATA, "network.channels=12", "trainer.max_steps=40000", "trainer.max_time=00:00:55:00")
SHORT = (*DATA, "trainer.max_steps=1900", "trainer.max_time=null")


def best(scale: str) -> Runs:
    """Return the shipped network."""
    return {"hard core": ("experiment=bose_hubbard", *(LAPTOP if scale == "laptop" else (f"scale={scale}",)))}


def prior(scale: str) -> Runs:
    """Return short runs with product states as inputs, and without."""
    words = SHORT if scale == "laptop" else (f"scale={scale}",)
    start = {"product states": (), "potential only": ("mapping.prior=null", "network.waves=4")}
    return {name: ("experiment=bose_hubbard", *words, *more) for name, more in start.items()}


EXPERIMENT = Experiment("bose_hubbard", {"best": best, "prior": prior}, measures)

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
