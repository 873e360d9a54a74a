"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs, make_run

SIZES = {
    "laptop": ("data.train=10000", "data.val=600", "data.test=400"),
    "paper": ("data.train=100000", "data.val=1000", "data.test=2000"),
    "smoke": (
        *("data.train=12", "data.val=8", "data.test=6", "data.n=32", "solver.n_orbitals=6", "data.n_electrons=[1,2]"),
        *("data.weights=null", "data.coupling=[0.5,5.0]", "trainer.val_check_interval=2"),
        *("network.channels=[2,3]", "network.blocks=[1,1]", "loader.batch_size=4"),
    ),
}
"""Number of dots at each scale; ``paper`` is meant for a GPU and many cores."""
LENGTHS = {
    "laptop": ("trainer.max_steps=40000", "trainer.max_time=00:01:15:00"),
    "paper": ("trainer.max_steps=300000",),
    "smoke": ("trainer.max_steps=4",),
}
FAST = {"laptop": ("trainer.max_steps=24000",), "paper": LENGTHS["paper"], "smoke": LENGTHS["smoke"]}
"""Length of the training at each scale."""
RATE = "model.optimizer.lr=1e-3"
MORE = {**SIZES, "laptop": ("data.train=20000", "data.val=600", "data.test=400")}
LONGER = {**LENGTHS, "laptop": ("trainer.max_steps=40000", "trainer.max_time=00:01:25:00")}
"""Dots and length of the last run."""


def networks(scale: str) -> Runs:
    """Return the network of every dot, and a small one that is fast."""
    small = ("network=fast_dot_unet", "mapping.prior=coarse_mean_field")
    return {
        "universal": ("experiment=universal", *SIZES[scale], *LENGTHS[scale]),
        "fast": ("experiment=universal", *small, *SIZES[scale], *FAST[scale]),
    }


def continued(scale: str) -> Runs:
    """Return the run from the weights of the first one, at half its learning rate."""
    start = _start(networks(scale)["universal"])
    return {"universal, continued": ("experiment=universal", start, RATE, *SIZES[scale], *LENGTHS[scale])}


def more(scale: str) -> Runs:
    """Return the run of the shipped network: on with twice the dots, the fast network beside it for its estimates."""
    start = _start(continued(scale)["universal, continued"])
    words = (start, "mapping.second=universal-fast", RATE, *MORE[scale], *LONGER[scale])
    return {"universal, more dots": ("experiment=universal", *words)}


def _start(words: tuple[str, ...]) -> str:
    return f"init_from=runs/universal/{make_run('universal', words).key}/checkpoints/best.ckpt"


STUDIES = {"networks": networks, "continued": continued, "more": more}
