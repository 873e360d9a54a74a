"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs

SIZES = {
    "laptop": ("data.train=2400", "data.val=60", "data.test=60",
               "trainer.max_steps=2500", "trainer.max_time=00:00:14:00"),
    "smoke": ("data.train=12", "data.val=4", "data.test=6", "data.grid.n=32", "solver.n_orbitals=6",
              "trainer.max_steps=4", "trainer.val_check_interval=2"),
}  # fmt: skip
"""Number of dots and length of the training at each scale."""
FRACTIONS = "loader.noise=[1e-4,0.03]"
"""Noise of the training, relative to the largest density."""


def inverse(scale: str) -> Runs:
    """Return the inverse n_int -> V, trained with noise; without and with the loss of gradients."""
    common = ("model=regressor", "mapping=nint_to_V", "preset=converged", "material=gaas", "data.n_electrons=2")
    common += ("trainer.max_epochs=-1", *SIZES[scale], FRACTIONS)
    common += ("init_from=gaas-N2-inverse",) if scale == "laptop" else ()
    return {"noise": common, "noise and gradients": (*common, "model.field.loss.gradient=0.3")}


STUDIES = {"inverse": inverse}
