"""The runs of this folder: name and command-line overrides of each."""

from __future__ import annotations

DOTS = {
    f"{material}-N{n}": (f"material={material}", f"data.n_electrons={n}") for material in ("gaas", "si") for n in (2, 4)
}
NETWORKS = {
    "equivariant U-Net": ("model=regressor", "network=equivariant_unet"),
    "residual U-Net": ("model=regressor", "network=residual_unet"),
    "averaged U-Net": ("model=regressor", "network=averaged_unet"),
    "ResNet": ("model=regressor", "network=resnet"),
    "FNO": ("model=regressor", "network=fno"),
    "pix2pix's U-Net": ("model=regressor", "network=unet"),
    "pix2pix": ("model=pix2pix",),
}
EQUIVARIANT = ("network equivariant U-Net", "network averaged U-Net")
"""Runs of networks whose predictions averaging over the group at the end does not change."""
MINUTES, STEPS = 5, 1000
"""Equal time and equal steps for all networks and choices."""
UNEQUAL = ("pix2pix", "pix2pix's U-Net")
"""Left out at equal steps: pix2pix has batches of one dot; its generator takes an hour for 1000 batches of sixteen."""
SEEDS = (0, 1, 2)
SIZES, SIZES_STEPS = (300, 1200, 4800, 20000), 1000
"""Training dots of a learning curve, and the number of steps for each."""
LENGTHS = (250, 500, 1000, 2000)
ADAMW = ("model.optimizer._target_=torch.optim.AdamW", "~model.optimizer.momentum", "model.optimizer.weight_decay=0.01")
CHOICES = {
    "as it is": (),
    "AdamW in place of Muon": ADAMW,
    "twice the learning rate": ("model.optimizer.lr=4e-3",),
    "weight decay 1e-4": ("model.optimizer.weight_decay=1e-4",),
    "weight decay 0.3": ("model.optimizer.weight_decay=0.3",),
    "weight decay 3": ("model.optimizer.weight_decay=3.0",),
    "products in float32": ("trainer.precision=32-true",),
    "loss: likelihood": ("model.density.loss.l1=0", "model.density.loss.likelihood=1"),
    "deeper": ("network.channels=[8,16,16,16]", "network.blocks=[1,3,2,1]"),
    "FNO of 32 modes": ("network=fno", "network.modes=32"),
    "FNO with AdamW at 1e-3": ("network=fno", *ADAMW, "model.optimizer.lr=1e-3"),
}


def until(minutes: int) -> tuple[str, ...]:
    """Return the overrides for a training of fixed duration."""
    return (f"trainer.max_time=00:00:{minutes:02d}:00", "trainer.max_epochs=-1")


def steps(number: int) -> tuple[str, ...]:
    """Return the overrides for a training of a fixed number of batches."""
    return (f"trainer.max_steps={number}", "trainer.max_epochs=-1")


def bars() -> dict[str, tuple[str, ...]]:
    """Return the runs that are compared with the required accuracies."""
    best = ("model=regressor",)
    runs = {"bar gaas-N2 10 min": (*best, *DOTS["gaas-N2"], *until(10))}
    runs |= {f"bar {name} 30 min": (*best, *words, *until(30)) for name, words in DOTS.items()}
    return runs | {"bar gaas-N2 inverse 30 min": (*best, "mapping=nint_to_V", *DOTS["gaas-N2"], *until(30))}


def converged() -> dict[str, tuple[str, ...]]:
    """Return the runs of the networks for use: 30 minutes on converged labels."""
    runs = {f"converged {name}": ("model=regressor", "preset=converged", *words) for name, words in DOTS.items()}
    runs["converged gaas-N2 inverse"] = ("model=regressor", "mapping=nint_to_V", "preset=converged", *DOTS["gaas-N2"])
    return {name: (*words, *until(30)) for name, words in runs.items()}


def leaderboard() -> dict[str, tuple[str, ...]]:
    """Return pix2pix and the FNO on the same labels, for experiments/bench."""
    dots = ("preset=converged", *DOTS["gaas-N2"], *until(15))
    return {
        "leaderboard pix2pix": ("model=pix2pix", *dots),
        "leaderboard FNO": ("model=regressor", "network=fno", *dots),
    }


def networks() -> dict[str, tuple[str, ...]]:
    """Return all networks at equal time and equal steps: three seeds on the easiest dots, one on the hardest."""
    return {
        f"network {name}, {kind}, {ends}, seed {seed}": (*words, *DOTS[kind], *ending, f"seed={seed}")
        for kind, seeds in (("gaas-N2", SEEDS), ("si-N4", SEEDS[:1]))
        for seed in seeds
        for name, words in NETWORKS.items()
        for ends, ending in ((f"{MINUTES} min", until(MINUTES)), (f"{STEPS} steps", steps(STEPS)))
        if not (name in UNEQUAL and ends.endswith("steps"))
    }


def choices() -> dict[str, tuple[str, ...]]:
    """Return the best network (and the FNO) with one choice changed, at equal steps."""
    return {
        f"choice {name}, {kind}": ("model=regressor", *DOTS[kind], *steps(STEPS), *words)
        for kind in ("gaas-N2", "si-N4")
        for name, words in CHOICES.items()
    }


def wide() -> dict[str, tuple[str, ...]]:
    """Return the runs with several outputs for one kind of dot, and with one output for eight kinds."""
    return {
        "wide gaas-N2 all outputs": ("model=regressor", "mapping=V_to_all", *DOTS["gaas-N2"], *until(30)),
        "wide range": ("model=regressor", "range.n_electrons=[1,2,3,4]", "range.material=[gaas,si]", *until(30)),
    }


def curves() -> dict[str, tuple[str, ...]]:
    """Return the runs of the learning curves: against training dots at fixed steps, and against steps on all dots."""
    runs = {}
    for preset in ("paper", "converged"):
        for kind, words in DOTS.items():
            dots = ("model=regressor", *words, f"preset={preset}")
            sizes = [size for size in SIZES if size < 20000 or (kind, preset) == ("gaas-N2", "paper")]
            for size in sizes:
                runs[f"curve {kind} {preset} {size} dots"] = (*dots, f"data.train={size}", *steps(SIZES_STEPS))
            for length in LENGTHS:
                if length != SIZES_STEPS:  # that run is among the sizes
                    runs[f"curve {kind} {preset} {length} steps"] = (*dots, *steps(length))
    return runs


STUDIES = {
    "bars": bars,
    "converged": converged,
    "leaderboard": leaderboard,
    "networks": networks,
    "choices": choices,
    "wide": wide,
    "curves": curves,
}
