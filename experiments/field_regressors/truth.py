"""Evaluate networks trained on M = 8 labels against converged labels of the same test dots.

    python -m experiments.field_regressors.truth

All learning curves and 30-minute runs that are finished on this machine are evaluated, if their converged dataset is
there, too. In results.json, "truth" is the error of the network and "labels_truth" that of its training labels.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from experiments.field_regressors.run import EXPERIMENT, nmae_of
from experiments.field_regressors.studies import DOTS, curves
from experiments.weights import WEIGHTS
from qd_pix2pix import from_pretrained
from qd_pix2pix.data.store import Store
from qd_pix2pix.files import write_text

ELSEWHERE = {"bar gaas-N2 30 min": WEIGHTS / "gaas-N2-paper.safetensors"}
"""Weights that replace a run finished on another machine."""


def against(network: Path, learned: Store, truth: Store) -> tuple[float, float]:
    """Return the NMAE of a network, and that of its training labels, against other labels of the same test dots.

    Raises:
        ValueError: the two datasets hold different dots.
    """
    labels, others = (store.split("test").load(("V", "n_int")) for store in (learned, truth))
    if not np.array_equal(labels["V"], others["V"]):
        raise ValueError(f"{truth.name}: expected the test dots of {learned.name}, got others; use the same data.seed")
    return nmae_of(from_pretrained(network), truth), nmae_of(lambda V: labels["n_int"], truth)


def main() -> None:
    """Evaluate what is missing in results.json."""
    results = EXPERIMENT.results()
    for kind in DOTS:
        exact = results.get(f"curve {kind} converged 4800 dots")
        for name in (f"bar {kind} 30 min", *(name for name in curves() if name.startswith(f"curve {kind} paper "))):
            network = EXPERIMENT.run_folder(name) / "checkpoints" / "best.ckpt"
            network = network if network.exists() else ELSEWHERE.get(name, network)
            if exact and name in results and network.exists():
                stores = [Store(Path("data") / result["dataset"]) for result in (results[name], exact)]
                found, labels = against(network, *stores)
                results[name] |= {"truth": found, "labels_truth": labels}
                print(f"{name}: {100 * found:.2f} % from the converged density, its labels {100 * labels:.2f} %")
    write_text(EXPERIMENT.file(), json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
