"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs, make_run

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
    """Return the first run."""
    return {"chain": ("experiment=chain", *{"smoke": SMOKE, "laptop": (), "paper": PAPER}[scale])}


def continued(scale: str) -> Runs:
    """Return the run of the shipped network: from the weights of the first one, at half its learning rate."""
    first = make_run("chain", best(scale)["chain"]).key
    more = ("trainer.max_steps=8",) if scale == "smoke" else ("trainer.max_steps=4000",)
    start = f"init_from=runs/chain/{first}/checkpoints/best.ckpt"
    words = ("model.optimizer.lr=1e-3", "model.optimizer.weight_decay=0.3", *more)
    return {"chain, continued": (*best(scale)["chain"], start, *words)}


STUDIES = {"best": best, "continued": continued}
