"""Train what this folder reports and keep the measures. Finished runs are read back, interrupted ones resume.

    python -m experiments.one_electron.run classes   # three methods on the four classes and their mixture
    python -m experiments.one_electron.run sizes     # against the number of training potentials, random class
    python -m experiments.one_electron.run printed   # loss and optimiser of the paper, random class
    ... --scale smoke                                # seconds per run; paper: 200 000 potentials of 256 x 256 points

From the root. Results are where experiments/trained.py describes; energies.py evaluates the networks.
"""

from __future__ import annotations

from experiments.one_electron.studies import STUDIES
from experiments.trained import Experiment
from qd_pix2pix.cli import guarded

EXPERIMENT = Experiment("one_electron", STUDIES)

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
