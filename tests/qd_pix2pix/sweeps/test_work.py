"""One run of a sweep, with a program of our own in place of the training; and the places where runs are trained."""

import json
import os
import stat
import sys
import threading
from dataclasses import replace

import pytest
from ring import Ring
from small import ROOT, start, wait_until

from qd_pix2pix.cli.overrides import quoted
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.sweeps import work
from qd_pix2pix.sweeps.jobs import LocalJobs
from qd_pix2pix.sweeps.ledger import Record, read_record, write_record
from qd_pix2pix.sweeps.work import Work

PROGRAM = """
import filelock, json, os, pathlib, signal, sys, time
run = pathlib.Path(sys.argv[-1].partition("=")[2].strip("'"))
{body}
(run / "test/n").mkdir(parents=True, exist_ok=True)
(run / "test/n/metrics.json").write_text({metrics!r})
"""


@pytest.fixture
def metrics(tmp_path):
    """Return the text of the metrics.json of a finished run with these measures."""

    def text(**measures):
        card = {"step": 5, "train_seconds": 1.0, "parameters": 7, "provenance": {"commit": "c", "hardware": "h"}}
        schema = Ring(train=1, val=1, test=1, shard_size=1, seed=0).schema.to_dict()
        Evaluation("spins", 1, "a ring", "x.ckpt", measures, {}, schema, {}, card, {}).write(tmp_path)
        found = (tmp_path / "metrics.json").read_text()
        (tmp_path / "metrics.json").unlink()
        return found

    return text


@pytest.fixture
def program(tmp_path, monkeypatch, metrics):
    """Replace the training by a few lines."""

    def replace(body=""):
        path = tmp_path / "program.py"
        path.write_text(PROGRAM.format(body=body, metrics=metrics(r2=0.5)))
        monkeypatch.setattr(work, "COMMAND", (sys.executable, str(path)))

    return replace


def a_run(folder, name="a"):
    return Work(folder / name, folder, name, ("seed=0",), {"seed": "0"}, {"seed": 0})


def test_a_run_is_recorded(program, tmp_path):
    program("time.sleep(0.3)")
    record = a_run(tmp_path)()
    assert record == read_record(tmp_path / "a")
    assert record.state == "finished" and record.measures == {"r2": 0.5} and record.steps == 5
    assert record.seconds > 0.3


def test_the_best_of_the_validation_is_the_smallest_error_or_the_largest_likeness(program, tmp_path):
    program("(run / 'csv/version_0').mkdir(parents=True); (run / 'csv/version_0/metrics.csv').write_text(CSV)")
    columns = ["val/nmae", "val/l1", "val/l2", "val/linf", "val/charge_error", "val/gap/mae", "val/n0/l1"]
    columns += ["val/r2", "val/ssim", "val/mssim", "val/n0/r2"]
    rows = [(0.3, 0.1), (0.1, 0.7), (0.2, 0.4)]
    table = [",".join(["step", *columns])]
    table += [",".join([f"{step}", *[f"{low}"] * 7, *[f"{high}"] * 4]) for step, (low, high) in enumerate(rows)]
    code = (tmp_path / "program.py").read_text()
    (tmp_path / "program.py").write_text("CSV = " + repr("\n".join(table)) + code)
    best = {name.removeprefix("val/"): 0.1 if i < 7 else 0.7 for i, name in enumerate(columns)}
    assert a_run(tmp_path)().validation == best


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9 (out of memory?)"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by signal 11"),
        ("print('error: no room'); sys.exit(2)", "no room"),
        ("raise RuntimeError('what is this')", "RuntimeError: what is this"),
        (r"print('\rEpoch 0: 3/3', end=''); print('error: no room'); print('\rEpoch 0: 3/3'); sys.exit(2)", "no room"),
        ("sys.exit(3)", "exit status 3"),
    ],
)
def test_why_a_run_failed_is_recorded(program, tmp_path, body, said):
    program(body)
    assert a_run(tmp_path)().error == said
    assert json.loads((tmp_path / "a/record.json").read_text())["state"] == "failed"


def test_a_second_failure_is_told_for_what_it_is(program, tmp_path):
    program("print('error: no room'); sys.exit(2)")
    a_run(tmp_path)()
    program("raise RuntimeError('what is this')")
    assert a_run(tmp_path)().error == "RuntimeError: what is this"
    program()
    record = a_run(tmp_path)()
    assert record.state == "finished" and record.error is None
    assert "error" not in json.loads((tmp_path / "a/record.json").read_text())


ONE = """
import sys
from pathlib import Path
from qd_pix2pix.cli.overrides import quoted
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.sweeps import work
folder = Path(sys.argv[1])
work.COMMAND = (sys.executable, str(folder / "program.py"))
work.Work(folder / "a", folder, "a", ("seed=0",), {"seed": "0"}, {"seed": 0})()
"""


@pytest.mark.slow
def test_a_training_that_has_just_begun_is_waited_for(program, tmp_path):
    """The sweep is killed before its training has taken its folder, as it does when torch is imported."""
    take = "lock = filelock.FileLock(run / '.lock'); lock.acquire(timeout=0); time.sleep(1)"
    program(f"(run / 'begun').touch(); time.sleep(1); {take}")
    process = start([sys.executable, "-c", ONE, str(tmp_path)], cwd=ROOT)
    wait_until((tmp_path / "a/begun").exists, process)
    process.kill()
    process.wait()
    record = a_run(tmp_path)()
    assert record.state == "finished", record.error


TOGETHER = """
run.joinpath('told').write_text(os.environ['{name}'])
for _ in range(1000):
    if len(list(run.parent.glob('*/told'))) == {number}:
        break
    time.sleep(0.02)
else:
    sys.exit('the others have not begun')
"""
"""A run that ends when so many have begun."""


def test_runs_share_the_cores(program, tmp_path, monkeypatch):
    monkeypatch.setattr("qd_pix2pix.sweeps.jobs.free_cores", lambda: 8)
    program(TOGETHER.format(number=3, name="QD_PIX2PIX_THREADS"))
    runs = [a_run(tmp_path, name) for name in "abc"]
    records = list(LocalJobs(3)(runs, tmp_path))
    assert {record.key: record.state for record in records} == dict.fromkeys("abc", "finished"), records
    assert [(tmp_path / name / "told").read_text() for name in "abc"] == ["2"] * 3


def test_every_gpu_is_a_place(program, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert [place["CUDA_VISIBLE_DEVICES"] for place in LocalJobs().places()] == ["0", "1"]
    assert [place["CUDA_VISIBLE_DEVICES"] for place in LocalJobs(3).places()] == ["0", "1", "0"]
    program(TOGETHER.format(number=2, name="CUDA_VISIBLE_DEVICES"))
    list(LocalJobs()([a_run(tmp_path, name) for name in "ab"], tmp_path))
    assert {(tmp_path / name / "told").read_text() for name in "ab"} == {"0", "1"}


def test_without_gpus_there_is_one_place(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert LocalJobs().at_once() == 1


@pytest.mark.parametrize("parallel", [0, -1, 1.5, True, "two"])
def test_what_is_no_number_of_runs_is_told(parallel):
    with pytest.raises(ValueError, match="jobs.parallel"):
        LocalJobs(parallel).places()


def test_a_run_on_several_kinds_of_dots_is_judged_by_all_of_them(program, metrics, tmp_path):
    """Means over the dots of a kind, then over the kinds; each kind stays beside them."""
    lines = []
    for kind, r2, nmae in (("n=1", 0.9, 0.02), ("n=2", 0.5, 0.06)):
        text = metrics(r2=r2, nmae={"mean": nmae, "median": 0.5, "p05": 0.5, "p95": 0.5})
        lines += [
            f"(run / 'test/{kind}').mkdir(parents=True)",
            f"(run / 'test/{kind}/metrics.json').write_text({text!r})",
        ]
    program("\n".join([*lines, "sys.exit()"]))
    record = a_run(tmp_path)({})
    assert record.measures == pytest.approx({"r2": 0.7, "nmae": 0.04})
    assert {kind: measures["r2"] for kind, measures in record.members.items()} == {"n=1": 0.9, "n=2": 0.5}


def test_the_lock_of_a_shared_sweep_is_open_to_the_group(program, tmp_path):
    program()
    before = os.umask(0o002)
    try:
        a_run(tmp_path)()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a/.sweep.lock").stat().st_mode) == 0o664


def test_a_run_is_resumed_by_the_program_itself(program, tmp_path):
    program("print(sys.argv[1:])")
    a_run(tmp_path)()
    words = ["seed=0", "ckpt_path=auto", f"hydra.run.dir={quoted(tmp_path / 'a')}"]
    assert (tmp_path / "a/log.txt").read_text() == f"{words}\n"


def test_stopped_jobs_begin_no_other_run(program, tmp_path):
    """The consumer leaves, as after Ctrl-C: what has not begun never does."""
    program()
    runs = [a_run(tmp_path, name) for name in "abcdef"]
    records = LocalJobs(1)(runs, tmp_path)
    next(records)
    records.close()
    for thread in threading.enumerate():  # a run that had begun ends, before the fixture gives the real program back
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(60)
            assert not thread.is_alive()
    assert len(list(tmp_path.glob("*/record.json"))) < len(runs)


# --- records


def test_a_record_is_what_was_written(tmp_path):
    record = Record("k", "finished", ("seed=1",), {"seed": "1"}, {"seed": 1}, seconds=2.0, measures={"r2": 0.5})
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    assert "error" not in record.to_dict() and Record.from_dict(record.to_dict()) == record


def test_a_record_of_another_version_is_kept():
    """Overrides were words; what is not known stays."""
    content = {"key": "k", "state": "failed", "words": ["seed=1"], "point": {}, "config": {}, "error": "e", "new": [1]}
    record = Record.from_dict(content)
    assert record.overrides == ("seed=1",) and record.others == {"new": [1]}
    assert replace(record, state="started").to_dict()["new"] == [1]
    with pytest.raises(ValueError, match="a key and a state"):
        Record.from_dict({"state": "failed"})
