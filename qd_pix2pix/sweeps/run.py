"""The program ``train.py -m``: plan the runs, train the missing ones, report all.

After a kill, a crash or a full disk the same command resumes the sweep: finished runs are read, interrupted ones resume
from their checkpoints, new ones are added.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from hydra.utils import instantiate
from tqdm import tqdm

from qd_pix2pix.cli.errors import first_cause, is_expected
from qd_pix2pix.evaluation.measures import MEASURES
from qd_pix2pix.files import to_json, write_text
from qd_pix2pix.reports.study import FAILED, FINISHED, SEED, short, value_of
from qd_pix2pix.sweeps.estimate import Estimates
from qd_pix2pix.sweeps.jobs import Jobs
from qd_pix2pix.sweeps.ledger import Record, read_ledger, read_record
from qd_pix2pix.sweeps.plan import NO_PART, Plan, Run, make_plan
from qd_pix2pix.sweeps.study import SUMMARY, write_page
from qd_pix2pix.sweeps.watch import watched
from qd_pix2pix.sweeps.work import Work, running_logs, stop
from qd_pix2pix.training.checkpoint import flatten
from qd_pix2pix.training.loggers import quiet
from qd_pix2pix.training.settings import check_config

SHOWN = {m.name: (m.label, 100 if m.percent else 1, "%" if m.percent else "") for m in MEASURES.values() if m.in_sweeps}
"""Name, factor and unit of the measures in the table on the terminal."""


def sweep(overrides: Sequence[str]) -> int:
    """Train the runs of ``train.py -m OVERRIDES``; return the exit status, 1 if a run is not finished.

    Raises:
        ValueError: an override is invalid; before any run.
    """
    quiet()
    plan = make_plan(overrides)
    jobs = instantiate(plan.config["jobs"], _convert_="all")
    search = instantiate(plan.config["search"], _convert_="all")
    runs = () if search else plan.runs()
    if plan.config["dry"]:
        show_plan(plan, runs or search.first(plan))
        return 0
    plan.folder.mkdir(parents=True, exist_ok=True)
    asked = {"name": plan.name, "axes": [axis.lstrip("+") for axis in plan.axes], "overrides": list(overrides)}
    write_text(plan.folder / SUMMARY, to_json(asked))
    if search:
        found = search(plan, lambda drawn: do_all(drawn, plan.folder, jobs), jobs.at_once())
    else:
        found = do_all(runs, plan.folder, jobs)
    records = list(done(found, search.trials if search else len(runs)))
    print(summary(plan.name, list(read_ledger(plan.folder).values()) if search else records))
    if any(record.state == FINISHED for record in records):
        _write_page(plan)
    failed = [record for record in records if record.state == FAILED]
    if failed:
        print(f"\n{len(failed)} of {_runs(len(records))} failed:", file=sys.stderr)
    for record in failed:
        print(f"  {line(record)}\n    {plan.folder / record.key}", file=sys.stderr)
    return 1 if any(record.state != FINISHED for record in records) else 0


def _write_page(plan: Plan) -> None:
    try:
        print(f"\nreport  {write_page(plan.folder)}")
    except OSError as error:  # a full disk must not hide failed runs
        print(f"\nno report: {first_cause(error)}", file=sys.stderr)


def do_all(runs: Sequence[Run], folder: Path, jobs: Jobs) -> Iterator[Record]:
    """Yield the records of runs on completion, first those that cannot start; ``folder`` is that of the sweep."""
    refusals = {run.key: refused(run, folder) for run in runs if read_record(folder / run.key) is None}
    yield from (record for record in refusals.values() if record)
    yield from jobs([work_of(run, folder) for run in runs if not refusals.get(run.key)], folder)


def done(records: Iterable[Record], number: int) -> Iterable[Record]:
    """Yield records with a progress bar; Ctrl-C and SIGTERM stop the trainings, which the next start resumes."""

    def leave(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with tqdm(total=number, unit="run", desc="sweep", smoothing=0) as bar, watched(bar, running_logs):
            for record in records:
                tqdm.write(line(record))
                bar.update()
                yield record
    except KeyboardInterrupt:
        stop(signal.SIGINT)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def work_of(run: Run, folder: Path) -> Work:
    """Return the work of a run of the sweep in this folder."""
    flat = flatten({key: value for key, value in run.config.items() if key not in NO_PART})
    return Work((folder / run.key).absolute(), Path.cwd(), run.key, run.overrides, run.point, flat)


def refused(run: Run, folder: Path) -> Record | None:
    """Return the record of a run that cannot start, with the reason; None for any other."""
    try:
        check_config(run.config)
    except Exception as error:
        if not (is_expected(error) or isinstance(error, TypeError)):  # a value of another type on an axis
            raise
        return work_of(run, folder).lost(first_cause(error))
    return None


def line(record: Record) -> str:
    """Return the description of a run in one line."""
    point = _point(record.point)
    if record.state == FINISHED:
        found = ", ".join(_show(name, [value]) for name in SHOWN if (value := value_of(record, name)) is not None)
        return f"{point}: {found} ({record.seconds / 60:.1f} min)"
    return f"{point}: {record.state}" + (f", {record.error}" if record.state == FAILED else "")


def _show(measure: str, values: list[float]) -> str:
    name, factor, unit = SHOWN[measure]
    spread = f" ± {factor * np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
    return f"{name} {factor * np.mean(values):.4g}{spread} {unit}".strip()


def summary(name: str, records: Sequence[Record]) -> str:
    """Return a table of mean and standard deviation over the seeds, for every point of the sweep."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(v for axis, v in record.point.items() if axis != SEED), []).append(record)
    lines = [f"\n{name}"]
    for values, members in groups.items():
        finished = [record for record in members if record.state == FINISHED]
        found = [
            _show(measure, numbers)
            for measure in SHOWN
            if (numbers := [v for record in finished if (v := value_of(record, measure)) is not None])
        ]
        lines.append(f"  {', '.join(values) or 'all'}: {', '.join(found) or 'nothing yet'} (runs: {len(finished)})")
    return "\n".join(lines)


def show_plan(plan: Plan, runs: Sequence[Run]) -> None:
    """Print the runs, their states, and estimates of the duration of those that are not finished."""
    ledger = read_ledger(plan.folder)
    estimates = Estimates(ledger)
    total, unknown = 0.0, 0
    for run in runs:
        record, point = ledger.get(run.key), _point(run.point)
        if record and record.state == FINISHED:
            print(f"{run.key}  {point}: finished")
            continue
        bad = refused(run, plan.folder)
        if bad:
            print(f"{run.key}  {point}: cannot start, {bad.error}")
            continue
        seconds = estimates(run.config)
        total, unknown = total + (seconds or 0.0), unknown + (seconds is None)
        state = f"{record.state}, will be resumed" if record else "new"
        print(f"{run.key}  {point}: {state}, {'time unknown' if seconds is None else f'{seconds / 60:.1f} min'}")
    rest = f", and {_runs(unknown)} of unknown time" if unknown else ""
    print(f"{_runs(len(runs))} in {plan.folder}, about {total / 3600:.1f} h of training, one after the other{rest}")


def _runs(number: int) -> str:
    return f"{number} run" if number == 1 else f"{number} runs"


def _point(point: dict[str, str]) -> str:
    return ", ".join(f"{short(axis, point)}={value}" for axis, value in point.items())
