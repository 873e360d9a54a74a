"""The ledger of a sweep: one record per run, in the run's folder, replaced atomically.

Runs share no file, so that any number of processes and machines may write at once, and the previous record is kept
after a kill or on a full disk. A record is ``record.json``, with the fields of ``Record`` that are set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from qd_pix2pix.evaluation.measures import larger_is_better
from qd_pix2pix.files import write_text
from qd_pix2pix.reports.history import overall, read_history, read_tests
from qd_pix2pix.reports.study import FINISHED

RECORD = "record.json"


@dataclass(frozen=True)
class Record:
    """The record of one run of a sweep; fields are None until they are available.

    Attributes:
        key: hash of the configuration, and name of the run's folder.
        state: started, finished or failed.
        overrides: overrides of the command line.
        point: value on each axis.
        config: resolved configuration, with one level of dotted names.
        error: reason of a failure.
        host, began: host and start time of the last attempt.
        seconds: seconds of all attempts together.
        measures, also: measures of the test split (``metrics.json``); means over the kinds of samples, if several.
        members: measures of each kind, if there are several.
        validation: best value of each measure of the validation split.
        steps, train_seconds, parameters, receptive_field, commit, hardware: properties of the trained network.
        others: further fields written by another version, which are kept.
    """

    key: str
    state: str
    overrides: tuple[str, ...] = ()
    point: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    host: str | None = None
    began: str | None = None
    seconds: float = 0.0
    measures: dict[str, Any] | None = None
    also: dict[str, Any] | None = None
    members: dict[str, Any] | None = None
    validation: dict[str, float] | None = None
    steps: int | None = None
    train_seconds: float | None = None
    parameters: int | None = None
    receptive_field: int | None = None
    commit: str | None = None
    hardware: str | None = None
    others: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain containers, without fields that are None."""
        own = {name: getattr(self, name) for name in KNOWN}
        return (
            self.others
            | {name: value for name, value in own.items() if value is not None}
            | {"overrides": list(self.overrides)}
        )

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Record:
        """Return the record from plain containers, including those of older versions, with another key for overrides.

        Raises:
            ValueError: the record has no key or no state.
        """
        if not {"key", "state"} <= content.keys():
            raise ValueError("record: expected a key and a state")
        found = {name: value for name, value in content.items() if name in KNOWN}
        others = {name: value for name, value in content.items() if name not in (*KNOWN, "words")}
        found["overrides"] = tuple(content.get("overrides", content.get("words", ())))
        return cls(**found, others=others)

    def with_results(self, run: Path) -> Record:
        """Return the record of a finished run with its results; see ``read_results``."""
        return replace(self, state=FINISHED, error=None, **read_results(run))


KNOWN = tuple(f.name for f in fields(Record) if f.name != "others")


def read_record(run: Path) -> Record | None:
    """Return the record of a run's folder; None if it is missing or damaged, after which the run is resumed."""
    try:
        content = json.loads((run / RECORD).read_text(encoding="utf-8"))
        return Record.from_dict(content) if isinstance(content, dict) else None
    except (FileNotFoundError, ValueError):
        return None


def write_record(run: Path, record: Record) -> None:
    """Replace the record of a run's folder."""
    write_text(run / RECORD, json.dumps(record.to_dict(), indent=1) + "\n")


def read_ledger(sweep: Path) -> dict[str, Record]:
    """Return all records in a sweep's folder, by key."""
    found = (read_record(path.parent) for path in sorted(sweep.glob(f"*/{RECORD}")))
    return {record.key: record for record in found if record}


def read_results(run: Path) -> dict[str, Any]:
    """Return the results of a finished run, by the names of ``Record``.

    Raises:
        FileNotFoundError: the run has not been evaluated.
    """
    tests = read_tests(run)
    if not tests:
        raise FileNotFoundError(f"{run / 'test'}: no metrics.json is there")
    several = len(tests) > 1
    first = next(iter(tests.values()))
    card = first.model
    best = {}
    for name, (_, values) in read_history(run).items():
        split, _, measure = name.partition("/")
        if split == "val":
            best[measure] = float(values.max() if larger_is_better(measure) else values.min())
    return {
        "measures": overall(tests) if several else first.measures,
        "also": {} if several else first.also,
        "members": {name: test.measures for name, test in tests.items()} if several else {},
        "validation": best,
        "steps": card["step"],
        "train_seconds": card["train_seconds"],
        "parameters": card["parameters"],
        "receptive_field": card.get("receptive_field"),
        "commit": card["provenance"]["commit"],
        "hardware": card["provenance"]["hardware"],
    }
