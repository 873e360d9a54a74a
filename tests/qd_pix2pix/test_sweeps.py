"""Sweeps: what they are made of; and killed, stopped, broken or started twice, they find what one left alone finds."""

import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime

import psutil
import pytest
from omegaconf import OmegaConf
from small import ROOT, finish, records, start, sweep_command, trainings, wait_until

from qd_pix2pix.checkpoint import flatten
from qd_pix2pix.command_line import EXPECTED
from qd_pix2pix.sweeps import estimate, work
from qd_pix2pix.sweeps.estimate import Estimates
from qd_pix2pix.sweeps.jobs import LocalJobs
from qd_pix2pix.sweeps.ledger import write_record
from qd_pix2pix.sweeps.plan import make_plan, resolve
from qd_pix2pix.sweeps.sweep import sweep
from qd_pix2pix.sweeps.work import Work
from qd_pix2pix.train import check_config

STUDIES = sorted(path.stem for path in (ROOT / "conf/sweep").glob("*.yaml") if path.stem != "none")


def points(*words):
    return [tuple(run.point.values()) for run in make_plan(words).runs()]


def configs(*words):
    return [run.config for run in make_plan(words).runs()]


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_the_product_of_its_axes(name):
    words = dict(word.split("=") for word in OmegaConf.load(ROOT / f"conf/sweep/{name}.yaml").words)
    axes = {key: text.split(",") for key, text in words.items() if "," in text}
    runs = make_plan([f"sweep={name}"]).runs()
    assert [run.point for run in runs] == [dict(zip(axes, p, strict=True)) for p in itertools.product(*axes.values())]
    assert len({run.key for run in runs}) == len(runs) > 1
    for run in (runs[0], runs[-1]):
        check_config(run.config)


def test_there_are_studies():
    assert "discriminator" in STUDIES


def test_words_of_several_values_are_axes():
    found = configs("model=pix2pix", "model.lambda_rec=1,10", "seed=3,4")
    assert [(c["model"]["lambda_rec"], c["seed"]) for c in found] == [(1, 3), (1, 4), (10, 3), (10, 4)]


def test_lists_are_values():
    found = configs("model=regressor", "network=residual_unet", "network.channels=[2,3],[3,4]", "network.blocks=[1,1]")
    assert [c["model"]["network"]["channels"] for c in found] == [[2, 3], [3, 4]]


def test_options_of_a_group_are_values():
    found = configs("model=regressor", "network=resnet,fno")
    assert [c["network"]["_target_"].split(".")[-1] for c in found] == ["ResNet", "FNO"]


def test_added_words_are_axes():
    runs = make_plan(["+trainer.limit_val_batches=1,2"]).runs()
    assert [run.config["trainer"]["limit_val_batches"] for run in runs] == [1, 2]
    assert [run.point for run in runs] == [{"trainer.limit_val_batches": "1"}, {"trainer.limit_val_batches": "2"}]


def test_ranges_and_quoted_words_are_values():
    assert points("seed=range(1,9,3)") == [("1",), ("4",), ("7",)]
    assert [c["data_root"] for c in configs("data_root='a b','c,d'", "seed=1")] in (["a b"], ["c,d"])


def test_the_command_line_wins_over_the_study():
    plan = make_plan(["sweep=discriminator", "seed=7", "model.discriminator.layers=2,1"])
    assert [axis for axis in plan.axes] == ["model.discriminator.layers", "model.discriminator.kernel_size"]
    runs = plan.runs()
    assert [run.point["model.discriminator.layers"] for run in runs] == ["2"] * 4 + ["1"] * 4
    assert {run.config["seed"] for run in runs} == {7}
    assert plan.name == "discriminator"


def test_points_with_the_same_configuration_are_one_run():
    assert len(points("data.grid.extent=30,30.0,31", "seed=0,1")) == 4
    assert len(points("logger=csv,wandb,tensorboard")) == 1


def key(*words):
    (run,) = make_plan(words).runs()
    return run.key


BASE = ("model=regressor", "network=resnet", "seed=3", "data.grid.extent=30")


@pytest.mark.parametrize(
    "word",
    [
        "logger=wandb",
        "logger=tensorboard",
        "data_root=elsewhere",
        "launcher=dask",
        "launcher.workers=3",
        "checkpoint_every=7",
        "data.grid.extent=30.0",
        "model.optimizer.lr=2.0e-3",
        "jobs=submitit",
        "jobs.parallel=2",
        "search=optuna",
        "sweep.folder=elsewhere",
        "sweep.name=other",
    ],
)
def test_how_a_run_is_started_and_watched_does_not_change_it(word):
    kept = [w for w in BASE if w.split("=")[0] != word.split("=")[0]]
    assert key(*kept, word) == key(*BASE)


def test_the_order_of_words_does_not_matter():
    assert key(*reversed(BASE)) == key(*BASE)


@pytest.mark.parametrize(
    "word",
    [
        "seed=4",
        "model.optimizer.lr=1e-3",
        "model.density.loss.l2=0.5",
        "model.gradient_clip=null",
        "network=fno",
        "network.channels=9",
        "mapping=nint_to_V",
        "loader.batch_size=3",
        "trainer.max_steps=77",
        "+trainer.deterministic=true",
        "data.seed=1",
        "data.train=301",
        "data.grid.extent=30.5",
        "data.n_electrons=3",
        "material=si",
        "potential=harmonic",
        "solver.n_orbitals=9",
        "range.n_electrons=[1,2]",
        "symmetrise=true",
    ],
)
def test_what_a_run_finds_is_in_its_key(word):
    kept = [w for w in BASE if w.split("=")[0] != word.split("=")[0]]
    assert key(*kept, word) != key(*BASE)


def test_new_values_join_the_sweep_that_is_there():
    before, after = (make_plan([*BASE[:2], "seed=0,1", f"network.channels={c}"]) for c in ("4,8", "4,6,8"))
    assert after.folder == before.folder
    old, new = ([run.key for run in plan.runs()] for plan in (before, after))
    assert len(new) == 6 and set(old) < set(new)
    assert make_plan(["model=regressor", "seed=0,1", "network.channels=4,8"]).folder != before.folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sweep=discriminator", "python train.py -m"),
        ("-m seed=0,1 network.chanels=2", "Did you mean channels?"),
        ("-m seed=0,1 model.lambda_rec=interval(1,9)", "model.lambda_rec: an interval.*search=optuna"),
    ],
)
def test_wrong_words_are_one_clear_error(tmp_path, words, said):
    command = [sys.executable, str(ROOT / "train.py"), *words.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("error:") == 1
    assert re.search(said, done.stderr)
    assert not list(tmp_path.rglob("record.json")), "work was begun"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep=nothing"], "nothing"),
        (["model=regressor", "network=resnet,fnoo"], "fnoo"),
    ],
)
def test_what_cannot_be_configured_is_told_before_any_run(words, said):
    with pytest.raises(EXPECTED, match=said):
        make_plan(words).runs()


# --- places and trainings, with a program of our own in place of train.py

PROGRAM = """
import filelock, json, os, pathlib, signal, sys, time
run = pathlib.Path(sys.argv[-1].partition("=")[2].strip("'"))
{body}
(run / "test/n").mkdir(parents=True, exist_ok=True)
card = dict(step=5, train_seconds=1.0, parameters=7, provenance=dict(commit="c", hardware="h"))
(run / "test/n/metrics.json").write_text(json.dumps(dict(measures=dict(r2=0.5), also={{}}, model=card)))
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Replace the training by a few lines."""

    def replace(body=""):
        path = tmp_path / "program.py"
        path.write_text(PROGRAM.format(body=body))
        monkeypatch.setattr(work, "PROGRAM", path)

    return replace


def a_run(folder, name="a"):
    return Work(folder / name, folder, name, ("seed=0",), {"seed": "0"}, {"seed": 0})


def test_a_run_is_recorded(program, tmp_path):
    program("time.sleep(0.3)")
    record = a_run(tmp_path)()
    assert record == json.loads((tmp_path / "a/record.json").read_text())
    assert record["state"] == "finished" and record["measures"] == {"r2": 0.5} and record["steps"] == 5
    assert 0.3 < record["seconds"] < 5


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
    assert a_run(tmp_path)()["validation"] == best


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
    assert a_run(tmp_path)()["error"] == said
    assert json.loads((tmp_path / "a/record.json").read_text())["state"] == "failed"


def test_a_second_failure_is_told_for_what_it_is(program, tmp_path):
    program("print('error: no room'); sys.exit(2)")
    a_run(tmp_path)()
    program("raise RuntimeError('what is this')")
    assert a_run(tmp_path)()["error"] == "RuntimeError: what is this"
    program()
    record = a_run(tmp_path)()
    assert record["state"] == "finished" and "error" not in record


ONE = """
import sys
from pathlib import Path
from qd_pix2pix.sweeps import work
folder = Path(sys.argv[1])
work.PROGRAM = folder / "program.py"
work.Work(folder / "a", folder, "a", ("seed=0",), {"seed": "0"}, {"seed": 0})()
"""


def test_a_training_that_has_just_begun_is_waited_for(program, tmp_path):
    """The sweep is killed before its training has taken its folder, as it does when torch is imported."""
    take = "lock = filelock.FileLock(run / '.lock'); lock.acquire(timeout=0); time.sleep(1)"
    program(f"(run / 'begun').touch(); time.sleep(1); {take}")
    process = start([sys.executable, "-c", ONE, str(tmp_path)], cwd=ROOT)
    wait_until((tmp_path / "a/begun").exists, process)
    process.kill()
    process.wait()
    record = a_run(tmp_path)()
    assert record["state"] == "finished", record["error"]


def test_runs_share_the_cores(program, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    program("run.joinpath('told').write_text(os.environ['OMP_NUM_THREADS']); time.sleep(0.5)")
    began = time.monotonic()
    runs = [a_run(tmp_path, name) for name in "abc"]
    assert {record["key"] for record in LocalJobs(3)(runs, tmp_path)} == {"a", "b", "c"}
    assert time.monotonic() - began < 1.4, "they waited for each other"
    assert [(tmp_path / name / "told").read_text() for name in "abc"] == ["2"] * 3


def test_threads_that_the_user_chose_are_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert "OMP_NUM_THREADS" not in LocalJobs(2).places()[0]


def test_every_gpu_is_a_place(program, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert [place["CUDA_VISIBLE_DEVICES"] for place in LocalJobs().places()] == ["0", "1"]
    assert [place["CUDA_VISIBLE_DEVICES"] for place in LocalJobs(3).places()] == ["0", "1", "0"]
    program("run.joinpath('gpu').write_text(os.environ['CUDA_VISIBLE_DEVICES']); time.sleep(0.5)")
    list(LocalJobs()([a_run(tmp_path, name) for name in "ab"], tmp_path))
    assert {(tmp_path / name / "gpu").read_text() for name in "ab"} == {"0", "1"}


def test_without_gpus_there_is_one_place(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert LocalJobs().at_once() == 1


@pytest.mark.parametrize("parallel", [0, -1, 1.5, True, "two"])
def test_what_is_no_number_of_runs_is_told(parallel):
    with pytest.raises(ValueError, match="jobs.parallel"):
        LocalJobs(parallel).places()


# --- real sweeps


@pytest.fixture(scope="module")
def words(regressor_words, small_store):
    """Two runs of sixty steps; last.ckpt every three."""
    del small_store  # the dataset is there
    steps = ["trainer.max_steps=60", "trainer.val_check_interval=20", "checkpoint_every=3"]
    return [*regressor_words, *steps, "seed=0,1"]


@pytest.fixture(scope="module")
def undisturbed(words, tmp_path_factory):
    """The folder of a sweep that was left alone."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = finish(folder, *words)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def half(undisturbed, tmp_path):
    """A sweep of which only the first run is done."""
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(records(tmp_path)[1]["run"])
    yield tmp_path
    end(tmp_path)


def end(folder):
    for process in trainings(folder):
        process.kill()


def found(folder):
    told = ("state", "point", "measures", "also", "validation", "steps", "parameters")
    return {seed: {name: record.get(name) for name in told} for seed, record in records(folder).items()}


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


def test_finished_runs_are_read_back(undisturbed, words):
    before, ledger = states(undisturbed), found(undisturbed)
    began = time.monotonic()
    done = finish(undisturbed, *words)
    assert done.returncode == 0
    assert time.monotonic() - began < 30
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


def test_a_killed_sweep_goes_on(undisturbed, half, words):
    """With its training killed too, which leaves what it had not yet finished."""
    process = begin(half, *words)
    wait_until(in_training(half), process)
    (training,) = trainings(half)
    process.kill()
    training.kill()
    assert process.wait() == -signal.SIGKILL
    training.wait()
    assert records(half)[1]["state"] == "started"
    done = finish(half, *words)
    assert done.returncode == 0, done.stderr
    assert found(half) == found(undisturbed)
    assert (records(half)[1]["run"] / "csv/version_1").is_dir(), "it did not go on from its checkpoint"


def test_a_training_whose_sweep_was_killed_is_waited_for(undisturbed, half, words):
    process = begin(half, *words)
    wait_until(in_training(half), process)
    (orphan,) = trainings(half)
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


def test_a_stopped_sweep_leaves_no_training_and_goes_on(undisturbed, half, words):
    process = begin(half, *words)
    wait_until(in_training(half), process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert not trainings(half)
    record = records(half)[1]
    assert record["state"] == "started" and 0 < record["seconds"] < 120
    done = finish(half, *words)
    assert done.returncode == 0, done.stderr
    assert found(half) == found(undisturbed)
    assert records(half)[1]["seconds"] > record["seconds"]


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
        assert [training.environ()["OMP_NUM_THREADS"] for training in trainings(tmp_path)] == ["1", "1"]
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
    began = [datetime.fromisoformat(record["began"]) for record in records(tmp_path).values()]
    assert abs((began[0] - began[1]).total_seconds()) <= 1


def test_one_broken_run_does_not_stop_the_others(undisturbed, half, words, capsys):
    """One is refused before it begins, one finds its checkpoint damaged; without that, the same command finishes it."""
    there = half / records(undisturbed)[0]["run"].relative_to(undisturbed)
    write_record(there, json.loads((there / "record.json").read_text()) | {"state": "started"})
    last = there / "checkpoints/last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    same = [*words, f"sweep.folder={half}", f"sweep.name={there.parent.name}", "model.optimizer.lr=foo,2e-3"]
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


def test_a_value_of_the_wrong_kind_is_told_for_its_run(words, tmp_path, capsys):
    same = [word for word in words if not word.startswith("seed")]
    assert sweep([*same, "seed=0,zero", f"sweep.folder={tmp_path}", "dry=true"]) == 0
    assert "seed=zero: cannot begin, " in capsys.readouterr().out


def test_a_full_disk_damages_nothing(undisturbed, half, words, capsys):
    """It holds small files, but no checkpoint."""
    ledger, run = found(half), records(half)[0]["run"]
    size = 30_000
    assert (run / "checkpoints/last.ckpt").stat().st_size > size > 2 * (run / "record.json").stat().st_size

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    done = finish(half, *words, preexec_fn=fill)
    assert done.returncode == 1, done.stderr
    assert "1 of 2 runs failed" in done.stderr and "File too large" in done.stderr
    assert records(half)[1]["state"] == "failed" and "File too large" in records(half)[1]["error"]
    assert found(half)[0] == ledger[0]
    assert sweep([*words, f"sweep.folder={half}"]) == 0, capsys.readouterr().err
    assert found(half) == found(undisturbed)
    assert not list(half.rglob("*.tmp"))


def test_a_sweep_started_twice_trains_every_run_once(regressor_words, tmp_path):
    """One begins where the other ends; neither finds a dataset."""
    data = tmp_path / "data"
    words = [*(word for word in regressor_words if not word.startswith("data_root=")), f"data_root={data}"]
    both = [begin(tmp_path, *words, f"seed={seeds}") for seeds in ("0,1", "1,0")]
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
    assert sum("solving N = 2" in (record["run"] / "log.txt").read_text() for record in ledger.values()) == 1


def test_submitit_makes_a_job_of_each_run(regressor_words, small_store, tmp_path, capsys):
    del small_store
    words = [*regressor_words, "seed=0", "jobs=submitit", "jobs.cluster=local", "jobs.options={timeout_min: 5}"]
    assert sweep([*words, f"sweep.folder={tmp_path}"]) == 0, capsys.readouterr().err
    (record,) = records(tmp_path).values()
    assert record["state"] == "finished"
    assert f"{100 * record['measures']['nmae']['mean']:.4g} %" in capsys.readouterr().out
    assert list(tmp_path.glob("*/jobs/*_submitted.pkl"))


# --- dry runs and estimates


def finished(config, **told):
    return {"key": "k", "words": [], "point": {}, "config": flatten(config), "state": "finished", **told}


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


def test_a_step_is_timed(regressor_words):
    fast = estimate.seconds_per_step(small(regressor_words))
    assert 0 < fast < 2


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
    for run, told in zip(good[:2], states, strict=True):
        (plan.folder / run.key).mkdir(parents=True)
        record = {"key": run.key, "point": run.point, "config": flatten(run.config), **told}
        write_record(plan.folder / run.key, record)
    before = sorted(tmp_path.rglob("*"))
    assert sweep([*words, f"sweep.folder={tmp_path}", "dry=true"]) == 0
    lines = {line.partition("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines[good[0].key].endswith(": finished")
    assert lines[good[1].key].endswith(": started, goes on, 30.0 min")
    assert lines[good[2].key].endswith(": new, 30.0 min")
    assert sum("cannot begin" in line for line in lines.values()) == 3
    assert any("6 runs in" in line and "about 1.0 h" in line for line in lines.values())
    assert sorted(tmp_path.rglob("*")) == before
