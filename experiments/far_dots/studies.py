"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs

SIZES = {
    "laptop": (),
    "smoke": (
        *("data.train=12", "data.val=4", "data.test=6", "trainer.max_steps=4", "trainer.val_check_interval=2"),
        "loader.batch_size=4",
    ),
}
"""Number of dots and length of the training at each scale; at scale laptop those of ``experiment=far_dots``."""


def single(scale: str) -> Runs:
    """Return the network of single dots, whose tile is the whole square of a dot."""
    return {"single": ("experiment=far_dots", *SIZES[scale])}


STUDIES = {"single": single}
