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
LENGTHS = (
    *("range.sites=[14,10,12,13]", "data.train=6000", "data.val=150", "data.test=250"),
    *("trainer.max_steps=20000", "trainer.max_time=00:00:22:00"),
)
LARGE = (
    *("data.train=24000", "network.channels=64", "network.blocks=9"),
    *("trainer.max_steps=40000", "trainer.max_time=00:00:50:00"),
)
PAPER = ("data.sites=16", "data.train=100000", "network.channels=60", "network.blocks=32", "trainer.max_steps=200000")


def best(scale: str) -> Runs:
    """Return the first run."""
    return {"chain": ("experiment=chain", *{"smoke": SMOKE, "laptop": (), "paper": PAPER}[scale])}


def large(scale: str) -> Runs:
    """Return the run of the shipped network: larger than the first one, from more rings."""
    return {"chain, large": ("experiment=chain", *{"smoke": SMOKE, "laptop": LARGE, "paper": PAPER}[scale])}


def continued(scale: str) -> Runs:
    """Return the second run: from the weights of the first one, at half its learning rate."""
    first = make_run("chain", best(scale)["chain"]).key
    more = ("trainer.max_steps=8",) if scale == "smoke" else ("trainer.max_steps=4000",)
    start = f"init_from=runs/chain/{first}/checkpoints/best.ckpt"
    words = ("model.optimizer.lr=1e-3", "model.optimizer.weight_decay=0.3", *more)
    return {"chain, continued": (*best(scale)["chain"], start, *words)}


def lengths(scale: str) -> Runs:
    """Return the third run: from the weights of the second one, on rings of several lengths."""
    second = make_run("chain, continued", continued(scale)["chain, continued"]).key
    more = ("trainer.max_steps=8", "range.sites=[9,10]", *SMOKE[1:5]) if scale == "smoke" else LENGTHS
    start = f"init_from=runs/chain/{second}/checkpoints/best.ckpt"
    return {"chain, several lengths": ("experiment=chain", start, "model.optimizer.lr=1e-3", *more)}


STUDIES = {"large": large, "best": best, "continued": continued, "lengths": lengths}
