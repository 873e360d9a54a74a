"""Train the network of fermion chains and keep its measures.

    python -m experiments.chain.run lengths     # the shipped network; --scale paper: the sizes of the source
    python -m experiments.chain.run one_length  # one that is trained on rings of 14 sites only
    python -m experiments.chain.dmrg            # references of wells, with TeNPy
    python -m experiments.chain.transfer        # network and Hartree-Fock beside all references

From the root. Results are where experiments/trained.py describes.
"""

from __future__ import annotations

from experiments.chain.studies import STUDIES
from experiments.trained import Experiment
from qd_pix2pix.cli import guarded

EXPERIMENT = Experiment("chain", STUDIES)

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
