"""Search by Optuna: what it may draw, how many runs it makes, and that a kill costs no trial."""

import json
import math
import signal
import sys
from statistics import median

import optuna
import pytest
from hydra.utils import instantiate
from small import ROOT, start, sweep_command, trainings, wait_until

from qd_pix2pix.cli.compose import parse
from qd_pix2pix.sweeps.ledger import Record
from qd_pix2pix.sweeps.plan import make_plan
from qd_pix2pix.sweeps.run import sweep
from qd_pix2pix.sweeps.search import distribution


def draws(word, number=80):
    """What Optuna draws at random for a word of the command line."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    space = {"x": distribution(parse([f"x={word}"])[0])}
    return [study.ask(space).params["x"] for _ in range(number)]


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("0,0.5", {"0", "0.5"}),
        ("resnet,fno", {"resnet", "fno"}),
        ("[2,3],[3,4]", {"[2,3]", "[3,4]"}),
        ("null,66", {"null", "66"}),
        ("range(1,9,2)", {1, 3, 5, 7}),
        ("range(1,4)", {1, 2, 3}),
        ("range(3)", {0, 1, 2}),
        ("range(1,9,2)", {1, 3, 5, 7}),
        ("range(7,1,-3)", {4, 7}),
        ("range(0,2,0.5)", {"0.0", "0.5", "1.0", "1.5"}),
        ("int(interval(1.0,3.0))", {1, 2, 3}),
        ("tag(log,int(interval(1,3)))", {1, 2, 3}),
        ("int(tag(log,interval(1,3)))", {1, 2, 3}),
    ],
)
def test_choices_ranges_and_whole_intervals_are_drawn_from(word, values):
    assert set(draws(word)) == values


@pytest.mark.parametrize("word", ["interval(0.5,2.5)", "interval(1,4)", "float(interval(1,4))"])
def test_an_interval_of_numbers_is_filled(word):
    low, high = {"interval(0.5,2.5)": (0.5, 2.5)}.get(word, (1, 4))
    found = draws(word)
    assert low <= min(found) < low + 0.1 * (high - low) and high - 0.1 * (high - low) < max(found) <= high
    assert len(set(found)) > 70


def test_a_logarithmic_interval_is_even_in_the_logarithm():
    found = draws("tag(log,interval(0.001,10.0))", 400)
    assert 1e-3 <= min(found) and max(found) <= 10
    assert sum(x < 0.1 for x in found) / 400 == pytest.approx(0.5, abs=0.1)
    assert sum(x < 0.1 for x in draws("interval(0.001,10.0)", 400)) < 20


def test_what_is_nothing_to_draw_from_is_told():
    with pytest.raises(ValueError, match="x: expected choices, a range or an interval"):
        distribution(parse(["x=glob(*)"])[0])
    with pytest.raises(ValueError, match="x: the range is empty"):
        distribution(parse(["x=range(5,1)"])[0])


# --- a study whose runs are a formula


AXIS = "model.lambda_rec"
LAMBDA = f"{AXIS}=tag(log,interval(1.0,500.0))"


class Formula:
    """Runs that are told at once: nmae = ln(lambda / 300)^2 + dropout / 10."""

    def __init__(self):
        self.asked, self.batches = [], []
        self.states = {}

    def __call__(self, runs):
        self.batches.append(len(runs))
        for run in runs:
            self.asked.append((run.config["model"]["lambda_rec"], run.config["network"]["dropout"]))
            state = self.states.get(len(self.asked), "finished")
            found = {"validation": {"nmae": self.value(*self.asked[-1])}} if state == "finished" else {}
            yield Record(run.key, state, point=run.point, **found)

    @staticmethod
    def value(lambda_rec, dropout):
        return math.log(lambda_rec / 300) ** 2 + 0.1 * dropout


def search(folder, do, trials, *words, at_once=1):
    words = ["search=optuna", f"search.trials={trials}", LAMBDA, "network.dropout=0,0.5", *words]
    plan = make_plan([*words, f"sweep.folder={folder}", "sweep.name=s"])
    told = list(instantiate(plan.config["search"], _convert_="all")(plan, do, at_once))
    return told, stored(folder / "s")


def stored(folder):
    journal = optuna.storages.journal.JournalFileBackend(str(folder / "optuna.log"))
    return optuna.load_study(study_name=folder.name, storage=optuna.storages.JournalStorage(journal))


def test_a_search_makes_as_many_runs_as_asked(tmp_path):
    do = Formula()
    told, study = search(tmp_path, do, 12)
    assert len(told) == len(study.trials) == len(set(do.asked)) == 12
    assert all(1 <= lambda_rec <= 500 and dropout in (0, 0.5) for lambda_rec, dropout in do.asked)
    assert study.best_value == pytest.approx(min(do.value(*point) for point in do.asked))
    assert [t.value for t in study.trials] == [pytest.approx(do.value(*point)) for point in do.asked]


def test_a_search_goes_on_with_new_draws(tmp_path):
    do = Formula()
    search(tmp_path, do, 3)
    assert search(tmp_path, do, 3)[0] == []
    told, study = search(tmp_path, do, 6)
    assert len(told) == 3 and len(study.trials) == 6
    assert len({lambda_rec for lambda_rec, _ in do.asked}) == 6


def test_a_search_learns(tmp_path):
    """Its later draws lie nearer to the best than its first, which are random."""
    do = Formula()
    search(tmp_path, do, 25)
    values = [do.value(*point) for point in do.asked]
    assert median(values[10:]) < 0.5 * median(values[:10])


def test_the_largest_may_be_the_best(tmp_path):
    do = Formula()
    study = search(tmp_path, do, 5, "search.direction=maximize")[1]
    assert study.best_value == pytest.approx(max(do.value(*point) for point in do.asked))


def test_failed_runs_count_and_stopped_ones_come_again(tmp_path):
    do = Formula()
    do.states = {2: "failed", 4: "started"}
    told, study = search(tmp_path, do, 4)
    assert [record.state for record in told] == ["finished", "failed", "finished", "started"]
    assert [t.state.name for t in study.trials] == ["COMPLETE", "FAIL", "COMPLETE", "RUNNING"]
    told, study = search(tmp_path, do, 5)
    assert len(study.trials) == 5 and len(told) == 2
    assert do.asked[4] == do.asked[3], "the stopped trial has other parameters"
    assert study.trials[3].value == pytest.approx(do.value(*do.asked[3]))


TWICE = """
import sys, time
from pathlib import Path
from filelock import FileLock
from hydra.utils import instantiate
from qd_pix2pix.sweeps.ledger import Record
from qd_pix2pix.sweeps.plan import make_plan
folder = Path(sys.argv[1])

def do(runs):
    for run in runs:
        with FileLock(folder / "lock"), (folder / "done").open("a+") as done:
            done.seek(0)
            if run.key not in done.read():
                time.sleep(0.3)
                done.write(run.key + "\\n")
        yield Record(run.key, "finished", validation={"nmae": run.config["model"]["lambda_rec"]})

plan = make_plan(sys.argv[2:])
print(len(list(instantiate(plan.config["search"], _convert_="all")(plan, do, 1))))
"""


@pytest.mark.slow
def test_a_search_started_twice_makes_every_trial_once(tmp_path):
    words = ["search=optuna", "search.trials=4", LAMBDA, f"sweep.folder={tmp_path}", "sweep.name=s"]
    command = [sys.executable, "-c", TWICE, str(tmp_path), *words]
    first = start(command, cwd=ROOT)
    wait_until((tmp_path / "done").exists, first)
    second = start(command, cwd=ROOT)
    assert (first.wait(timeout=60), second.wait(timeout=60)) == (0, 0)
    trials = stored(tmp_path / "s").trials
    assert [t.state.name for t in trials] == ["COMPLETE"] * 4
    assert len((tmp_path / "done").read_text().split()) == len({t.params[AXIS] for t in trials}) == 4


def test_runs_side_by_side_are_drawn_together(tmp_path):
    do = Formula()
    _, study = search(tmp_path, do, 8, at_once=3)
    assert do.batches == [3, 3, 2] and len(study.trials) == 8
    assert len(set(do.asked)) == 8


def test_the_draws_are_those_of_the_seed(tmp_path):
    one, two, other = Formula(), Formula(), Formula()
    search(tmp_path / "one", one, 3)
    search(tmp_path / "two", two, 3)
    search(tmp_path / "other", other, 3, "search.seed=1")
    assert one.asked == two.asked != other.asked


def test_a_point_drawn_twice_is_told_twice(tmp_path):
    do = Formula()
    plan = make_plan(["search=optuna", "search.trials=4", "seed=3", f"sweep.folder={tmp_path}", "sweep.name=s"])
    told = list(instantiate(plan.config["search"], _convert_="all")(plan, do, 2))
    assert len(told) == 4 and len({record.key for record in told}) == 1
    assert {t.state.name for t in stored(tmp_path / "s").trials} == {"COMPLETE"}


@pytest.mark.parametrize(("word", "runs"), [("search.direction=down", 0), ("search.measure=nmea", 1)])
def test_a_search_for_what_is_not_there_is_told(tmp_path, word, runs):
    """Which measures there are is known after the first run."""
    do = Formula()
    with pytest.raises(ValueError, match=word.split("=")[1]):
        search(tmp_path, do, 3, word)
    assert len(do.asked) <= runs


def test_dry_tells_the_time_of_all_trials(regressor_words, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("qd_pix2pix.sweeps.estimate.seconds_per_step", lambda _: 30.0)
    words = [*regressor_words, "search=optuna", "search.trials=20", "model.warmup=interval(0.01,0.1)"]
    assert sweep([*words, f"sweep.folder={tmp_path}", "dry=true"]) == 0  # 20 runs of 6 steps
    assert "20 runs" in (told := capsys.readouterr().out) and "about 1.0 h" in told
    assert not list(tmp_path.iterdir())


# --- real trainings


@pytest.mark.slow
def test_a_killed_search_goes_on_with_the_same_trial(regressor_words, small_store, tmp_path, capsys, forked):
    del small_store, forked
    space = ["model.optimizer.lr=tag(log,interval(0.0005,0.05))", "network.padding=zeros,circular"]
    steps = ["trainer.max_steps=60", "trainer.val_check_interval=20"]
    words = [*regressor_words, *steps, *space, "search=optuna", "search.trials=3", "sweep.name=s"]
    folder = tmp_path / "s"
    process = start(sweep_command(tmp_path, *words), cwd=tmp_path)
    try:
        wait_until(lambda: len(list(folder.glob("*/checkpoints/last.ckpt"))) == 2, process)
        process.kill()
        (training,) = trainings(tmp_path)
        training.kill()
        process.wait(), training.wait()
        before = stored(folder).trials
        assert [t.state.name for t in before] == ["COMPLETE", "RUNNING"]
        assert sweep([*words, f"sweep.folder={tmp_path}"]) == 0, capsys.readouterr().err
    finally:
        for training in trainings(tmp_path):
            training.kill()
    assert process.returncode == -signal.SIGKILL
    study = stored(folder)
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 3
    assert [t.params for t in study.trials[:2]] == [t.params for t in before]
    rates = [t.params["model.optimizer.lr"] for t in study.trials]
    assert len(set(rates)) == 3 and all(5e-4 <= rate <= 5e-2 for rate in rates)
    ledger = {path.parent: json.loads(path.read_text()) for path in folder.glob("*/record.json")}
    assert [record["state"] for record in ledger.values()] == ["finished"] * 3
    assert study.best_value == min(record["validation"]["nmae"] for record in ledger.values())
    assert {float(r["config"]["model.optimizer.lr"]) for r in ledger.values()} == set(rates)
    assert sum((run / "csv/version_1").is_dir() for run in ledger) == 1, "the killed run did not go on"
