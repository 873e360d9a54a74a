"""Train the networks of this folder and keep their measures.

    python -m experiments.spin_energies.run levels         # levels of 4 x 4 and 8 x 8 lattices, as classes
    python -m experiments.spin_energies.run numbers        # energies and magnetisations
    python -m experiments.spin_energies.run interactions   # screened Coulomb, its sinusoidal form, planar Potts
    ... --scale paper                                      # the sizes of the paper; --scale smoke takes seconds

From the root. Results are where experiments/trained.py describes.
"""

from __future__ import annotations

from experiments.spin_energies.measure import measures
from experiments.spin_energies.studies import STUDIES
from experiments.trained import Experiment
from qd_pix2pix.cli import guarded

EXPERIMENT = Experiment("spin_energies", STUDIES, measures)

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
