"""Generation on a dask cluster: the bytes of the local one, whatever happens to workers, scheduler and parent."""

import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from types import ModuleType, SimpleNamespace

import dask
import pytest
from distributed import Client, LocalCluster
from small import ROOT, SMALL_DATA, configuration, start, wait_until

from qd_pix2pix.data import generate as generation
from qd_pix2pix.data import launchers
from qd_pix2pix.data.generate import _make_shard, generate, make_launcher
from qd_pix2pix.data.launchers import DaskLauncher, LocalLauncher
from qd_pix2pix.data.store import StoreError, read_manifest

QUIET = {"threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": None, "silence_logs": 50}
MANY = ["data.train=80", "data.shard_size=2"]


def recipe(*words):
    return configuration("generate", *SMALL_DATA, *words)["data"]


def checksums(path):
    return {name: entry["sha256"] for name, entry in read_manifest(path)["shards"].items()}


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The file of a scheduler with two workers, where BLAS has two threads unless it is told otherwise."""
    path = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            patch.setenv(name, "2")
        cluster = LocalCluster(n_workers=2, scheduler_kwargs={"scheduler_file": str(path)}, **QUIET)
    with cluster:
        yield str(path)


def test_dask_makes_the_bytes_that_local_makes(scheduler, small_store, tmp_path, capsys):
    path = generate(small_store.recipe, tmp_path, DaskLauncher(scheduler))
    assert checksums(path) == checksums(small_store.path)
    assert (path / "manifest.json").read_bytes() == (small_store.path / "manifest.json").read_bytes()
    assert "workers: 2" in capsys.readouterr().out


def test_relative_folders_are_the_parents(scheduler, small_store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checksums(generate(small_store.recipe, "here", DaskLauncher(scheduler))) == checksums(small_store.path)


def test_a_killed_worker_loses_nothing(scheduler, small_store, tmp_path, monkeypatch):
    monkeypatch.setattr(generation, "_make_shard", kill_the_first_worker)
    path = generate(small_store.recipe, tmp_path, DaskLauncher(scheduler))
    assert (path / "killed").exists()
    assert checksums(path) == checksums(small_store.path)


def kill_the_first_worker(recipe, path, split, samples):
    """Worker function: whoever first comes to the second shard dies in it."""
    if path.name == "train-00001.h5" and not (path.parent / "killed").exists():
        (path.parent / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return _make_shard(recipe, path, split, samples)


@pytest.mark.slow
def test_a_shard_that_kills_every_worker_is_told(small_store, tmp_path, monkeypatch):
    monkeypatch.setattr(generation, "_make_shard", kill_every_worker)
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        with pytest.raises(StoreError, match="killed, or out of memory.* of 22 dots are stored"):
            generate(small_store.recipe, tmp_path, DaskLauncher(workers=1))
    monkeypatch.undo()
    assert checksums(generate(small_store.recipe, tmp_path, LocalLauncher(1))) == checksums(small_store.path)


def kill_every_worker(recipe, path, split, samples):
    if path.name == "val-00000.h5":
        os.kill(os.getpid(), signal.SIGKILL)
    return _make_shard(recipe, path, split, samples)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """An undisturbed dataset of many short shards."""
    return generate(recipe(*MANY), tmp_path_factory.mktemp("many"), LocalLauncher(2))


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_parent_is_started_again(many, tmp_path, sent):
    """With a cluster of its own; it goes on with another launcher."""
    words = [*SMALL_DATA, *MANY, "launcher=dask", "launcher.workers=2", f"data_root={tmp_path}"]
    with (tmp_path / "stderr").open("w") as stderr:
        command = [sys.executable, str(ROOT / "generate.py"), *words]
        process = start(command, cwd=tmp_path, start_new_session=True, stderr=stderr)
        try:
            wait_until(lambda: len(list(tmp_path.glob("*/train-*.h5"))) >= 2, process)
            (os.killpg if sent == signal.SIGINT else os.kill)(process.pid, sent)
            assert process.wait(timeout=60) == (130 if sent == signal.SIGINT else -sent)
        finally:
            process.kill()
    path = tmp_path / many.name
    assert 0 < len(list(path.glob("*.h5"))) < len(checksums(many))
    assert "Traceback" not in (tmp_path / "stderr").read_text()
    assert generate(recipe(*MANY), tmp_path, LocalLauncher(1)) == path
    assert checksums(path) == checksums(many)


@pytest.mark.slow
def test_a_lost_scheduler_is_told(small_store, tmp_path, monkeypatch):
    seen = generation._check_seen
    with LocalCluster(n_workers=1, processes=False, protocol="tcp", **QUIET) as cluster:

        def lose(path, where):
            seen(path, where)
            if where == "here":  # after the first shard
                cluster.close()

        monkeypatch.setattr(generation, "_check_seen", lose)
        with pytest.raises(StoreError, match="connection to tcp.* was lost.* of 22 dots are stored"):
            generate(small_store.recipe, tmp_path, DaskLauncher(cluster.scheduler_address))
    monkeypatch.undo()
    assert checksums(generate(small_store.recipe, tmp_path, LocalLauncher(1))) == checksums(small_store.path)


@pytest.fixture
def stranger():
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def test_a_scheduler_that_does_not_answer_is_told_before_work(stranger, tmp_path, monkeypatch):
    monkeypatch.setattr(launchers, "CONNECT_WITHIN", 0.3)
    stale = tmp_path / "scheduler.json"
    stale.write_text(f'{{"address": "{stranger}"}}')
    for given in (stranger, "tcp://127.0.0.1:1", str(stale)):
        with pytest.raises(ValueError, match="launcher.scheduler: no dask scheduler answers at tcp"):
            generate(recipe(), tmp_path / "data", DaskLauncher(given))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scheduler": "nowhere.json"}, "nowhere.json.*neither"),
        ({"scheduler": "host:8786"}, "expected an address, such as tcp://host:8786"),
        ({"scheduler": "gold://host:8786"}, "unknown address scheme 'gold'"),
        ({"scheduler": "tcp://127.0.0.1"}, "missing port"),
        ({"scheduler": "tcp://127.0.0.1:1", "workers": 2}, "leave out one of the two"),
        ({"workers": 0}, "launcher.workers: expected a number of processes"),
        ({"_target_": "LocalLauncher", "workers": True}, "launcher.workers: expected a number of processes"),
    ],
)
def test_bad_settings_are_told_before_work(tmp_path, settings, said):
    settings = {"_target_": "DaskLauncher", **settings}
    settings["_target_"] = f"qd_pix2pix.data.launchers.{settings['_target_']}"
    with pytest.raises(ValueError, match=said):
        generate(recipe(), tmp_path / "data", make_launcher(settings))
    assert not (tmp_path / "data").exists()


def test_a_worker_is_no_scheduler(scheduler, tmp_path):
    with Client(scheduler_file=scheduler, set_as_default=False) as client:
        worker = next(iter(client.nthreads()))
    with pytest.raises(ValueError, match="there is a Worker"):
        generate(recipe(), tmp_path / "data", DaskLauncher(worker))


def test_without_dask_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"launcher=dask: .*pip install .*\[cluster\]"):
        generate(recipe(), tmp_path / "data", DaskLauncher())
    assert not (tmp_path / "data").exists()


def test_a_worker_without_our_packages_answers(scheduler, tmp_path, monkeypatch):
    only_here = ModuleType("only_here")
    exec("def make(recipe, path, split, samples): pass", vars(only_here))
    monkeypatch.setitem(sys.modules, "only_here", only_here)
    monkeypatch.setattr(generation, "_make_shard", only_here.make)
    with pytest.raises(ValueError, match="lacks a package .*only_here"):
        generate(recipe(), tmp_path, DaskLauncher(scheduler))


def test_a_worker_with_other_versions_makes_nothing(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr(launchers, "_versions", lambda: {"numpy": "1.0"})
    with pytest.raises(ValueError, match="Install the same ones"):
        generate(recipe(), tmp_path, DaskLauncher(scheduler))
    assert not list(tmp_path.glob("*/*.h5"))


class Elsewhere:
    """A launcher whose files go where this process does not look."""

    def check(self):
        pass

    @contextmanager
    def open(self):
        yield lambda _, jobs: ((name, {"samples": len(samples)}) for name, (*_, samples) in jobs.items())


def test_a_folder_that_is_not_shared_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(generation, "VISIBLE_WITHIN", 0.0)
    with pytest.raises(StoreError, match="data_root: .*train-00000.h5 was written, but is not visible here"):
        generate(recipe(), tmp_path, Elsewhere())
    with pytest.raises(StoreError, match=f"data_root: .*recipe.json .* not visible on {socket.gethostname()}"):
        _make_shard(recipe(), tmp_path / "train-00000.h5", "train", range(2))


SBATCH = """#!/bin/sh
cp "$1" "{folder}/job.sh"
sh "{folder}/job.sh" > "{folder}/job.log" 2>&1 &
echo Submitted batch job 1
"""


@pytest.mark.slow
def test_the_slurm_example_of_the_readme_works(small_store, tmp_path, monkeypatch):
    """With an sbatch that starts the job at once, on this machine."""
    for name, text in {"sbatch": SBATCH.format(folder=tmp_path), "scancel": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    example = re.search(r"```python\n(# slurm.py.*?)```", (ROOT / "docs" / "datasets.md").read_text(), re.S)[1]
    for theirs, ours in {
        "cores=32": "cores=1",
        "processes=32": "processes=1",
        "128GB": "2GB",
        "jobs=4": "jobs=1",
    }.items():
        assert theirs in example
        example = example.replace(theirs, ours)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    process = start([sys.executable, "-c", example], cwd=tmp_path, env=environment, start_new_session=True)
    try:
        wait_until((tmp_path / "job.sh").exists, process)
        path = generate(small_store.recipe, tmp_path / "data", DaskLauncher(str(tmp_path / "scheduler.json")))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert checksums(path) == checksums(small_store.path)
    job = (tmp_path / "job.sh").read_text()
    for line in (
        "#SBATCH -p cpu",
        "#SBATCH --cpus-per-task=1",
        "#SBATCH --mem=2G",
        "#SBATCH -t 08:00:00",
        "--nthreads 1",
    ):
        assert line in job


# --- scripts whose workers never begin


SCRIPT = """
from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.launchers import LocalLauncher
from small import SMALL_DATA, configuration
generate(configuration("generate", *SMALL_DATA)["data"], "here", LocalLauncher(1))
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["file", "standard input"])
def test_a_script_without_a_guard_ends_and_names_it(tmp_path, way):
    """Its workers would wait for ever for the lock of their parent, or cannot import it."""
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py"] if way == "file" else [sys.executable, "-"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    with (tmp_path / "script.py").open() as script:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, stdin=script, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert 'if __name__ == "__main__":' in last and "memory" not in last
    assert not list(tmp_path.glob("here/*/*.h5"))


def test_a_child_that_is_being_imported_starts_no_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(RuntimeError, match='if __name__ == "__main__":'):
        generate(recipe(), tmp_path, LocalLauncher(1))
    with pytest.raises(RuntimeError, match="no guard"), LocalLauncher(1).open():
        pass


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ([-signal.SIGKILL, -signal.SIGTERM], "killed, or out of memory.*now 2"),
        ([-signal.SIGSEGV, None], "killed, or out of memory"),
        ([1, -signal.SIGTERM], "ended before it began .exit status 1.*__main__"),
    ],
)
def test_how_workers_ended_tells_why(monkeypatch, codes, said):
    clock = SimpleNamespace(monotonic=iter([0.0, 9.0]).__next__)  # the event loop of dask keeps its own
    monkeypatch.setattr(launchers, "time", clock)
    processes = [SimpleNamespace(exitcode=code) for code in codes]
    assert re.search(said, launchers._why_broken(processes, 2))
