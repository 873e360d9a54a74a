"""Generation: the same bits with any number of processes, after any interruption; bad settings before any work."""

import hashlib
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hydra.errors import InstantiationException
from small import ROOT, SMALL_DATA, configuration, start, wait_until

from qd_pix2pix.data.generate import _make_shard, dataset_name, generate, make_recipe
from qd_pix2pix.data.launchers import LocalLauncher
from qd_pix2pix.data.store import StoreError, check


def recipe(*words):
    return configuration("generate", *SMALL_DATA, *words)["data"]


def digests(path):
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in path.iterdir() if f.name != ".lock"}


def test_processes_do_not_change_a_bit(small_store, tmp_path):
    again = generate(recipe(), tmp_path, LocalLauncher(2))
    assert digests(again) == digests(small_store.path)


def test_labels_are_the_solvers(small_store):
    made = make_recipe(small_store.recipe)
    row = small_store.split("val").read(3, ["V", "n_int", "n0", "energy", "gap"])
    np.testing.assert_array_equal(row["V"], made.draw("val", 3))
    solution = made.solve(row["V"])
    np.testing.assert_allclose(row["n_int"], solution.density, atol=1e-9)
    np.testing.assert_allclose(row["n0"], solution.density_noninteracting, atol=1e-9)
    assert row["energy"] == pytest.approx(float(solution.energy), abs=1e-9)
    assert row["gap"] == pytest.approx(float(solution.gap), abs=1e-9)


def test_a_finished_dataset_is_found_again(small_store, monkeypatch):
    monkeypatch.setattr("qd_pix2pix.data.generate._generate_locked", lambda *_: pytest.fail("generated again"))
    assert generate(small_store.recipe, small_store.path.parent) == small_store.path


def test_a_lost_or_damaged_shard_is_made_again(small_store, tmp_path):
    path = generate(recipe(), tmp_path, LocalLauncher(1))
    (path / "train-00001.h5").unlink()
    with (path / "test-00000.h5").open("ab") as file:
        file.write(b"x")
    assert generate(recipe(), tmp_path, LocalLauncher(1)) == path
    assert digests(path) == digests(small_store.path)


def test_a_dataset_of_other_sizes_lends_its_shards(small_store, tmp_path, capsys):
    """Larger from smaller and smaller from larger: the bytes of a dataset that was solved alone, and less to solve."""
    generate(recipe("data.train=22", "data.test=1"), tmp_path, LocalLauncher(1))
    capsys.readouterr()
    taken_over = generate(recipe(), tmp_path, LocalLauncher(1))
    assert "15 of them are taken over" in capsys.readouterr().out  # train 0 ... 9 and val; not 10, 11, not test
    assert digests(taken_over) == digests(small_store.path)


def test_only_whole_shards_of_the_same_recipe_are_taken_over(small_store, tmp_path):
    for words in (("data.n_electrons=1",), ("data.seed=1",), ("data.train=6", "data.shard_size=6")):
        generate(recipe("data.train=10", *words), tmp_path, LocalLauncher(1))
    damaged = generate(recipe("data.train=10"), tmp_path, LocalLauncher(1))
    with (damaged / "train-00000.h5").open("ab") as file:
        file.write(b"x")
    (tmp_path / damaged.name.replace("N2-", "N2-not")).mkdir()
    assert digests(generate(recipe(), tmp_path, LocalLauncher(1))) == digests(small_store.path)


def test_splits_do_not_share_potentials_and_seeds_differ():
    made, other = make_recipe(recipe()), make_recipe(recipe("data.seed=1"))
    drawn = [made.draw("train", 0), made.draw("train", 1), made.draw("val", 0), made.draw("test", 0)]
    drawn.append(other.draw("train", 0))
    assert len({v.tobytes() for v in drawn}) == 5


def test_every_n_and_material_sees_the_same_potentials():
    first, second = make_recipe(recipe()), make_recipe(recipe("data.n_electrons=3", "material=si", "preset=converged"))
    np.testing.assert_array_equal(first.draw("train", 7), second.draw("train", 7))


def test_names_tell_recipes_apart():
    changes = ["data.n_electrons=3", "material=si", "data.seed=1", "data.train=13", "solver.n_orbitals=5"]
    words = [(), *((change,) for change in changes)]
    assert len({dataset_name(recipe(*w)) for w in words}) == len(words)
    assert dataset_name(recipe("data.grid.extent=24")) == dataset_name(recipe("data.grid.extent=24.0"))


PROGRAM = [
    sys.executable,
    str(ROOT / "generate.py"),
    *SMALL_DATA,
    "data.train=60",
    "data.shard_size=4",
    "launcher.workers=2",
]


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_killed_and_started_again_gives_the_same_bits(tmp_path, sent):
    words = ["data.train=60", "data.shard_size=4"]
    undisturbed = generate(recipe(*words), tmp_path / "undisturbed", LocalLauncher(2))
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
    ],
)
def test_bad_settings_leave_nothing_behind(tmp_path, word, said):
    with pytest.raises((ValueError, InstantiationException), match=said):
        generate(recipe(word), tmp_path / "data", LocalLauncher(1))
    assert not (tmp_path / "data").exists()


def test_a_killed_worker_is_told_and_nothing_is_lost(tmp_path, monkeypatch, small_store):
    """The process that solves the second shard is gone, as when memory runs out."""
    monkeypatch.setattr("qd_pix2pix.data.generate._make_shard", kill_at_the_second_shard)
    with pytest.raises(StoreError, match="killed, or out of memory"):
        generate(recipe(), tmp_path, LocalLauncher(1))
    monkeypatch.undo()
    assert digests(generate(recipe(), tmp_path, LocalLauncher(1))) == digests(small_store.path)


def kill_at_the_second_shard(recipe, path, split, samples):
    if path.name == "train-00001.h5":
        os.kill(os.getpid(), signal.SIGKILL)
    return _make_shard(recipe, path, split, samples)


def test_a_bad_solution_is_never_stored(tmp_path, monkeypatch):
    monkeypatch.setattr("solvers.quantum_dots.ground_state.TRUSTED_RESIDUAL", -1.0)
    with pytest.raises(ValueError, match="train 0 .* not stored"):
        make_recipe(recipe()).columns("train", range(2))


def test_program_verifies_a_dataset(small_store):
    command = [sys.executable, str(ROOT / "generate.py"), f"check={small_store.path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "12 train" in done.stdout
