"""Train what this folder reports and keep the measures. Finished runs are read back, interrupted ones resume.

    python -m experiments.field_regressors.run bars        # the best network, compared with the required accuracies
    python -m experiments.field_regressors.run converged   # the same 30-minute runs on converged labels
    python -m experiments.field_regressors.run networks    # all networks, three seeds, at equal time and equal steps
    python -m experiments.field_regressors.run choices     # the effect of each choice of the best network
    python -m experiments.field_regressors.run wide        # several outputs, and a range of dots, from one network
    python -m experiments.field_regressors.run curves      # against training dots, steps and accuracy of the labels
    ... --parallel 2                                       # two runs at a time, each with half of the cores

From the root. Checkpoints and reports are written to runs/field_regressors, the measures to results.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from experiments.field_regressors.studies import EQUIVARIANT, STUDIES
from qd_pix2pix import from_pretrained
from qd_pix2pix.cli import guarded
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.evaluate import label_error
from qd_pix2pix.evaluation.measures import nmae
from qd_pix2pix.files import write_text
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.reports.study import FINISHED
from qd_pix2pix.sweeps.jobs import THREADS, LocalJobs
from qd_pix2pix.sweeps.ledger import Record
from qd_pix2pix.sweeps.plan import Run, resolve, run_key
from qd_pix2pix.sweeps.run import do_all, done, line
from qd_pix2pix.training.loggers import quiet

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results.json"
RUNS = Path("runs/field_regressors")


def all_runs() -> dict[str, tuple[str, ...]]:
    """Return the runs of all studies."""
    return {name: words for study in STUDIES.values() for name, words in study().items()}


def make_run(name: str, words: tuple[str, ...]) -> Run:
    """Return a run, identified by the hash of its configuration: equal configurations are trained once."""
    config = resolve(words)
    return Run(run_key(config), words, {"run": name}, config)


def folder(name: str) -> Path:
    """Return the folder of a run, relative to the root."""
    return RUNS / make_run(name, all_runs()[name]).key


def read_results() -> dict[str, Any]:
    """Return the content of results.json."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def nmae_of(density: Callable[[NDArray], NDArray], dataset: Store) -> float:
    """Return the mean NMAE over the test dots of a function from potentials to densities (dots, n, n)."""
    dots = dataset.split("test").load(("V", "n_int"))
    constants = dataset.schema.constants
    mean_density = constants["n_electrons"] / constants["extent"] ** 2
    return float(nmae(density(dots["V"]), dots["n_int"], mean_density).mean())


def averaged_nmae(network: Path, dataset: Store) -> float:
    """Return the same for predictions averaged over the eight symmetries of the square."""
    return nmae_of(partial(from_pretrained(network), symmetrise=True), dataset)


def keep(record: Record, threads: int) -> None:
    """Write the results of a finished run into results.json."""
    name, run = record.point["run"], RUNS / record.key
    first = next(iter(read_tests(run).values()))
    card = first.model
    dataset = Store(Path("data") / card["datasets"][0])
    compared = name.startswith("network") and not name.startswith(EQUIVARIANT)
    labels = label_error(dataset, "test", card["mapping"]["target"])
    result = {
        "words": " ".join(record.overrides),
        **{
            key: getattr(record, key)
            for key in ("measures", "also", "members", "steps", "parameters", "commit", "hardware")
        },
        "averaged_nmae": averaged_nmae(run / "checkpoints" / "best.ckpt", dataset) if compared else None,
        "label_error": labels["mean"] if labels else None,
        "dots": first.samples,
        "seconds": record.train_seconds,
        "precision": card["trainer"]["precision"],
        "threads": threads,
        "dataset": dataset.name,
    }
    results = dict(sorted((read_results() | {name: result}).items()))
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")


def main() -> None:
    """Train missing runs and keep their results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--parallel", type=int, default=1, help="runs at a time")
    parser.add_argument("--only", default="", help="only runs whose name contains this")
    given = parser.parse_args()
    quiet()
    known = {name: result["words"] for name, result in read_results().items()}
    wanted = {name: words for name, words in STUDIES[given.study]().items() if given.only in name}
    missing = [make_run(name, words) for name, words in wanted.items() if known.get(name) != " ".join(words)]
    jobs = LocalJobs(given.parallel)
    failed = []
    for record in done(do_all(missing, RUNS, jobs), len(missing)):
        if record.state == FINISHED:
            keep(record, int(jobs.places()[0].get(THREADS, os.environ.get(THREADS, 0))))
        else:
            failed.append(line(record))
    if failed:
        sys.exit("\n".join(["not finished:", *failed]))


if __name__ == "__main__":
    guarded(main)
