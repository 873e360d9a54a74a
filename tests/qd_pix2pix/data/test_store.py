"""The file format: what others read, and what a damaged file is told to be."""

import errno
import json
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from small import SMALL_DATA, configuration

from qd_pix2pix.data.generate import check, generate
from qd_pix2pix.data.launchers import LocalLauncher
from qd_pix2pix.data.manifest import merge_statistics, read_manifest, training_statistics
from qd_pix2pix.data.shard import StoreError, UnreadableError, read_shard, write_shard
from qd_pix2pix.data.store import Store
from qd_pix2pix.files import digest
from qd_pix2pix.mapping.texture import texture
from qd_pix2pix.schema import Schema
from solvers import Grid, Material, finite_difference_levels


def units_of(file, schema):
    """Unit of each quantity, as it stands beside every column that has one."""
    found = {(c.quantity, file[c.name].attrs.get("units")) for c in schema.columns if c.quantity}
    assert len(dict(found)) == len(found), "one quantity in two units"
    return dict(found)


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
        assert units_of(file, store.schema) == {"energy": "hartree", "density": "bohr^-2"}
        assert file["x"].attrs["units"] == file["y"].attrs["units"] == "bohr"
        # the double Gaussian holds one electron at least: its level is that of the atomic Hamiltonian on these points
        grid = Grid(32, 24.0)
        level = finite_difference_levels(file["V"][0], grid, Material(1.0, 1.0, "bohr, hartree"), 1)[0]
        assert file["orbital_energies"][0, 0] == pytest.approx(level, rel=0.05)
    assert check(store.path)["train"] == 2


def test_h5py_sees_every_column_with_its_unit(small_store):
    with h5py.File(small_store.path / "val-00000.h5") as file:
        assert {c.name for c in small_store.schema.columns} <= set(file)
        assert units_of(file, small_store.schema) == {"energy": "eV", "density": "nm^-2"}
        assert json.loads(file.attrs["recipe"]) == small_store.recipe
        assert Schema.from_dict(json.loads(file.attrs["schema"])) == small_store.schema
        assert (file.attrs["split"], file.attrs["seed"]) == ("val", 0)


def test_bytes_do_not_depend_on_who_holds_a_column(small_store, tmp_path):
    """As a profiler holds the frames that it samples, which dask runs in its workers."""
    schema = small_store.schema
    columns = small_store.split("val").load([*(c.name for c in schema.columns), "sample"])
    content = (columns, schema, small_store.recipe, "val")
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
    columns = small_store.split("train").load(["V", "n0", "n_int", "energy", "gap", "energy_error"])
    for name, values in columns.items():
        said = small_store.statistics[name]
        values = values.astype(np.float64)
        means = values.reshape(12, -1).mean(1)
        assert said["samples"] == 12
        assert (said["min"], said["max"]) == pytest.approx((values.min(), values.max()), rel=1e-6)
        assert said["mean"] == pytest.approx(values.mean(), rel=1e-6)
        assert said["std"] == pytest.approx(values.std(), rel=1e-5)
        assert (said["sample_mean_min"], said["sample_mean_max"]) == pytest.approx((means.min(), means.max()), rel=1e-6)


def test_statistics_weigh_shards_by_their_samples():
    merged = merge_statistics([entry(3, 1.0), entry(1, 5.0)])["V"]
    assert merged["mean"] == pytest.approx(2.0) and merged["samples"] == 4
    assert merged["std"] == pytest.approx(np.std([1, 1, 1, 5]))


def test_samples_without_a_number_have_no_weight():
    """Three samples of four are NaN; of another shard all are."""
    merged = merge_statistics([entry(4, 1.0, known=1), entry(1, 5.0), {"samples": 9, "statistics": {}}])["V"]
    assert merged["mean"] == pytest.approx(3.0) and merged["samples"] == 2
    assert merged["std"] == pytest.approx(2.0)


def entry(samples, value, known=None):
    """Of a shard whose samples all have the same value."""
    part = {"min": value, "max": value, "mean": value, "mean_square": value**2, "samples": known or samples}
    return {"samples": samples, "statistics": {"V": part | {"sample_mean_min": value, "sample_mean_max": value}}}


def test_check_counts_a_good_dataset(small_store):
    assert check(small_store.path) == {"train": 12, "val": 5, "test": 5}


@pytest.mark.parametrize("members", [1, 2, 3])
def test_statistics_of_several_datasets_are_those_of_all_their_dots(small_store, single_store, data_root, members):
    """Of unequal sizes: each dot counts once."""
    words = [*SMALL_DATA, "data.n_electrons=3", "data.seed=1", "data.train=5", "data.val=1", "data.test=1"]
    third = Store(generate(configuration("generate", *words)["data"], data_root, LocalLauncher(1)))
    stores = [single_store, small_store, third][:members]
    parts = [store.split("train").load(["V", "n0", "n_int", "energy", "gap"]) for store in stores]
    found = training_statistics(stores)
    for name in parts[0]:
        values = np.concatenate([part[name] for part in parts]).astype(np.float64)
        means = values.reshape(len(values), -1).mean(1)
        expected = {"min": values.min(), "max": values.max(), "mean": values.mean(), "std": values.std()}
        expected |= {"sample_mean_min": means.min(), "sample_mean_max": means.max(), "samples": len(values)}
        known = {word: value for word, value in found[name].items() if word in expected}
        assert known == pytest.approx(expected, rel=1e-6)
        if values.ndim > 1:
            roughness = texture(values)["roughness"]
            assert found[name]["roughness_max"] == pytest.approx(roughness.max(), rel=1e-5)
            assert found[name]["roughness_min"] == pytest.approx(roughness.min(), rel=1e-5)
    assert found.keys() == small_store.statistics.keys()
    assert stores[0].statistics["V"]["samples"] == 12, "the statistics of the dataset itself were changed"


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


def test_one_flipped_bit_in_any_column_or_axis_is_found_and_named(copy):
    shard = copy / "val-00000.h5"
    content = shard.read_bytes()
    with h5py.File(shard) as file:
        places = {name: file[name].id.get_chunk_info(0).byte_offset for name in file}
    assert {"V", "energy", "degeneracy", "sample", "x", "y", "orbital"} <= set(places)
    for offset in places.values():
        damaged = bytearray(content)
        damaged[offset + 1] ^= 1
        shard.write_bytes(damaged)
        with pytest.raises(StoreError, match="val-00000.h5: altered"):
            check(copy)


def test_a_shard_that_may_not_be_seen_is_not_called_missing(copy, monkeypatch):
    whole = Path.stat

    def stat(path, **named):
        if path.name == "val-00000.h5":
            raise PermissionError(errno.EACCES, "Permission denied")
        return whole(path, **named)

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(UnreadableError, match="val-00000.h5: may not be read by this user"):
        Store(copy)


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


def write_manifest(folder, content):
    """A manifest with these keys, without those that are None, and with the right checksum."""
    content = {key: value for key, value in json.loads(json.dumps(content)).items() if value is not None}
    (folder / "manifest.json").write_text(json.dumps(content | {"digest": digest(content)}))


@pytest.mark.parametrize("change", [{"format": 99}, {"statistics": None}])
def test_other_formats_and_unfinished_datasets_are_refused(copy, change):
    write_manifest(copy, read_manifest(copy) | change)
    with pytest.raises(StoreError, match="format 99|incomplete"):
        Store(copy)


def test_an_empty_folder_is_no_dataset(tmp_path):
    with pytest.raises(StoreError, match="no dataset"):
        Store(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"format": 5, "shards": []}', '{"format": 5}', "\xff"])
def test_damaged_manifest_is_named(copy, content):
    (copy / "manifest.json").write_text(content, encoding="latin-1")
    with pytest.raises(StoreError, match="manifest.json: damaged"):
        Store(copy)


def test_a_dataset_of_the_older_format_gets_one_clear_sentence(copy):
    old = {"format": 2, "recipe_sha256": "0" * 64, "shards": {}, "statistics": {"V": {"dot_mean_min": 0.0}}}
    (copy / "manifest.json").write_text(json.dumps(old))
    with pytest.raises(StoreError) as caught:
        Store(copy)
    assert str(caught.value) == (
        f"{copy / 'manifest.json'}: expected a dataset of format 5, got format 2 of another version of qd_pix2pix; "
        "generate it again with generate.py"
    )


def keys_of(content, path=()):
    """Paths to all keys of nested dictionaries."""
    for key, value in content.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from keys_of(value, (*path, key))


def test_a_changed_key_anywhere_in_the_manifest_is_found(copy):
    file = copy / "manifest.json"
    text = file.read_text()
    paths = list(keys_of(json.loads(text)))
    assert len(paths) > 100
    for path in paths[::7]:
        content = json.loads(text)
        node = content
        for key in path[:-1]:
            node = node[key]
        node["renamed"] = node.pop(path[-1])
        file.write_text(json.dumps(content))
        with pytest.raises(StoreError, match=r"manifest\.json"):
            Store(copy)


@pytest.mark.parametrize("name", ["manifest.json", "recipe.json"])
def test_one_flipped_bit_anywhere_in_a_text_file_is_found(copy, name):
    file = copy / name
    content = file.read_bytes()
    for i in range(0, len(content), max(1, len(content) // 200)):
        damaged = bytearray(content)
        damaged[i] ^= 1 << i % 8
        file.write_bytes(damaged)
        try:
            Store(copy)
        except StoreError as error:
            assert str(file) in str(error)
            continue
        # another way to write the same, such as 1E-5 for 1e-5
        assert json.loads(damaged) == json.loads(content), f"byte {i}, bit {i % 8}"


@pytest.mark.parametrize("name", ["manifest.json", "recipe.json"])
def test_what_may_not_be_read_is_not_to_be_deleted(copy, monkeypatch, name):
    whole = Path.read_text

    def read_text(path, *arguments, **named):
        if path.name == name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return whole(path, *arguments, **named)

    monkeypatch.setattr(Path, "read_text", read_text)
    with pytest.raises(UnreadableError, match=f"{name}: may not be read by this user") as caught:
        Store(copy)
    assert "delete" not in str(caught.value)


def test_a_column_that_is_not_there_is_no_damage(small_store):
    for read in (lambda s: s.load(["V", "rho"]), lambda s: s.read(0, ["rho"]), lambda s: s.nbytes(["rho"])):
        with pytest.raises(ValueError, match="columns: expected some of .*V, .*got rho") as caught:
            read(small_store.split("val"))
        assert not isinstance(caught.value, StoreError)


def test_a_split_that_does_not_exist_is_named(small_store):
    with pytest.raises(StoreError, match="split: expected one of train, val, test; got 'all'"):
        small_store.split("all")


def test_a_sample_that_does_not_exist_is_no_damage(small_store):
    with pytest.raises(IndexError, match="sample 5 of 5"):
        small_store.split("val").read(5, ["V"])


def test_a_broken_law_is_found_although_every_byte_is_right(copy):
    """Made by a wrong program: the checksums are those of the wrong numbers."""
    store = Store(copy)
    columns = read_shard(copy / "val-00000.h5")
    columns["n_int"][3] *= 1.01
    entry = write_shard(copy / "val-00000.h5", columns, store.schema, store.recipe, "val")
    manifest = read_manifest(copy)
    manifest["shards"]["val-00000.h5"] = entry
    write_manifest(copy, manifest)
    with pytest.raises(StoreError, match="val-00000.h5: n_int holds 2.02 instead of n_electrons = 2"):
        check(copy)


@pytest.mark.parametrize("content", ["", "[]", None])
def test_damaged_recipe_is_named(copy, content):
    (copy / "recipe.json").unlink() if content is None else (copy / "recipe.json").write_text(content)
    with pytest.raises(StoreError, match="recipe.json"):
        check(copy)
