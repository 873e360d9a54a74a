"""Holds the networks that learned M = 8 labels against converged labels of the same test dots.

    python experiments/field_regressors/truth.py

Of every run of a learning curve, and every half hour, that is finished here, where the converged dots are there, too.
What it finds stands as "truth" and, of the labels themselves, "labels_truth" in results.json.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from run import DOTS, HERE, RESULTS, curves, folder, nmae_of, read_results

from qd_pix2pix import from_pretrained
from qd_pix2pix.data.store import Store
from qd_pix2pix.files import write_text

ELSEWHERE = {"bar gaas-N2 30 min": HERE / "weights" / "V_to_nint-gaas-N2-paper.safetensors"}
"""Weights that stand in for a run that was finished elsewhere."""


def against(network: Path, learned: Store, truth: Store) -> tuple[float, float]:
    """NMAE of a network, and of the labels that it learned, on the test dots of other labels.

    Raises:
        ValueError: these are other dots.
    """
    labels, others = (store.split("test").load(("V", "n_int")) for store in (learned, truth))
    if not np.array_equal(labels["V"], others["V"]):
        raise ValueError(f"{truth.name}: expected the test dots of {learned.name}, got others; use the same data.seed")
    return nmae_of(from_pretrained(network), truth), nmae_of(lambda V: labels["n_int"], truth)


def main() -> None:
    """Find what is missing, and keep it."""
    results = read_results()
    for kind in DOTS:
        exact = results.get(f"curve {kind} converged 4800 dots")
        for name in (f"bar {kind} 30 min", *(name for name in curves() if name.startswith(f"curve {kind} paper "))):
            network = folder(name) / "checkpoints" / "best.ckpt"
            network = network if network.exists() else ELSEWHERE.get(name, network)
            if exact and name in results and network.exists():
                stores = [Store(Path("data") / result["dataset"]) for result in (results[name], exact)]
                found, labels = against(network, *stores)
                results[name] |= {"truth": found, "labels_truth": labels}
                print(f"{name}: {100 * found:.2f} % from the converged density, its labels {100 * labels:.2f} %")
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
