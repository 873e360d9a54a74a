"""Train the generators of this folder and keep their measures.

    python -m experiments.generators.run ising        # RUGAN and flow at the extremes of the (E, m) plane
    python -m experiments.generators.run confidence   # GANs of 2017, and other detectors of unseen energies
    python -m experiments.generators.run dots         # potentials with a requested energy or gap
    python -m experiments.generators.run snapshots    # doped antiferromagnets at dopings that were not seen
    ... --scale paper                                 # sizes of the paper; --scale smoke takes seconds

From the root. Results are where experiments/trained.py describes.
"""

from __future__ import annotations

from experiments.generators.measure import measures
from experiments.generators.studies import STUDIES
from experiments.trained import Experiment
from qd_pix2pix.cli import guarded

EXPERIMENT = Experiment("generators", STUDIES, measures)

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
