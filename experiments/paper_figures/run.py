"""Reproduce the figures of Pantis-Simut et al. 2023: train a study (a resumable sweep), measure and draw it.

    python -m experiments.paper_figures.run mappings scale=laptop       # figures 3, 4, 5, 10, 11, A3, A7
    python -m experiments.paper_figures.run discriminator scale=laptop  # figure 6
    python -m experiments.paper_figures.run training_size scale=laptop  # figure 7
    python -m experiments.paper_figures.run jitter scale=laptop         # figure 8
    python -m experiments.paper_figures.run electrons scale=laptop      # figure 9
    python -m experiments.paper_figures.run lambda scale=laptop         # figure A5
    python -m experiments.paper_figures.run why scale=laptop            # why R^2 is higher than in the paper
    ... scale=smoke                                                     # a test that takes seconds
    ... scale=paper jobs=submitit                                       # the full setting; any overrides of train.py -m

Runs lie under runs/sweeps/<study>-<scale>; figures and results.json in laptop/<study> and paper/<study> beside this
file, those of a smoke test under runs/paper_figures.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.paper_figures import studies
from qd_pix2pix.files import write_text
from qd_pix2pix.reports.study import Study
from qd_pix2pix.sweeps.plan import make_plan
from qd_pix2pix.sweeps.study import read_study

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCALES = ("smoke", "laptop", "paper")
ONE_SEED = ("seed=0",)
NOT_KEPT = ("overrides", "config", "host", "began", "key", "state", "also", "members", "validation")
"""What results.json leaves out of a run's record."""


@dataclass(frozen=True)
class Experiment:
    """A study, its figures, and its reduced form for a laptop.

    Attributes:
        draw: finished study -> figures by name, and numbers beyond those of the ledger.
        overrides: of ``train.py -m``.
        laptop: further overrides for ``scale=smoke`` and ``scale=laptop``.
    """

    draw: Callable[[Study], tuple[dict[str, Figure], dict[str, Any]]]
    overrides: tuple[str, ...]
    laptop: tuple[str, ...] = ()


EXPERIMENTS = {
    "mappings": Experiment(studies.mappings, ("sweep=mappings", "snapshots=30")),
    "discriminator": Experiment(
        studies.discriminator,
        ("sweep=discriminator",),
        ("model.discriminator.layers=1,3,5", "model.discriminator.kernel_size=1,2,4"),
    ),
    "training_size": Experiment(
        studies.training_size, ("sweep=training_size",), ("data.train=100,300,1000,3000", "trainer.max_steps=3000")
    ),
    "jitter": Experiment(studies.jitter, ("sweep=jitter",), ("mapping=nint_to_V", "loader.jitter=64,66,72,80")),
    "electrons": Experiment(studies.electrons, ("sweep=electrons",)),
    "lambda": Experiment(studies.reconstruction, ("sweep=lambda",), ("model.lambda_rec=1,10,100,1000",)),
    "why": Experiment(
        studies.why,
        (
            "sweep.name=why",
            "model=pix2pix",
            "material=gaas,si",
            "loader.jitter=64,72",
            "network.dropout=0.0,0.5",
            "seed=0,1,2",
        ),
    ),
}


def overrides_of(name: str, scale: str, more: Sequence[str]) -> list[str]:
    """Return the overrides of ``train.py -m``."""
    experiment = EXPERIMENTS[name]
    less = (*experiment.laptop, *ONE_SEED) if scale != "paper" else ()
    if scale == "smoke":  # it has fewer steps than any laptop
        less = tuple(override for override in less if not override.startswith("trainer.max_steps"))
    overrides = [*experiment.overrides, f"scale={scale}", *less, *more]
    return list({override.split("=")[0]: override for override in overrides}.values())  # the last of each option


def results(study: Study, overrides: Sequence[str], found: dict[str, Any]) -> dict[str, Any]:
    """Return each run's measures with their provenance, and further numbers of the figures."""
    runs = [{name: value for name, value in r.to_dict().items() if name not in NOT_KEPT} for r in study.records]
    return {"command": "python train.py -m " + shlex.join(overrides), "runs": runs, "found": found}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train missing runs and draw the study."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", choices=EXPERIMENTS)
    parser.add_argument("overrides", nargs="*", help="scale=smoke, laptop or paper; further overrides of train.py -m")
    parser.add_argument("--output", type=Path, help="folder of figures and results.json")
    given = parser.parse_args(arguments)
    given_scales = [override for override in given.overrides if override.startswith("scale=")]
    scale = (given_scales or ["scale=laptop"])[-1].removeprefix("scale=")
    if scale not in SCALES:
        parser.error(f"scale: expected {', '.join(SCALES)}, got {scale!r}")
    overrides = overrides_of(given.study, scale, [o for o in given.overrides if o not in given_scales])
    plan = make_plan(overrides)
    subprocess.run([sys.executable, str(ROOT / "train.py"), "-m", *overrides], check=True)
    study = read_study(plan.folder)
    figures, found = EXPERIMENTS[given.study].draw(study)
    smoke = Path("runs/paper_figures") / given.study
    output = given.output or (smoke if scale == "smoke" else HERE / scale / given.study)
    output.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(output / f"{name}.png", dpi=110)
    write_text(output / "results.json", json.dumps(results(study, overrides, found), indent=1) + "\n")
    print(f"\nfigures {output}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"the sweep ended with status {error.returncode}; run the same command again to resume")
