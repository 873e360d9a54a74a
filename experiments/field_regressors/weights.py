"""Write the networks of the 30-minute runs as weights of the package, each with its model card.

    python -m experiments.field_regressors.weights           # evaluate the runs, write weights and model cards
    python -m experiments.field_regressors.weights --cards   # write the model cards anew from the weights

``from_pretrained("gaas-N2")`` finds them by these names.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.field_regressors.run import EXPERIMENT
from experiments.field_regressors.studies import DOTS
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.reports.model_card import of_card

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "qd_pix2pix" / "inference" / "weights"
RUNS = {kind: f"converged {kind}" for kind in DOTS} | {
    "gaas-N2-inverse": "converged gaas-N2 inverse",
    "gaas-N2-paper": "bar gaas-N2 30 min",
    "gaas-N2-all": "wide gaas-N2 all outputs",
    "range": "wide range",
}


def model_card(name: str) -> str:
    """Return the model card of a shipped network, with the error of its labels from results.json."""
    card = load_predictor(WEIGHTS / f"{name}.safetensors")[1].to_dict()
    result = EXPERIMENT.results()[RUNS[name]]
    for test, error in zip(card["tests"], result.get("label_errors", [result["label_error"]]), strict=True):
        test["label_error"] = {"mean": error}
    return of_card(name, card, shlex.join(EXPERIMENT.runs()[RUNS[name]]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate each finished run on its test split and write its weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cards", action="store_true", help="only write the model cards, from the weights")
    if parser.parse_args(arguments).cards:
        for name in RUNS:
            write_text(WEIGHTS / f"{name}.md", model_card(name))
        return
    finished = EXPERIMENT.results()  # an unfinished run has a best checkpoint, too
    for name, run in RUNS.items():
        checkpoint = EXPERIMENT.run_folder(run) / "checkpoints" / "best.ckpt"
        if run not in finished or not (ROOT / checkpoint).exists():
            print(f"{name}: the run {run!r} is not finished here; run.py trains it")
            continue
        save = (WEIGHTS / name).relative_to(ROOT)
        words = [f"checkpoint='{checkpoint}'", f"save='{save}'"]
        subprocess.run([sys.executable, "evaluate.py", *words], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
