"""Write the networks of finished runs as weights of the package, each with its model card.

    python -m experiments.weights           # evaluate the runs that are finished here, write weights and model cards
    python -m experiments.weights --cards   # write the model cards anew from the weights

``from_pretrained("gaas-N2")`` finds them by these names.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from experiments.trained import Experiment
from qd_pix2pix.files import write_text
from qd_pix2pix.generators import make_predictor
from qd_pix2pix.inference.weights import load_predictor, read_weights, save_weights
from qd_pix2pix.predictor import COUNTER
from qd_pix2pix.reports.model_card import of_card

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "qd_pix2pix" / "inference" / "weights"
RUNS = {
    **{kind: ("field_regressors", f"converged {kind}") for kind in ("gaas-N2", "gaas-N4", "si-N2", "si-N4")},
    "gaas-N2-inverse": ("field_regressors", "converged gaas-N2 inverse"),
    "gaas-N2-paper": ("field_regressors", "bar gaas-N2 30 min"),
    "gaas-N2-all": ("field_regressors", "wide gaas-N2 all outputs"),
    "range": ("field_regressors", "wide range"),
    "bose-hubbard": ("bose_hubbard", "hard core"),
    "chain-energies": ("chain", "energies"),
    "chain": ("chain", "chain, more rings"),
    "ising-ednn": ("ednn", "c = 1"),
    "ising-flow": ("generators", "flow"),
    "ising-rugan": ("generators", "RUGAN"),
    "universal": ("universal", "both"),
    "universal-fast": ("universal", "fast, harder dots"),
}
"""Folder and run of each shipped network."""
CHECKPOINTS = {"bose-hubbard": "last.ckpt"}
"""The checkpoint of a shipped network that is not the best one of its validation."""
COUNTERS = {"chain": "chain-energies"}
"""The shipped network of energies that becomes part of another one (``mapping.counter``)."""


def experiment_of(name: str) -> Experiment:
    """Return the experiment that trained a shipped network."""
    return import_module(f"experiments.{RUNS[name][0]}.run").EXPERIMENT


def model_card(name: str) -> str:
    """Return the model card of a shipped network, with the error of its labels from results.json."""
    experiment, run = experiment_of(name), RUNS[name][1]
    card = load_predictor(WEIGHTS / f"{name}.safetensors")[1].to_dict()
    result = experiment.results()[run]
    first = [result["label_error"], *[None] * (len(card["tests"]) - 1)]
    for test, error in zip(card["tests"], result.get("label_errors", first), strict=True):
        test["label_error"] = None if error is None else {"mean": error}
    text = of_card(name, card, shlex.join(experiment.runs()[run]))
    return text.replace("best.ckpt", CHECKPOINTS.get(name, "best.ckpt"))


def with_counter(checkpoint: Path, name: str) -> Path:
    """Write the weights of a checkpoint and of its counter as the shipped network ``name``; return the file."""
    predictor, card = load_predictor(checkpoint)
    counter, weights = read_weights(WEIGHTS / f"{COUNTERS[name]}.safetensors")
    card = replace(card, mapping=card.mapping | {COUNTER: COUNTERS[name]}, counter=counter.to_dict())
    both = make_predictor(card)
    both.counter.load_weights(weights)
    both.load_weights({**both.weights(), **predictor.weights()})
    save_weights(WEIGHTS / f"{name}.safetensors", both, card)
    return WEIGHTS / f"{name}.safetensors"


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate each finished run on its test split and write its weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cards", action="store_true", help="only write the model cards, from the weights")
    parser.add_argument("--only", default="", help="only networks whose name contains this")
    given = parser.parse_args(arguments)
    for name in (name for name in RUNS if given.only in name):
        if given.cards:
            write_text(WEIGHTS / f"{name}.md", model_card(name))
            continue
        experiment, run = experiment_of(name), RUNS[name][1]
        checkpoint = experiment.run_folder(run) / "checkpoints" / CHECKPOINTS.get(name, "best.ckpt")
        if run not in experiment.results() or not (ROOT / checkpoint).exists():  # unfinished runs have a best.ckpt too
            print(f"{name}: the run {run!r} is not finished here; experiments/{RUNS[name][0]} trains it")
            continue
        checkpoint = with_counter(ROOT / checkpoint, name) if name in COUNTERS else checkpoint
        save = (WEIGHTS / name).relative_to(ROOT)
        words = [f"checkpoint='{checkpoint}'", f"save='{save}'"]
        subprocess.run([sys.executable, "evaluate.py", *words], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
