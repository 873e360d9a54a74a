"""Train what this folder reports and keep the measures. Finished runs are read back, interrupted ones resume.

    python -m experiments.field_regressors.run bars        # the best network, compared with the required accuracies
    python -m experiments.field_regressors.run converged   # the same 30-minute runs on converged labels
    python -m experiments.field_regressors.run leaderboard # pix2pix and the FNO on converged labels, 15 minutes each
    python -m experiments.field_regressors.run networks    # all networks, three seeds, at equal time and equal steps
    python -m experiments.field_regressors.run choices     # the effect of each choice of the best network
    python -m experiments.field_regressors.run wide        # several outputs, and a range of dots, from one network
    python -m experiments.field_regressors.run curves      # against training dots, steps and accuracy of the labels
    ... --parallel 2                                       # two runs at a time, each with half of the cores

From the root. Results are where experiments/trained.py describes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from experiments.field_regressors.studies import EQUIVARIANT, STUDIES
from experiments.trained import Experiment
from qd_pix2pix import from_pretrained
from qd_pix2pix.cli import guarded
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.measures import nmae
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.sweeps.ledger import Record


def nmae_of(density: Callable[[NDArray], NDArray], dataset: Store) -> float:
    """Return the mean NMAE over the test dots of a function from potentials to densities (dots, n, n)."""
    dots = dataset.split("test").load(("V", "n_int"))
    constants = dataset.schema.constants
    mean_density = constants["n_electrons"] / constants["extent"] ** 2
    return float(nmae(density(dots["V"]), dots["n_int"], mean_density).mean())


def averaged_nmae(run: Path, record: Record) -> dict[str, Any]:
    """Return the NMAE of predictions averaged over the eight symmetries, for networks that this changes."""
    name = record.point["run"]
    if not name.startswith("network") or name.startswith(EQUIVARIANT):
        return {"averaged_nmae": None}
    dataset = Store(Path("data") / next(iter(read_tests(run).values())).model["datasets"][0])
    network = partial(from_pretrained(run / "checkpoints" / "best.ckpt"), symmetrise=True)
    return {"averaged_nmae": nmae_of(network, dataset)}


RUNS = {name: lambda scale, study=study: study() for name, study in STUDIES.items()}
EXPERIMENT = Experiment("field_regressors", RUNS, averaged_nmae, scales=("laptop",))

if __name__ == "__main__":
    guarded(lambda: EXPERIMENT.main(__doc__))
