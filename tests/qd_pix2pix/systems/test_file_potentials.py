"""Datasets of the potentials of a file: each used once, in an order of the seed, and named by the file's content."""

import json

import numpy as np
import pytest
from small import SMALL_DATA, configuration

from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.launchers import LocalLauncher
from qd_pix2pix.data.store import Store
from qd_pix2pix.fields import checksum
from qd_pix2pix.systems import FilePotentials, make_recipe
from qd_pix2pix.systems.recipe import SPLITS

SIZES = {"train": 6, "val": 2, "test": 2}
N, SIDE = 16, 24.0
MANY = np.random.default_rng(0).uniform(0, 0.3, (10, N, N))


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "dots.npy", MANY)
    return tmp_path / "dots.npy"


def words(path, *more):
    sizes = [f"data.{split}={size}" for split, size in SIZES.items()]
    kept = [word for word in SMALL_DATA if not word.startswith("potential")]
    return [*kept, "potential=file", f"potential.path={path}", "data.grid.n=16", "data.grid.extent=24", *sizes, *more]


def recipe(path, *more):
    return make_recipe(configuration("generate", *words(path, *more))["data"])


def drawn(made, sizes):
    return {split: [made.draw(split, i) for i in range(sizes[split])] for split in SPLITS}


def number(values, among=MANY):
    (found,) = np.flatnonzero((among == values).all((1, 2)))
    return int(found)


def test_each_dot_is_used_once(path):
    used = [number(V) for split in drawn(recipe(path), SIZES).values() for V in split]
    assert sorted(used) == list(range(10))


def test_the_order_depends_on_the_seed_and_not_on_the_sizes(path):
    first = drawn(recipe(path), SIZES)
    again = drawn(recipe(path, "data.train=3", "data.val=1", "data.test=1"), {"train": 3, "val": 1, "test": 1})
    other = drawn(recipe(path, "data.seed=1"), SIZES)
    for split, values in again.items():
        np.testing.assert_array_equal(values, first[split][: len(values)])
    assert [number(V) for V in other["train"]] != [number(V) for V in first["train"]]


def test_too_few_dots_are_an_error_before_any_work(path):
    recipe(path).rehearse()
    with pytest.raises(ValueError, match="at most the 10 potentials of .*dots.npy; train = 7, .* need 11: train"):
        recipe(path, "data.train=7").rehearse()
    with pytest.raises(ValueError, match="need 12"):
        recipe(path, "data.val=3").rehearse()


def test_another_content_is_another_dataset(path, tmp_path):
    config = configuration("generate", *words(path))["data"]
    assert config["potential"]["sha256"] == checksum(path)
    np.save(path, MANY + 0.001)
    with pytest.raises(ValueError, match=f"sha256: .*dots.npy is not the file of this dataset: .*{checksum(path)}"):
        make_recipe(config).rehearse()
    assert configuration("generate", *words(path))["data"] != config


def test_units_and_points_of_the_file_become_those_of_the_dataset(path, tmp_path):
    x = np.linspace(0, SIDE, 33)
    smooth = np.sin(np.pi * x / SIDE)[:, None] * np.sin(np.pi * x / SIDE) * np.arange(1, 11)[:, None, None]
    np.savez(tmp_path / "dots.npz", V=300 * smooth / 10, x=x / 1000, y=x / 1000)
    options = ["potential.unit=meV", "potential.length_unit=um"]
    made = recipe(tmp_path / "dots.npz", *options)
    centre = np.sin(np.pi * (np.arange(N) + 0.5) / N)
    wanted = 0.03 * centre[:, None] * centre * np.arange(1, 11)[:, None, None]
    found = np.stack([V for split in drawn(made, SIZES).values() for V in split])
    found = found[np.argsort(found.max((1, 2)))]
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    vacuum = recipe(tmp_path / "dots.npz", *options, "material=vacuum", f"data.grid.extent={SIDE / 0.0529177210903}")
    np.testing.assert_allclose(vacuum.draw("train", 0) * 27.211386, made.draw("train", 0), rtol=1e-6)
    with pytest.raises(ValueError, match="data.grid.extent: expected the side of .*, 24 nm; got 20 nm"):
        recipe(tmp_path / "dots.npz", *options, "data.grid.extent=20").rehearse()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("potential.path=null", "potential.path: expected the path of a file with potentials, got None"),
        ("potential.path=nowhere.npy", "potential.path: nowhere.npy is not there"),
        ("potential.path=.", "potential.path: . is a folder; expected one file"),
        ("potential.sha256=null", "potential.sha256: expected [0-9a-f]{64} for .*dots.npy; got None"),
        ("potential.resample=5", "resample: expected True or False"),
    ],
)
def test_bad_options_are_named(path, change, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        recipe(path, change)


def test_values_that_are_not_finite_are_refused(path):
    np.save(path, np.where(MANY == MANY[3, 2, 1], np.inf, MANY))
    with pytest.raises(ValueError, match=r"dots.npy: expected finite values .*, got \(10, 16, 16\), 1 not finite"):
        recipe(path).rehearse()


def test_a_mixture_has_no_place_for_them(path):
    from solvers.quantum_dots.potentials import RandomMixture

    with pytest.raises(ValueError, match="expected families of potentials"):
        RandomMixture([FilePotentials(str(path), checksum(path))])


def test_a_dataset_holds_the_potentials_and_the_checksum(path, tmp_path):
    config = configuration("generate", *words(path, "data.train=2", "data.val=1", "data.test=1"))["data"]
    folder = generate(config, tmp_path / "data", LocalLauncher(workers=1))
    store = Store(folder)
    assert folder.name.startswith("FilePotentials-N2-") and store.schema.family == "dots.npy"
    assert json.loads((folder / "recipe.json").read_text())["potential"]["sha256"] == checksum(path)
    assert [number(V) for V in store.split("train").load(["V"])["V"]] == [
        number(recipe(path).draw("train", i)) for i in (0, 1)
    ]
