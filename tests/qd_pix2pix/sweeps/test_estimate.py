"""How long the runs of a sweep will take."""

from types import SimpleNamespace

import pytest

from qd_pix2pix.sweeps import estimate
from qd_pix2pix.sweeps.estimate import Estimates
from qd_pix2pix.sweeps.ledger import Record, write_record
from qd_pix2pix.sweeps.plan import make_plan, resolve
from qd_pix2pix.sweeps.run import sweep
from qd_pix2pix.training.checkpoint import flatten


def finished(config, **told):
    return Record("k", "finished", config=flatten(config), **told)


def small(regressor_words, *words):
    return resolve([*regressor_words, "trainer.max_epochs=-1", *words])


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (["trainer.max_steps=600"], 120.0),
        (["trainer.max_steps=600", "trainer.max_time=00:00:01:40"], 100.0),
        (["trainer.max_steps=600", "trainer.max_time=01:00:00:00"], 120.0),
        (["trainer.max_steps=-1", "trainer.max_time=00:01:30:00"], 5400.0),
        (["trainer.max_steps=-1", "trainer.max_epochs=10"], 6.0),  # 12 dots in batches of 4
        (["trainer.max_steps=-1", "trainer.max_epochs=10", "range.n_electrons=[1,2]"], 12.0),
        (["trainer.max_steps=600", "seed=8", "data.n_electrons=3", "model.optimizer.lr=1e-3"], 120.0),
    ],
)
def test_an_estimate_is_the_time_of_a_step_times_the_steps(regressor_words, monkeypatch, words, seconds):
    """One step in five took a second."""
    monkeypatch.setattr(estimate, "seconds_per_step", None)
    ledger = {"k": finished(small(regressor_words), steps=50, train_seconds=10.0)}
    assert Estimates(ledger)(small(regressor_words, *words)) == pytest.approx(seconds)


@pytest.mark.parametrize("word", ["network.channels=[3,4]", "loader.batch_size=6", "data.grid.n=64"])
def test_another_kind_is_timed_once(regressor_words, monkeypatch, word):
    timed = []
    monkeypatch.setattr(estimate, "seconds_per_step", lambda config: timed.append(config) or 2.0)
    estimates = Estimates({"k": finished(small(regressor_words), steps=50, train_seconds=10.0)})
    other = small(regressor_words, word, "trainer.max_steps=600")
    assert estimates(other) == estimates(other) == 1200.0
    assert len(timed) == 1


def test_lattices_of_other_sizes_are_timed_for_themselves(monkeypatch):
    timed = []
    monkeypatch.setattr(estimate, "seconds_per_step", lambda config: timed.append(config) or 1.0)
    estimates = Estimates({})
    short = ["experiment=ising_energy", "trainer.max_steps=2", "loader.batch_size=4"]
    for words in (["data.side=4"], ["data.side=8"], ["range.side=[4,8]"], ["range.side=[4,8]", "data.seed=3"]):
        assert estimates(resolve([*short, *words])) == 2.0
    assert len(timed) == 3
    epoch = resolve([*short[:1], "trainer.max_epochs=1", "trainer.max_steps=-1", "data.train=9", "loader.batch_size=4"])
    assert estimate.training_steps(epoch) == 3
    assert estimate.training_steps({**epoch, "range": {"side": [4, 6, 8]}}) == 9


@pytest.mark.slow
def test_a_step_is_timed_on_the_largest_lattice(monkeypatch):
    from qd_pix2pix.predictor import Predictor

    seen, features = [], Predictor.features
    monkeypatch.setattr(Predictor, "features", lambda self, c: seen.append(c["spins"].shape[1:]) or features(self, c))
    short = ["experiment=ising_energy", "loader.batch_size=2", "range.side=[6,8,4]"]
    assert estimate.seconds_per_step(resolve(short)) > 0
    assert set(seen) == {(8, 8)}


class Ticks:
    """A clock that goes on by one second, or as told, whenever it is asked."""

    def __init__(self, monkeypatch, *seconds):
        self.now, self.seconds = 0.0, list(seconds)
        monkeypatch.setattr(estimate.time, "perf_counter", self)

    def __call__(self):
        self.now += self.seconds.pop(0) if self.seconds else 1.0
        return self.now


def test_a_step_is_timed_without_a_word(regressor_words, monkeypatch, capfd, recwarn):
    """The first steps, which take longer, are left out."""
    monkeypatch.setattr(estimate, "ENOUGH", 100.0)
    Ticks(monkeypatch, 0.0, 9.0, 9.0)
    assert estimate.seconds_per_step(small(regressor_words)) == 1.0
    assert capfd.readouterr() == ("", "") and not recwarn.list


@pytest.mark.parametrize(
    ("seconds", "step"), [((0.0, 60.0), 60.0), ((0.0, 4.0, 4.0), 4.0), ((0.0, 2.0, 2.0, 3.0), 3.0)]
)
def test_slow_steps_are_few(monkeypatch, seconds, step):
    """It ends with the step in which five seconds are over."""
    Ticks(monkeypatch, *seconds)
    trainer, clock = SimpleNamespace(should_stop=False), estimate.Clock(5.0)
    clock.on_train_start(trainer, None)
    while not trainer.should_stop:
        clock.on_train_batch_end(trainer)
    assert len(clock.times) == len(seconds) and clock.per_step() == step


def test_many_kinds_are_not_timed_for_minutes(regressor_words, monkeypatch):
    """Twenty seconds are spent; what is then not known is not made up."""
    Ticks(monkeypatch, *[0.0, 15.0] * 9)
    monkeypatch.setattr(estimate, "seconds_per_step", lambda config: 2.0)
    estimates = Estimates({})
    kinds = [small(regressor_words, f"loader.batch_size={size}", "trainer.max_steps=600") for size in (2, 3, 4, 5)]
    assert [estimates(kind) for kind in [*kinds, *kinds]] == [1200.0, 1200.0, None, None] * 2
    bounded = small(regressor_words, "loader.batch_size=6", "trainer.max_steps=600", "trainer.max_time=00:00:01:40")
    assert estimates(bounded) == 100.0


def test_dry_begins_nothing(regressor_words, tmp_path, capsys):
    words = [
        *regressor_words,
        "seed=0,1,2",
        "trainer.max_epochs=3000",
        "trainer.max_steps=-1",
        "model.optimizer.lr=foo,2e-3",
    ]
    plan = make_plan([*words, f"sweep.folder={tmp_path}"])
    good = [run for run in plan.runs() if run.point["model.optimizer.lr"] != "foo"]
    states = ({"state": "finished", "steps": 50, "train_seconds": 10.0}, {"state": "started"})
    for run, known in zip(good[:2], states, strict=True):
        (plan.folder / run.key).mkdir(parents=True)
        write_record(plan.folder / run.key, Record(run.key, point=run.point, config=flatten(run.config), **known))
    before = sorted(tmp_path.rglob("*"))
    assert sweep([*words, f"sweep.folder={tmp_path}", "dry=true"]) == 0
    lines = {line.partition("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines[good[0].key].endswith(": finished")
    assert lines[good[1].key].endswith(": started, will be resumed, 30.0 min")
    assert lines[good[2].key].endswith(": new, 30.0 min")
    assert sum("cannot start" in line for line in lines.values()) == 3
    assert any("6 runs in" in line and "about 1.0 h" in line for line in lines.values())
    assert sorted(tmp_path.rglob("*")) == before
