"""Generation: the same bits with any number of processes, after any interruption; bad settings before any work."""

import errno
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from small import ROOT, SMALL_DATA, configuration, start, wait_until

from qd_pix2pix import cli
from qd_pix2pix.data.generate import _make_shard, check, dataset_name, generate
from qd_pix2pix.data.launchers import LocalLauncher
from qd_pix2pix.data.shard import StoreError, UnreadableError
from qd_pix2pix.data.store import Store
from qd_pix2pix.files import to_json
from qd_pix2pix.reports.dataset_page import ensure_dataset_page


class Here:
    """Makes shards in this process: no interpreter has to start."""

    def check(self):
        pass

    @contextmanager
    def open(self):
        yield lambda function, jobs: ((name, function(*arguments)) for name, arguments in jobs.items())


def recipe(*words):
    return configuration("generate", *SMALL_DATA, *words)["data"]


def tiny(*words):
    """Samples of 16 x 16 points, quicker still."""
    return recipe("data.grid.n=16", "data.train=6", "data.val=1", "data.test=1", "data.shard_size=2", *words)


def digests(path):
    """Of all files but the lock, and the page that a training writes where there is none."""
    kept = (f for f in path.iterdir() if f.name not in (".lock", "dataset.html"))
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in kept}


def never(*_):
    pytest.fail("it was made again")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny dataset, not to be changed."""
    return generate(tiny(), tmp_path_factory.mktemp("made"), Here())


@pytest.fixture
def copy(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / made.name))


@pytest.mark.slow
def test_processes_do_not_change_a_bit(small_store, tmp_path):
    again = generate(recipe(), tmp_path, LocalLauncher(2))
    assert digests(again) == digests(small_store.path)


def test_a_finished_dataset_is_found_again(copy, monkeypatch):
    monkeypatch.setattr("qd_pix2pix.data.generate._make", never)
    assert generate(tiny(), copy.parent, Here()) == copy


def test_a_lost_or_damaged_shard_is_made_again(copy, made):
    (copy / "train-00001.h5").unlink()
    with (copy / "test-00000.h5").open("ab") as file:
        file.write(b"x")
    assert generate(tiny(), copy.parent, Here()) == copy
    assert digests(copy) == digests(made)


@pytest.mark.parametrize("name", ["manifest.json", "recipe.json"])
@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_a_lost_or_damaged_text_file_is_made_again(copy, made, name, content):
    (copy / name).unlink() if content is None else (copy / name).write_text(content)
    assert generate(tiny(), copy.parent, Here()) == copy
    assert digests(copy) == digests(made)


def test_a_dataset_of_other_sizes_lends_its_shards(small_store, tmp_path, capsys):
    """Larger from smaller and smaller from larger: the bytes of a dataset that was solved alone, and less to solve."""
    generate(recipe("data.train=22", "data.test=1"), tmp_path, Here())
    capsys.readouterr()
    reused = generate(recipe(), tmp_path, Here())
    assert "15 of them are reused" in capsys.readouterr().out  # train 0 ... 9 and val; not 10, 11, not test
    assert digests(reused) == digests(small_store.path)


def test_only_whole_shards_of_the_same_recipe_are_reused(made, tmp_path, capsys):
    for words in (("data.n_electrons=1",), ("data.seed=1",), ("data.train=3", "data.shard_size=3")):
        generate(tiny("data.train=8", *words), tmp_path, Here())
    damaged = generate(tiny("data.train=8"), tmp_path, Here())
    with (damaged / "train-00000.h5").open("ab") as file:
        file.write(b"x")
    folder = tmp_path / damaged.name.replace("N2-", "N2-not")
    folder.mkdir()
    capsys.readouterr()
    assert digests(generate(tiny(), tmp_path, Here())) == digests(made)
    assert "8 of them are reused" in capsys.readouterr().out  # asked for; the damaged one is made anew all the same


@pytest.mark.parametrize("name", ["manifest.json", "recipe.json"])
@pytest.mark.parametrize("content", ["", "[]", "{}", "3"])
def test_a_damaged_neighbour_lends_nothing(made, tmp_path, name, content):
    neighbour = generate(tiny("data.train=4"), tmp_path, Here())
    (neighbour / name).write_text(content)
    assert digests(generate(tiny(), tmp_path, Here())) == digests(made)


def test_names_tell_recipes_apart():
    changes = ["data.n_electrons=3", "material=si", "data.seed=1", "data.train=13", "solver.n_orbitals=5"]
    words = [(), *((change,) for change in changes)]
    assert len({dataset_name(recipe(*w)) for w in words}) == len(words)
    assert dataset_name(recipe("data.grid.extent=24")) == dataset_name(recipe("data.grid.extent=24.0"))


def test_seeds_that_floats_cannot_tell_apart_give_other_datasets(tmp_path):
    one, other = (generate(tiny("data.train=1", f"data.seed={2**53 + i}"), tmp_path, Here()) for i in (0, 1))
    assert one != other
    assert Store(one).recipe["seed"] == 2**53 and Store(other).recipe["seed"] == 2**53 + 1
    assert digests(one)["train-00000.h5"] != digests(other)["train-00000.h5"]


@pytest.mark.parametrize("complete", [True, False])
def test_a_folder_that_holds_another_dataset_is_refused(made, tmp_path, monkeypatch, complete):
    """A name is believed only with its recipe, also where the other dataset is not complete."""
    monkeypatch.setattr("qd_pix2pix.data.generate._make", never)
    path = Path(shutil.copytree(made, tmp_path / dataset_name(tiny("data.seed=1"))))
    if not complete:
        (path / "train-00001.h5").unlink()
    before = digests(path)
    with pytest.raises(ValueError, match="recipe.json: it is not the requested recipe; move that folder away"):
        generate(tiny("data.seed=1"), tmp_path, Here())
    assert digests(path) == before


def test_the_same_number_in_another_notation_is_the_same_recipe(copy, monkeypatch):
    monkeypatch.setattr("qd_pix2pix.data.generate._make", never)
    assert generate(tiny("data.grid.extent=24"), copy.parent, Here()) == copy


@pytest.mark.parametrize("name", ["manifest.json", "recipe.json"])
def test_what_may_not_be_read_is_not_made_again(copy, made, monkeypatch, name):
    whole = Path.read_text

    def read_text(path, *arguments, **named):
        if path.name == name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return whole(path, *arguments, **named)

    monkeypatch.setattr("qd_pix2pix.data.generate._make", never)
    monkeypatch.setattr(Path, "read_text", read_text)
    with pytest.raises(UnreadableError, match=f"{name}: may not be read by this user"):
        generate(tiny(), copy.parent, Here())
    monkeypatch.undo()
    assert digests(copy) == digests(made)


def test_a_full_disk_keeps_what_is_finished(made, tmp_path, monkeypatch):
    whole = Path.replace

    def replace(path, target):
        if Path(target).name == "train-00001.h5":
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OSError, match="No space left on device.*train-00001.h5"):
        generate(tiny(), tmp_path, Here())
    path = tmp_path / made.name
    assert {f.name for f in path.iterdir()} == {".lock", "manifest.json", "recipe.json", "train-00000.h5"}
    monkeypatch.undo()
    assert digests(generate(tiny(), tmp_path, Here())) == digests(made)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_that_the_umask_leaves(tmp_path, umask, mode):
    """Of shards and of the lock, too: others of a group may go on where the umask lets them."""
    before = os.umask(umask)
    try:
        path = generate(tiny("data.train=1"), tmp_path, Here())
    finally:
        os.umask(before)
    found = {f.name: stat.S_IMODE(f.stat().st_mode) for f in path.iterdir()}
    assert found == dict.fromkeys(found, mode) and ".lock" in found


def test_leftovers_of_a_killed_writer_are_removed(copy, made):
    (copy / ".train-00001.h5.0123.tmp").write_bytes(b"half")
    (copy / "train-00001.h5").unlink()
    generate(tiny(), copy.parent, Here())
    assert digests(copy) == digests(made)


PROGRAM = [
    sys.executable,
    str(ROOT / "generate.py"),
    *SMALL_DATA,
    "data.train=60",
    "data.shard_size=4",
    "launcher.workers=2",
]


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_killed_and_started_again_gives_the_same_bits(tmp_path, sent):
    words = ["data.train=60", "data.shard_size=4"]
    undisturbed = generate(recipe(*words), tmp_path / "undisturbed", Here())
    root = tmp_path / "disturbed"
    process = start([*PROGRAM, f"data_root={root}"], cwd=tmp_path, start_new_session=True)
    try:
        wait_until(lambda: len(list(root.glob("*/train-*.h5"))) >= 2, process)
        (os.killpg if sent == signal.SIGINT else os.kill)(process.pid, sent)
        assert process.wait(timeout=60) != 0
    finally:
        process.kill()
    path = root / undisturbed.name
    left = len(list(path.glob("*.h5")))
    assert 0 < left < len(list(undisturbed.glob("*.h5")))
    subprocess.run([*PROGRAM, f"data_root={root}"], cwd=tmp_path, check=True, capture_output=True, timeout=300)
    assert digests(path) == digests(undisturbed)
    assert (path / "dataset.html").is_file()
    assert check(path)["train"] == 60


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("data.train=0", "data.train"),
        ("data.shard_size=0", "data.shard_size"),
        ("data.n_electrons=9", "n_electrons"),
        ("material.m_eff=-1", "material.m_eff"),
        ("data.grid.n=2", "grid.n"),
        ("potential.width=[5,1]", "potential.width"),
        ("solver.n_orbitals=40000", "n_orbitals"),
        ("data.train=1000000000000", "data.train: 1000000000000 samples in shards of 5 make more than 100000 files"),
        ("data.test=1000000000000", "data.test: .*raise data.shard_size, or ask for fewer"),
    ],
)
def test_bad_settings_leave_nothing_behind(tmp_path, word, said):
    with pytest.raises(ValueError, match=said):
        generate(recipe(word), tmp_path / "data", Here())
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("below", ["", "sub/folder"])
@pytest.mark.parametrize("reason", ["Not a directory", "Permission denied"])
def test_a_root_that_cannot_be_written_is_named_before_any_work(tmp_path, monkeypatch, capsys, below, reason):
    if reason == "Not a directory":
        (tmp_path / "root").touch()
    else:  # root of this machine may write anywhere

        def denied(*_, dir, **__):  # noqa: A002, name of tempfile
            raise PermissionError(errno.EACCES, reason, str(dir))

        monkeypatch.setattr("qd_pix2pix.data.generate.tempfile.TemporaryFile", denied)
    config = configuration("generate", *SMALL_DATA)["data"]
    with pytest.raises(ValueError, match=rf"^data_root: expected a folder that can be written, .*{reason}\); choose"):
        generate(config, tmp_path / "root" / below, LocalLauncher(1))
    assert not capsys.readouterr().out and [path.name for path in tmp_path.iterdir()] in (["root"], [])


def test_a_bad_launcher_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="launcher.workers"):
        generate(tiny(), tmp_path / "data", LocalLauncher(0))
    assert not (tmp_path / "data").exists()


def test_the_recipe_of_a_stranger_runs_no_code(tmp_path):
    strange = tiny() | {"potential": {"_target_": "os.mkdir", "path": str(tmp_path / "made by a stranger")}}
    with pytest.raises(ValueError, match="checkpoint: its data.potential names 'os.mkdir'"):
        generate(strange, tmp_path / "data", Here(), only_rooms=True)
    assert not list(tmp_path.iterdir())


def test_a_killed_worker_is_reported_and_nothing_is_lost(tmp_path, monkeypatch, small_store):
    """The process that solves the second shard is gone, as when memory runs out."""
    monkeypatch.setattr("qd_pix2pix.data.generate._make_shard", kill_at_the_second_shard)
    with pytest.raises(StoreError, match="killed, or out of memory"):
        generate(recipe(), tmp_path, LocalLauncher(1))
    monkeypatch.undo()
    assert digests(generate(recipe(), tmp_path, Here())) == digests(small_store.path)


def kill_at_the_second_shard(recipe, path, split, samples):
    if path.name == "train-00001.h5":
        os.kill(os.getpid(), signal.SIGKILL)
    return _make_shard(recipe, path, split, samples)


def test_the_program_verifies_a_dataset_and_writes_a_missing_page(copy, capsys, monkeypatch):
    """As after a kill between the last shard and the page."""
    monkeypatch.setattr(sys, "argv", ["generate.py", f"check={copy}"])
    cli.generate()
    assert "complete and unaltered, 6 train, 1 val, 1 test; see" in capsys.readouterr().out
    assert "<html" in (copy / "dataset.html").read_text()


def test_a_page_is_written_where_there_is_none_and_kept_where_there_is_one(copy):
    page = ensure_dataset_page(copy)
    assert page == copy / "dataset.html" and dataset_name(tiny()) in page.read_text()
    page.write_text("mine")
    assert ensure_dataset_page(copy) == page and page.read_text() == "mine"


def test_the_recipe_in_the_folder_is_the_configuration(made):
    assert (made / "recipe.json").read_text() == to_json(tiny())
    assert json.loads((made / "manifest.json").read_text())["shards"].keys() == {
        *(f"train-0000{k}.h5" for k in range(3)),
        "val-00000.h5",
        "test-00000.h5",
    }
