"""Train the extensive networks of this folder and keep their measures.

    python -m experiments.ednn.run best        # the shipped network, f = c = 1
    python -m experiments.ednn.run contexts    # c = 0, 1, 2, 3 at equal steps, and the training of the paper
    ... --scale paper                          # the sizes of the paper; --scale smoke takes seconds

From the root. Results are where experiments/trained.py describes.
"""

from __future__ import annotations

from experiments.ednn.measure import measures
from experiments.ednn.studies import STUDIES
from experiments.trained import Experiment
from qd_pix2pix.cli import guarded

EXPERIMENT = Experiment("ednn", STUDIES, measures)

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
