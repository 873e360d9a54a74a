"""Train what this folder reports and keep the measures. Finished runs are read back, interrupted ones resume.

    python -m experiments.universal.run both         # the shipped network, after the runs before it
    python -m experiments.universal.run taught       # the shipped fast network, likewise
    ... --scale smoke                                # seconds

From the root. Results are where experiments/trained.py describes; measure.py evaluates the network.
"""

from __future__ import annotations

from experiments.trained import Experiment
from experiments.universal.studies import STUDIES
from qd_pix2pix.cli import guarded

EXPERIMENT = Experiment("universal", STUDIES)

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
