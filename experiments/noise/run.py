"""Train what this folder reports and keep the measures. Finished runs are read back, interrupted ones resume.

    python -m experiments.noise.run inverse   # two networks of potentials from noisy densities
    ... --scale smoke                         # seconds

From the root. Results are where experiments/trained.py describes; measure.py evaluates the networks.
"""

from __future__ import annotations

from experiments.noise.studies import STUDIES
from experiments.trained import Experiment
from qd_pix2pix.cli import guarded

EXPERIMENT = Experiment("noise", STUDIES, scales=("laptop", "smoke"))

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
