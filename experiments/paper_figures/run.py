"""The figures of Pantis-Simut et al. 2023: trains a study (a sweep that survives), measures and draws it.

    python experiments/paper_figures/run.py mappings scale=laptop       # figures 3, 4, 5, 10, 11, A3, A7
    python experiments/paper_figures/run.py discriminator scale=laptop  # figure 6
    python experiments/paper_figures/run.py training_size scale=laptop  # figure 7
    python experiments/paper_figures/run.py jitter scale=laptop         # figure 8
    python experiments/paper_figures/run.py electrons scale=laptop      # figure 9
    python experiments/paper_figures/run.py lambda scale=laptop         # figure A5
    python experiments/paper_figures/run.py why scale=laptop            # why our R^2 is higher than the paper's
    ... scale=smoke                                                     # seconds: does it work?
    ... scale=paper jobs=submitit                                       # the full setting; any words of train.py -m

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

sys.path.insert(0, str(Path(__file__).parent))
import studies  # noqa: E402

from qd_pix2pix.data.store import write_text  # noqa: E402
from qd_pix2pix.sweeps.plan import make_plan  # noqa: E402
from qd_pix2pix.sweeps.study import Study, read_study  # noqa: E402

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCALES = ("smoke", "laptop", "paper")
ONE_SEED = ("seed=0",)
NOT_KEPT = ("overrides", "config", "host", "began", "key", "state", "also", "members", "validation")
"""What results.json leaves out of a run's record."""


@dataclass(frozen=True)
class Experiment:
    """A study, what it draws, and what is less of it on a laptop.

    Attributes:
        draw: finished study -> figures by name, and numbers beyond those of the ledger.
        words: of ``train.py -m``.
        laptop: more words for ``scale=smoke`` and ``scale=laptop``.
    """

    draw: Callable[[Study], tuple[dict[str, Figure], dict[str, Any]]]
    words: tuple[str, ...]
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


def words_of(name: str, scale: str, more: Sequence[str]) -> list[str]:
    """The words of ``train.py -m``."""
    experiment = EXPERIMENTS[name]
    less = (*experiment.laptop, *ONE_SEED) if scale != "paper" else ()
    if scale == "smoke":  # it has fewer steps than any laptop
        less = tuple(word for word in less if not word.startswith("trainer.max_steps"))
    words = [*experiment.words, f"scale={scale}", *less, *more]
    return list({word.split("=")[0]: word for word in words}.values())  # the last word on each matter


def results(study: Study, words: Sequence[str], found: dict[str, Any]) -> dict[str, Any]:
    """What is kept: each run's measures with their provenance, and what the figures show beyond them."""
    runs = [{name: value for name, value in r.to_dict().items() if name not in NOT_KEPT} for r in study.records]
    return {"command": "python train.py -m " + shlex.join(words), "runs": runs, "found": found}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, draw what is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", choices=EXPERIMENTS)
    parser.add_argument("words", nargs="*", help="scale=smoke, laptop or paper; further words of train.py -m")
    parser.add_argument("--output", type=Path, help="folder of figures and results.json")
    given = parser.parse_args(arguments)
    scales = [word.removeprefix("scale=") for word in given.words if word.startswith("scale=")] or ["laptop"]
    if scales[-1] not in SCALES:
        parser.error(f"scale: expected {', '.join(SCALES)}, got {scales[-1]!r}")
    words = words_of(given.study, scales[-1], [word for word in given.words if not word.startswith("scale=")])
    plan = make_plan(words)
    subprocess.run([sys.executable, str(ROOT / "train.py"), "-m", *words], check=True)
    study = read_study(plan.folder)
    figures, found = EXPERIMENTS[given.study].draw(study)
    smoke = Path("runs/paper_figures") / given.study
    output = given.output or (smoke if scales[-1] == "smoke" else HERE / scales[-1] / given.study)
    output.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(output / f"{name}.png", dpi=110)
    write_text(output / "results.json", json.dumps(results(study, words, found), indent=1) + "\n")
    print(f"\nfigures {output}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"the sweep ended with status {error.returncode}; start the same command again, and it goes on")
