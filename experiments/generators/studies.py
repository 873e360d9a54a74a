"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs

SMOKE = ("data.train=64", "data.val=16", "data.test=16", "trainer.max_steps=12", "trainer.val_check_interval=6")
WINDOWS = {
    "low": "[[-1.5,-1.1]]",
    "high": "[[1.1,1.5]]",
    "bimodal": "[[-1.5,-1.1],[1.1,1.5]]",
    "uniform": "[[-2.0,2.0]]",
}
"""Energies per site (J) of the data sets of the GAN."""
MEMBERS = 5
"""Networks of the deep ensemble."""


Words = tuple[str, ...]


def sized(words: Words, scale: str, laptop: Words = (), paper: Words = ()) -> Words:
    """Return the overrides at a scale."""
    return (*words, *{"smoke": SMOKE, "laptop": laptop, "paper": paper}[scale])


def ising(scale: str) -> Runs:
    """Return the generators of Ising lattices that are trained at the extremes of the (E, m) plane."""
    paper = ("data.side=64", "data.train=20000", "trainer.max_steps=200000")
    return {
        "RUGAN": sized(("experiment=ising_rugan",), scale, (), paper),
        "flow": sized(("experiment=ising_flow",), scale, (), paper),
    }


def confidence(scale: str) -> Runs:
    """Return the GANs of 2017, and two other detectors of energies that were not seen."""
    laptop: Words = ("data.train=10000", "trainer.max_steps=4000", "loader.batch_size=128", "model.optimizer.lr=1e-4")
    laptop += ("network.channels=[64,64,32,32,16,16]", "model.discriminator.channels=32")
    paper = ("data.train=50000", "trainer.max_steps=240000")
    runs = {
        f"GAN, {name}": sized(("experiment=ising_gan", f"data.ensemble.energy={window}"), scale, laptop, paper)
        for name, window in WINDOWS.items()
    }
    low = ("experiment=ising_gan", f"data.ensemble.energy={WINDOWS['low']}")
    density = (*low, "model=flow", "mapping.given=[magnetisation]", "network.channels=32", "loader.batch_size=32")
    runs["density, low"] = sized(density, scale, ("data.train=10000", "trainer.max_steps=2000"), paper)
    member = ("experiment=ising_energy", "network=spin_cnn", "data=ising_extremes", "data.side=8")
    member += (f"data.ensemble.energy={WINDOWS['low']}", "data.ensemble.magnetisation=[-1.0,1.0]")
    for i in range(MEMBERS):
        seeded = (*member, f"seed={i}")
        runs[f"ensemble, low, {i}"] = sized(seeded, scale, ("data.train=10000", "trainer.max_steps=800"), paper)
    return runs


def dots(scale: str) -> Runs:
    """Return the generators of potentials with a requested energy or gap."""
    paper = ("data.grid.n=64", "data.train=20000", "trainer.max_steps=100000")
    return {
        "dots by energy": sized(("experiment=dots_by_energy",), scale, (), paper),
        "dots by gap": sized(("experiment=dots_by_gap",), scale, (), paper),
    }


def snapshots(scale: str) -> Runs:
    """Return the generators of snapshots that are asked for dopings which they have not seen."""
    laptop = ("trainer.max_steps=24000",)
    paper = ("network.channels=64", "trainer.max_steps=100000")
    between = ("experiment=snapshots_by_doping",)
    return {
        "snapshots, between": sized(between, scale, laptop, paper),
        "snapshots, beyond": sized((*between, "data.dopings=[[0.0,0.2]]"), scale, laptop, paper),
    }


STUDIES = {"ising": ising, "confidence": confidence, "dots": dots, "snapshots": snapshots}
