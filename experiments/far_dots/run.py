"""Train what this folder reports and keep the measures. Finished runs are read back, interrupted ones resume.

    python -m experiments.far_dots.run single   # an extensive network, trained on single dots
    ... --scale smoke                           # seconds per run

From the root. Results are where experiments/trained.py describes; arrays.py evaluates the networks.
"""

from __future__ import annotations

from experiments.far_dots.studies import STUDIES
from experiments.trained import Experiment
from qd_pix2pix.cli import guarded

EXPERIMENT = Experiment("far_dots", STUDIES, scales=("laptop", "smoke"))

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
