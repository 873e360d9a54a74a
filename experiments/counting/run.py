"""Train what this folder reports and keep the measures. Finished runs are read back, interrupted ones resume.

    python -m experiments.counting.run table                  # all rows of the table
    python -m experiments.counting.run table --scale smoke    # the same in a minute, to test the installation
    python -m experiments.counting.run table --only shapes-2  # one row

From the root. Results are where experiments/trained.py describes.
"""

from __future__ import annotations

from experiments.counting.studies import STUDIES
from experiments.trained import Experiment
from qd_pix2pix.cli import guarded

EXPERIMENT = Experiment("counting", STUDIES)

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
