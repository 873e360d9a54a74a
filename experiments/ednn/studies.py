"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

from experiments.trained import Runs

CONTEXTS = (0, 1, 2, 3)
SMOKE = ("data.train=48", "data.val=16", "data.test=16", "trainer.max_steps=12", "trainer.val_check_interval=6")
PAPER_DATA = ("data.train=100000", "data.val=5000", "data.test=20000")
AS_PRINTED = (
    "model.optimizer._target_=torch.optim.Adam",
    "~model.optimizer.momentum",
    "model.optimizer.lr=1e-4",
    "model.scalar.loss.l1=0",
    "model.scalar.loss.l2=1",
    "model.warmup=0",
)


def context(c: int) -> tuple[str, ...]:
    """Return the overrides for a context of c sites, with the layers of the paper for it."""
    return (
        "experiment=ising_energy",
        f"network.context={c}",
        f"network.trunk.channels=[{32 * (1 + 2 * c) ** 2},64,64]",
    )


def sized(words: tuple[str, ...], scale: str, steps: int | None = None) -> tuple[str, ...]:
    """Return the overrides at a scale; ``steps`` replaces the number of the experiment, at scale=laptop only."""
    more = {
        "smoke": SMOKE,
        "laptop": (f"trainer.max_steps={steps}",) if steps else (),
        "paper": (*PAPER_DATA, "loader.batch_size=2000", "trainer.max_steps=25000"),
    }
    return (*words, *more[scale])


def best(scale: str) -> Runs:
    """Return the run of the shipped network."""
    return {"c = 1": sized(("experiment=ising_energy",), scale)}


def contexts(scale: str) -> Runs:
    """Return equal trainings with each context, and that of the paper for c = 1."""
    runs = {f"c = {c}, equal steps": sized(context(c), scale, 4000) for c in CONTEXTS}
    printed = (*context(1), *AS_PRINTED)
    batches = () if scale == "smoke" else ("loader.batch_size=2000",)
    ends = ("trainer.max_time=00:00:05:00", "trainer.max_steps=-1", "trainer.val_check_interval=10")
    if scale == "laptop":
        return runs | {"c = 1, as printed": (*printed, *batches, *ends)}
    return runs | {"c = 1, as printed": sized(printed, scale)}


STUDIES = {"best": best, "contexts": contexts}
