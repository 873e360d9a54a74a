"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs

SMOKE = ("data.train=48", "data.val=16", "data.test=16", "trainer.max_steps=12", "trainer.val_check_interval=6")
RANDOM = ("data.ensemble._target_=solvers.spins.RandomSpins", "~data.ensemble.kt", "~data.ensemble.attempts")
ADADELTA = (
    "model.optimizer._target_=torch.optim.Adadelta",
    "~model.optimizer.momentum",
    "~model.optimizer.betas",
    "model.optimizer.lr=1e-3",
    "model.warmup=0",
    "loader.batch_size=800",
    "trainer.max_steps=100000",
)
"""The optimiser of the paper, for its network at scale=paper; on a laptop it has that of the project."""
SHARES = ("data.shares=[0.85,0.05,0.1]",)
"""With these, of the two 4 x 4 lattices of lowest energy one is in the training and one in the test."""
CNN = "network=spin_cnn"
STEPS = "trainer.max_steps=2500"
"""Length of the trainings of the convolutional network for numbers."""


def sized(words: tuple[str, ...], scale: str, train: int, paper: int) -> tuple[str, ...]:
    """Return the overrides at a scale, with ``train`` configurations on a laptop and ``paper`` ones as in the paper."""
    more = {
        "smoke": SMOKE,
        "laptop": (f"data.train={train}", "data.test=20000"),
        "paper": (f"data.train={paper}", "data.test=50000", *(ADADELTA if CNN in words else ())),
    }
    return (*words, *more[scale])


def levels(scale: str) -> Runs:
    """Return the runs that classify energy levels."""
    by_cnn = ("experiment=ising_levels", CNN)
    by_ednn = ("experiment=ising_levels", "network=ednn", "model.classes.head=ordinal", STEPS)
    small = ("data.side=4", "network.upscale=4", *SHARES)
    return {
        "4 x 4 levels, random, CNN": sized((*by_cnn, *small, *RANDOM), scale, 12500, 12500),
        "4 x 4 levels, targeted, CNN": sized((*by_cnn, *small), scale, 27000, 27000),
        "4 x 4 levels, targeted, EDNN": sized((*by_ednn, "data.side=4", *SHARES), scale, 27000, 27000),
        "8 x 8 levels, CNN": sized(by_cnn, scale, 20000, 100000),
        "8 x 8 levels, EDNN": sized(by_ednn, scale, 20000, 100000),
    }


def numbers(scale: str) -> Runs:
    """Return the runs that predict energies and magnetisations of Ising lattices."""
    energy = ("experiment=ising_energy", CNN, STEPS)
    mean = ("experiment=ising_energy", "mapping=spins_to_magnetisation")
    return {
        "8 x 8 energy, CNN": sized(energy, scale, 20000, 100000),
        "4 x 4 magnetisation, CNN": sized((*mean, CNN, "data.side=4", "network.upscale=4", STEPS), scale, 27000, 27000),
        "8 x 8 magnetisation, CNN": sized((*mean, CNN, STEPS), scale, 20000, 100000),
        "8 x 8 magnetisation, EDNN": sized((*mean, STEPS), scale, 20000, 100000),
    }


def interactions(scale: str) -> Runs:
    """Return the runs for interactions other than that of neighbours, and for the planar Potts model."""
    coulomb = {
        "Coulomb": (("experiment=coulomb_energy",), 120000),
        "sinusoidal": (("experiment=coulomb_energy", "data.interaction.form=sinusoidal"), 100000),
        "Potts": (("experiment=potts_energy", "trainer.max_steps=40000"), 500000),
    }
    runs = {}
    for name, (words, paper) in coulomb.items():
        runs[f"{name}, EDNN"] = sized(words, scale, 20000, paper)
        runs[f"{name}, CNN"] = sized((*words, CNN, STEPS), scale, 20000, paper)
    return runs


STUDIES = {"levels": levels, "numbers": numbers, "interactions": interactions}
