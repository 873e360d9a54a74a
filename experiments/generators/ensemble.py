"""Measure how well a deep ensemble detects energies that were not seen, and write ensemble.json.

python -m experiments.generators.ensemble

The score is minus the standard deviation of the energies of the networks of the study ``confidence``, whose checkpoints
are in runs/generators.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.generators.measure import detection, store_of
from experiments.generators.run import EXPERIMENT
from experiments.generators.studies import MEMBERS
from qd_pix2pix import from_pretrained
from qd_pix2pix.files import write_text

HERE = Path(__file__).parent


def main() -> None:
    """Measure and write."""
    folders = [EXPERIMENT.run_folder(f"ensemble, low, {i}") for i in range(MEMBERS)]
    members = [from_pretrained(folder / "checkpoints" / "best.ckpt", device="cpu") for folder in folders]

    def agreement(spins: NDArray) -> NDArray:
        return -np.std([member(spins, batch_size=1000) for member in members], axis=0)

    found = {"members": MEMBERS, "auroc": detection(agreement, store_of(folders[0]))}
    write_text(HERE / "ensemble.json", json.dumps(found, indent=1) + "\n")
    print(found)


if __name__ == "__main__":
    main()
