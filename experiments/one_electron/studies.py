"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs

CLASSES = {
    "SHO": ("experiment=mills_harmonic",),
    "IW": ("experiment=mills_infinite_well",),
    "DIG": ("experiment=mills_double_gaussian", "potential.depth=[0.2,0.4]", "potential.from_zero=true"),
    "random": ("experiment=mills_random",),
    "mixed": ("experiment=mills_mixed",),
}
"""The four classes, double Gaussians with the depths of the published examples, and their mixture."""
TRAIN = {"SHO": 4000, "IW": 4000, "DIG": 4000, "random": 8000, "mixed": 6000}
"""Training potentials of each class, ``scale=laptop``."""
GRID = {
    "laptop": ("data.grid.n=64", "solver.n_modes=63", "data.val=200", "data.test=500"),
    "paper": ("data.val=1000", "data.test=50000"),
    "smoke": ("data.grid.n=32", "solver.n_modes=31", "data.val=4", "data.test=6"),
}
TRUNK = ("network=equivariant_unet", "network.channels=[4,8,12,16]")
"""Half the features of the default on the finest level, for half the time per step."""
METHODS = {
    "mills_cnn": ("network=mills_cnn", "mapping=V_to_energies", "model.also_weight=0.5", "loader.batch_size=32"),
    "number": (*TRUNK, "mapping=V_to_energies", "model.also_weight=0.5"),
    "field": (*TRUNK, "mapping=V_to_nint", "model.density.loss.l1=0", "model.density.loss.likelihood=1"),
}
"""The network of the paper; the equivariant U-Net with a number, and with a density, as its output.

The likelihood of the density is the square error of psi, to which the error of the Rayleigh quotient is proportional.
"""
PRECISION = {"mills_cnn": "32-true", "number": "32-true", "field": "bf16-mixed"}
STEPS = {
    "mills_cnn": {"random": 1500, "mixed": 600},
    "number": {"random": 500, "mixed": 300},
    "field": {"random": 1500, "mixed": 500},
}
OTHER_STEPS = {"mills_cnn": 400, "number": 250, "field": 300}
"""Steps for the remaining classes."""
SIZES, SIZES_STEPS = (250, 1000, 4000), {"mills_cnn": 400, "field": 250}
"""Training potentials of a learning curve of the random class, and its steps."""
PRINTED_STEPS = 200
"""Steps with the optimiser of the paper, at laptop scale."""
PRINTED = (
    "network=mills_cnn",
    "mapping=V_to_energies",
    "mapping.also=[]",
    "model.optimizer._target_=torch.optim.Adadelta",
    "~model.optimizer.momentum",
    "~model.optimizer.betas",
    "model.optimizer.lr=1e-3",
    "model.optimizer.weight_decay=0",
    "model.scalar.loss.l1=0",
    "model.scalar.loss.l2=1",
    "model.gradient_clip=1e6",
    "loader.symmetry=false",
)
"""Loss and optimiser of the paper; one output."""


def data(name: str, scale: str, size: int | None = None) -> tuple[str, ...]:
    """Return the overrides for the dataset of a class."""
    train = {"laptop": size or TRAIN[name], "paper": 400000 if name == "random" else 200000, "smoke": 12}[scale]
    return (*CLASSES[name], *GRID[scale], f"data.train={train}")


def length(steps: int, scale: str) -> tuple[str, ...]:
    """Return the overrides for the duration: ``steps`` at laptop scale, the epochs of the paper at its scale."""
    if scale == "paper":
        return ("trainer.max_epochs=1000", "trainer.val_check_interval=2000")
    steps = 4 if scale == "smoke" else steps
    return ("trainer.max_epochs=-1", f"trainer.max_steps={steps}", f"trainer.val_check_interval={max(steps // 4, 1)}")


def trained(method: str, name: str, scale: str) -> tuple[str, ...]:
    """Return the overrides of a method on a class."""
    steps = STEPS[method].get(name, OTHER_STEPS[method])
    precision = f"trainer.precision={PRECISION[method]}"
    return (*data(name, scale), "model=regressor", *METHODS[method], precision, *length(steps, scale))


def classes(scale: str) -> Runs:
    """Return every method on every class, the random one first."""
    order = ("random", "IW", "SHO", "DIG", "mixed")
    return {
        f"{method} {name}": trained(method, name, scale)
        for name in order
        for method in ("field", "mills_cnn", "number")
    }


def printed(scale: str) -> Runs:
    """Return the network, loss and optimiser of the paper on the random class."""
    batch = "loader.batch_size=1000" if scale == "paper" else "loader.batch_size=32"
    words = (*data("random", scale), "model=regressor", *PRINTED, batch, "trainer.precision=32-true")
    return {"printed random": (*words, *length(PRINTED_STEPS, scale))}


def sizes(scale: str) -> Runs:
    """Return the learning curves on the random class; at the scale of the paper they are those of ``classes``."""
    if scale != "laptop":
        return {}
    runs = {}
    for size in SIZES:
        for method, steps in SIZES_STEPS.items():
            words = (*data("random", scale, size), "model=regressor", *METHODS[method])
            precision = f"trainer.precision={PRECISION[method]}"
            runs[f"{method} random {size}"] = (*words, precision, *length(steps, scale))
    return runs


STUDIES = {"classes": classes, "sizes": sizes, "printed": printed}
