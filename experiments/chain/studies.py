"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs

SMOKE = (
    "data.sites=9",
    "data.train=24",
    "data.val=8",
    "data.test=8",
    "network.channels=4",
    "trainer.max_steps=8",
    "trainer.val_check_interval=4",
)
PAPER = ("data.sites=16", "data.train=100000", "network.channels=60", "network.blocks=32", "trainer.max_steps=200000")


def best(scale: str) -> Runs:
    """Return the run of the shipped network."""
    return {"chain": ("experiment=chain", *{"smoke": SMOKE, "laptop": (), "paper": PAPER}[scale])}


STUDIES = {"best": best}
