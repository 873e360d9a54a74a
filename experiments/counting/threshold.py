"""Measure recall and precision on validation collages for several thresholds of ``positions``: writes threshold.json.

Command, after the runs: python -m experiments.counting.threshold
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from experiments.counting.run import EXPERIMENT
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.evaluate import predict_split
from qd_pix2pix.evaluation.localisation import localise, marked, positions
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.provenance import provenance

FILE = Path(__file__).parent / "threshold.json"
THRESHOLDS = (0.2, 0.25, 0.28, 0.3, 0.35, 0.4)


def measure(run: str) -> dict[str, dict[str, float]]:
    """Return the lowest recall and precision of all classes of a run for each threshold, on its validation split."""
    predictor, card = load_predictor(EXPERIMENT.run_folder(run) / "checkpoints" / "best.ckpt")
    found = predict_split(predictor, Store(Path("data") / card.datasets[0]), "val")
    shares: dict[str, Any] = {str(threshold): [] for threshold in THRESHOLDS}
    for name, maps in found.contributions.items():
        column = found.schema[name]
        true = [marked(field, column.mark) for field in found.marks[str(column.marked_in)]]
        focus = found.shape[0] // maps.shape[1]
        for threshold in THRESHOLDS:
            result = localise([positions(one, focus, threshold) for one in maps], true)
            shares[str(threshold)].append((result.recall, result.precision))
    return {
        threshold: dict(zip(("recall", "precision"), np.min(pairs, axis=0).tolist(), strict=True))
        for threshold, pairs in shares.items()
    }


def main() -> None:
    """Measure all runs that are finished here."""
    found = {}
    for run in EXPERIMENT.results():
        found[run] = measure(run)
        print(run, found[run])
    write_text(FILE, json.dumps({"runs": found, "provenance": provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
