"""Trains what this folder reports, and keeps the measures: finished runs are read back, broken ones go on.

    python experiments/field_regressors/run.py bars        # the best network against the bars
    python experiments/field_regressors/run.py converged   # the same half hours on converged labels
    python experiments/field_regressors/run.py networks    # all networks, three seeds, at equal time and equal steps
    python experiments/field_regressors/run.py choices     # what each choice of the best network is worth
    python experiments/field_regressors/run.py wide        # several outputs, and a range of dots, from one network
    python experiments/field_regressors/run.py curves      # training dots, steps, exactness of the labels
    ... --parallel 2                                       # two runs at a time, each with half of the cores

From the root. Checkpoints and reports lie under runs/field_regressors, what is told here in results.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix import from_pretrained
from qd_pix2pix.cli import guarded
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.evaluate import label_error
from qd_pix2pix.files import write_text
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.sweeps.jobs import THREADS, LocalJobs
from qd_pix2pix.sweeps.ledger import FINISHED, Record
from qd_pix2pix.sweeps.plan import Run, resolve, run_key
from qd_pix2pix.sweeps.run import do_all, done, line
from qd_pix2pix.training.loggers import quiet

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results.json"
RUNS = Path("runs/field_regressors")

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
"""Runs of networks that averaging at the end would not change."""
MINUTES, STEPS = 5, 1000
"""Equal time and equal steps of all networks and choices."""
UNEQUAL = ("pix2pix", "pix2pix's U-Net")
"""Not at equal steps: pix2pix's batches are of one dot, and its generator takes an hour for 1000 of sixteen."""
SEEDS = (0, 1, 2)
SIZES, SIZES_STEPS = (300, 1200, 4800, 20000), 1000
"""Training dots of a learning curve, and the steps that each of them is given."""
LENGTHS = (250, 500, 1000, 2000)


def until(minutes: int) -> tuple[str, ...]:
    """Words of a training that time ends."""
    return (f"trainer.max_time=00:00:{minutes:02d}:00", "trainer.max_epochs=-1")


def steps(number: int) -> tuple[str, ...]:
    """Words of a training of so many batches."""
    return (f"trainer.max_steps={number}", "trainer.max_epochs=-1")


def bars() -> dict[str, tuple[str, ...]]:
    """The runs that are held against the bars."""
    best = ("model=regressor",)
    runs = {"bar gaas-N2 10 min": (*best, *DOTS["gaas-N2"], *until(10))}
    runs |= {f"bar {name} 30 min": (*best, *words, *until(30)) for name, words in DOTS.items()}
    return runs | {"bar gaas-N2 inverse 30 min": (*best, "mapping=nint_to_V", *DOTS["gaas-N2"], *until(30))}


def converged() -> dict[str, tuple[str, ...]]:
    """The networks for use: half an hour on labels that are converged."""
    runs = {f"converged {name}": ("model=regressor", "preset=converged", *words) for name, words in DOTS.items()}
    runs["converged gaas-N2 inverse"] = ("model=regressor", "mapping=nint_to_V", "preset=converged", *DOTS["gaas-N2"])
    return {name: (*words, *until(30)) for name, words in runs.items()}


def networks() -> dict[str, tuple[str, ...]]:
    """All networks at equal time and at equal steps: the easiest dots with three seeds, the hardest with one."""
    return {
        f"network {name}, {kind}, {ends}, seed {seed}": (*words, *DOTS[kind], *ending, f"seed={seed}")
        for kind, seeds in (("gaas-N2", SEEDS), ("si-N4", SEEDS[:1]))
        for seed in seeds
        for name, words in NETWORKS.items()
        for ends, ending in ((f"{MINUTES} min", until(MINUTES)), (f"{STEPS} steps", steps(STEPS)))
        if not (name in UNEQUAL and ends.endswith("steps"))
    }


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


def choices() -> dict[str, tuple[str, ...]]:
    """The best network (and the FNO) with one choice changed, at equal steps, on the easiest and the hardest dots."""
    return {
        f"choice {name}, {kind}": ("model=regressor", *DOTS[kind], *steps(STEPS), *words)
        for kind in ("gaas-N2", "si-N4")
        for name, words in CHOICES.items()
    }


def wide() -> dict[str, tuple[str, ...]]:
    """More from one network: all outputs of one kind of dot, and one output of eight kinds."""
    return {
        "wide gaas-N2 all outputs": ("model=regressor", "mapping=V_to_all", *DOTS["gaas-N2"], *until(30)),
        "wide range": ("model=regressor", "range.n_electrons=[1,2,3,4]", "range.material=[gaas,si]", *until(30)),
    }


def curves() -> dict[str, tuple[str, ...]]:
    """The best network against training dots, at a fixed number of steps, and against steps, on all dots."""
    runs = {}
    for preset in ("paper", "converged"):
        for kind, words in DOTS.items():
            dots = ("model=regressor", *words, f"preset={preset}")
            sizes = [size for size in SIZES if size < 20000 or (kind, preset) == ("gaas-N2", "paper")]
            for size in sizes:
                runs[f"curve {kind} {preset} {size} dots"] = (*dots, f"data.train={size}", *steps(SIZES_STEPS))
            for length in LENGTHS:
                if length != SIZES_STEPS:  # that one is among the sizes
                    runs[f"curve {kind} {preset} {length} steps"] = (*dots, *steps(length))
    return runs


STUDIES = {
    "bars": bars,
    "converged": converged,
    "networks": networks,
    "choices": choices,
    "wide": wide,
    "curves": curves,
}


def all_runs() -> dict[str, tuple[str, ...]]:
    """Of all studies."""
    return {name: words for study in STUDIES.values() for name, words in study().items()}


def make_run(name: str, words: tuple[str, ...]) -> Run:
    """A run, known by the hash of its configuration: of two names for the same one is trained."""
    config = resolve(words)
    return Run(run_key(config), words, {"run": name}, config)


def folder(name: str) -> Path:
    """Where a run lies, seen from the root."""
    return RUNS / make_run(name, all_runs()[name]).key


def read_results() -> dict[str, Any]:
    """What is known so far."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def nmae_of(density: Callable[[NDArray], NDArray], dataset: Store) -> float:
    """Mean NMAE over the test dots of whatever gives densities (dots, n, n) for potentials."""
    dots = dataset.split("test").load(("V", "n_int"))
    grid, n_electrons = dataset.recipe["grid"], dataset.recipe["n_electrons"]
    share = (grid["extent"] / grid["n"]) ** 2 / n_electrons
    return float(np.abs(density(dots["V"]) - dots["n_int"]).sum((1, 2)).mean() * share)


def averaged_nmae(network: Path, dataset: Store) -> float:
    """The same, when predictions are averaged over the eight symmetries of the square."""
    return nmae_of(partial(from_pretrained(network), symmetrise=True), dataset)


def keep(record: Record, threads: int) -> None:
    """Put what a finished run has found into results.json."""
    name, run = record.point["run"], RUNS / record.key
    first = next(iter(read_tests(run).values()))
    card = first["model"]
    dataset = Store(Path("data") / card["datasets"][0])
    compared = name.startswith("network") and not name.startswith(EQUIVARIANT)
    labels = label_error(dataset, "test")
    result = {
        "words": " ".join(record.overrides),
        **{
            key: getattr(record, key)
            for key in ("measures", "also", "members", "steps", "parameters", "commit", "hardware")
        },
        "averaged_nmae": averaged_nmae(run / "checkpoints" / "best.ckpt", dataset) if compared else None,
        "label_error": labels["mean"] if labels else None,
        "dots": first["dots"],
        "seconds": record.train_seconds,
        "precision": card["trainer"]["precision"],
        "threads": threads,
        "dataset": dataset.name,
    }
    results = dict(sorted((read_results() | {name: result}).items()))
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")


def main() -> None:
    """Train what is missing, and keep what is new."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--parallel", type=int, default=1, help="runs at a time")
    parser.add_argument("--only", default="", help="only runs whose name contains this")
    given = parser.parse_args()
    quiet()
    known = {name: result["words"] for name, result in read_results().items()}
    wanted = {name: words for name, words in STUDIES[given.study]().items() if given.only in name}
    missing = [make_run(name, words) for name, words in wanted.items() if known.get(name) != " ".join(words)]
    jobs = LocalJobs(given.parallel)
    failed = []
    for record in done(do_all(missing, RUNS, jobs), len(missing)):
        if record.state == FINISHED:
            keep(record, int(jobs.places()[0].get(THREADS, os.environ.get(THREADS, 0))))
        else:
            failed.append(line(record))
    if failed:
        sys.exit("\n".join(["not finished:", *failed]))


if __name__ == "__main__":
    guarded(main)
