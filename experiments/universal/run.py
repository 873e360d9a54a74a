"""Train what this folder reports and keep the measures. Finished runs are read back, interrupted ones resume.

    python -m experiments.universal.run networks   # one network for every dot, and a faster one
    python -m experiments.universal.run continued  # on from the weights of the first one
    ... --scale smoke                              # seconds

From the root. Results are where experiments/trained.py describes; measure.py evaluates the network.
"""

from __future__ import annotations

from experiments.trained import Experiment
from experiments.universal.studies import STUDIES
from qd_pix2pix.cli import guarded

EXPERIMENT = Experiment("universal", STUDIES)

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
