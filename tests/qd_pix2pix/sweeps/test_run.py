"""Real sweeps: killed, stopped, broken or started twice, they find what one left alone finds."""

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from datetime import datetime

import psutil
import pytest
from small import finish, records, start, sweep_command, trainings, wait_until

from qd_pix2pix.cli.overrides import quoted
from qd_pix2pix.sweeps.ledger import read_record, write_record
from qd_pix2pix.sweeps.run import sweep


@pytest.fixture(scope="module")
def words(regressor_words, small_store):
    """Two runs of sixty steps; last.ckpt every three."""
    del small_store  # the dataset is there
    steps = ["trainer.max_steps=60", "trainer.val_check_interval=20", "checkpoint_every=3"]
    return [*regressor_words, *steps, "seed=0,1"]


@pytest.fixture(autouse=True)
def trainings_are_forked(forked):
    """In sweeps of this process; those that are processes start their own."""


@pytest.fixture(scope="module")
def undisturbed(words, shared_folder, forked_here):
    """The folder of a sweep that was left alone."""
    del forked_here

    def make(folder):
        folder.mkdir()
        done = finish(folder, *words)
        assert done.returncode == 0, done.stderr

    return shared_folder("undisturbed", make)


@pytest.fixture
def half(undisturbed, tmp_path):
    """A sweep of which only the first run is done, in a folder that Hydra's grammar would trip over."""
    folder = tmp_path / "Bohr's dots, (two)"
    shutil.copytree(undisturbed, folder)
    shutil.rmtree(records(folder)[1]["run"])
    yield folder
    end(folder)


def end(folder):
    for process in trainings(folder):
        process.kill()


def found(folder):
    told = ("state", "point", "measures", "also", "validation", "steps", "parameters")
    return {seed: {name: record.get(name) for name in told} for seed, record in records(folder).items()}


@pytest.mark.slow
def test_a_sweep_tells_what_it_found(undisturbed, words):
    assert {seed: record["state"] for seed, record in records(undisturbed).items()} == {0: "finished", 1: "finished"}
    for record in records(undisturbed).values():
        told = json.loads((record["run"] / "test/metrics.json").read_text())
        assert record["measures"] == told["measures"] and record["steps"] == told["model"]["step"]
        assert record["key"] == record["run"].name
        assert record["seconds"] > 0 and datetime.fromisoformat(record["began"]).tzinfo
    first, second = (record["measures"]["r2"] for record in records(undisturbed).values())
    assert first != second


def states(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/*/**/*") if path.is_file()}


@pytest.mark.slow
def test_finished_runs_are_read_back(undisturbed, words):
    before, ledger = states(undisturbed), found(undisturbed)
    done = finish(undisturbed, *words)
    assert done.returncode == 0
    kept = [path for path in before if path.name not in ("record.json", ".lock", ".sweep.lock")]
    assert len(kept) > 20 and any(path.name == "log.txt" for path in kept)
    after = states(undisturbed)
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    assert after.keys() == before.keys() and found(undisturbed) == ledger
    assert all(f"{100 * record['measures']['nmae']['mean']:.4g} %" in done.stdout for record in ledger.values())


def in_training(folder, number=1):
    """A function that is true when so many trainings have left a checkpoint since now."""
    last = "*/*/checkpoints/last.ckpt"
    before = {path: path.stat().st_mtime_ns for path in folder.glob(last)}
    return lambda: sum(p.stat().st_mtime_ns != before.get(p) for p in folder.glob(last)) >= number


def begin(folder, *words, **options):
    return start(sweep_command(folder, *words), cwd=folder, **options)


def begin_one(folder, *words):
    """A sweep and its training, which has left a checkpoint."""
    process = begin(folder, *words)
    wait_until(in_training(folder), process)
    (training,) = trainings(folder)
    return process, training


@pytest.mark.slow
def test_a_killed_sweep_goes_on(undisturbed, half, words):
    """With its training killed too, which leaves what it had not yet finished."""
    process, training = begin_one(half, *words)
    process.kill()
    training.kill()
    assert process.wait() == -signal.SIGKILL
    training.wait()
    assert records(half)[1]["state"] == "started"
    done = finish(half, *words)
    assert done.returncode == 0, done.stderr
    assert found(half) == found(undisturbed)
    assert (records(half)[1]["run"] / "csv/version_1").is_dir(), "it did not go on from its checkpoint"


@pytest.mark.slow
def test_a_training_whose_sweep_was_killed_is_waited_for(undisturbed, half, words):
    process, orphan = begin_one(half, *words)
    process.kill()
    process.wait()
    orphan.suspend()
    first = records(half)[0]["run"] / "record.json"
    before = first.stat().st_mtime_ns
    again = begin(half, *words)
    wait_until(lambda: first.stat().st_mtime_ns > before, again)  # it has come to the second run
    time.sleep(1)
    assert trainings(half) == [orphan], "another training has begun"
    orphan.resume()
    assert again.wait(timeout=120) == 0
    assert found(half) == found(undisturbed)
    assert not trainings(half)


@pytest.mark.slow
def test_a_stopped_sweep_leaves_no_training_and_goes_on(undisturbed, half, words):
    process = begin(half, *words)
    wait_until(in_training(half), process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert not trainings(half)
    record = records(half)[1]
    assert record["state"] == "started" and record["seconds"] > 0
    done = finish(half, *words)
    assert done.returncode == 0, done.stderr
    assert found(half) == found(undisturbed)
    assert records(half)[1]["seconds"] > record["seconds"]


@pytest.mark.slow
def test_two_runs_side_by_side_are_stopped_and_go_on(undisturbed, words, tmp_path):
    """By SIGTERM, where they are deaf to Ctrl-C, as in the background of a script; each has one of the two cores."""
    process = subprocess.Popen(
        sweep_command(tmp_path, *words, "jobs.parallel=2"),
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    psutil.Process(process.pid).cpu_affinity(sorted(os.sched_getaffinity(0))[:2])
    try:
        wait_until(in_training(tmp_path, 2), process)
        assert [training.environ()["QD_PIX2PIX_THREADS"] for training in trainings(tmp_path)] == ["1", "1"]
        process.terminate()
        assert process.wait(timeout=60) == 130
        assert not trainings(tmp_path)
        for record in records(tmp_path).values():
            assert record["state"] == "started" and record["seconds"] > 0
        done = finish(tmp_path, *words, "jobs.parallel=2")
        assert done.returncode == 0, done.stderr
    finally:
        end(tmp_path)
    assert found(tmp_path) == found(undisturbed)


@pytest.mark.slow
def test_one_broken_run_does_not_stop_the_others(undisturbed, half, words, capsys):
    """One is refused before it begins, one finds its checkpoint damaged; without that, the same command finishes it."""
    there = half / records(undisturbed)[0]["run"].relative_to(undisturbed)
    write_record(there, replace(read_record(there), state="started"))
    last = there / "checkpoints/last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    same = [*words, f"sweep.folder={quoted(half)}", f"sweep.name={there.parent.name}", "model.optimizer.lr=foo,2e-3"]
    assert sweep(same) == 1
    told = capsys.readouterr().err
    assert "3 of 4 runs failed" in told
    assert told.count("lr=foo: failed") == 2 and "foo" in told
    assert f"{last} is damaged" in told and str(there) in told
    assert records(half)[0]["state"] == "failed" and f"{last} is damaged" in records(half)[0]["error"]
    assert found(half)[1] | {"point": None} == found(undisturbed)[1] | {"point": None}
    last.unlink()
    mended = [word for word in same if not word.startswith("model.optimizer.lr")]
    assert sweep(mended) == 0, capsys.readouterr().err
    assert found(half) == found(undisturbed)


@pytest.mark.slow
def test_a_damaged_record_is_made_again(undisturbed, half, words, capsys):
    """As after a loss of power: nothing, or half of it, is in the file; the run is whole, and not trained again."""
    run = records(half)[0]["run"]
    for left in (b"", b"null", b"\xff", b'{"key": "'):
        (run / "record.json").write_bytes(left)
        assert read_record(run) is None
    assert sweep([*words, f"sweep.folder={quoted(half)}"]) == 0, capsys.readouterr().err
    assert found(half) == found(undisturbed)
    assert "the run is already at step 60" in (run / "log.txt").read_text()


def test_a_value_of_the_wrong_kind_is_told_for_its_run(words, tmp_path, capsys):
    same = [word for word in words if not word.startswith("seed")]
    assert sweep([*same, "seed=0,zero", f"sweep.folder={tmp_path}", "dry=true"]) == 0
    assert "seed=zero: cannot start, " in capsys.readouterr().out


@pytest.mark.slow
def test_a_full_disk_damages_nothing(undisturbed, half, words, capsys):
    """It holds small files, but no checkpoint."""
    ledger, run = found(half), records(half)[0]["run"]
    size = 30_000
    assert (run / "checkpoints/last.ckpt").stat().st_size > size > 2 * (run / "record.json").stat().st_size

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:  # the training has the limit of this process
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        done = finish(half, *words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.returncode == 1, done.stderr
    assert "1 of 2 runs failed" in done.stderr and "File too large" in done.stderr
    assert records(half)[1]["state"] == "failed" and "File too large" in records(half)[1]["error"]
    assert found(half)[0] == ledger[0]
    assert sweep([*words, f"sweep.folder={quoted(half)}"]) == 0, capsys.readouterr().err
    assert found(half) == found(undisturbed)
    assert not list(half.rglob("*.tmp"))


@pytest.mark.slow
def test_a_sweep_started_twice_trains_every_run_once(regressor_words, tmp_path, zygote):
    """One begins where the other ends; neither finds a dataset."""
    data = tmp_path / "data"
    words = [*(word for word in regressor_words if not word.startswith("data_root=")), f"data_root={data}"]
    folder = f"sweep.folder={quoted(tmp_path)}"
    both = [start([*zygote, "-m", *words, folder, f"seed={seeds}"], cwd=tmp_path) for seeds in ("0,1", "1,0")]
    try:
        assert [process.wait(timeout=240) for process in both] == [0, 0]
    finally:
        end(tmp_path)
    ledger = records(tmp_path)
    assert {seed: record["state"] for seed, record in ledger.items()} == {0: "finished", 1: "finished"}
    assert len({record["run"].parent for record in ledger.values()}) == 1
    for record in ledger.values():
        assert [path.name for path in record["run"].glob("csv/*")] == ["version_0"]
    assert len(list(data.iterdir())) == 1
    logs = [(record["run"] / "log.txt").read_text() for record in ledger.values()]
    assert sum("making RandomDoubleGaussian-N2" in log for log in logs) == 1


@pytest.mark.slow
def test_submitit_makes_a_job_of_each_run(regressor_words, small_store, tmp_path, capsys):
    del small_store
    words = [*regressor_words, "seed=0", "jobs=submitit", "jobs.cluster=local", "jobs.options={timeout_min: 5}"]
    assert sweep([*words, f"sweep.folder={tmp_path}"]) == 0, capsys.readouterr().err
    (record,) = records(tmp_path).values()
    assert record["state"] == "finished"
    assert f"{100 * record['measures']['nmae']['mean']:.4g} %" in capsys.readouterr().out
    assert list(tmp_path.glob("*/jobs/*_submitted.pkl"))
