"""``train.py -m``: plan, do what is missing, tell what was found.

Start the same command again after a kill, a crash or a full disk: what is finished is read back, what was broken goes
on from its checkpoint, what is new is added.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from hydra.utils import instantiate
from tqdm import tqdm

from qd_pix2pix.checkpoint import flatten
from qd_pix2pix.command_line import EXPECTED, quiet
from qd_pix2pix.data.store import to_json, write_text_whole
from qd_pix2pix.sweeps.ledger import FAILED, FINISHED, Record, read_ledger
from qd_pix2pix.sweeps.plan import NO_PART, Plan, Run, make_plan
from qd_pix2pix.sweeps.work import LOG, Work, stop

SEED = "seed"
SUMMARY = "sweep.json"
"""File of a sweep's folder: its name, its axes, the command."""
SHOWN = {"nmae": ("NMAE", 100, "%"), "r2": ("R²", 1, ""), "ssim": ("SSIM", 1, "")}
"""Measures of the table on the terminal: name, factor, unit."""


def sweep(words: Sequence[str]) -> int:
    """Do what ``train.py -m words`` asks for; returns the exit status: 1 where a run failed.

    Raises:
        ValueError: a word is bad; before any run.
    """
    quiet()
    plan = make_plan(words)
    if plan.config["dry"]:
        tell_plan(plan)
        return 0
    jobs = instantiate(plan.config["jobs"], _convert_="all")
    plan.folder.mkdir(parents=True, exist_ok=True)
    write_text_whole(plan.folder / SUMMARY, to_json({"name": plan.name, "axes": list(plan.axes), "words": list(words)}))
    ledger = read_ledger(plan.folder)
    bad = [refused(run) for run in plan.runs if run.key not in ledger]
    failed = [record for record in bad if record]
    for record in failed:
        tqdm.write(line(record))
    refused_keys = {record["key"] for record in failed}
    works = [work_of(run, plan) for run in plan.runs if run.key not in refused_keys]
    records = list(done(jobs(works, plan.folder), len(works)))
    print(summary(plan, records))
    failed += [record for record in records if record["state"] == FAILED]
    unfinished = len(plan.runs) - sum(record["state"] == FINISHED for record in records)
    if failed:
        print(f"\n{len(failed)} of {len(plan.runs)} runs failed:", file=sys.stderr)
    for record in failed:
        print(f"  {line(record)}\n    {plan.folder / record['key'] / LOG}", file=sys.stderr)
    return 1 if unfinished else 0


def done(records: Iterable[Record], number: int) -> Iterable[Record]:
    """Records as they come, with a progress bar; Ctrl-C and SIGTERM end the trainings, which go on next time."""

    def leave(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with tqdm(total=number, unit="run", desc="sweep", smoothing=0) as bar:
            for record in records:
                tqdm.write(line(record))
                bar.update()
                yield record
    except KeyboardInterrupt:
        stop(signal.SIGINT)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def work_of(run: Run, plan: Plan) -> Work:
    """A run, ready to be done."""
    flat = flatten({key: value for key, value in run.config.items() if key not in NO_PART})
    return Work((plan.folder / run.key).absolute(), Path.cwd(), run.key, run.words, run.point, flat)


def refused(run: Run) -> Record | None:
    """The record of a run that cannot begin, with the reason."""
    from qd_pix2pix.train import check_config

    try:
        check_config(run.config)
    except EXPECTED as error:
        return {"key": run.key, "point": run.point, "state": FAILED, "error": str(error), "seconds": 0.0}
    return None


def line(record: Record) -> str:
    """One run in one line."""
    point = ", ".join(f"{axis.split('.')[-1]}={value}" for axis, value in record["point"].items())
    if record["state"] == FINISHED:
        found = ", ".join(_show(name, [value]) for name in SHOWN if (value := _value(record, name)) is not None)
        return f"{point}: {found} ({record['seconds'] / 60:.1f} min)"
    return f"{point}: {record['state']}" + (f", {record['error']}" if record["state"] == FAILED else "")


def _value(record: Record, measure: str) -> float | None:
    """Mean over the test dots."""
    found = record["measures"].get(measure)
    return found["mean"] if isinstance(found, dict) else found


def _show(measure: str, values: list[float]) -> str:
    name, factor, unit = SHOWN[measure]
    spread = f" ± {factor * np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
    return f"{name} {factor * np.mean(values):.4g}{spread} {unit}".strip()


def summary(plan: Plan, records: Sequence[Record]) -> str:
    """Mean and standard deviation over the seeds, for every other point of the sweep."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    others = [axis for axis in plan.axes if axis != SEED]
    for run in plan.runs:
        groups.setdefault(tuple(run.point[axis] for axis in others), [])
    for record in records:
        if record["state"] == FINISHED:
            groups[tuple(record["point"][axis] for axis in others)].append(record)
    lines = [f"\n{plan.name}: {', '.join(axis.split('.')[-1] for axis in others) or 'seeds'}"]
    for values, members in groups.items():
        found = [
            _show(name, numbers)
            for name in SHOWN
            if (numbers := [v for record in members if (v := _value(record, name)) is not None])
        ]
        lines.append(f"  {', '.join(values)}: {', '.join(found) or 'nothing yet'} (runs: {len(members)})")
    return "\n".join(lines)


def tell_plan(plan: Plan) -> None:
    """List the runs, what is there of them, and how long the others will take."""
    from qd_pix2pix.sweeps.estimate import Estimates

    ledger = read_ledger(plan.folder)
    estimates, total = Estimates(ledger), 0.0
    for run in plan.runs:
        record = ledger.get(run.key)
        point = ", ".join(f"{axis.split('.')[-1]}={value}" for axis, value in run.point.items())
        if record and record["state"] == FINISHED:
            print(f"{run.key}  {point}: finished")
            continue
        bad = refused(run)
        if bad:
            print(f"{run.key}  {point}: cannot begin, {bad['error']}")
            continue
        seconds = estimates(run.config)
        total += seconds
        state = f"{record['state']}, goes on" if record else "new"
        print(f"{run.key}  {point}: {state}, {seconds / 60:.1f} min")
    print(f"{len(plan.runs)} runs in {plan.folder}, about {total / 3600:.1f} h of training, one after the other")
