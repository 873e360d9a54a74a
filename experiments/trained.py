"""Runs that a folder of experiments reports: train the missing ones, and keep the measures of each.

Finished runs are read back, interrupted ones resume. Checkpoints and reports are written to runs/<folder>, the measures
to results.json beside the folder's programs (``scale=paper``: paper.json; ``scale=smoke``: runs/<folder>/smoke.json).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import read_overrides
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.reports.study import FINISHED
from qd_pix2pix.sweeps.jobs import LocalJobs
from qd_pix2pix.sweeps.ledger import Record
from qd_pix2pix.sweeps.plan import Run, resolve, run_key
from qd_pix2pix.sweeps.run import do_all, done, line
from qd_pix2pix.training.loggers import quiet

HERE = Path(__file__).parent
SCALES = ("laptop", "paper", "smoke")
KEPT = ("measures", "also", "members", "steps", "parameters", "commit", "hardware")
"""Parts of a run's record that are kept."""
Runs = dict[str, tuple[str, ...]]
"""Command-line overrides of ``train.py`` by the name of the run."""


@dataclass(frozen=True)
class Experiment:
    """The runs of one folder of experiments.

    Attributes:
        name: name of the folder.
        studies: for each study, a function from a scale to its runs.
        more: function from the folder of a finished run, and its record, to further numbers that are kept.
        scales: scales that the studies have, the default first.
    """

    name: str
    studies: Mapping[str, Callable[[str], Runs]]
    more: Callable[[Path, Record], dict[str, Any]] = lambda run, record: {}
    scales: Sequence[str] = SCALES

    @property
    def folder(self) -> Path:
        """Folder of the checkpoints and reports, relative to the root."""
        return Path("runs") / self.name

    def runs(self, scale: str = "laptop") -> Runs:
        """Return the runs of all studies."""
        return {name: words for study in self.studies.values() for name, words in study(scale).items()}

    def run_folder(self, name: str, scale: str = "laptop") -> Path:
        """Return the folder of a run, relative to the root."""
        return self.folder / make_run(name, self.runs(scale)[name]).key

    def file(self, scale: str = "laptop") -> Path:
        """Return the file of the measures."""
        files = {"laptop": HERE / self.name / "results.json", "paper": HERE / self.name / "paper.json"}
        return files.get(scale, self.folder / f"{scale}.json")

    def results(self, scale: str = "laptop") -> dict[str, Any]:
        """Return the measures of all finished runs by name."""
        path = self.file(scale)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def keep(self, record: Record, scale: str) -> None:
        """Write the measures of a finished run into the file."""
        run = self.folder / record.key
        test = next(iter(read_tests(run).values()))
        found = {
            "words": " ".join(record.overrides),
            **{key: getattr(record, key) for key in KEPT},
            "label_error": test.label_error["mean"] if test.label_error else None,
            "samples": test.samples,
            "seconds": record.train_seconds,
            "precision": test.model["trainer"]["precision"],
            "threads": threads_of(run),
            "dataset": test.model["datasets"][0],
            **self.more(run, record),
        }
        results = dict(sorted((self.results(scale) | {record.point["run"]: found}).items()))
        self.file(scale).parent.mkdir(parents=True, exist_ok=True)
        write_text(self.file(scale), json.dumps(results, indent=1, allow_nan=False) + "\n")

    def main(self, description: str | None, arguments: Sequence[str] | None = None) -> None:
        """Train missing runs of a study and keep their measures."""
        parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
        parser.add_argument("study", choices=self.studies)
        parser.add_argument("--scale", choices=self.scales, default=self.scales[0], help="size of data and training")
        parser.add_argument("--parallel", type=int, default=1, help="runs at a time")
        parser.add_argument("--only", default="", help="only runs whose name contains this")
        given = parser.parse_args(arguments)
        quiet()
        known = {name: lasting(result["words"]) for name, result in self.results(given.scale).items()}
        wanted = {n: words for n, words in self.studies[given.study](given.scale).items() if given.only in n}
        missing = [
            make_run(name, words) for name, words in wanted.items() if known.get(name) != lasting(" ".join(words))
        ]
        jobs = LocalJobs(given.parallel)
        failed = []
        for record in done(do_all(missing, self.folder, jobs), len(missing)):
            if record.state == FINISHED:
                self.keep(record, given.scale)
            else:
                failed.append(line(record))
        if failed:
            sys.exit("\n".join(["not finished:", *failed]))


def lasting(words: str) -> str:
    """Return overrides without the hashes of runs whose weights are used, which every new option of conf/ changes."""
    return re.sub(r"runs/(\w+)/[0-9a-f]{12}/", r"runs/\1/*/", words)


def threads_of(run: Path) -> int:
    """Return the number of threads with which a run was trained; 0 where its folder does not hold it."""
    kept = [word.partition("=")[2] for word in read_overrides(run) or [] if word.startswith("threads=")]
    return int(kept[-1]) if kept else 0


def make_run(name: str, words: tuple[str, ...]) -> Run:
    """Return a run, identified by the hash of its configuration: equal configurations are trained once."""
    config = resolve(words)
    return Run(run_key(config), words, {"run": name}, config)
