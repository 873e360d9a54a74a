"""Train the network of this folder and keep its measures.

    python -m experiments.bose_hubbard.run best

From the root. Results are where experiments/trained.py describes; reference.py and transfer.py follow.
"""

from __future__ import annotations

from experiments.bose_hubbard.measure import measures
from experiments.trained import Experiment, Runs
from qd_pix2pix.cli import guarded


def best(scale: str) -> Runs:
    """Return the shipped network."""
    words = ["experiment=bose_hubbard"]
    return {"hard core": tuple(words if scale == "laptop" else [*words, f"scale={scale}"])}


EXPERIMENT = Experiment("bose_hubbard", {"best": best}, measures)

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
