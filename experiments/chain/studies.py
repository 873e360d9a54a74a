"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs, make_run

SMOKE = (
    *("range.sites=[9,10]", "data.train=24", "data.val=8", "data.test=8"),
    *("network.channels=4", "trainer.max_steps=8", "trainer.val_check_interval=4"),
)
LAPTOP = ("trainer.max_time=00:01:20:00",)
STORED = "loader.shift=null"
"""At the stored chemical potentials only."""
ONE_LENGTH = (
    *("range.sites=null", "network.sizes=null", "network.waves=0", "data.train=24000", "data.val=300", "data.test=500"),
    *("data.potential.shares={white:0.5,steps:0.4,smooth:0.1}", "trainer.max_steps=40000"),
    "trainer.max_time=00:00:50:00",
)
PAPER = ("data.train=100000", "network.channels=60", "network.blocks=32", "trainer.max_steps=600000")


def lengths(scale: str) -> Runs:
    """Return the run of a network on rings of several lengths."""
    return {"chain": ("experiment=chain", STORED, *{"smoke": SMOKE, "laptop": LAPTOP, "paper": PAPER}[scale])}


def more(scale: str) -> Runs:
    """Return the run of the shipped network: on with more rings, at all chemical potentials of their N."""
    first = make_run("chain", lengths(scale)["chain"]).key
    start = f"init_from=runs/chain/{first}/checkpoints/best.ckpt"
    length = {"smoke": SMOKE, "laptop": ("data.train=16000", "trainer.max_time=00:01:10:00"), "paper": PAPER}[scale]
    return {"chain, more rings": ("experiment=chain", start, "model.optimizer.lr=1e-3", *length)}


def energies(scale: str) -> Runs:
    """Return the run of the network of energies, with which the shipped one chooses the number of fermions."""
    length = {"smoke": SMOKE, "laptop": ("trainer.max_time=00:00:50:00",), "paper": PAPER}[scale]
    return {"energies": ("experiment=chain_energies", *length)}


def one_length(scale: str) -> Runs:
    """Return the run of a network of rings of 14 sites only, whose number is no input."""
    small = ("range.sites=null", "data.sites=9", *SMOKE[1:])
    words = {"smoke": small, "laptop": ONE_LENGTH, "paper": (*ONE_LENGTH[:4], *PAPER)}
    return {"chain, 14 sites": ("experiment=chain", STORED, *words[scale])}


STUDIES = {"lengths": lengths, "more": more, "energies": energies, "one_length": one_length}
