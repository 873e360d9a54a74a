"""The file format: what others read, and what a damaged file is told to be."""

import json
import shutil
import sys

import h5py
import numpy as np
import pytest
import xarray
from small import SMALL_DATA, configuration

from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.launchers import LocalLauncher
from qd_pix2pix.data.store import (
    COLUMNS,
    Store,
    StoreError,
    check,
    merge_statistics,
    read_manifest,
    training_statistics,
    write_shard,
)
from solvers import Grid, Material, finite_difference_levels


@pytest.fixture
def copy(small_store, tmp_path):
    path = tmp_path / small_store.name
    shutil.copytree(small_store.path, path)
    return path


def test_xarray_sees_names_units_and_coordinates(small_store):
    with xarray.open_dataset(small_store.path / "train-00000.h5", engine="h5netcdf") as data:
        assert data.V.dims == data.n_int.dims == ("sample", "x", "y")
        assert (data.V.units, data.n_int.units, data.gap.units, data.x.units) == ("eV", "nm^-2", "eV", "nm")
        assert data.x.values[0] == pytest.approx(24.0 / 32 / 2)
        assert data.orbital_energies.dims == ("sample", "orbital")
        # the integral of a density over the coordinates is N: x and y are those of the points
        cell = float(data.x[1] - data.x[0]) * float(data.y[1] - data.y[0])
        np.testing.assert_allclose(data.n_int.sum(("x", "y")) * cell, 2, rtol=1e-6)


def test_units_of_a_dataset_are_those_of_its_material(data_root):
    words = [*SMALL_DATA, "material=vacuum", "data.train=2", "data.val=1", "data.test=1"]
    store = Store(generate(configuration("generate", *words)["data"], data_root, LocalLauncher(1)))
    with h5py.File(store.path / "train-00000.h5") as file:
        units = {"energy": "hartree", "density": "bohr^-2"}
        assert all(file[name].attrs["units"] == units[q] for name, (_, q, _) in COLUMNS.items() if q)
        assert file["x"].attrs["units"] == file["y"].attrs["units"] == "bohr"
        # the double Gaussian holds one electron at least: its level is that of the atomic Hamiltonian on these points
        grid = Grid(32, 24.0)
        level = finite_difference_levels(file["V"][0], grid, Material(1.0, 1.0, "bohr, hartree"), 1)[0]
        assert file["orbital_energies"][0, 0] == pytest.approx(level, rel=0.05)
    assert check(store.path)["train"] == 2


def test_h5py_sees_every_column_with_its_unit(small_store):
    with h5py.File(small_store.path / "val-00000.h5") as file:
        assert set(COLUMNS) <= set(file)
        units = {"energy": "eV", "density": "nm^-2"}
        assert all(file[name].attrs["units"] == units[q] for name, (_, q, _) in COLUMNS.items() if q)
        assert json.loads(file.attrs["recipe"]) == small_store.recipe
        assert (file.attrs["split"], file.attrs["seed"]) == ("val", 0)


def test_bytes_do_not_depend_on_who_holds_a_column(small_store, tmp_path):
    """As a profiler holds the frames that it samples, which dask runs in its workers."""
    content = (small_store.split("val").load(COLUMNS), np.arange(32.0), small_store.recipe, "val")
    free = write_shard(tmp_path / "free.h5", *content)
    held = []
    sys.setprofile(lambda frame, *_: held.append(frame))
    try:
        assert write_shard(tmp_path / "held.h5", *content) == free
    finally:
        sys.setprofile(None)
    assert held


def test_one_by_one_equals_all_at_once(small_store):
    split = small_store.split("train")
    everything = split.load(["V", "n_int", "gap"])
    assert len(split) == 12 == len(everything["V"])
    for i in (0, 4, 5, 11):  # both sides of a shard's edge
        for name, value in split.read(i, everything).items():
            np.testing.assert_array_equal(value, everything[name][i])


def test_few_files_are_open_at_a_time(small_store, monkeypatch):
    monkeypatch.setattr("qd_pix2pix.data.store.OPEN_FILES", 2)
    split = small_store.split("train")
    for i in range(12):
        split.read(i, ["V"])
        assert len(split._open) <= 2


def test_statistics_are_those_of_the_training_split(small_store):
    fields = small_store.split("train").load(["V", "n0", "n_int"])
    for name, values in fields.items():
        said = small_store.statistics[name]
        values = values.astype(np.float64)
        assert said["max"] == pytest.approx(values.max(), rel=1e-6)
        assert said["mean"] == pytest.approx(values.mean(), rel=1e-6)
        assert said["std"] == pytest.approx(values.std(), rel=1e-5)
        assert said["dot_mean_max"] == pytest.approx(values.mean((1, 2)).max(), rel=1e-6)


def test_statistics_weigh_shards_by_their_samples():
    def entry(samples, value):
        part = {"min": value, "max": value, "mean": value, "mean_square": value**2}
        part |= {"dot_mean_min": value, "dot_mean_max": value}
        return {"samples": samples, "fields": dict.fromkeys(("V", "n0", "n_int"), part)}

    merged = merge_statistics([entry(3, 1.0), entry(1, 5.0)])["V"]
    assert merged["mean"] == pytest.approx(2.0)
    assert merged["std"] == pytest.approx(np.std([1, 1, 1, 5]))


def test_check_counts_a_good_dataset(small_store):
    assert check(small_store.path) == {"train": 12, "val": 5, "test": 5}


@pytest.mark.parametrize("members", [1, 2, 3])
def test_statistics_of_several_datasets_are_those_of_all_their_dots(small_store, single_store, data_root, members):
    """Of unequal sizes: each dot counts once."""
    words = [*SMALL_DATA, "data.n_electrons=3", "data.seed=1", "data.train=5", "data.val=1", "data.test=1"]
    third = Store(generate(configuration("generate", *words)["data"], data_root, LocalLauncher(1)))
    stores = [single_store, small_store, third][:members]
    parts = [store.split("train").load(["V", "n0", "n_int", "energy", "gap"]) for store in stores]
    found = training_statistics(stores, ["energy", "gap"])
    for name in ("V", "n0", "n_int"):
        values = np.concatenate([part[name] for part in parts]).astype(np.float64)
        means = values.mean((1, 2))
        expected = {"min": values.min(), "max": values.max(), "mean": values.mean(), "std": values.std()}
        expected |= {"dot_mean_min": means.min(), "dot_mean_max": means.max()}
        assert found[name] == pytest.approx(expected, rel=1e-6)
    for name in ("energy", "gap"):
        values = np.concatenate([part[name] for part in parts])
        assert found[name] == {"min": values.min(), "max": values.max()}
    assert found.keys() == {"V", "n0", "n_int", "energy", "gap"}
    assert "energy" not in stores[0].statistics, "the statistics of the dataset itself were changed"


def test_truncated_shard_is_named(copy):
    shard = copy / "train-00001.h5"
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(StoreError, match="train-00001.h5"):
        Store(copy)


@pytest.mark.parametrize("position", [0.03, 0.5, 0.97])
def test_one_flipped_bit_is_found_and_named(copy, position):
    shard = copy / "val-00000.h5"
    content = bytearray(shard.read_bytes())
    content[int(position * len(content))] ^= 1
    shard.write_bytes(content)
    with pytest.raises(StoreError, match="val-00000.h5"):
        check(copy)


def test_missing_shard_is_named(copy):
    (copy / "test-00000.h5").unlink()
    with pytest.raises(StoreError, match="test-00000.h5"):
        check(copy)


def test_altered_recipe_is_found(copy):
    recipe = json.loads((copy / "recipe.json").read_text())
    (copy / "recipe.json").write_text(json.dumps(recipe | {"n_electrons": 3}))
    with pytest.raises(StoreError, match="recipe.json"):
        check(copy)


def test_shard_that_rots_after_opening_is_named_on_reading(copy):
    split = Store(copy).split("train")
    shard = copy / "train-00002.h5"
    shard.write_bytes(b"\0" * shard.stat().st_size)
    with pytest.raises(StoreError, match="train-00002.h5"):
        split.read(11, ["V"])


@pytest.mark.parametrize("change", [{"format": 99}, {"statistics": None}])
def test_other_formats_and_unfinished_datasets_are_refused(copy, change):
    manifest = read_manifest(copy) | change
    (copy / "manifest.json").write_text(json.dumps({k: v for k, v in manifest.items() if v is not None}))
    with pytest.raises(StoreError, match="format 99|incomplete"):
        Store(copy)


def test_an_empty_folder_is_no_dataset(tmp_path):
    with pytest.raises(StoreError, match="no dataset"):
        Store(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2, "shards": []}', '{"format": 2}'])
def test_damaged_manifest_is_named(copy, content):
    (copy / "manifest.json").write_text(content)
    with pytest.raises(StoreError, match="manifest.json|incomplete"):
        Store(copy)


@pytest.mark.parametrize("content", ["", "[]", None])
def test_damaged_recipe_is_named(copy, content):
    (copy / "recipe.json").unlink() if content is None else (copy / "recipe.json").write_text(content)
    with pytest.raises(StoreError, match="recipe.json"):
        check(copy)
