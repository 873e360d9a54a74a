"""Search by Optuna over the same runs; its study is stored in the sweep's folder and is resumed after a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import optuna
from filelock import FileLock
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from qd_pix2pix.reports.study import FINISHED, STARTED
from qd_pix2pix.sweeps.ledger import Record
from qd_pix2pix.sweeps.plan import Plan, Run

STUDY = "optuna.log"
"""Name of Optuna's journal in the sweep's folder, to which every step of the study is appended."""


@dataclass(frozen=True)
class OptunaSearch:
    """The search over axes of choices (a,b), ranges (range(1,5)) and intervals (tag(log,interval(1,500))).

    Args:
        trials: total number of runs, including failed ones.
        measure: optimised measure of the validation split, the best value over the training.
        direction: minimize or maximize.
        sampler: sampler of Optuna, a partial that takes ``seed``.
        seed: seed of the samples; a resumed sweep continues the sequence.
    """

    trials: int
    measure: str
    direction: str
    sampler: Callable[..., optuna.samplers.BaseSampler]
    seed: int

    def __call__(self, plan: Plan, do: Callable[[list[Run]], Iterator[Record]], at_once: int) -> Iterator[Record]:
        """Yield the records of all trials without a result, first those of an earlier start.

        Args:
            plan: plan of the sweep.
            do: function from runs to their records.
            at_once: number of parallel runs, whose values are drawn together.
        """
        with FileLock(plan.folder / ".search.lock"):  # a second start waits, and continues from there
            yield from self._search(plan, do, at_once)

    def _search(self, plan: Plan, do: Callable[[list[Run]], Iterator[Record]], at_once: int) -> Iterator[Record]:
        study = self.study(plan)
        begun: list[Any] = [trial for trial in study.trials if trial.state == TrialState.RUNNING]
        spaces = {key: distribution(override) for key, override in plan.axes.items()}
        left = self.trials - len(study.trials)
        while begun or left > 0:
            batch, begun = begun[:at_once], begun[at_once:]
            asked = min(at_once - len(batch), left)
            batch += [study.ask(spaces) for _ in range(asked)]
            left -= asked
            runs = {trial.number: self._run(plan, trial.params) for trial in batch}
            found = {record.key: record for record in do(list({run.key: run for run in runs.values()}.values()))}
            for trial_number, run in runs.items():
                self._tell(study, trial_number, found[run.key])
                yield found[run.key]

    def _tell(self, study: optuna.Study, trial: int, record: Record) -> None:
        measured = record.validation or {}
        if record.state == FINISHED and self.measure not in measured:
            raise ValueError(f"search.measure: expected one of {', '.join(sorted(measured))}; got {self.measure!r}")
        value = measured.get(self.measure)
        if record.state == FINISHED:
            study.tell(trial, value)
        elif record.state != STARTED:  # a stopped run is resumed by the next start
            study.tell(trial, state=TrialState.FAIL)

    def study(self, plan: Plan) -> optuna.Study:
        """Return the stored study, or a new one."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        plan.folder.mkdir(parents=True, exist_ok=True)
        journal = JournalFileBackend(str(plan.folder / STUDY))
        study = optuna.create_study(
            storage=optuna.storages.JournalStorage(journal),
            study_name=plan.name,
            direction=self.direction,  # type: ignore[arg-type]
            load_if_exists=True,
        )
        study.sampler = self.sampler(seed=self.seed + len(study.trials))
        return study

    def first(self, plan: Plan) -> list[Run]:
        """Return, for ``dry``, the number of runs of the search, all with the first value of each axis."""
        values = {key: start_of(o) for key, o in plan.axes.items()}
        return [self._run(plan, values)] * self.trials

    def _run(self, plan: Plan, values: dict[str, Any]) -> Run:
        return plan.run([str(values[key]) for key in plan.axes])


def distribution(override: Override) -> BaseDistribution:
    """Return Optuna's distribution for an override parsed by Hydra."""
    value = override.value()
    if isinstance(value, IntervalSweep):
        kind = IntDistribution if isinstance(value.start, int) and isinstance(value.end, int) else FloatDistribution
        return kind(value.start, value.end, log="log" in value.tags)  # type: ignore[arg-type]
    if isinstance(value, RangeSweep) and all(isinstance(v, int) for v in (value.start, value.stop, value.step)):
        numbers = sorted(range(value.start, value.stop, value.step))  # type: ignore[arg-type]
        if numbers:
            return IntDistribution(numbers[0], numbers[-1], step=abs(value.step))  # type: ignore[arg-type]
        raise ValueError(f"{override.key_or_group}: the range is empty; got {override.input_line}")
    if isinstance(value, (ChoiceSweep, RangeSweep)):
        return CategoricalDistribution(list(override.sweep_string_iterator()))
    raise ValueError(f"{override.key_or_group}: expected choices, a range or an interval; got {override.input_line}")


def start_of(override: Override) -> Any:
    """Return the first value of an axis."""
    value = override.value()
    return value.start if isinstance(value, IntervalSweep) else next(iter(override.sweep_string_iterator()))
